"""An environment of the domain contract around a game of the engine."""

from __future__ import annotations

from alma.domains.alfworld.engine import REFUSED, Board, Game
from alma.records import Observation, Outcome, Step


class AlfworldEnvironment:
    """Plays one board. The step limit is the caller's; `done` means won."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._game = Game(board)

    def reset(self) -> Observation:
        self._game = Game(self._board)
        return Observation(self._board.first_look, self._board.world.goal_text, self._game.menu.commands)

    def step(self, action: str) -> Step:
        game = self._game
        text = game.step(action)
        error = "not an admissible action" if text is REFUSED else None
        return Step(action, text, game.menu.commands, float(game.won), game.won, error)

    def outcome(self) -> Outcome:
        return Outcome(float(self._game.won), self._game.won)

    def close(self) -> None:
        """Nothing to release."""
