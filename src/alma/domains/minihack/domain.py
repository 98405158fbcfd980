"""The domain `minihack`: the published 125 tasks on the real engine, every level seeded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from typing import Literal

from alma.domains.contract import DomainBrief, Options
from alma.domains.minihack import tasks
from alma.domains.minihack.play import MiniHackEnvironment, seeds
from alma.records import JSON, ConfigError, Level, Split, Task, content_hash

STEP_LIMITS = {"paper": 100, "default": 100, "smoke": 40}
ENGINE = ("nle 1.3.0", "minihack 1.0.2")
SOURCES = ("boxoban.py", "keys.py", "play.py", "rendering.py", "tasks.py", "tasks.json")

EXECUTOR_BRIEF = (
    "You play a small level of NetHack by named keys, one a step. North, east and so on move one square; "
    "`far` moves run; walking into a monster attacks it, into a boulder pushes it. Other keys are commands: "
    "some ask a question first, whose answers are then listed as `key X` or as directions. You see what is "
    "near, your status, what you carry and a map: @ is you, > stairs down, . floor, # corridor, - and | "
    "walls, + a door, letters are monsters. The number of steps is limited, and dying ends the game."
)
PROPOSER_BRIEF = (
    "Episodes are small NetHack levels of about thirty families (rooms, mazes, corridors, keys and doors, "
    "rivers, lava, items to use). The goal names what to reach or do; each observation tells a message, what "
    "is seen and in which direction, the status, the inventory and a map. Levels of one family differ in "
    "their maps, so what carries over are rules: which keys a family needs and in which order, what kills, "
    "how far to explore. An episode scores 1 when its goal is reached within the step limit, else 0."
)


class MiniHack:
    """`minihack`. Options: `goal` (own or published), `view` (both, language or map), `split`, `data`."""

    name = tasks.NAME
    primary: Literal["success", "reward"] = "success"
    seeded_levels = True
    generated = False
    imports = ("gymnasium", "minihack")

    def __init__(self, options: Options | None = None) -> None:
        given = dict(options or {})
        self._goal = _one_of("goal", given.pop("goal", "own"), ("own", "published"))
        self._view = _one_of("view", given.pop("view", "both"), ("both", "language", "map"))
        self._split = _one_of("split", given.pop("split", "published"), ("published", "balrog"))
        self._data = str(given.pop("data", "") or "")
        if given:
            raise ConfigError(
                f"{self.name} has no option {', '.join(sorted(given))}; options: goal, view, split, data"
            )

    @property
    def options(self) -> Mapping[str, JSON]:
        """Without `data`: where the Boxoban levels lie says nothing about what they are."""
        return {"goal": self._goal, "view": self._view, "split": self._split}

    @property
    def version(self) -> str:
        return _version()

    def step_limit(self, preset: str) -> int:
        if preset not in STEP_LIMITS:
            raise ConfigError(f"unknown preset {preset!r}; presets: {', '.join(STEP_LIMITS)}")
        return STEP_LIMITS[preset]

    def tasks(self, split: Split) -> Sequence[Task]:
        """The split's tasks; Boxoban's are left out where its levels are not there."""
        found = tasks.as_tasks(split, balrog=self._split == "balrog")
        return found if self._data else [one for one in found if tasks.category(one.id) != "boxoban"]

    def cluster(self, level: Level) -> str:
        """The family: its tasks differ in size or difficulty only."""
        return tasks.family(level.task.id)

    def content_key(self, level: Level) -> str:
        """Of task, both of the engine's seeds and the goal: together they fix the level and its chance."""
        return content_hash([self.version, level.task.id, *seeds(level), self._text(level)])

    def open(self, level: Level) -> MiniHackEnvironment:
        return MiniHackEnvironment(level, self._text(level), self._view, self._data)

    def brief(self) -> DomainBrief:
        return DomainBrief(EXECUTOR_BRIEF, PROPOSER_BRIEF)

    def _text(self, level: Level) -> str:
        return tasks.PUBLISHED_GOAL if self._goal == "published" else tasks.goal(level.task.id)


def _one_of(name: str, value: JSON, known: Sequence[str]) -> str:
    if value not in known:
        raise ConfigError(f"{tasks.NAME}: {name} must be one of {', '.join(known)}, not {value!r}")
    return str(value)


@lru_cache(maxsize=1)
def _version() -> str:
    """Of the engine that is pinned and of the files here that decide what is seen and scored."""
    running = hashlib.sha256(" ".join(ENGINE).encode())
    for name in SOURCES:
        running.update(resources.files(__package__).joinpath(name).read_bytes())
    return running.hexdigest()[:12]
