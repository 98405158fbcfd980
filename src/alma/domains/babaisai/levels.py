"""Draws levels of the 53 ids: the same distributions as the original, but from a seed.

`draw` makes one layout from one seed. Which layouts a task gets is decided in `streams`. A cell is
(x, y), 0-based, x to the right, y down.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from alma.domains.babaisai.layout import Layout
from alma.domains.babaisai.names import NAMES
from alma.domains.babaisai.objects import (
    BABA,
    BALL,
    BORDER,
    DOOR,
    IS,
    KEY,
    SHIFT,
    WALL,
    colour_block,
    noun,
    plain,
    property_block,
    thing,
)
from alma.records import DomainError

Cell = tuple[int, int]
T = TypeVar("T")

LEVEL_COLOURS = (0, 1, 2)
DRAWN_KINDS = (BALL, KEY, DOOR)


def rectangle(left: int, right: int, top: int, bottom: int) -> tuple[Cell, ...]:
    """All cells of a rectangle, ends included."""
    return tuple((x, y) for y in range(top, bottom + 1) for x in range(left, right + 1))


CORNERED = (*rectangle(11, 11, 2, 6), *rectangle(8, 11, 7, 7))
"""Cells of the right room from which a block can't be pushed into a rule."""
EDGES = (*rectangle(4, 6, 6, 6), *rectangle(4, 6, 1, 1), *rectangle(6, 6, 1, 6))
"""Where a loose noun lies in one room; the corners are there twice, as in the original."""


class Dice:
    """Uniform choices from a seed, by means that Python promises never to change."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def one_of(self, choices: Sequence[T]) -> T:
        return choices[int(self._random() * len(choices))]

    def shuffled(self, items: Iterable[T]) -> list[T]:
        rest = list(items)
        return [rest.pop(int(self._random() * len(rest))) for _ in range(len(rest))]


@dataclass(slots=True)
class Sketch:
    """A map in the making."""

    width: int
    height: int
    dice: Dice
    cells: dict[Cell, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for x, y in rectangle(0, self.width - 1, 0, self.height - 1):
            if x in (0, self.width - 1) or y in (0, self.height - 1):
                self.cells[x, y] = [BORDER << SHIFT]

    def put(self, cell: Cell, one: int) -> None:
        """On top of what is there."""
        self.cells.setdefault(cell, []).append(one)

    def row(self, cell: Cell, *ones: int) -> None:
        for offset, one in enumerate(ones):
            self.put((cell[0] + offset, cell[1]), one)

    def scatter(self, region: Sequence[Cell], one: int) -> Cell:
        """Put an object on an empty cell of a region."""
        cell = self.dice.one_of([cell for cell in region if cell not in self.cells])
        self.put(cell, one)
        return cell

    def move(self, cell: Cell, region: Sequence[Cell]) -> None:
        """Take what lies on a cell elsewhere."""
        one = self.cells.pop(cell)[-1]
        self.scatter(region, one)

    def layout(self) -> Layout:
        every = rectangle(0, self.width - 1, 0, self.height - 1)
        return Layout(self.width, self.height, tuple(tuple(self.cells.get(cell, ())) for cell in every))


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an id asks for; its parts are the words of the id."""

    base: str
    objects: bool = False
    loose: bool = False
    irrelevant: bool = False
    decoy: bool = False
    ball: bool | None = None


SUFFIXES = {
    "": Recipe(""),
    "-distr_obj": Recipe("", objects=True),
    "-distr_rule": Recipe("", loose=True),
    "-distr_obj_rule": Recipe("", objects=True, loose=True),
    "-distr_obj-irrelevant_rule": Recipe("", objects=True, loose=True, irrelevant=True),
    "-distr_win_rule": Recipe("", objects=True, loose=True, decoy=True),
}


def recipe(name: str) -> Recipe:
    """Raises DomainError for an id that isn't one of the 53."""
    if name not in NAMES:
        raise DomainError(f"babaisai has no level family {name!r}")
    plain_name, _, limit = name.partition("#")
    base, found, _ = plain_name.partition("-distr_")
    suffix = SUFFIXES[plain_name[len(base) :] if found else ""]
    ball = {"": None, "only_ball_win": True, "no_ball_win": False}[limit]
    return Recipe(base, suffix.objects, suffix.loose, suffix.irrelevant, suffix.decoy, ball)


def draw(name: str, seed: int) -> Layout:
    """The level of an id that a seed stands for."""
    asked, dice = recipe(name), Dice(seed)
    if asked.base.startswith("you_win"):
        return _you_win(dice, fixed=asked.base == "you_win-fixed_you")
    kinds, ones = drawn_things(asked, dice)
    if asked.base in ("goto_win", "make_win"):
        return _one_room(asked, dice, kinds, ones)
    if asked.base == "two_room-make_wall_win":
        return _make_wall_win(dice, kinds, ones)
    if asked.base.startswith("two_room-make_you"):
        return _make_you(asked, dice, kinds, ones)
    return _two_rooms(asked, dice, kinds, ones)


