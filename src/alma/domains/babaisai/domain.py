"""The domain `babaisai`: the 53 level families of the benchmark, with levels from seeds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from typing import Literal

from alma.domains.babaisai import streams
from alma.domains.babaisai.layout import Layout
from alma.domains.babaisai.levels import recipe
from alma.domains.babaisai.names import balrog, published
from alma.domains.babaisai.play import GOAL, BabaEnvironment, PublishedEnvironment
from alma.domains.contract import DomainBrief, Options
from alma.records import JSON, SPLITS, ConfigError, DomainError, Level, Split, Task, content_hash

NAME = "babaisai"
STEP_LIMITS = {"paper": 20, "default": 100, "smoke": 30}
SPLITTINGS = ("published", "balrog")
LOST_WAYS = ("end", "published")
SOURCES = ("objects.py", "rules.py", "layout.py", "engine.py", "text.py", "play.py")
LEVEL_SOURCES = ("names.py", "levels.py", "streams.py")

EXECUTOR_BRIEF = (
    "You play Baba Is AI, a puzzle on a grid with a border. The rules of the game lie on the map as blocks "
    "of words: three in a row or in a column, such as `key` `is` `win`, are in force as long as they stand "
    "so. You move everything of the kind that is YOU, one cell a step: up, right, down or left; idle does "
    "nothing. Blocks of words can be pushed, several at once, unless the border or something that is STOP is "
    "behind them. So rules can be made and broken: push a word into place or out of it. Things that are "
    "neither STOP nor PUSH can be walked over. You win by stepping onto a thing that is WIN; if nothing is "
    "YOU any more the level is lost. Each observation lists the rules in force, then what is on the map and "
    "where, counted in steps from you; you yourself (baba) and the border are not listed, and an empty line "
    "is a thing at your own place. Answer with one action."
)
PROPOSER_BRIEF = (
    "Episodes are levels of Baba Is AI, a puzzle on a small grid whose rules are blocks of words that can be "
    "pushed. Observations are text: the rules in force, then objects and word blocks with their offsets from "
    "the agent. The goal is always the same: bring something that is YOU onto something that is WIN. In some "
    "levels that is a short walk; in others a rule must first be made (push a noun in front of `is win`), a "
    "rule that stops must be broken (`wall is stop`), or the agent must become another thing. Distracting "
    "things and words may lie about. Actions: idle, up, right, down, left. An episode scores 1 when it is "
    "won within the step limit, else 0. Positions differ from level to level, so what carries over is how to "
    "recognise a kind of level from its rules and blocks, and which pushes in which order solve it."
)


class BabaIsAI:
    """`babaisai`. Options: `split` (published or balrog) and `lost` (end or published)."""

    name = NAME
    primary: Literal["success", "reward"] = "success"
    seeded_levels = True
    generated = False
    """Levels are drawn by the benchmark's generators; it has no fixed ones."""

    def __init__(self, options: Options | None = None) -> None:
        given = dict(options or {})
        self._split = _choice("split", given.pop("split", SPLITTINGS[0]), SPLITTINGS)
        self._lost = _choice("lost", given.pop("lost", LOST_WAYS[0]), LOST_WAYS)
        if given:
            raise ConfigError(f"{NAME} has no option {', '.join(sorted(given))}; options: split, lost")

    @property
    def options(self) -> Mapping[str, JSON]:
        return {"split": self._split, "lost": self._lost}

    @property
    def version(self) -> str:
        return content_version((*SOURCES, *LEVEL_SOURCES))

    def step_limit(self, preset: str) -> int:
        if preset not in STEP_LIMITS:
            raise ConfigError(f"unknown preset {preset!r}; presets: {', '.join(STEP_LIMITS)}")
        return STEP_LIMITS[preset]

    def tasks(self, split: Split) -> Sequence[Task]:
        """One task an id, in the published order. Out of distribution is empty, as it was published."""
        return _tasks(self._split, split)

    def cluster(self, level: Level) -> str:
        """The id: its levels come from one generator."""
        return _names(level)[1]

    def content_key(self, level: Level) -> str:
        return content_hash([GOAL, self._layout(level).key])

    def open(self, level: Level) -> BabaEnvironment:
        layout = self._layout(level)
        if self._lost == "end":
            return BabaEnvironment(layout)
        split, name = _names(level)
        number = streams.level_number(split, level.seed)
        return PublishedEnvironment(layout, lambda times: streams.spare(name, number, times))

    def brief(self) -> DomainBrief:
        return DomainBrief(EXECUTOR_BRIEF, PROPOSER_BRIEF)

    def _layout(self, level: Level) -> Layout:
        split, name = _names(level)
        return streams.layout(name, streams.level_number(split, level.seed), self._lost == "published")


def task_names(splitting: str, split: Split) -> tuple[str, ...]:
    """The ids of a split."""
    if split == "out_of_distribution":
        return ()
    if splitting == "balrog":
        return balrog()
    train, test = published()
    return test if split == "in_distribution" else train


@lru_cache(maxsize=8)
def _tasks(splitting: str, split: Split) -> tuple[Task, ...]:
    return tuple(
        Task(NAME, f"{split}/{name}", split, recipe(name).base) for name in task_names(splitting, split)
    )


def _names(level: Level) -> tuple[Split, str]:
    """The split and the id that a task's name holds."""
    found, _, name = level.task.id.partition("/")
    for split in SPLITS:
        if split == found:
            return split, name
    raise DomainError(f"{NAME} has no task {level.task.id!r}")


def _choice(name: str, value: JSON, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise ConfigError(f"{NAME}: {name} must be one of {', '.join(allowed)}, not {value!r}")
    return str(value)


@lru_cache(maxsize=1)
def content_version(files: tuple[str, ...]) -> str:
    """A hash over the code that decides what is played."""
    digest = hashlib.sha256()
    for name in files:
        digest.update(resources.files("alma.domains.babaisai").joinpath(name).read_bytes())
    return digest.hexdigest()[:16]
