"""Makes the games of `alfworld:households`: generated, in official wording, solvable by construction.

A game is a pure function of its task's id and the dials. It takes a house from `houses`, draws what
lies where by the house's habits, by those of its room kind and by chance, and poses one of the six
official task types. Nothing here is an official ALFWorld game.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from alma.domains.alfworld.houses import SEED, House, all_houses, house_names
from alma.domains.alfworld.pddl import Formula, Rules, read_domain
from alma.domains.alfworld.tables import Tables, data_text, tables
from alma.domains.alfworld.texts import TASK_PREFIX, Wording, read_grammar
from alma.domains.alfworld.world import Receptacle, Thing, World
from alma.records import DomainError, Split, Task, derive_seed

NAME = "alfworld:households"
KINDS = ("pick", "light", "clean", "heat", "cool", "two")
SIZES: dict[Split, int] = {
    "train": 2400,
    "validation": 480,
    "in_distribution": 480,
    "out_of_distribution": 480,
}

HOUSE_SHARE, KIND_SHARE = 0.5, 0.3
"""Of habit: how often a thing lies at its house's favourite places, and its room kind's; else anywhere."""
FIRST_SHARE = 0.65
"""How often the first of the house's two favourites is taken."""
VARIETY = (9, 12)
"""Fewest and most types of objects in a game."""
MOST_ALIKE = 3
SECOND_COPY = 0.35
"""How often there are two of the object that the goal names, where one would do."""

_ROOMS = {
    "pick": ("kitchen", "bedroom", "living", "bathroom"),
    "two": ("kitchen", "bedroom", "living", "bathroom"),
    "light": ("bedroom", "living"),
    "clean": ("kitchen", "bathroom"),
    "heat": ("kitchen",),
    "cool": ("kitchen",),
}
_SENTENCES = {
    "pick": ("put a {o} in {t}.", "put some {o} on {t}."),
    "light": ("look at {o} under the {t}.", "examine the {o} with the {t}."),
    "clean": ("put a clean {o} in {t}.", "clean some {o} and put it in {t}."),
    "heat": ("put a hot {o} in {t}.", "heat some {o} and put it in {t}."),
    "cool": ("put a cool {o} in {t}.", "cool some {o} and put it in {t}."),
    "two": ("put two {o} in {t}.", "find two {o} and put them in {t}."),
}
_TREATED = {"clean": ("cleanable", "isclean"), "heat": ("heatable", "ishot"), "cool": ("coolable", "iscool")}
_LAMP = "desklamptype"


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a game asks for: a task type, the object's type and the target's (a receptacle or the lamp)."""

    kind: str
    otype: str
    target: str


@lru_cache(maxsize=4)
def household_tasks(split: Split) -> tuple[Task, ...]:
    """The tasks of a split: the six types in turn, each spread evenly over the houses that can pose it."""
    names = house_names(new=split == "out_of_distribution")
    able = {kind: [name for name in names if all_houses()[name].kind in _ROOMS[kind]] for kind in KINDS}
    tasks = []
    for index in range(SIZES[split]):
        kind = KINDS[index % len(KINDS)]
        house = able[kind][index // len(KINDS) % len(able[kind])]
        tasks.append(Task(NAME, f"{split}/{house}/{kind}/{index:06d}", split, kind))
    return tuple(tasks)


def house_of(task_id: str) -> House:
    """The house that a task plays in. Raises DomainError when the id isn't one of ours."""
    parts = task_id.split("/")
    house = all_houses().get(parts[1]) if len(parts) == 4 else None
    if house is None or parts[2] not in KINDS or house.kind not in _ROOMS[parts[2]]:
        raise DomainError(f"there is no household task {task_id!r}")
    return house


def generate(task_id: str, habit: float = 1.0, scramble: bool = False) -> World:
    """The game of a task. `habit` in [0, 1] weighs habits against chance; `scramble` draws
    anew which types of receptacle clean, heat and cool."""
    return draw(task_id, habit, scramble)[0]


def draw(task_id: str, habit: float = 1.0, scramble: bool = False) -> tuple[World, Assignment]:
    """The game of a task and what it asks for (which a solver needs and a player must read from the goal)."""
    house, table = house_of(task_id), tables()
    rng = random.Random(derive_seed(SEED, "game", task_id))
    asked = _assign(task_id.split("/")[2], house, table, rng)
    counts = _choose_objects(asked, house, table, rng)
    things: list[Thing] = []
    number = 0
    for otype, count in sorted(counts.items()):
        wanted = otype == asked.otype
        avoid = asked.target if wanted and asked.kind in ("pick", "two") else ""
        for _ in range(count):
            place = _place(otype, house, habit, avoid, rng)
            id_ = f"{otype.removesuffix('type')}_bar_{number:03d}"
            flags = table.flags.get(otype, frozenset())
            things.append(Thing(id_, otype, flags, (house.places[place][0],), (f"loc_bar_{place:02d}",)))
            number += 1
    sentence = rng.choice(_SENTENCES[asked.kind])
    words = {"o": asked.otype.removesuffix("type"), "t": asked.target.removesuffix("type")}
    world = World(
        receptacles=_receptacles(house.places),
        things=tuple(sorted(things, key=lambda thing: thing.id)),
        contains=_containment(house.types()),
        start="loc_bar_start",
        goal=_goal(asked),
        task=TASK_PREFIX + sentence.format(**words),
        rules=_scrambled(house, task_id) if scramble else _rules(),
        wording=_wording(),
    )
    return world, asked


