"""The words that every room shares: frozen standard-library dataclasses and the error tree.

Nothing here does work. Data made in one room travels to another as one of these records, so a
reader who knows this folder can read any signature in the project.
"""

from alma.records.chance import derive_seed
from alma.records.design import Design, design_id
from alma.records.errors import (
    AlmaError,
    BudgetExceeded,
    ConfigError,
    DesignError,
    DomainError,
    ProviderError,
    RunPaused,
    SandboxError,
)
from alma.records.evaluation import (
    EpisodeRecord,
    Evaluation,
    Fault,
    Mode,
    Phase,
    Primary,
    Protocol,
    Stage,
    evaluation_id,
)
from alma.records.foreign import visible
from alma.records.identity import canonical_json, content_hash
from alma.records.ledger import Budget, Finish, Ledger, Settled
from alma.records.play import JSON, Observation, Outcome, Step, Trajectory
from alma.records.proposal import Failure, Proposal
from alma.records.secrets import is_secret, scrub, without_secrets
from alma.records.task import SPLITS, Level, Split, Task
from alma.records.usage import Usage

__all__ = [
    "JSON",
    "SPLITS",
    "AlmaError",
    "Budget",
    "BudgetExceeded",
    "ConfigError",
    "Design",
    "DesignError",
    "DomainError",
    "EpisodeRecord",
    "Evaluation",
    "Failure",
    "Fault",
    "Finish",
    "Ledger",
    "Level",
    "Mode",
    "Observation",
    "Outcome",
    "Phase",
    "Primary",
    "Proposal",
    "Protocol",
    "ProviderError",
    "RunPaused",
    "SandboxError",
    "Settled",
    "Split",
    "Stage",
    "Step",
    "Task",
    "Trajectory",
    "Usage",
    "canonical_json",
    "content_hash",
    "derive_seed",
    "design_id",
    "evaluation_id",
    "is_secret",
    "scrub",
    "visible",
    "without_secrets",
]
