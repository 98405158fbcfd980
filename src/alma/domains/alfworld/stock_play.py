"""An environment of the domain contract around the stock engine (extra `oracle`): the same tasks, slowly.

For whoever wants scores of the stock engine itself. One engine a process serves one game at a time.
"""

from __future__ import annotations

from functools import lru_cache

from alma.domains.alfworld.stock import StockEngine
from alma.records import DomainError, Observation, Outcome, Step


class StockEnvironment:
    """Plays one game file's text. A second game that is opened in this process ends the first."""

    _playing: StockEnvironment | None = None

    def __init__(self, game: str, goal: str) -> None:
        self._engine = _engine()
        self._game, self._goal = game, goal
        self._commands: tuple[str, ...] = ()
        self._won = False

    def reset(self) -> Observation:
        self._engine.load(self._game)
        StockEnvironment._playing = self
        shown = self._engine.reset()
        self._commands, self._won = shown.commands, False
        # Banner, first look and task are three paragraphs; the goal goes its own way.
        look = [part for part in shown.text.strip().split("\n\n") if not part.startswith(("-=", "Your task"))]
        return Observation("\n\n".join(look).strip(), self._goal, shown.commands)

    def step(self, action: str) -> Step:
        if StockEnvironment._playing is not self:
            raise DomainError("the stock engine plays another game of this process now")
        if self._won:
            return Step(action, "Nothing happens.", (), 1.0, True, "the game is over")
        known = action.strip() in self._commands
        shown = self._engine.step(action)
        self._commands, self._won = shown.commands, shown.done
        error = None if known else "not an admissible action"
        return Step(action, shown.text, shown.commands, float(self._won), self._won, error)

    def outcome(self) -> Outcome:
        return Outcome(float(self._won), self._won)

    def close(self) -> None:
        if StockEnvironment._playing is self:
            StockEnvironment._playing = None


@lru_cache(maxsize=1)
def _engine() -> StockEngine:
    return StockEngine()
