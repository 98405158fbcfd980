"""The derived tables that households are drawn from, and the rule texts that they share with official games.

Statistics and wording of ALFWorld's train games (MIT), made by `benchmarks/engine/derive_tables.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

_PACKAGE = "alma.domains.alfworld"

SOURCES = ("pddl.py", "texts.py", "world.py", "goals.py", "engine.py", "play.py")
HOUSEHOLD_SOURCES = (*SOURCES, "tables.py", "houses.py", "households.py")
HOUSEHOLD_DATA = ("data/households.json", "data/domain.pddl", "data/grammar.twl2")


@dataclass(frozen=True, slots=True)
class Tables:
    """What `data/households.json` holds; types are lower-case PDDL types such as `mugtype`.

    `receptacles` and `objects`: room kind to type to count to share of train rooms. `goals`: room kind
    to task type to object type to the target types seen with it.
    """

    receptacles: Mapping[str, Mapping[str, Mapping[str, float]]]
    objects: Mapping[str, Mapping[str, Mapping[str, float]]]
    contains: Mapping[str, frozenset[str]]
    lamps: Mapping[str, tuple[str, ...]]
    openable: frozenset[str]
    flags: Mapping[str, frozenset[str]]
    goals: Mapping[str, Mapping[str, Mapping[str, tuple[str, ...]]]]

    def holders(self, otype: str) -> list[str]:
        """The receptacle types that may hold an object type, sorted."""
        return sorted(rtype for rtype, otypes in self.contains.items() if otype in otypes)


@lru_cache(maxsize=1)
def tables() -> Tables:
    """The tables, read once in a process."""
    raw: dict[str, Any] = json.loads(data_text("households.json"))
    flags: dict[str, set[str]] = {}
    for flag, otypes in raw["flags"].items():
        for otype in otypes:
            flags.setdefault(otype, set()).add(flag)
    return Tables(
        receptacles=raw["receptacles"],
        objects=raw["objects"],
        contains={rtype: frozenset(otypes) for rtype, otypes in raw["contains"].items()},
        lamps={kind: tuple(places) for kind, places in raw["lamps"].items()},
        openable=frozenset(raw["openable"]),
        flags={otype: frozenset(held) for otype, held in flags.items()},
        goals={
            kind: {name: {o: tuple(t) for o, t in targets.items()} for name, targets in types.items()}
            for kind, types in raw["goals"].items()
        },
    )


@lru_cache(maxsize=8)
def data_text(name: str) -> str:
    """A file of the package's data folder."""
    return resources.files(_PACKAGE).joinpath("data", name).read_text(encoding="utf-8")


@lru_cache(maxsize=4)
def content_version(files: tuple[str, ...]) -> str:
    """A hash over files of this package: code and data that decide what is played."""
    digest = hashlib.sha256()
    for name in files:
        digest.update(resources.files(_PACKAGE).joinpath(*name.split("/")).read_bytes())
    return digest.hexdigest()[:16]
