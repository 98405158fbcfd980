"""Writes the worlds of `textworld:fetch`: `python -m alma.domains.textworld.generate [--worlds N]`.

Needs the extra `textworld`. The worlds are cooking games of TextWorld's own generator: four maps, each
with many drawings of furniture, doors and foods. A quest asks for one food, to take it or to bring it
somewhere, and is kept when the scripted player reaches its goal on the compiled game within LONGEST
steps. The same seeds give the same files, byte by byte; a run never generates anything.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import random
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alma.domains.textworld.describe import describe, rules_of
from alma.domains.textworld.engine import Engine, require
from alma.domains.textworld.logic import Rules, read_facts
from alma.domains.textworld.solver import solve
from alma.domains.textworld.worlds import Quest, Story, archive_name, digest
from alma.records import SPLITS, Split, derive_seed

DATA = Path(__file__).parent / "data"
MAPS = {"corridor-9": (9, 8), "shed-9": (9, 3), "bathroom-12": (12, 5), "street-12": (12, 6)}
"""A map's name (where one begins, and how many rooms) and its number of rooms and seed."""
SIZES: dict[Split, int] = {"train": 16, "validation": 5, "in_distribution": 8, "out_of_distribution": 8}
"""Worlds a map."""
FOODS: dict[Split, tuple[str, ...]] = {
    "train": ("train",),
    "validation": ("train",),
    "in_distribution": ("train",),
    "out_of_distribution": ("test", "valid"),
}
"""TextWorld's own split of foods. Out of distribution, quests ask only for foods that train never has."""
LONGEST = 14
QUESTS_A_WORLD = 8
INGREDIENTS = 5
SERIAL = slice(0x12, 0x18)
"""Where a game file holds the day on which it was compiled."""


@dataclass(frozen=True, slots=True)
class Order:
    """A world to make."""

    id: str
    split: Split
    map: str
    foods: str


@dataclass(frozen=True, slots=True)
class Made:
    """A world that was made: its files and its row of the index."""

    order: Order
    game: bytes
    told: bytes
    quests: tuple[Quest, ...]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m alma.domains.textworld.generate", description=__doc__)
    parser.add_argument("--worlds", type=int, default=0, help="make only so many of each split, for a try")
    parser.add_argument("--out", type=Path, default=DATA, help="the folder to write to")
    arguments = parser.parse_args()
    require()
    if os.environ.get("PYTHONHASHSEED") != "0":
        # TextWorld walks through sets of text, so the files depend on how text is hashed.
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "alma.domains.textworld.generate", *sys.argv[1:]])
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "rules.json").write_text(_rules_text(), encoding="utf-8")
    todo = list(orders(arguments.worlds))
    made: list[Made] = []
    with ProcessPoolExecutor() as pool:
        for done in pool.map(make, todo):
            made.append(done)
            sys.stderr.write(f"\r{len(made)} of {len(todo)} worlds")
    sys.stderr.write("\n")
    write(made, arguments.out)


def orders(most: int = 0) -> Iterator[Order]:
    """The worlds of each split; `most` of them a split when it isn't 0."""
    for split in SPLITS:
        numbers = range(SIZES[split])
        rows = [(number, name) for number in numbers for name in MAPS]
        for number, name in rows[:most] if most else rows:
            foods = FOODS[split][number % len(FOODS[split])]
            yield Order(f"{name}-{split.replace('_', '-')}-{number:02d}", split, name, foods)


def make(order: Order) -> Made:
    """Generate and compile one world, and choose its quests by playing them."""
    cooking: Any = importlib.import_module("textworld.challenges.tw_cooking.cooking")
    textworld: Any = importlib.import_module("textworld")
    generator: Any = importlib.import_module("textworld.generator")
    rooms, map_seed = MAPS[order.map]
    options = textworld.GameOptions()
    options.seeds = {
        "map": map_seed,
        "grammar": map_seed,
        "objects": derive_seed(0, "objects", order.id) % 2**31,
        "quest": derive_seed(0, "quest", order.id) % 2**31,
    }
    game = cooking.make(settings(rooms, order.foods), options)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{order.id}.z8")
        options.path = str(path)
        generator.compile_game(game, options)
        compiled = bytearray(path.read_bytes())
        compiled[SERIAL] = b"000000"
        path.write_bytes(compiled)
        told = describe(game)
        quests = _quests(order, path, told, cooking.FOODS_SPLITS)
    return Made(order, bytes(compiled), told, quests)