def drawn_things(asked: Recipe, dice: Dice) -> tuple[list[int], list[int]]:
    """The first draws of a level: three kinds, of which the first is to win, and a thing of each."""
    while True:
        kinds = dice.shuffled(DRAWN_KINDS)
        ones = [thing(kind, dice.one_of(LEVEL_COLOURS)) for kind in kinds]
        if asked.ball is None or asked.ball == (kinds[0] == BALL):
            return kinds, ones


def _sentence(subject: int, effect: str) -> tuple[int, int, int]:
    return noun(subject), IS << SHIFT, property_block(effect)


def _you_win(dice: Dice, fixed: bool) -> Layout:
    sketch = Sketch(6, 6, dice)
    for cell in ((1, 3), (1, 4), (4, 3), (4, 4)):
        sketch.put(cell, BORDER << SHIFT)
    pairs = dice.shuffled((kind, colour) for kind in DRAWN_KINDS for colour in LEVEL_COLOURS)
    for y, (kind, colour), effect in ((1, pairs[0], "you"), (2, pairs[1], "win")):
        sketch.row((1, y), colour_block(colour), *_sentence(kind, effect))
    room = rectangle(2, 3, 3, 4)
    you = (2, 3) if fixed else dice.one_of(room)
    beside = [cell for cell in room if abs(cell[0] - you[0]) + abs(cell[1] - you[1]) == 1]
    sketch.put(you, thing(*pairs[0]))
    sketch.scatter(beside, thing(*pairs[1]))
    for pair in pairs[2:4]:
        sketch.scatter(room, thing(*pair))
    return sketch.layout()


def _one_room(asked: Recipe, dice: Dice, kinds: Sequence[int], ones: Sequence[int]) -> Layout:
    sketch = Sketch(8, 8, dice)
    sketch.row((1, 6), *_sentence(BABA, "you"))
    sketch.row((1, 1), *_sentence(kinds[0], "win"))
    if asked.base == "make_win":
        sketch.move((1, 1), rectangle(2, 5, 2, 5))
    if asked.loose:
        sketch.put(dice.one_of(EDGES), noun(kinds[2] if asked.irrelevant else kinds[1]))
    for one in (plain(BABA), *ones[: 2 if asked.objects else 1]):
        sketch.scatter(rectangle(1, 6, 2, 6), one)
    if asked.decoy:
        sketch.row((4, 4), *_sentence(kinds[2], "win"))
    return sketch.layout()


def _two_rooms(asked: Recipe, dice: Dice, kinds: Sequence[int], ones: Sequence[int]) -> Layout:
    stop_stands = "break_stop" in asked.base
    sketch = _divided(dice, kinds, you=(1, 7), stop=(1, 2))
    if asked.loose:
        if asked.objects and not asked.irrelevant:
            sketch.scatter(CORNERED, noun(kinds[1]))
        else:
            sketch.scatter(rectangle(7, 10, 3, 5), noun(kinds[2] if asked.irrelevant else kinds[1]))
    if not stop_stands:
        sketch.move(dice.one_of(((2, 2), (3, 2))), rectangle(2, 5, 3, 5))
    if asked.base.endswith("make_win"):
        sketch.move((9, 1), rectangle(7, 10, 3, 5))
    sketch.scatter(rectangle(2, 5, 3, 5), plain(BABA))
    region = rectangle(7, 10, 2, 7) if stop_stands else rectangle(1, 4, 1, 7)
    if "maybe_break_stop" in asked.base:
        region = rectangle(1, 11, 2, 7)
    for one in ones[: 2 if asked.objects else 1]:
        sketch.scatter(region, one)
    if asked.decoy:
        sketch.row((9, 4), *_sentence(kinds[2], "win"))
    return sketch.layout()


def _make_you(asked: Recipe, dice: Dice, kinds: Sequence[int], ones: Sequence[int]) -> Layout:
    sketch = _divided(dice, kinds, you=(1, 6), stop=(1, 1))
    sketch.scatter(rectangle(2, 4, 3, 5), noun(kinds[1]))
    if asked.base.endswith("make_win"):
        sketch.move((9, 1), rectangle(8, 10, 3, 5))
    return _peopled(sketch, ones)


def _make_wall_win(dice: Dice, kinds: Sequence[int], ones: Sequence[int]) -> Layout:
    sketch = _divided(dice, kinds, you=(1, 7), stop=(2, 2))
    sketch.scatter(rectangle(8, 10, 3, 5), noun(kinds[2]))
    sketch.move((9, 1), CORNERED)
    return _peopled(sketch, ones)


def _divided(dice: Dice, kinds: Sequence[int], you: Cell, stop: Cell) -> Sketch:
    """Two rooms with their three rules."""
    sketch = Sketch(13, 9, dice)
    for cell in rectangle(6, 6, 1, 7):
        sketch.put(cell, plain(WALL))
    sketch.row(you, *_sentence(BABA, "you"))
    sketch.row(stop, *_sentence(WALL, "stop"))
    sketch.row((9, 1), *_sentence(kinds[0], "win"))
    return sketch


def _peopled(sketch: Sketch, ones: Sequence[int]) -> Layout:
    sketch.scatter(rectangle(2, 4, 3, 5), plain(BABA))
    for one in ones[:2]:
        sketch.scatter(rectangle(7, 10, 2, 7), one)
    return sketch.layout()
