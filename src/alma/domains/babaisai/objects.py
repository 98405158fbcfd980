"""What can lie on a map of Baba Is AI, as small whole numbers, and the names of it all.

An object is `what * 8 + moved * 4 + facing`; 0 is no object. `what` is a kind with a colour, or a block
of text. Rules give meaning to kinds (`rules`), this module only names them.
"""

from __future__ import annotations

KINDS = ("ball", "key", "door", "wall", "baba")
COLOURS = ("red", "green", "blue", "purple", "yellow", "grey", "white")
PROPERTIES = ("you", "win", "stop", "push", "lose", "pull", "move", "open", "shut")
DEFAULT_COLOURS = {"ball": "green", "key": "blue", "door": "red", "wall": "grey", "baba": "white"}

BALL, KEY, DOOR, WALL, BABA = range(5)
YOU, WIN, STOP, PUSH, LOSE, PULL, MOVE, OPEN, SHUT = (1 << i for i in range(9))
"""Properties as bits."""

SHIFT = 3
MOVED = 4
FACING = 3
RIGHT, DOWN, LEFT, UP = range(4)

BORDER = 1
FIRST_THING = 2
FIRST_NOUN = FIRST_THING + len(KINDS) * len(COLOURS)
IS = FIRST_NOUN + len(KINDS)
FIRST_PROPERTY = IS + 1
FIRST_COLOUR = FIRST_PROPERTY + len(PROPERTIES)
WHATS = FIRST_COLOUR + len(COLOURS)
FIRST_TEXT = FIRST_NOUN

_KIND_LETTERS = "bkdwa"
_COLOUR_LETTERS = "rgbpyeW"
_PROPERTY_LETTERS = "YWSPLUMOX"


def thing(kind: int, colour: int) -> int:
    """A thing of that kind and colour, facing right."""
    return (FIRST_THING + kind * len(COLOURS) + colour) << SHIFT


def plain(kind: int) -> int:
    """A thing in its kind's own colour."""
    return thing(kind, COLOURS.index(DEFAULT_COLOURS[KINDS[kind]]))


def noun(kind: int) -> int:
    return (FIRST_NOUN + kind) << SHIFT


def property_block(name: str) -> int:
    return (FIRST_PROPERTY + PROPERTIES.index(name)) << SHIFT


def colour_block(colour: int) -> int:
    return (FIRST_COLOUR + colour) << SHIFT


def kind_of(what: int) -> int:
    """The kind of a thing (not of a block)."""
    return (what - FIRST_THING) // len(COLOURS)


def is_thing(what: int) -> bool:
    return FIRST_THING <= what < FIRST_NOUN


def _words() -> tuple[str, ...]:
    """What each block says, "" for what is no block."""
    return ("",) * FIRST_NOUN + KINDS + ("is",) + PROPERTIES + COLOURS


def _codes() -> tuple[str, ...]:
    things = tuple(kind + colour for kind in _KIND_LETTERS for colour in _COLOUR_LETTERS)
    nouns = tuple("T" + kind.upper() for kind in _KIND_LETTERS)
    properties = tuple("P" + letter for letter in _PROPERTY_LETTERS)
    colours = tuple("C" + colour for colour in _COLOUR_LETTERS)
    return ("..", "##", *things, *nouns, "IS", *properties, *colours)


WORDS = _words()
CODES = _codes()
"""Two letters for each `what`, as in recorded traces."""
BY_CODE = {code: what << SHIFT for what, code in enumerate(CODES)}