def write(made: Sequence[Made], folder: Path) -> None:
    """The archives and the index."""
    rows = []
    for split in SPLITS:
        with tarfile.open(folder / archive_name(split), "w:xz", preset=9) as archive:
            mine = [one for one in made if one.order.split == split]
            for suffix, contents in (("z8", [o.game for o in mine]), ("json", [o.told for o in mine])):
                for one, content in zip(mine, contents, strict=True):
                    member = tarfile.TarInfo(f"{one.order.id}.{suffix}")
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
        for one in mine:
            quests = [[q.kind, q.thing, q.place, q.shortest] for q in one.quests]
            row = {"id": one.order.id, "split": split, "map": one.order.map, "foods": one.order.foods}
            rows.append(json.dumps({**row, "digest": digest(one.game, one.told), "quests": quests}))
    text = '{"worlds": [\n' + ",\n".join(rows) + "\n]}\n"
    (folder / "worlds.json").write_text(text, encoding="utf-8")


def settings(rooms: int, foods: str) -> dict[str, Any]:
    """Of TextWorld's generator: food as in its recipes, ready to eat; doors and containers are closed."""
    ways = {"open": True, "cook": False, "cut": False, "drop": False}
    return {"recipe": INGREDIENTS, "take": INGREDIENTS, "go": rooms, "recipe_seed": 0, "split": foods, **ways}


def _quests(order: Order, path: Path, told: bytes, foods: Any) -> tuple[Quest, ...]:
    data = json.loads(told)
    things = {id_: (kind, name) for id_, kind, name in data["things"]}
    facts = read_facts(data["facts"])
    allowed = set(foods[order.foods])
    wanted = sorted(id_ for id_, (kind, name) in things.items() if kind == "f" and name in allowed)
    holders = [id_ for id_, (kind, _) in things.items() if kind in ("c", "s")]
    held = {fact[1]: fact[2] for fact in facts if fact[0] in ("at", "in", "on")}
    engine = Engine(Story(path, facts, things), Rules.from_json(json.loads(_rules_text())))
    rng = random.Random(derive_seed(0, "quests", order.id))
    finds = [(thing, "") for thing in wanted]
    brings = [(thing, place) for thing in wanted for place in sorted(holders) if held.get(thing) != place]
    chosen: list[Quest] = []
    for kind, pairs in (("find", finds), ("bring", brings)):
        rng.shuffle(pairs)
        kept: list[Quest] = []
        met: set[str] = set()
        for thing, place in pairs:
            plan = solve(facts, things, thing, place)
            fits = 2 <= len(plan) <= LONGEST and thing not in met
            if fits and len(kept) < QUESTS_A_WORLD // 2 and _wins(engine, plan, thing, place):
                met.add(thing)
                kept.append(Quest(kind, things[thing][1], things[place][1] if place else "", len(plan)))
        chosen += kept
    return tuple(chosen)


def _wins(engine: Engine, plan: Sequence[str], thing: str, place: str) -> bool:
    engine.reset()
    for command in plan:
        if command not in engine.view.commands:
            return False
        engine.step(command)
    goals = {("in", thing, place or "I"), ("on", thing, place)}
    return bool(goals & engine.facts)


def _rules_text() -> str:
    """The rules of the cooking games as data: see `logic`."""
    data: Any = importlib.import_module("textworld.generator.data")
    cooking: Any = importlib.import_module("textworld.challenges.tw_cooking.cooking")
    kb = data.KnowledgeBase.load(logic_path=cooking.KB_LOGIC_PATH, grammar_path=cooking.KB_GRAMMAR_PATH)
    told = rules_of(kb)
    lines = ",\n".join(json.dumps(row) for row in told["rules"])
    slots, types = json.dumps(told["slots"]), json.dumps(told["types"])
    return f'{{"slots": {slots},\n"types": {types},\n"rules": [\n{lines}\n]}}\n'


if __name__ == "__main__":
    main()
