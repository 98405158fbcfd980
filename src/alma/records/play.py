"""What happens in an episode: observations, steps, the outcome, and all of them as a trajectory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias

JSON: TypeAlias = bool | int | float | str | list[Any] | dict[str, Any] | None
"""A value that the JSON format can hold."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What an agent sees when an episode begins.

    `admissible` lists the actions the engine accepts now, or is None where the engine doesn't say.
    `parts` holds named pieces of the observation (an inventory, a map view) where a domain has them.
    """

    text: str
    goal: str
    admissible: tuple[str, ...] | None = None
    parts: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One action and what it led to.

    `score` is the reward reached so far in [0, 1]; `error` is a short message when the action was
    not accepted (the step still counts).
    """

    action: str
    observation: str
    admissible: tuple[str, ...] | None = None
    score: float = 0.0
    done: bool = False
    error: str | None = None
    parts: Mapping[str, JSON] = field(default_factory=dict)

    def __reduce__(self) -> tuple[type[Step], tuple[Any, ...]]:
        # Steps cross from worker to host by the thousand; the pickling that a frozen dataclass gets for
        # itself asks for its fields at each one and is ten times slower.
        values = (self.action, self.observation, self.admissible, self.score, self.done, self.error)
        return Step, (*values, self.parts)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an episode ended: `reward` in [0, 1], and whether the task was solved."""

    reward: float
    success: bool


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A whole episode as it was played. `level_key` is `Level.key`."""

    level_key: str
    first: Observation
    steps: tuple[Step, ...]
    outcome: Outcome

    def __reduce__(self) -> tuple[Callable[..., Trajectory], tuple[Any, ...]]:
        # Whole episodes cross too. By columns the pickler is done with them in a third of the time.
        columns = ([getattr(step, name) for step in self.steps] for name in _COLUMNS)
        return _from_columns, (self.level_key, self.first, self.outcome, *columns)


_COLUMNS = tuple(each.name for each in fields(Step))


def _from_columns(level_key: str, first: Observation, outcome: Outcome, *columns: Any) -> Trajectory:
    return Trajectory(level_key, first, tuple(map(Step, *columns)), outcome)
