"""What a player sees, in words: message, things and where they are, ways out, status, inventory, and a map.

Works on the engine's arrays and keeps nothing but a table of what each glyph is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

KEYS = (
    "glyphs",
    "chars",
    "blstats",
    "message",
    "inv_strs",
    "inv_letters",
    "screen_descriptions",
)
"""The engine's observations that are read here."""

Cells = npt.NDArray[Any]
NOT_THINGS = frozenset(
    (
        "",
        "stone",
        "solid rock",
        "dark part of a room",
        "floor of a room",
        "wall",
        "iron bars",
        "corridor",
        "lit corridor",
    )
)
WAYS = (
    ("north", 0, -1),
    ("northeast", 1, -1),
    ("east", 1, 0),
    ("southeast", 1, 1),
    ("south", 0, 1),
    ("southwest", -1, 1),
    ("west", -1, 0),
    ("northwest", -1, -1),
)
SHUT = frozenset(" |-}")
"""Characters that nobody walks through: rock, walls, water and lava. A `-` or `|` may be an open door."""

HUNGER = {0: "satiated", 2: "hungry", 3: "weak", 4: "fainting"}
CONDITIONS = (
    "turning to stone", "turning to slime", "being strangled", "food poisoned", "deathly ill", "blind",
    "deaf", "stunned", "confused", "hallucinating", "levitating", "flying", "riding",
)  # fmt: skip
MOST_THINGS = 12


@dataclass(frozen=True, slots=True)
class View:
    """One moment of a game, as text and as parts."""

    message: str
    surroundings: str
    status: str
    inventory: str
    map: str

    def text(self, shown: str) -> str:
        """`shown` is language, map or both."""
        parts = [self.message]
        if shown != "map":
            parts.append(self.surroundings)
        parts += [self.status, self.inventory]
        if shown != "language":
            parts.append(self.map)
        return "\n".join(part for part in parts if part)

    def as_parts(self) -> dict[str, str]:
        return {"message": self.message, "map": self.map, "inventory": self.inventory, "status": self.status}


def view(observation: Mapping[str, Cells]) -> View:
    """The view of an observation with `KEYS`."""
    return View(
        _text(observation["message"]),
        _surroundings(observation),
        _status(observation["blstats"]),
        _inventory(observation),
        _map(observation["chars"]),
    )


def _surroundings(observation: Mapping[str, Cells]) -> str:
    chars, x, y = observation["chars"], int(observation["blstats"][0]), int(observation["blstats"][1])
    seen = []
    # Most of a map is floor and wall: which glyphs those are is remembered, and looked up for all at once.
    dull = _DULL[observation["glyphs"]]
    dull |= chars == ord(" ")
    dull[y, x] = True
    rows, columns = np.nonzero(~dull)
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        name = _name(observation, row, column)
        if name in NOT_THINGS:
            _DULL[observation["glyphs"][row, column]] = True
            continue
        away = max(abs(column - x), abs(row - y))
        seen.append((away, row, column, f"{name} {_where(column - x, row - y)}"))
    seen.sort()
    things = "; ".join(told for *_, told in seen[:MOST_THINGS]) or "nothing of note"
    if len(seen) > MOST_THINGS:
        things += f"; and {len(seen) - MOST_THINGS} more further away"
    ways = [name for name, dx, dy in WAYS if _open(observation, y + dy, x + dx)]
    return f"You are at ({x}, {y}). You see: {things}.\nOpen next to you: {', '.join(ways) or 'nothing'}."


def _name(observation: Mapping[str, Cells], row: int, column: int) -> str:
    glyph = int(observation["glyphs"][row, column])
    # A monster's glyph doesn't say whether it is asleep, peaceful or tame: ask each time.
    if glyph < MONSTERS_END:
        return _text(observation["screen_descriptions"][row, column])
    return _named(glyph, observation["screen_descriptions"][row, column].tobytes())


_DULL = np.zeros(6000, dtype=bool)
"""By glyph: whether it is nothing that is told (floor, wall, rock). Filled as glyphs are met."""

MONSTERS_END = 381 * 4
"""Glyphs below this are monsters: ordinary, pets, detected and the like."""


@lru_cache(maxsize=4096)
def _named(glyph: int, described: bytes) -> str:
    return described.partition(b"\0")[0].decode("latin-1")


def _open(observation: Mapping[str, Cells], row: int, column: int) -> bool:
    chars = observation["chars"]
    if not (0 <= row < chars.shape[0] and 0 <= column < chars.shape[1]):
        return False
    character = chr(int(chars[row, column]))
    if character not in "|-}#":
        return character not in SHUT
    name = _name(observation, row, column)
    if character == "#":
        return name not in ("iron bars", "tree")
    return "open door" in name or "doorway" in name


def _where(dx: int, dy: int) -> str:
    """`3 east`, `2 north and 1 west`."""
    parts = []
    if dy:
        parts.append(f"{abs(dy)} {'south' if dy > 0 else 'north'}")
    if dx:
        parts.append(f"{abs(dx)} {'east' if dx > 0 else 'west'}")
    return " and ".join(parts)


def _status(stats: Cells) -> str:
    """From the bottom lines: hit points, armour class, experience, dungeon level, gold, turn, troubles."""
    hp, most, depth, gold = (int(stats[i]) for i in (10, 11, 12, 13))
    armour, level, turn, hunger, load, conditions = (int(stats[i]) for i in (16, 18, 20, 21, 22, 25))
    troubles = [HUNGER[hunger]] if hunger in HUNGER else []
    troubles += ["burdened"] if load else []
    troubles += [name for bit, name in enumerate(CONDITIONS) if conditions >> bit & 1]
    told = f"HP {hp} of {most}, armour class {armour}, experience level {level}, dungeon level {depth}"
    told += f", gold {gold}, turn {turn}" if gold else f", turn {turn}"
    return f"Status: {told}{', ' + ', '.join(troubles) if troubles else ''}."


def _inventory(observation: Mapping[str, Cells]) -> str:
    letters = observation["inv_letters"].tobytes().rstrip(b"\0").decode("latin-1")
    names = observation["inv_strs"]
    items = [f"{letter}: {_text(names[place])}" for place, letter in enumerate(letters)]
    return f"You carry {'; '.join(items) or 'nothing'}."


def _map(chars: Cells) -> str:
    """The part of the map that is known, without the dark around it."""
    width, whole = chars.shape[1], chars.tobytes().decode("latin-1")
    lines = [whole[start : start + width].rstrip() for start in range(0, len(whole), width)]
    known = [line for line in lines if line]
    if not known:
        return ""
    first = next(number for number, line in enumerate(lines) if line)
    last = max(number for number, line in enumerate(lines) if line)
    left = min(len(line) - len(line.lstrip()) for line in known)
    return "\n".join(line[left:] for line in lines[first : last + 1])


def _text(cells: Cells) -> str:
    return cells.tobytes().partition(b"\0")[0].decode("latin-1").strip()
