"""MiniHack's tasks: which there are, how they are split, and what each asks for. Needs no engine.

`tasks.json` beside this file lists the 125 ids of the published set in the engine's own order; `split` cuts
it as published. Goals are in our words: the published goal ("get as far as possible") is an option.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources

from alma.records import Split, Task

NAME = "minihack"
TRAIN_SHARE, SHUFFLE_SEED = 0.3, 42
FURTHER = ("corridor", "boxoban", "quest")
"""Categories that are out of distribution; all others together are called distance."""

PUBLISHED_GOAL = "Get as far as possible in the game."
STAIRS = "Reach the stairs down (>)."
GOALS: Mapping[str, str] = {
    "Boxoban": "Push every boulder onto a fountain.",
    "ClosedDoor": "Open the door and reach the stairs down (>).",
    "Eat": "Eat an apple.",
    "ExploreMaze": "Find your way through the maze to the stairs down (>).",
    "Freeze": "Cast a bolt of cold so that it bounces off a wall.",
    "Freeze-Lava": "Freeze the lava and reach the stairs down (>).",
    "HideNSeek": "Reach the stairs down (>) and keep out of the monster's way.",
    "KeyRoom": "Pick up the key, unlock the door with it and reach the stairs down (>).",
    "LavaCross": "Cross the lava and reach the stairs down (>).",
    "Levitate": "Make yourself float in the air.",
    "LockedDoor": "Break the locked door open and reach the stairs down (>).",
    "Memento": "Kill the grid bug; which way it is, the start of the level tells. Stay away from the trap.",
    "Pray": "Stand on the altar and pray.",
    "PutOn": "Put on the amulet.",
    "Quest": "Cross what lies in the way, beat who guards the end and reach the stairs down (>).",
    "Read": "Read the scroll.",
    "River": "Push a boulder into the water, cross there and reach the stairs down (>).",
    "Sink": "Stand at the sink and quaff from it.",
    "Sokoban": "Fill every pit with a boulder, then reach the stairs.",
    "Wear": "Wear the robe.",
    "Wield": "Wield the dagger.",
    "WoD": "Zap the wand of death at the minotaur and reach the stairs down (>).",
    "WoD-Easy": "Kill the minotaur with the wand of death.",
    "Zap": "Zap the wand.",
}
"""By family: the id without `MiniHack-`, cut after as many words as it takes. Others ask for the stairs."""

BALROG = (
    "Boxoban-Hard-v0",
    "Boxoban-Medium-v0",
    "MazeWalk-9x9-v0",
    "MazeWalk-15x15-v0",
    "Corridor-R3-v0",
    "CorridorBattle-Dark-v0",
    "Quest-Easy-v0",
    "Quest-Medium-v0",
)
"""The eight tasks of the BALROG benchmark."""


@lru_cache(maxsize=1)
def ids() -> tuple[str, ...]:
    """The 125 ids without `MiniHack-`, in the engine's order."""
    text = resources.files(__package__).joinpath("tasks.json").read_text(encoding="utf-8")
    return tuple(json.loads(text))


def family(task: str) -> str:
    """The task's family, which names its goal and groups tasks in tables: `Freeze-Lava`, `Room`."""
    words = task.split("-")
    longest = "-".join(words[:2])
    return longest if longest in GOALS else words[0].rstrip("0123456789ab")


def goal(task: str) -> str:
    return GOALS.get(family(task), STAIRS)


def category(task: str) -> str:
    return next((name for name in FURTHER if name in task.lower()), "distance")


def split(name: Split, *, balrog: bool = False) -> list[str]:
    """The ids of a split. Validation has none of its own: further levels of the training tasks serve."""
    if balrog:
        return list(BALROG) if name == "in_distribution" else split("train") if name == "train" else []
    near = [task for task in ids() if category(task) == "distance"]
    random.Random(SHUFFLE_SEED).shuffle(near)
    train = int(TRAIN_SHARE * len(near))
    if name == "train":
        return near[:train]
    if name == "in_distribution":
        return near[train:]
    return [task for task in ids() if category(task) != "distance"] if name == "out_of_distribution" else []


def as_tasks(name: Split, *, balrog: bool = False) -> Sequence[Task]:
    return [Task(NAME, task, name, family(task)) for task in split(name, balrog=balrog)]
