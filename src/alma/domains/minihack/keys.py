"""Keys by name: what an agent may say, and which of the engine's keys that is.

A task offers a set of keys. Every key of it can be named, but only those that do something in the game are
listed; while the game asks a question, its answers are listed instead, as `key f`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

DIRECTIONS = {
    "N": "north",
    "E": "east",
    "S": "south",
    "W": "west",
    "NE": "northeast",
    "SE": "southeast",
    "SW": "southwest",
    "NW": "northwest",
}
UNLISTED = frozenset(
    (
        *("adjust", "attributes", "call", "droptype", "enhance", "esc", "fight", "inventory", "inventtype"),
        *("look", "move", "movefar", "more", "rush", "rush2", "seearmor", "seerings", "seetools", "seetrap"),
        *("seeweapon", "shell", "versionshort", "space", "plus", "quote", "dollar"),
    )
)
"""Keys that show what is shown anyway, or that only begin a longer command."""

_OFFERED = re.compile(r"\[([^\]]*?)(?: or [^\]]*)?\]")
_RANGE = re.compile(r"([a-zA-Z])-([a-zA-Z])")


def name_of(action: Any) -> str:
    """The name of one of the engine's actions (an enum member)."""
    kind = type(action).__name__
    if kind in ("CompassDirection", "CompassCardinalDirection"):
        return DIRECTIONS[action.name]
    if kind == "CompassDirectionLonger":
        return f"far {DIRECTIONS[action.name]}"
    return str(action.name).lower()


def table(actions: Sequence[Any]) -> dict[str, int]:
    """Name to number of the action in the task's list; `key X` too for keys that can be typed."""
    named = {name_of(action): number for number, action in enumerate(actions)}
    typed = {
        f"key {chr(action.value)}": number
        for number, action in enumerate(actions)
        if 33 <= action.value < 127
    }
    return typed | named


def listed(names: Mapping[str, int]) -> tuple[str, ...]:
    """What is offered while the game asks nothing."""
    return tuple(name for name in names if not name.startswith("key ") and name not in UNLISTED)


def answers(question: str, names: Mapping[str, int]) -> tuple[str, ...]:
    """What is offered while the game asks: the letters that it names, or directions, and `esc`."""
    offered: list[str] = []
    if "direction" in question.lower():
        offered = [name for name in DIRECTIONS.values() if name in names]
    elif found := _OFFERED.search(question):
        letters = _RANGE.sub(_spread, found[1].split(" ")[0].replace("*", "").replace("?", ""))
        offered = [f"key {letter}" for letter in dict.fromkeys(letters) if f"key {letter}" in names]
    return (*offered, *(name for name in ("esc",) if name in names))


def _spread(found: re.Match[str]) -> str:
    return "".join(chr(code) for code in range(ord(found[1]), ord(found[2]) + 1))
