"""The houses of `alfworld:households`: which places each has, and where things tend to lie there.

A house's places never change, so its first observation tells which house it is. Habits have two
layers: favourites of the one house, and favourite kinds of place shared by all houses of a room kind,
new ones too. Both are drawn once from fixed seeds; what a game makes of them is in `households`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from alma.domains.alfworld.tables import Tables, tables
from alma.records import derive_seed

SEED = 20240
"""The seed of everything that is the same in every run: houses, habits and games."""

KINDS = {"k": "kitchen", "b": "bedroom", "l": "living", "w": "bathroom"}
PATTERN = tuple(KINDS[letter] for letter in "kbklkwbklwkbklwb")
"""The room kinds of a set of houses. Three task types need a kitchen, so there are most of them."""

KNOWN_HOUSES = len(PATTERN)
NEW_HOUSES = len(PATTERN)
PLACES = (14, 25)
"""Fewest and most places of a house, as in most official rooms."""

APPLIANCES: Mapping[str, tuple[str, str, str]] = {
    "kitchen": ("sinkbasintype", "microwavetype", "fridgetype"),
    "bathroom": ("sinkbasintype", "toilettype", "garbagecantype"),
}
"""What every house of a kind has. In kitchens they clean, heat and cool; in bathrooms the first cleans."""

_STEMS = {"sinkbasintype": ("sink", "_bar_sinkbasin"), "bathtubbasintype": ("bathtub", "_bar_bathtubbasin")}


@dataclass(frozen=True, slots=True)
class House:
    """A house. `places` pairs each receptacle's id with its type, sorted by id.

    `favourites` maps an object type to the indices of its first and second favourite place,
    `shared` to the indices of all places of the kind that houses of this room kind prefer for it.
    """

    name: str
    kind: str
    places: tuple[tuple[str, str], ...]
    legal: Mapping[str, tuple[int, ...]]
    favourites: Mapping[str, tuple[int, int]]
    shared: Mapping[str, tuple[int, ...]]

    def types(self) -> frozenset[str]:
        return frozenset(rtype for _, rtype in self.places)


def house_names(new: bool = False) -> tuple[str, ...]:
    """The names of the known houses, or of the new ones that only `out_of_distribution` visits."""
    start, count = (KNOWN_HOUSES, NEW_HOUSES) if new else (0, KNOWN_HOUSES)
    return tuple(f"h{number:02d}" for number in range(start, start + count))


@lru_cache(maxsize=1)
def all_houses() -> Mapping[str, House]:
    """Every house by name. Places are drawn again until no two houses have the same."""
    table = tables()
    seen: set[tuple[tuple[str, str], ...]] = set()
    houses: dict[str, House] = {}
    for number, name in enumerate((*house_names(), *house_names(new=True))):
        kind = PATTERN[number % len(PATTERN)]
        attempt = 0
        while True:
            places = _draw_places(kind, random.Random(derive_seed(SEED, "places", name, attempt)), table)
            if _fits(places, kind, table) and places not in seen:
                break
            attempt += 1
        seen.add(places)
        houses[name] = _furnish(name, kind, places, table)
    return houses


def _draw_places(kind: str, rng: random.Random, table: Tables) -> tuple[tuple[str, str], ...]:
    rtypes: list[str] = []
    for rtype, shares in sorted(table.receptacles[kind].items()):
        counts = sorted(shares, key=int)
        number = rng.choices(counts, [shares[count] for count in counts])[0]
        rtypes.extend([rtype] * int(number))
    places = []
    for index, rtype in enumerate(rtypes):
        stem, end = _STEMS.get(rtype, (rtype.removesuffix("type"), ""))
        places.append((f"{stem}_bar_{index:02d}{end}", rtype))
    return tuple(sorted(places))


def _fits(places: tuple[tuple[str, str], ...], kind: str, table: Tables) -> bool:
    rtypes = {rtype for _, rtype in places}
    needs_lamp = kind in table.lamps
    return (
        PLACES[0] <= len(places) <= PLACES[1]
        and rtypes.issuperset(APPLIANCES.get(kind, ()))
        and (not needs_lamp or not rtypes.isdisjoint(table.lamps[kind]))
    )


def _furnish(name: str, kind: str, places: tuple[tuple[str, str], ...], table: Tables) -> House:
    legal: dict[str, tuple[int, ...]] = {}
    favourites: dict[str, tuple[int, int]] = {}
    shared: dict[str, tuple[int, ...]] = {}
    lamps = {"desklamptype": table.lamps[kind]} if kind in table.lamps else {}
    for otype in (*sorted(table.objects[kind]), *lamps):
        holders = list(lamps.get(otype) or table.holders(otype))
        indices = tuple(index for index, (_, rtype) in enumerate(places) if rtype in holders)
        if not indices:
            continue
        legal[otype] = indices
        own = random.Random(derive_seed(SEED, "house habit", name, otype))
        first, second = (own.sample(indices, 2)) if len(indices) > 1 else (indices[0], indices[0])
        favourites[otype] = (first, second)
        random.Random(derive_seed(SEED, "kind habit", kind, otype)).shuffle(holders)
        for rtype in holders:
            alike = tuple(index for index in indices if places[index][1] == rtype)
            if alike:
                shared[otype] = alike
                break
    return House(name, kind, places, legal, favourites, shared)
