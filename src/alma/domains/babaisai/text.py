"""The text that the benchmark's wrapper makes of a map, with its habits of wording.

Rules in force first, then what lies where, seen from the object that is YOU. Colours, the border, baba
and what is covered are never told; left and up never take a plural; an object at the place of YOU is an
empty line. The numbers in published tables were made with this text, so it is kept as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


BROKEN = "[...] IS YOU rule was broken, environment reset"
OBJECT = "defaultdict(<function BabaIsAIWrapper.textworld_process_obsv.<locals>.<lambda> at 0xADDR>, "
NAMES = tuple(_name(what) for what in range(FIRST_COLOUR + len(COLOURS)))


def describe(game: Game, here: int) -> str:
    """The whole text, with places as seen from the cell `here`."""
    lines = [
        _place(at, here, game.width, NAMES[one >> SHIFT])
        for at, one in enumerate(game.top)
        if NAMES[one >> SHIFT]
    ]
    return "\n".join([rules_text(game), "", "Objects on the map:", *lines])


def published(game: Game, fresh: Callable[[], Game]) -> tuple[str, Game]:
    """The text of the published wrapper, and the game that goes on.

    It follows the last YOU rule only. Where nothing of that kind lies on top it takes a fresh level, and
    the text holds the representation of a Python object; its memory address is written as 0xADDR here.
    """
    here = place_of(game, game.ruleset.you[-1:])
    if here is not None:
        return describe(game, here), game
    text, again = published(fresh(), fresh)
    return f"{BROKEN}{rules_text(game)}\n\nObjects on the map:\n{OBJECT}{{'obs': {text!r}}})", again


def rules_text(game: Game) -> str:
    """`Active rules:` and a line for each that gives a property."""
    told = [rule.words for rule in game.rules if rule.becomes is None]
    return "Active rules:\n" + "\n".join(told)


def place_of(game: Game, kinds: Sequence[int]) -> int | None:
    """The first cell in row-major order on which one of the kinds lies, by the last kind that does."""
    for kind in reversed(kinds):
        first = FIRST_THING + kind * len(COLOURS)
        for at, one in enumerate(game.top):
            if first <= one >> SHIFT < first + len(COLOURS):
                return at
    return None


@lru_cache(maxsize=65536)
def _place(at: int, here: int, width: int, name: str) -> str:
    if at == here:
        return ""
    right, down = at % width - here % width, at // width - here // width
    parts = [_steps(right, "to the right", "to the left"), _steps(down, "down", "up")]
    return f"{name} {' and '.join(part for part in parts if part)}"


def _steps(count: int, ahead: str, back: str) -> str:
    if not count:
        return ""
    # The plural goes by the signed number: a habit of the original.
    return f"{abs(count)} {'steps' if count > 1 else 'step'} {ahead if count > 0 else back}"
