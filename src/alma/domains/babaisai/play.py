"""An environment of the domain contract around a game, and what is done when nothing is YOU any more.

The benchmark's text says what is there; this module says the rest: refused actions, a lost level. The
step limit is the caller's, but the original's own end after 100 steps holds too.
"""

from __future__ import annotations

from collections.abc import Callable

from alma.domains.babaisai.engine import ACTIONS, Game
from alma.domains.babaisai.layout import Layout
from alma.domains.babaisai.objects import MOVE
from alma.domains.babaisai.text import describe, place_of, published, rules_text
from alma.records import Observation, Outcome, Step

GOAL = "Bring something that is YOU onto something that is WIN."
NOTHING = "Nothing that lies on top is YOU."
LOST = "Nothing is YOU any more, so the level is lost."
OVER = "The level is over."
REFUSED = "not an action"


class BabaEnvironment:
    """Plays one level. The game ends as lost when nothing is YOU and no rule can bring it back."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._game = Game(layout)
        self._won = self._over = False

    def reset(self) -> Observation:
        self._game = Game(self._layout)
        self._won = self._over = False
        return Observation(self._look(), GOAL, ACTIONS)

    def step(self, action: str) -> Step:
        if self._over:
            return Step(action, OVER, (), float(self._won), True, REFUSED)
        number = action_number(action)
        reward = self._game.step(number or 0)
        done = self._game.ended or self._game.out_of_steps
        self._won = reward > 0
        text = self._look()
        self._over = done = done or hopeless(self._game)
        if number is None:
            text = f"There is no action {action[:40]!r}. Actions: {', '.join(ACTIONS)}.\n\n{text}"
        error = REFUSED if number is None else None
        return Step(action, text, () if done else ACTIONS, float(self._won), done, error)

    def outcome(self) -> Outcome:
        return Outcome(float(self._won), self._won)

    def close(self) -> None:
        """Nothing to release."""

    def _look(self) -> str:
        return look(self._game)


class PublishedEnvironment(BabaEnvironment):
    """The published wrapper's way: a level without YOU is replaced by a fresh one in mid-episode."""

    def __init__(self, layout: Layout, spare: Callable[[int], Layout]) -> None:
        super().__init__(layout)
        self._spare = spare
        self._used = 0

    def reset(self) -> Observation:
        self._used = 0
        return super().reset()

    def _look(self) -> str:
        text, self._game = published(self._game, self._fresh)
        return text

    def _fresh(self) -> Game:
        self._used += 1
        return Game(self._spare(self._used - 1))


def action_number(action: str) -> int | None:
    """The number of an action, whatever its case; None for what is no action."""
    word = action.strip().lower()
    return ACTIONS.index(word) if word in ACTIONS else None


def look(game: Game) -> str:
    """The benchmark's text, as seen from what is YOU; where nothing is, the rules and a line that says so."""
    here = place_of(game, game.ruleset.you)
    if here is not None:
        return describe(game, here)
    return f"{rules_text(game)}\n\n{LOST if hopeless(game) else NOTHING}"


def hopeless(game: Game) -> bool:
    """Whether nothing is YOU and nothing can be again: blocks lie still, so rules can't change."""
    if game.you_visible():
        return False
    if game.ruleset.active & MOVE:
        return False
    if not game.ruleset.turns:
        return True
    ahead = Game(game.now())
    for _ in ahead.ruleset.turns:
        ahead.step(1)
        if ahead.you_visible():
            return False
    return True
