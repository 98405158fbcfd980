"""The domain `textworld:fetch`: find and bring foods in generated cooking worlds, on the real engine."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal

from alma.domains.contract import DomainBrief, Options
from alma.domains.textworld.engine import Engine, Shelf, require
from alma.domains.textworld.play import FetchEnvironment
from alma.domains.textworld.worlds import Quest, World, content_version, rules, story, worlds
from alma.records import JSON, ConfigError, DomainError, Level, Split, Task, content_hash

NAME = "textworld:fetch"
STEP_LIMITS = {"paper": 25, "default": 25, "smoke": 15}
OPEN_WORLDS = 64
"""How many worlds a process keeps open; one takes some megabytes."""

EXECUTOR_BRIEF = (
    "You are in a house and have to find one thing, and to take it or to bring it somewhere, by text "
    "commands. Each step takes one command. You see only the room that you are in: go through its exits, "
    "open doors and containers, take things and put them down. The list of admissible commands says what "
    "the game accepts now. What you do to a thing can't be undone, and spoiling a thing may end the game. "
    "The number of steps is limited."
)
PROPOSER_BRIEF = (
    "Episodes are short text games in a house of nine to twelve rooms. The goal is one sentence that names "
    "a thing to take, or a thing and where to bring it. Observations describe the room, with its name "
    "in the first line, what can be seen in it, and its exits; things in closed containers are not seen. "
    "Commands are short phrases such as 'go east', 'open fridge' or 'take carrot from fridge', without "
    "numbers. An episode scores 1 when the goal is reached within the step limit, else 0; some actions end "
    "it at once. The same few houses are met again, with other things in them; kinds of things have usual "
    "places."
)


class Fetch:
    """`textworld:fetch`. It has no options."""

    name = NAME
    primary: Literal["success", "reward"] = "success"
    seeded_levels = False
    generated = True

    def __init__(self, options: Options | None = None) -> None:
        if options:
            raise ConfigError(f"{NAME} has no option {', '.join(sorted(options))}; it has none")
        require()
        # Asked for on the host, and taken along to the workers.
        self._temporary = tempfile.gettempdir()

    @property
    def options(self) -> Mapping[str, JSON]:
        return {}

    @property
    def version(self) -> str:
        return content_version()

    def step_limit(self, preset: str) -> int:
        if preset not in STEP_LIMITS:
            raise ConfigError(f"unknown preset {preset!r}; presets: {', '.join(STEP_LIMITS)}")
        return STEP_LIMITS[preset]

    def tasks(self, split: Split) -> Sequence[Task]:
        return _tasks(split)

    def cluster(self, level: Level) -> str:
        """The world: quests in one world share where everything is."""
        return _found(level.task.id)[0].id

    def content_key(self, level: Level) -> str:
        world, quest = _found(level.task.id)
        return content_hash([world.digest, quest.goal])

    def open(self, level: Level) -> FetchEnvironment:
        world, quest = _found(level.task.id)
        engine = _shelf().take(world.id) or Engine(story(world, self._temporary), rules())
        return FetchEnvironment(engine, quest, lambda engine: _shelf().put_back(world.id, engine))

    def brief(self) -> DomainBrief:
        return DomainBrief(EXECUTOR_BRIEF, PROPOSER_BRIEF)


@lru_cache(maxsize=4)
def _tasks(split: Split) -> tuple[Task, ...]:
    return tuple(
        Task(NAME, f"{world.id}/{quest.slug}", split, quest.kind)
        for world in worlds().values()
        if world.split == split
        for quest in world.quests
    )


@lru_cache(maxsize=1)
def _quests() -> Mapping[str, tuple[World, Quest]]:
    return {
        f"{world.id}/{quest.slug}": (world, quest) for world in worlds().values() for quest in world.quests
    }


@lru_cache(maxsize=1)
def _shelf() -> Shelf:
    """Engines are kept because evaluations of many designs meet the same worlds."""
    return Shelf(OPEN_WORLDS)


def _found(task_id: str) -> tuple[World, Quest]:
    try:
        return _quests()[task_id]
    except KeyError:
        raise DomainError(f"there is no fetch task {task_id!r}") from None
