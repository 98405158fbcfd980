"""One household as it stands before the first action, and the names its things go by.

A `World` is plain data: `load` makes one from an official game file, `generate` makes one
directly. How it is played is in `engine`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from alma.domains.alfworld.pddl import Fact, Formula, Rules, read_domain, read_problem
from alma.domains.alfworld.texts import Wording, goal_sentence, read_grammar, split_task
from alma.records import DomainError, content_hash

_OBJECT_FLAGS = frozenset(
    {
        "pickupable",
        "moveable",
        "cleanable",
        "heatable",
        "coolable",
        "toggleable",
        "sliceable",
        "isreceptacleobject",
        "isreceptacleobjectfull",
        "isclean",
        "ishot",
        "iscool",
        "ison",
        "istoggled",
        "issliced",
    }
)


@dataclass(frozen=True, slots=True)
class Receptacle:
    """A place that things are in or on. `kind` is its PDDL type, as in `cabinettype`."""

    id: str
    kind: str
    location: str
    openable: bool = False
    opened: bool = False


@dataclass(frozen=True, slots=True)
class Thing:
    """An object. `places` are receptacles (none, one or two); `locations` needn't be theirs.

    `flags` are the one-place predicates that hold of it, `within` the objects that it lies in.
    """

    id: str
    kind: str
    flags: frozenset[str]
    places: tuple[str, ...]
    locations: tuple[str, ...]
    within: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class World:
    """Initial state, goal, rules and wording of one game.

    `receptacles` and `things` are sorted by id, which is the order of every list in the stock texts.
    `contains` holds (receptacle type, object type) pairs; `task` is the sentence with its opening words.
    """

    receptacles: tuple[Receptacle, ...]
    things: tuple[Thing, ...]
    contains: frozenset[tuple[str, str]]
    start: str
    goal: Formula
    task: str
    rules: Rules
    wording: Wording
    walkthrough: tuple[str, ...] = ()
    carried: str = ""

    @property
    def goal_text(self) -> str:
        return goal_sentence(self.task)

    def content_key(self) -> str:
        """A hash of the initial state, the rules that act on it, and the goal; not of its ids or wording."""
        names = self.names()
        kinds, otypes = {r.kind for r in self.receptacles}, {t.kind for t in self.things}
        return content_hash(
            {
                "receptacles": [
                    (names[r.id], r.kind, names[r.location], r.openable, r.opened) for r in self.receptacles
                ],
                "things": [
                    (
                        names[t.id],
                        t.kind,
                        t.flags,
                        *(
                            sorted(names[place] for place in group)
                            for group in (t.places, t.locations, t.within)
                        ),
                    )
                    for t in self.things
                ],
                "contains": sorted(pair for pair in self.contains if pair[0] in kinds and pair[1] in otypes),
                "start": names[self.start],
                "carried": names.get(self.carried, ""),
                "appliances": [
                    sorted(group & kinds) for group in (self.rules.clean, self.rules.heat, self.rules.cool)
                ],
                "goal": self.goal,
                "task": self.task,
            }
        )

    def names(self) -> dict[str, str]:
        """The name of each receptacle, thing and location."""
        ids = {self.start}
        for receptacle in self.receptacles:
            ids.update((receptacle.id, receptacle.location))
        for thing in self.things:
            ids.add(thing.id)
            ids.update(thing.locations)
            ids.update(thing.within)
        return number(ids)


def number(ids: Iterable[str]) -> dict[str, str]:
    """Names as the stock engine gives them: type and number, counted downwards along the sorted ids."""
    ordered = sorted(ids)
    stems = [
        id_.split("_bar_", 1)[0] + "basin" * ("basin" in id_) if "_bar_" in id_ else "" for id_ in ordered
    ]
    left = Counter(stems)
    names: dict[str, str] = {}
    for id_, stem in zip(ordered, stems, strict=True):
        if stem:
            names[id_] = f"{stem} {left[stem]}"
            left[stem] -= 1
        else:
            names[id_] = f"{_plain(id_)} "
    return names


def load_world(text: str) -> World:
    """The world of a game file's text. Raises DomainError that says what is wrong with it."""
    try:
        data = json.loads(text)
        domain, grammar, problem = data["pddl_domain"], data["grammar"], data["pddl_problem"]
        walkthrough = tuple(data.get("walkthrough") or ())
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise DomainError(f"not an ALFWorld game: {type(error).__name__}: {error}") from error
    if not all(isinstance(value, str) for value in (domain, grammar, problem)):
        raise DomainError("not an ALFWorld game: its domain, grammar and problem must be texts")
    skeleton, task = split_task(grammar)
    parsed = read_problem(problem)
    return _from_facts(
        parsed.facts, parsed.goal, task, read_domain(domain), read_grammar(skeleton), walkthrough
    )


def _from_facts(
    facts: tuple[Fact, ...],
    goal: Formula,
    task: str,
    rules: Rules,
    wording: Wording,
    walkthrough: tuple[str, ...],
) -> World:
    single: dict[str, set[str]] = {}
    pairs: dict[str, dict[str, list[str]]] = {}
    for fact in facts:
        if len(fact) == 2:
            single.setdefault(fact[0], set()).add(fact[1])
        elif len(fact) == 3:
            pairs.setdefault(fact[0], {}).setdefault(fact[1], []).append(fact[2])

    def pair(predicate: str) -> dict[str, list[str]]:
        return pairs.get(predicate, {})

    standing = [place for places in pair("atlocation").values() for place in places]
    if len(standing) != 1:
        raise DomainError(f"the agent must start at one location, not {len(standing)}")
    openable, opened = single.get("openable", set()), single.get("opened", set())
    where, kinds = pair("receptacleatlocation"), pair("receptacletype")
    receptacles = tuple(
        Receptacle(
            id_,
            _one(kinds, id_, "receptacleType"),
            _one(where, id_, "receptacleAtLocation"),
            id_ in openable,
            id_ in opened,
        )
        for id_ in sorted(where)
    )
    inside, lying, types = pair("inreceptacle"), pair("objectatlocation"), pair("objecttype")
    within = pair("inreceptacleobject")
    flagged: dict[str, set[str]] = {}
    for flag in _OBJECT_FLAGS & set(single):
        for id_ in single[flag]:
            flagged.setdefault(id_, set()).add(flag)
    things = tuple(
        Thing(
            id_,
            _one(types, id_, "objectType"),
            frozenset(flagged.get(id_, ())),
            tuple(sorted(set(inside.get(id_, ())))),
            tuple(sorted(set(lying.get(id_, ())))),
            tuple(sorted(set(within.get(id_, ())))),
        )
        for id_ in sorted({*types, *inside, *lying, *within})
    )
    known = set(where)
    for thing in things:
        if not known.issuperset(thing.places):
            raise DomainError(f"{thing.id} is in a receptacle that has no location")
    carried = [thing for held in pair("holds").values() for thing in held]
    return World(
        receptacles,
        things,
        frozenset((rtype, otype) for rtype, otypes in pair("cancontain").items() for otype in otypes),
        standing[0],
        goal,
        task,
        rules,
        wording,
        walkthrough,
        carried[0] if carried else "",
    )


def _one(table: dict[str, list[str]], id_: str, predicate: str) -> str:
    values = set(table.get(id_, ()))
    if len(values) != 1:
        raise DomainError(f"{id_} must have one {predicate}, not {len(values)}")
    return values.pop()


def _plain(id_: str) -> str:
    for code, sign in (("_bar_", "|"), ("_minus_", "-"), ("_plus_", "+"), ("_dot_", "."), ("_comma_", ",")):
        id_ = id_.replace(code, sign)
    return id_
