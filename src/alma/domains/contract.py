"""What a domain is: named tasks in splits, and environments that play one exact level.

A domain's `open` runs in a worker process, so a domain and its levels must pickle. A domain knows
nothing of designs, agents or models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from alma.records import JSON, Level, Observation, Outcome, Split, Step, Task

Options = Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class DomainBrief:
    """What may be told about a domain: `executor` to the agent, `proposer` to who designs memories."""

    executor: str
    proposer: str


class Environment(Protocol):
    """One game in progress. Owned by a worker process; not thread-safe."""

    def reset(self) -> Observation:
        """Begin the level anew; the same level gives the same observation in every process."""
        ...

    def step(self, action: str) -> Step:
        """Play one action. An action that is not accepted is answered, never raised."""
        ...

    def outcome(self) -> Outcome:
        """The reward reached so far and whether the task is solved; read by the host only."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Domain(Protocol):
    """A family of tasks. Implementations are picklable and cheap to construct.

    One whose engine takes long to import names its modules in `imports`, a tuple of strings: they are then
    loaded once for all workers, not by each when it opens its first level.
    """

    @property
    def name(self) -> str: ...

    @property
    def primary(self) -> Literal["success", "reward"]:
        """The number that tables lead with."""
        ...

    @property
    def seeded_levels(self) -> bool:
        """Whether a task's level seed changes the level."""
        ...

    @property
    def version(self) -> str:
        """A content version of the engine and its data; part of every evaluation's identity."""
        ...

    @property
    def generated(self) -> bool:
        """True when the tasks are made by ALMA and not an official benchmark; shown wherever scores are."""
        ...

    @property
    def options(self) -> Options:
        """The options this domain was built with."""
        ...

    def step_limit(self, preset: str) -> int: ...

    def tasks(self, split: Split) -> Sequence[Task]:
        """The tasks of a split in a fixed order; empty when the domain has no such split."""
        ...

    def cluster(self, level: Level) -> str:
        """The unit that the statistics resample (a scene, a house, a map)."""
        ...

    def content_key(self, level: Level) -> str:
        """A hash of the full initial state and goal: what "the same task" means."""
        ...

    def open(self, level: Level) -> Environment:
        """Raises DomainError when the level cannot be read."""
        ...

    def brief(self) -> DomainBrief: ...
