"""The archive's contract: what selectors and proposers may read, and what the search may write.

Rows are frozen records; nothing here knows SQL. A row's numbers are in score units [0, 1] unless the
name says otherwise. Implementations: `alma.archive.sql`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from alma.records import JSON, AlmaError, Design, Evaluation, Failure, Proposal, Stage, Trajectory

NO_MEMORY = "no_memory"
"""The `design_id` under which playing without memory is evaluated; it is no design and has no row."""

Status = Literal["pending", "evaluated", "failed"]
RunStatus = Literal["running", "finished", "paused", "failed"]


class ArchiveError(AlmaError):
    """The archive can't be read or written (disk full, read-only, damaged, locked); exit code 1."""


@dataclass(frozen=True, slots=True)
class DesignRow:
    """One design as the search sees it.

    `created_step` and `index` say which proposal brought it; `generation` is 0 without parents, else one
    more than the oldest parent line. `parents` are those of its first proposal, then those of later
    proposals of the same code. `visits` counts how often it was drawn as a parent. `search_score` and
    `validation_score` are the domain's primary score there, `success` the share of search tasks solved.
    """

    id: str
    name: str
    source: str
    plan: str
    reflection: str
    parents: tuple[str, ...]
    generation: int
    created_step: int
    index: int
    status: Status
    failure: Failure | None = None
    genome: Mapping[str, JSON] = field(default_factory=dict)
    visits: int = 0
    search_score: float | None = None
    validation_score: float | None = None
    success: float | None = None

    @property
    def design(self) -> Design:
        return Design(self.id, self.source, self.name)


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run. `config` is all it was started with; `started` and `finished` are Unix times in seconds."""

    id: str
    seed: int
    config: Mapping[str, Any]
    status: RunStatus
    started: float
    finished: float | None
    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: `number` is 1, 2, 3, … within a run, `time` is Unix time in seconds."""

    number: int
    kind: str
    payload: Mapping[str, Any]
    time: float


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """A proposal with all its transcripts, as it reached the archive, and the id of the design it became."""

    design_id: str
    step: int
    index: int
    proposal: Proposal


class ArchiveView(Protocol):
    """The reading side, safe to hand to a selector or proposer.

    Every list is in order of addition. Evaluations come without trajectories and recalls unless
    `trajectories=True`, because those are large. Every method may raise ArchiveError.
    """

    def designs(self) -> list[DesignRow]: ...

    def design(self, design_id: str) -> DesignRow:
        """Raises KeyError for an unknown id."""
        ...

    def proposals(self, design_id: str | None = None) -> list[ProposalRow]: ...

    def evaluation(self, design_id: str, stage: Stage, *, trajectories: bool = False) -> Evaluation | None:
        """The first evaluation of a design at a stage, or None."""
        ...

    def evaluations(
        self, design_id: str | None = None, stage: Stage | None = None, *, trajectories: bool = False
    ) -> list[Evaluation]: ...

    def no_memory(self, stage: Stage = "search") -> Evaluation | None:
        """How the executor does without memory; None before that is known."""
        ...


class Archive(ArchiveView, Protocol):
    """The writing side, held by the search alone: one writer a run.

    Each call is one transaction that is on disk when the call returns, so a crash leaves either all of
    it or nothing. Calls that a resumed run may repeat change nothing the second time. Every method may
    raise ArchiveError.
    """

    def start_run(self, run_id: str, config: Mapping[str, Any], seed: int) -> None:
        """Create the run, or go on with it when it exists. Raises ConfigError when its seed differs."""
        ...

    def run(self) -> RunRow: ...

    def finish_run(self, status: RunStatus, summary: Mapping[str, Any]) -> None: ...

    def add_design(self, proposal: Proposal, design: Design, step: int, index: int) -> bool:
        """Keep the proposal and its lineage; True when the design is new.

        False when the code was known: then the first file stays and no evaluation is due. Raises
        ValueError when a parent isn't in the archive.
        """
        ...

    def record_failure(self, design_id: str, failure: Failure) -> None: ...

    def add_evaluation(self, evaluation: Evaluation, *, score: float | None = None) -> bool:
        """Keep an evaluation with all its episodes; False when its id was there already.

        `score` is the domain's primary score (default: mean reward); it becomes the design's
        `search_score` or `validation_score` at that stage. Raises ValueError for a score that isn't finite.
        """
        ...

    def has_evaluation(self, evaluation_id: str) -> bool: ...

    def get_evaluation(self, evaluation_id: str, *, trajectories: bool = False) -> Evaluation | None: ...

    def steps_taken(self) -> dict[str, float]:
        """The mean steps of all episodes that were played on a level, by its key."""
        ...

    def count_visit(self, design_id: str, step: int, index: int = 0) -> None:
        """The design was drawn as a parent for child `index` of `step`; counted once."""
        ...

    def add_collection(self, key: str, trajectories: Sequence[Trajectory]) -> bool:
        """Keep collected trajectories under their hash; False when they were there already."""
        ...

    def get_collection(self, key: str) -> list[Trajectory] | None: ...

    def add_event(self, kind: str, payload: Mapping[str, Any]) -> int: ...

    def events(self, kind: str | None = None, after: int = 0) -> list[Event]: ...

    def archive_hash(self) -> str:
        """A hash of what the search found, equal for two runs that found the same (times don't count)."""
        ...
