"""Which commands are possible in a world, and how its facts change: the rules of the games, as data.

The rules come from the games themselves (`data/rules.json`, written by `generate`), and what happens
comes from the engine, which names every action that it carried out. This module only keeps the
account of it. What it says is compared with TextWorld's own state tracking by `benchmarks.textworld`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

Fact = tuple[str, ...]
"""A predicate and what it holds of: ("in", "f_3", "I")."""

PLAYER, INVENTORY, RECIPE = "P", "I", "RECIPE"
CONSTANTS = (PLAYER, INVENTORY, RECIPE)
HOLDING = ("at", "in", "on")
"""Facts whose second thing holds the first."""
ROOM = "r"
SLOT = re.compile(r"\{([^}]+)\}")
VIEWS = 256
"""How many views of its surroundings a world keeps."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When an action is possible and what it changes; `command` and `event` have slots for things."""

    name: str
    before: tuple[Fact, ...]
    after: tuple[Fact, ...]
    command: str
    event: str


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules, and for each type of thing all types that it is of."""

    rules: tuple[Rule, ...]
    types: Mapping[str, frozenset[str]]
    slots: Mapping[str, str]
    """The type of each slot of the rules."""
    holding: tuple[str, ...] = HOLDING
    """The facts by which a thing is within reach when its holder is."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Rules:
        rules = tuple(
            Rule(
                rule["name"],
                tuple(tuple(fact.split()) for fact in rule["before"]),
                tuple(tuple(fact.split()) for fact in rule["after"]),
                rule["command"],
                rule["event"],
            )
            for rule in data["rules"]
        )
        types = {name: frozenset(above) for name, above in data["types"].items()}
        return cls(rules, types, data["slots"], tuple(data.get("holding", HOLDING)))


@dataclass(frozen=True, slots=True)
class Change:
    """What an action takes from the facts and adds to them."""

    removed: frozenset[Fact]
    added: frozenset[Fact]


@dataclass(frozen=True, slots=True)
class View:
    """What can be done from where the player is: commands in order, and what changes by which event."""

    commands: tuple[str, ...]
    changes: Mapping[str, Change]


class Logic:
    """The rules applied to one world's things. Keeps the views that it has worked out.

    A view depends only on the facts within reach, so it is worked out once for these.
    """

    def __init__(self, rules: Rules, things: Mapping[str, tuple[str, str]]) -> None:
        self._rules = rules
        self._names = {thing: name for thing, (_, name) in things.items()}
        self._types = {thing: rules.types[kind] for thing, (kind, _) in things.items()}
        self._rooms = frozenset(thing for thing, (kind, _) in things.items() if kind == ROOM)
        # Views have most of their parts in common, and there are many of them: one object for equal parts.
        self._one: dict[Any, Any] = {}
        self._seen = lru_cache(maxsize=VIEWS)(self._work_out)

    def view(self, facts: frozenset[Fact]) -> View:
        """What can be done now."""
        return self._seen(self._within_reach(facts))

    def _within_reach(self, facts: frozenset[Fact]) -> tuple[Fact, ...]:
        """The facts about the player's room, what is in it, and what the player holds, in order."""
        room = next(fact[2] for fact in facts if fact[0] == "at" and fact[1] == PLAYER)
        held: dict[str, list[str]] = {}
        reach = {*CONSTANTS, room}
        for fact in facts:
            if fact[0] in self._rules.holding:
                held.setdefault(fact[2], []).append(fact[1])
            elif fact[0] == "link" and fact[1] == room:
                reach.add(fact[2])
        fresh = list(reach)
        while fresh:
            inside = [thing for holder in fresh for thing in held.get(holder, ())]
            fresh = [thing for thing in inside if thing not in reach]
            reach.update(fresh)
        rooms = self._rooms
        near = (
            fact
            for fact in facts
            if all(thing in reach or thing in rooms for thing in fact[1:])
            and (room in fact or not rooms.intersection(fact))
        )
        # As a tuple, since a set takes ten times the memory and is kept with each view.
        return tuple(sorted(near))

    def _work_out(self, facts: tuple[Fact, ...]) -> View:
        by_predicate: dict[str, list[Fact]] = {}
        for fact in facts:
            by_predicate.setdefault(fact[0], []).append(fact)
        commands: set[str] = set()
        changes: dict[str, Change] = {}
        one = self._one
        for rule in self._rules.rules:
            for binding in self._bindings(rule.before, by_predicate, {}):
                told = self._told(rule.command, binding)
                commands.add(one.setdefault(told, told))
                before = {_bound(fact, binding) for fact in rule.before}
                after = {_bound(fact, binding) for fact in rule.after}
                if before != after:
                    change = Change(frozenset(before - after), frozenset(after - before))
                    event = self._told(rule.event, binding).lower()
                    changes.setdefault(one.setdefault(event, event), one.setdefault(change, change))
        return View(tuple(sorted(commands)), changes)

    def _bindings(
        self, patterns: Sequence[Fact], facts: Mapping[str, list[Fact]], bound: dict[str, str]
    ) -> Iterator[dict[str, str]]:
        """Every way to fill the slots of the patterns with different things such that all of them hold."""
        if not patterns:
            yield bound
            return
        pattern, *rest = patterns
        for fact in facts.get(pattern[0], ()):
            new = self._match(pattern, fact, bound)
            if new is not None:
                yield from self._bindings(rest, facts, new)

    def _match(self, pattern: Fact, fact: Fact, bound: dict[str, str]) -> dict[str, str] | None:
        new = dict(bound)
        for slot, thing in zip(pattern[1:], fact[1:], strict=True):
            if slot in new:
                if new[slot] != thing:
                    return None
            elif slot in CONSTANTS:
                if slot != thing:
                    return None
            elif thing in new.values() or self._rules.slots[slot] not in self._types[thing]:
                return None
            else:
                new[slot] = thing
        return new

    def _told(self, template: str, binding: Mapping[str, str]) -> str:
        return SLOT.sub(lambda slot: self._names[binding.get(slot[1], slot[1])], template)


def apply(facts: frozenset[Fact], change: Change) -> frozenset[Fact]:
    return (facts - change.removed) | change.added


def read_facts(lines: Iterable[str]) -> frozenset[Fact]:
    return frozenset(tuple(line.split()) for line in lines)


def _bound(pattern: Fact, binding: Mapping[str, str]) -> Fact:
    return (pattern[0], *(binding.get(slot, slot) for slot in pattern[1:]))
