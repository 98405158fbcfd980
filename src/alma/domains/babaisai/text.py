"""The text that the benchmark's wrapper makes of a map, with its habits of wording.

Rules in force first, then what lies where, seen from the object that is YOU. Colours, the border, baba
and what is covered are never told; left and up never take a plural; an object at the place of YOU is an
empty line. The numbers in published tables were made with this text, so it is kept as it is.
"""

from __future__ import annotations

from functools import lru_cache

from alma.domains.babaisai.engine import Game
from alma.domains.babaisai.objects import (
    BABA,
    COLOURS,
    FIRST_COLOUR,
    FIRST_NOUN,
    FIRST_THING,
    KINDS,
    SHIFT,
    WORDS,
    is_thing,
    kind_of,
)


def _name(what: int) -> str:
    if is_thing(what):
        return "" if kind_of(what) == BABA else KINDS[kind_of(what)]
    return f"rule `{WORDS[what]}`" if FIRST_NOUN <= what < FIRST_COLOUR else ""


NAMES = tuple(_name(what) for what in range(FIRST_COLOUR + len(COLOURS)))


def describe(game: Game) -> str | None:
    """The whole text, or None when no object of the kind that the last YOU rule names lies on top."""
    here = reference(game)
    if here is None:
        return None
    lines = [_place(at, here, game.width, NAMES[one >> SHIFT]) for at, one in _listed(game)]
    return "\n".join([rules_text(game), "", "Objects on the map:", *lines])


def rules_text(game: Game) -> str:
    """`Active rules:` and a line for each that gives a property."""
    told = [rule.words for rule in game.rules if rule.becomes is None]
    return "Active rules:\n" + "\n".join(told)


def reference(game: Game) -> int | None:
    """The cell that offsets are counted from: the first on which the kind of the last YOU rule lies."""
    kind = game.ruleset.last_you
    if kind < 0:
        return None
    first = FIRST_THING + kind * len(COLOURS)
    after = first + len(COLOURS)
    return next((at for at, one in enumerate(game.top) if first <= one >> SHIFT < after), None)


def _listed(game: Game) -> list[tuple[int, int]]:
    return [(at, one) for at, one in enumerate(game.top) if NAMES[one >> SHIFT]]


@lru_cache(maxsize=65536)
def _place(at: int, here: int, width: int, name: str) -> str:
    if at == here:
        return ""
    right, down = at % width - here % width, at // width - here // width
    parts = [_steps(right, "right", "left"), _steps(down, "down", "up")]
    return f"{name} {' and '.join(part for part in parts if part)}"


def _steps(count: int, ahead: str, back: str) -> str:
    if not count:
        return ""
    # The plural goes by the signed number: a habit of the original.
    return f"{abs(count)} {'steps' if count > 1 else 'step'} {'to the ' if ahead == 'right' else ''}{ahead if count > 0 else back}"
