"""What an executor is: it plays one game, given what the memory recalled. The same for every design.

The game on the agent's side counts steps, keeps the transcript and ends at the limit; an agent can't
touch the score. `runs_in="worker"` agents play whole episodes beside the environment.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol

from alma.models.contract import Model
from alma.records import Observation, Step


class Recalled(Protocol):
    """What the memory offers, as text under the recall limit."""

    text: str

    async def on_step(self, steps: tuple[Step, ...]) -> str | None:
        """Fresh text before the next action, or None where the earlier text stands."""
        ...


class Agent(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str:
        """A content version; part of every evaluation's identity."""
        ...

    @property
    def simulated(self) -> bool:
        """True for an executor that is not a language model; said wherever its scores are shown."""
        ...

    @property
    def runs_in(self) -> Literal["host", "worker"]: ...

    async def play(self, game: Game, recalled: Recalled, model: Model | None, seed: int) -> None:
        """Play until `game.over`. `seed` is the agent's only source of chance."""
        ...


class Game:
    """One episode as an agent sees it: act until it is over. Counts steps and keeps the transcript."""

    def __init__(
        self,
        first: Observation,
        step: Callable[[str], Step] | Callable[[str], Awaitable[Step]],
        step_limit: int,
    ) -> None:
        self.first = first
        self.steps: list[Step] = []
        self._step: Any = step
        self._limit = step_limit

    @property
    def over(self) -> bool:
        return len(self.steps) >= self._limit or bool(self.steps and self.steps[-1].done)

    @property
    def admissible(self) -> tuple[str, ...] | None:
        return self.steps[-1].admissible if self.steps else self.first.admissible

    @property
    def steps_left(self) -> int:
        return self._limit - len(self.steps)

    async def act(self, action: str) -> Step:
        """Play one action. Raises RuntimeError when the game is over."""
        if self.over:
            raise RuntimeError("the game is over")
        answer = self._step(action)
        step: Step = answer if isinstance(answer, Step) else await answer
        self.steps.append(step)
        return step
