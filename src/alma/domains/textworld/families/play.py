"""An environment of the domain contract around one game of a family."""

from __future__ import annotations

from collections.abc import Callable

from alma.domains.textworld.engine import Engine
from alma.domains.textworld.play import ENDED, refusal
from alma.records import DomainError, Observation, Outcome, Step

NOT_ADMISSIBLE = "not an admissible action"


class FamilyEnvironment:
    """Plays one game until it is won, or lost, which keeps the points made. The step limit is the caller's.

    The reward is the game's score as a part of what can be reached, and 1 when it is won.
    """

    def __init__(self, engine: Engine, goal: str, most: int, put_back: Callable[[Engine], None]) -> None:
        self._engine: Engine | None = engine
        self._goal = goal
        self._most = most
        self._put_back = put_back
        self._outcome = Outcome(0.0, False)

    def reset(self) -> Observation:
        engine = self._open()
        self._outcome = Outcome(0.0, False)
        return Observation(engine.reset(), self._goal, engine.view.commands)

    def step(self, action: str) -> Step:
        engine = self._open()
        command = action.strip()
        reward = self._outcome.reward
        if engine.ended:
            return Step(action, ENDED, (), reward, True, "the game is over")
        if answer := refusal(command):
            return Step(action, answer, engine.view.commands, reward, False, NOT_ADMISSIBLE)
        error = None if command in engine.view.commands else NOT_ADMISSIBLE
        text = engine.step(command)
        reward = 1.0 if engine.won else min(1.0, max(0.0, engine.points / self._most))
        self._outcome = Outcome(reward, engine.won)
        return Step(action, text, () if engine.ended else engine.view.commands, reward, engine.ended, error)

    def outcome(self) -> Outcome:
        return self._outcome

    def close(self) -> None:
        """The engine is kept for the next episode of this game."""
        if self._engine is not None:
            self._put_back(self._engine)
            self._engine = None

    def _open(self) -> Engine:
        if self._engine is None:
            raise DomainError("this environment is closed")
        return self._engine