def _assign(kind: str, house: House, table: Tables, rng: random.Random) -> Assignment:
    """An object and a target that train games pair in such rooms and that this house can pose."""
    if kind == "light":
        usable = sorted(otype for otype in table.goals[house.kind][kind] if otype in house.legal)
        return Assignment(kind, rng.choice(usable), _LAMP)
    here = house.types()
    pairs: list[tuple[str, list[str]]] = []
    for otype, targets in sorted(table.goals[house.kind][kind].items()):
        legal = {house.places[index][1] for index in house.legal.get(otype, ())}
        fitting = [target for target in targets if target in here and target in legal and len(legal) > 1]
        if fitting and (kind not in _TREATED or _TREATED[kind][0] in table.flags[otype]):
            pairs.append((otype, fitting))
    otype, fitting = rng.choice(pairs)
    return Assignment(kind, otype, rng.choice(fitting))


def _choose_objects(asked: Assignment, house: House, table: Tables, rng: random.Random) -> dict[str, int]:
    shares = table.objects[house.kind]
    others = [otype for otype in sorted(shares) if otype in house.legal and otype != asked.otype]
    chosen = rng.sample(others, min(rng.randint(*VARIETY) - 1, len(others)))
    counts = {otype: _count(shares[otype], rng) for otype in chosen}
    more = int(rng.random() < SECOND_COPY)
    counts[asked.otype] = 2 + more if asked.kind == "two" else 1 + more
    if asked.kind == "light":
        counts[_LAMP] = 1
    return counts


def _count(shares: Mapping[str, float], rng: random.Random) -> int:
    """How many there are of a type that is there: the table's shares, without none and cut at MOST_ALIKE."""
    numbers = [int(number) for number in shares if 0 < int(number) <= MOST_ALIKE]
    return rng.choices(numbers, [shares[str(number)] for number in numbers])[0] if numbers else 1


def _place(otype: str, house: House, habit: float, avoid: str, rng: random.Random) -> int:
    """Where a thing lies: by the house's habit, the room kind's, or chance; never in a type `avoid`.

    With less habit more things lie at any place at all, official or not, so that at 0 nothing is to be
    learned about places, not even which of them may hold a thing.
    """
    layer, choice, pick = rng.random(), rng.random(), rng.random()
    first, second = house.favourites[otype]
    places: Sequence[int]
    if layer < habit * HOUSE_SHARE:
        places = (first if choice < FIRST_SHARE else second,)
    elif layer < habit * (HOUSE_SHARE + KIND_SHARE):
        places = house.shared[otype]
    elif layer < habit:
        places = house.legal[otype]
    else:
        places = range(len(house.places))
    allowed = [index for index in places if house.places[index][1] != avoid]
    if not allowed:
        allowed = [index for index in house.legal[otype] if house.places[index][1] != avoid]
    return allowed[int(pick * len(allowed))]


def _goal(asked: Assignment) -> Formula:
    """The goal formula of the official task type, names filled in."""

    def atom(predicate: str, *terms: str) -> Formula:
        return ("atom", predicate, terms)

    if asked.kind == "light":
        lit = ("objecttype", "?ot", asked.target), ("toggleable", "?ot"), ("istoggled", "?ot")
        near = ("receptacleatlocation", "?r", "?l"), ("atlocation", "?a", "?l"), ("inreceptacle", "?ot", "?r")
        lamp = (("?ot", "object"), ("?r", "receptacle"), ("?a", "agent"), ("?l", "location"))
        held = ("and", atom("objecttype", "?o", asked.otype), atom("holds", "?a", "?o"))
        return (
            "and",
            ("exists", lamp, ("and", *(atom(*terms) for terms in (*lit, *near)))),
            ("exists", (("?o", "object"), ("?a", "agent")), held),
        )
    target = atom("receptacletype", "?r", asked.target)
    if asked.kind == "two":
        second = atom("objecttype", "?o2", asked.otype), target, atom("inreceptacle", "?o2", "?r")
        other = ("exists", (("?o2", "object"),), ("and", ("not", ("=", "?o1", "?o2")), *second))
        first = atom("objecttype", "?o1", asked.otype), target, atom("inreceptacle", "?o1", "?r")
        inner: Formula = ("exists", (("?o1", "object"),), ("and", *first, other))
    else:
        parts = [atom("objecttype", "?o", asked.otype), target]
        if asked.kind in _TREATED:
            able, done = _TREATED[asked.kind]
            parts = [atom(able, "?o"), *parts, atom(done, "?o")]
        inner = ("exists", (("?o", "object"),), ("and", *parts, atom("inreceptacle", "?o", "?r")))
    return ("and", ("exists", (("?r", "receptacle"),), inner))


@lru_cache(maxsize=64)
def _receptacles(places: tuple[tuple[str, str], ...]) -> tuple[Receptacle, ...]:
    openable = tables().openable
    return tuple(
        Receptacle(id_, rtype, f"loc_bar_{index:02d}", rtype in openable)
        for index, (id_, rtype) in enumerate(places)
    )


@lru_cache(maxsize=64)
def _containment(rtypes: frozenset[str]) -> frozenset[tuple[str, str]]:
    contains = tables().contains
    return frozenset((rtype, otype) for rtype in rtypes for otype in contains.get(rtype, ()))


def _scrambled(house: House, task_id: str) -> Rules:
    """Rules in which random types of the house's receptacles clean, heat and cool, anew in each game."""
    works = random.Random(derive_seed(SEED, "scramble", task_id)).sample(sorted(house.types()), 3)
    clean, heat, cool = works
    rules = _rules()
    return Rules(rules.actions, frozenset({clean}), frozenset({heat}), frozenset({cool}), rules.slice)


def _rules() -> Rules:
    return read_domain(data_text("domain.pddl"))


def _wording() -> Wording:
    return read_grammar(data_text("grammar.twl2"))
