"""Which games there are, in which split, and what each is: read from a folder of TextWorld's JSON games.

`FOLDER/<family>/<name>.json`, as the benchmark publishes them. Nothing here needs the engine: splits
follow from the names, and a game's content from its first facts, its things and its goal.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from alma.records import SPLITS, DomainError, Split, content_hash

HUNT, COOKING, COIN = "treasure_hunter", "the_cooking_game", "coin_collector"
FAMILIES = (HUNT, COOKING, COIN)
"""In the order in which the published split draws; the coin collector comes last and changes no draw."""
PUBLISHED = (HUNT, COOKING)
"""What the published runs play."""
SPLIT_SEED = 42
A_FAMILY = 25
"""Games of the benchmark in each family."""
OFFICIAL = "official.json"
"""The benchmark's 75 games: the content of each by its id."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a game's file says of it that decides what is played."""

    goal: str
    walkthrough: tuple[str, ...]
    content: str


def split_names(family: str, names: Sequence[str]) -> Mapping[Split, tuple[str, ...]]:
    """The published rule, on the file names of a family.

    One generator with seed 42 shuffles the sorted names of each family in turn, 25 of each; the first half,
    rounded down, is train, the rest is in distribution. Nothing is left for the other splits.
    """
    rng = random.Random(SPLIT_SEED)
    for _ in FAMILIES[: FAMILIES.index(family)]:
        # The families before have drawn already, whether they are in this folder or not.
        rng.shuffle(list(range(A_FAMILY)))
    drawn = sorted(names)
    rng.shuffle(drawn)
    half = len(drawn) // 2
    parts: dict[Split, tuple[str, ...]] = dict.fromkeys(SPLITS, ())
    parts["train"], parts["in_distribution"] = tuple(drawn[:half]), tuple(drawn[half:])
    return parts


def listed(root: str) -> Mapping[str, tuple[str, ...]]:
    """The sorted file names of each family that the folder has."""
    return _listed(root, _stamps(root))


def splits(root: str) -> Mapping[str, Mapping[Split, tuple[str, ...]]]:
    """Of each family: the file names of each split."""
    return _splits(root, _stamps(root))


def path_of(root: str, task_id: str) -> Path:
    """The game's file. Raises DomainError for an id that the folder doesn't have."""
    family, _, name = task_id.partition("/")
    if f"{name}.json" not in listed(root).get(family, ()):
        raise DomainError(f"there is no TextWorld game {task_id!r} in {root}")
    return Path(root, family, f"{name}.json")


def told(path: Path) -> Told:
    """Raises DomainError when the file can't be read or its goal gives its way away."""
    try:
        return _told(str(path), path.stat().st_mtime_ns)
    except OSError as error:
        raise DomainError(f"can't read the game {path}: {error.strerror}") from error


def is_official(root: str, families: Sequence[str]) -> bool:
    """Whether these families hold the benchmark's games, all of them and no other."""
    known = official()
    wanted = {id_ for id_ in known if id_.partition("/")[0] in families}
    there = {f"{family}/{name[:-5]}" for family in families for name in listed(root).get(family, ())}
    return there == wanted and all(told(path_of(root, id_)).content == known[id_] for id_ in sorted(there))


@lru_cache(maxsize=1)
def official() -> Mapping[str, str]:
    data = resources.files(__package__).joinpath(OFFICIAL).read_text(encoding="utf-8")
    known: dict[str, str] = json.loads(data)
    return known


def digest(root: str, families: Sequence[str]) -> str:
    """Of the files themselves: of what a family's games say and not only of what they are."""
    return _digest(root, tuple(families), _stamps(root))


def _stamps(root: str) -> tuple[int, ...]:
    """When each family's folder was last changed, so that games that come later are seen."""
    folders = (Path(root, family) for family in FAMILIES)
    return tuple(folder.stat().st_mtime_ns if folder.is_dir() else 0 for folder in folders)


@lru_cache(maxsize=8)
def _listed(root: str, stamps: tuple[int, ...]) -> Mapping[str, tuple[str, ...]]:
    names = {family: tuple(sorted(p.name for p in Path(root, family).glob("*.json"))) for family in FAMILIES}
    return {family: found for family, found in names.items() if found}


@lru_cache(maxsize=8)
def _splits(root: str, stamps: tuple[int, ...]) -> Mapping[str, Mapping[Split, tuple[str, ...]]]:
    return {family: split_names(family, listed(root).get(family, ())) for family in FAMILIES}


@lru_cache(maxsize=8)
def _digest(root: str, families: tuple[str, ...], stamps: tuple[int, ...]) -> str:
    running = hashlib.sha256()
    for family in families:
        for name in listed(root).get(family, ()):
            running.update(f"{family}/{name}".encode())
            running.update(Path(root, family, name).read_bytes())
    return running.hexdigest()[:16]


@lru_cache(maxsize=4096)
def _told(path: str, changed: int) -> Told:
    try:
        data: Any = json.loads(Path(path).read_text(encoding="utf-8"))
        goal = " ".join(str(data["objective"]).split())
        walkthrough = tuple(map(str, data["metadata"]["walkthrough"]))
        facts = sorted(" ".join([f["name"], *(a["name"] for a in f["arguments"])]) for f in data["world"])
        # The generator words each step of a way in a goal, unless it was told to keep to the last one. The
        # cooking games have one fixed goal instead.
        spelled = Path(path).parent.name != COOKING and not data["grammar"]["only_last_action"]
        things = sorted([id_, info["type"], info["name"] or id_] for id_, info in data["infos"])
    except (ValueError, KeyError, TypeError) as error:
        raise DomainError(f"{path} is not a game of TextWorld's generator ({error!r})") from error
    if not goal:
        raise DomainError(f"{path} has no objective, so its goal can't be told")
    if spelled or len(commands_in(goal, walkthrough)) > 1:
        raise DomainError(
            f"the objective of {path} gives its whole way away; generate it with "
            "`options.grammar.only_last_action = True`, as the benchmark's games are"
        )
    return Told(goal, walkthrough, content_hash([facts, things, goal]))


def commands_in(goal: str, walkthrough: Sequence[str]) -> tuple[str, ...]:
    """The commands of the walkthrough that the goal spells out."""
    low = goal.lower()
    return tuple(sorted({command for command in walkthrough if command.lower() in low}))
