"""What a design is told: the situation before an episode, and the episode after it.

Situations and episodes are immutable, so copies of a memory share them instead of copying them. They
hold no task id, split or seed: nothing that says which level this is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from alma.records.play import JSON, Step


class _Shared:
    """Immutable: a deep copy is the object itself."""

    __slots__ = ()

    def __copy__(self) -> _Shared:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> _Shared:
        return self


@dataclass(frozen=True, slots=True)
class Situation(_Shared):
    """Where an episode begins. `observation` is the first one; `token` is random per episode."""

    goal: str
    observation: str
    admissible: tuple[str, ...] | None = None
    domain: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True)
class Recall:
    """`show` is rendered for the agent; `keep` only comes back in `Episode.recalled` (ids, counts)."""

    show: JSON
    keep: JSON = None


@dataclass(frozen=True, slots=True)
class Episode(_Shared):
    """A finished episode: `reward` in [0, 1], what had been recalled at the start and at each step."""

    situation: Situation
    steps: tuple[Step, ...]
    reward: float
    success: bool
    recalled: Recall | None = None
    on_step: tuple[Recall | None, ...] = field(default=())
