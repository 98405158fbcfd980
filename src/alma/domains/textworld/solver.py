"""A scripted player that knows the facts: the shortest way to a quest's goal. For making and testing
tasks only; no agent or design ever sees what it finds.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping

from alma.domains.textworld.logic import INVENTORY, PLAYER, Fact

DIRECTIONS = {
    "north_of": ("south", "north"),
    "west_of": ("east", "west"),
    "south_of": ("north", "south"),
    "east_of": ("west", "east"),
}


def solve(
    facts: frozenset[Fact], things: Mapping[str, tuple[str, str]], thing: str, place: str = ""
) -> list[str]:
    """Commands that take `thing` (and bring it to `place`, both by id); none when that can't be done."""
    held = {fact[1]: fact[2] for fact in facts if fact[0] in ("at", "in", "on")}
    named = {id_: name for id_, (_, name) in things.items()}
    closed = {fact[1] for fact in facts if fact[0] == "closed"}
    holder = held.get(thing)
    if holder is None or holder == INVENTORY or (holder not in held and things[holder][0] != "r"):
        return []
    room = holder if things[holder][0] == "r" else held[holder]
    way = _way(facts, named, held[PLAYER], room, closed)
    if way is None:
        return []
    plan = list(way)
    if holder in closed:
        plan.append(f"open {named[holder]}")
        closed.discard(holder)
    plan.append(f"take {named[thing]}" if holder == room else f"take {named[thing]} from {named[holder]}")
    if place:
        way = _way(facts, named, room, held[place], closed)
        if way is None:
            return []
        plan += way
        if place in closed:
            plan.append(f"open {named[place]}")
        inside = ("open", place) in facts or place in closed
        verb, preposition = ("insert", "into") if inside else ("put", "on")
        plan.append(f"{verb} {named[thing]} {preposition} {named[place]}")
    return plan


def _way(
    facts: frozenset[Fact], named: Mapping[str, str], start: str, end: str, closed: set[str]
) -> list[str] | None:
    """The commands from room to room, doors opened; opened doors leave `closed`."""
    doors = {(fact[1], fact[3]): fact[2] for fact in facts if fact[0] == "link"}
    exits: dict[str, list[tuple[str, str]]] = {}
    for fact in sorted(facts):
        if fact[0] in DIRECTIONS:
            back, forth = DIRECTIONS[fact[0]]
            exits.setdefault(fact[2], []).append((forth, fact[1]))
            exits.setdefault(fact[1], []).append((back, fact[2]))
    queue: list[tuple[int, str, tuple[str, ...], tuple[str, ...]]] = [(0, start, (), ())]
    done: set[str] = set()
    while queue:
        cost, room, way, opened = heapq.heappop(queue)
        if room == end:
            closed.difference_update(opened)
            return list(way)
        if room in done:
            continue
        done.add(room)
        for direction, other in exits.get(room, ()):
            door = doors.get((room, other))
            shut = door is not None and door in closed
            step = ((f"open {named[door]}",) if shut and door else ()) + (f"go {direction}",)
            through = (*opened, door) if shut and door else opened
            heapq.heappush(queue, (cost + len(step), other, (*way, *step), through))
    return None
