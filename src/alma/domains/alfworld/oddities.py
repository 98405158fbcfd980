"""Makes a household as untidy as official games can be, for the oracle and the transcripts.

Official rooms have places that share a location, things in two places or in none, and things whose
location isn't their place's; and the engine should follow the stock one into states that no official
game begins in. Such worlds are compared, never offered as tasks.
"""

from __future__ import annotations

import random
from dataclasses import replace

from alma.domains.alfworld.households import Assignment
from alma.domains.alfworld.world import Receptacle, Thing, World

_STATES = ("isclean", "ishot", "iscool", "issliced", "istoggled")


def make_odd(world: World, asked: Assignment, rng: random.Random) -> World:
    """A copy of the world with its places and things disarranged.

    What the goal names stays in a place: the stock engine cannot load a game that cannot be won.
    """
    kept = {asked.otype, asked.target}
    places = [_odd_place(place, world, rng) for place in world.receptacles]
    things = [_odd_thing(thing, places, thing.kind in kept, rng) for thing in world.things]
    outer = [thing.id for thing in things if "isreceptacleobject" in thing.flags]
    for index, thing in enumerate(things):
        if outer and rng.random() < 0.15:
            within = tuple(sorted({rng.choice(outer), rng.choice(outer)} - {thing.id}))
            things[index] = replace(thing, within=within)
    start = rng.choice(places).location if rng.random() < 0.5 else world.start
    return replace(world, receptacles=tuple(places), things=tuple(things), start=start)


def _odd_place(place: Receptacle, world: World, rng: random.Random) -> Receptacle:
    location = rng.choice(world.receptacles).location if rng.random() < 0.4 else place.location
    return replace(place, location=location, opened=place.openable and rng.random() < 0.3)


def _odd_thing(thing: Thing, places: list[Receptacle], kept: bool, rng: random.Random) -> Thing:
    where = {place.id: place.location for place in places}
    held_in = thing.places
    chance = rng.random()
    if chance < 0.2:
        held_in = tuple(sorted({*held_in, rng.choice(places).id}))
    elif chance < 0.3 and not kept:
        held_in = ()
    locations = {where[place] for place in held_in or (rng.choice(places).id,)}
    if rng.random() < 0.2:
        locations = {rng.choice(places).location}
    flags = set(thing.flags)
    if rng.random() < 0.3:
        flags.add(rng.choice(_STATES))
    if "toggleable" in flags:
        flags.update(("pickupable", "sliceable"))
    return replace(thing, places=held_in, locations=tuple(sorted(locations)), flags=frozenset(flags))
