"""Plays Baba Is AI, in pure Python, as the original engine does.

A `Game` is one play of a layout: the cells, the rules in force, the counter. It knows no text and no
level generator. Where the original recurses without end or fails, this engine goes on: see `_move`.
"""

from __future__ import annotations

from typing import Final

from alma.domains.babaisai.layout import Layout
from alma.domains.babaisai.objects import (
    DOWN,
    FACING,
    FIRST_TEXT,
    FIRST_THING,
    LEFT,
    LOSE,
    MOVE,
    MOVED,
    OPEN,
    PULL,
    PUSH,
    RIGHT,
    SHIFT,
    SHUT,
    STOP,
    UP,
    WIN,
    YOU,
    kind_of,
)
from alma.domains.babaisai.rules import Rule, Ruleset, read_rules, stopped

ACTIONS: Final = ("idle", "up", "right", "down", "left")
IDLE: Final = 0
FACINGS: Final = (0, UP, RIGHT, DOWN, LEFT)
STEP_LIMIT: Final = 100


class Game:
    """One play of a level, begun when it is made. `top` has the top object of each cell."""

    __slots__ = (
        "_changes",
        "_dirty",
        "_flags",
        "_offsets",
        "_within",
        "below",
        "endless",
        "layout",
        "limit",
        "lost",
        "ruleset",
        "steps",
        "top",
        "width",
        "won",
    )

    def __init__(self, layout: Layout, limit: int = STEP_LIMIT) -> None:
        self.layout = layout
        self.limit = limit
        self.width = width = layout.width
        self.top = [stack[-1] if stack else 0 for stack in layout.cells]
        self.below = {at: list(stack[:-1]) for at, stack in enumerate(layout.cells) if len(stack) > 1}
        self.steps = 0
        self.won = self.lost = False
        self._offsets = (1, width, -1, -width)
        self._dirty = False
        self._changes = 0
        self._within: dict[int, int] = {}
        self.endless = False
        self.ruleset: Ruleset = read_rules(self.top, width)
        self._flags = self.ruleset.flags

    @property
    def rules(self) -> tuple[Rule, ...]:
        return self.ruleset.rules

    @property
    def ended(self) -> bool:
        """Won or lost. `out_of_steps` is apart."""
        return self.won or self.lost

    @property
    def out_of_steps(self) -> bool:
        return self.steps >= self.limit

    def step(self, action: int) -> float:
        """Play an action by number and return its reward. Steps after the end are played too."""
        self.steps += 1
        self.won = self.lost = False
        if action == IDLE:
            return 0.0
        reached = self._you(FACINGS[action]) if self.ruleset.active & YOU else 0
        if self.ruleset.active & MOVE:
            self._movers()
        self._forget()
        if self._dirty:
            self.ruleset = read_rules(self.top, self.width)
            self._dirty = False
        self._flags = self.ruleset.flags
        if self.ruleset.turns:
            self._turn()
        if reached & WIN:
            self.won = True
            return 1.0 - 0.9 * self.steps / self.limit
        if reached & LOSE:
            self.lost = True
            return -1.0
        return 0.0

    def copy(self) -> Game:
        """A game that stands where this one stands and goes its own way."""
        twin = object.__new__(Game)
        twin.layout, twin.limit, twin.width = self.layout, self.limit, self.width
        twin.top = self.top.copy()
        twin.below = {at: under.copy() for at, under in self.below.items()}
        twin.steps, twin.won, twin.lost, twin.endless = self.steps, self.won, self.lost, self.endless
        twin.ruleset, twin._flags, twin._offsets = self.ruleset, self._flags, self._offsets
        twin._changes, twin._within, twin._dirty = self._changes, {}, self._dirty
        return twin

    def you_visible(self) -> bool:
        """Whether something that lies on top is YOU."""
        flags = self.ruleset.flags
        return any(flags[one >> SHIFT] & YOU for one in self.top)

    def now(self) -> Layout:
        """The map as it lies, facings included."""
        cells = [(*self.below.get(at, ()), one) if one else () for at, one in enumerate(self.top)]
        return Layout(self.width, self.layout.height, tuple(cells))

    def _you(self, facing: int) -> int:
        """All YOU objects move; what the last one of them reached counts."""
        top = self.top
        reached = 0
        offset = self._offsets[facing]
        for at, one in enumerate(top):
            if one and self._flags[one >> SHIFT] & YOU and not one & MOVED:
                top[at] = one & ~FACING | facing | MOVED
                reached = self._move(at, offset)
        return reached

    def _movers(self) -> None:
        for at, one in enumerate(self.top):
            if one and self._flags[one >> SHIFT] & MOVE and not one & MOVED:
                self.top[at] = one | MOVED
                self._move(at, self._offsets[one & FACING])

    def _move(self, at: int, offset: int) -> int:
        """Move the top of a cell if it can, with what it pushes and pulls; returns the properties it met.

        Where a pulled object pushes what pulls it, the original has no end. Here a move that would begin
        again at the same cell of an unchanged map does nothing, and `endless` is set.
        """
        if not self.ruleset.active & PULL:
            return self._shift(at, offset)
        before = self._within.get(at)
        if before == self._changes:
            self.endless = True
            return 0
        self._within[at] = self._changes
        reached = self._shift(at, offset)
        if before is None:
            del self._within[at]
        else:
            self._within[at] = before
        return reached

    def _shift(self, at: int, offset: int) -> int:
        top = self.top
        ahead = at + offset
        mine, theirs = self._flags[top[at] >> SHIFT], self._flags[top[ahead] >> SHIFT]
        if (mine & OPEN and theirs & SHUT) or (mine & SHUT and theirs & OPEN):
            self._take(at)
            self._take(ahead)
        if theirs & PUSH:
            self._move(ahead, offset)
        met = top[ahead]
        stops = self._stops(met)
        reached = self._flags[top[at if stops else ahead] >> SHIFT]
        if not stops and top[at]:
            one = self._take(at)
            if one >> SHIFT < FIRST_TEXT:
                one = one & ~FACING | self._offsets.index(offset)
            self._put(ahead, one)
        if self._flags[top[at - offset] >> SHIFT] & PULL:
            self._move(at - offset, offset)
        return reached

    def _stops(self, one: int) -> bool:
        """Whether an object stops what comes. To ask may make its kind STOP until rules are read again."""
        kind = self.ruleset.implied.get(one >> SHIFT)
        if kind is not None:
            self._flags = stopped(self._flags, kind)
        return bool(self._flags[one >> SHIFT] & STOP)

    def _take(self, at: int) -> int:
        """Remove the top object of a cell and uncover what is under it."""
        one = self.top[at]
        self._changes += 1
        under = self.below.get(at)
        if under is None:
            self.top[at] = 0
        else:
            self.top[at] = under.pop()
            if not under:
                del self.below[at]
        if one >> SHIFT >= FIRST_TEXT or self.top[at] >> SHIFT >= FIRST_TEXT:
            self._dirty = True
        return one

    def _put(self, at: int, one: int) -> None:
        if self.top[at]:
            self.below.setdefault(at, []).append(self.top[at])
            if self.top[at] >> SHIFT >= FIRST_TEXT:
                self._dirty = True
        self.top[at] = one

    def _forget(self) -> None:
        """No object has moved any more."""
        for at, one in enumerate(self.top):
            if one & MOVED:
                self.top[at] = one & ~MOVED
        for under in self.below.values():
            under[:] = [one & ~MOVED for one in under]

    def _turn(self) -> None:
        """Noun IS noun: new objects are put on top of those they replace."""
        for kind, new in self.ruleset.turns:
            for at, one in enumerate(self.top):
                if FIRST_THING <= one >> SHIFT < FIRST_TEXT and kind_of(one >> SHIFT) == kind:
                    self._put(at, new)
