"""The domain `alfworld:households`: generated games in official wording, never an official score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal

from alma.domains.alfworld.engine import Board
from alma.domains.alfworld.export import to_game_json
from alma.domains.alfworld.households import NAME, generate, house_of, household_tasks
from alma.domains.alfworld.play import AlfworldEnvironment
from alma.domains.alfworld.stock import require
from alma.domains.alfworld.stock_play import StockEnvironment
from alma.domains.alfworld.tables import HOUSEHOLD_DATA, HOUSEHOLD_SOURCES, content_version
from alma.domains.contract import DomainBrief, Options
from alma.records import JSON, ConfigError, Level, Split, Task

STEP_LIMITS = {"paper": 30, "default": 50, "smoke": 30}

EXECUTOR_BRIEF = (
    "You are in a room of a house and have a household task to do by text commands. Each step takes one "
    "command, worded exactly as in the list of admissible commands; any other is answered by "
    "'Nothing happens.' and still costs a step. You can go to any place of the room in one step, open and "
    "close places that have a door, take one thing at a time, move it to another place, and use what is "
    "there. The task ends when its goal is reached; the number of steps is limited."
)
PROPOSER_BRIEF = (
    "Episodes are household tasks in one room, by text. The first observation lists the room's places by "
    "name and number, which tells rooms apart; the goal is one sentence that names a kind of object and "
    "where or how it must end up. Objects are seen only on arrival at a place, or after opening it. "
    "Commands are short phrases of a verb, an object and a place, with numbered names such as 'mug 2'. "
    "An episode scores 1 when the goal is reached within the step limit, else 0. Tasks of the same type "
    "share a procedure; rooms may be met again with things in other places."
)


def step_limit(preset: str) -> int:
    """Steps an episode may take under a preset."""
    if preset not in STEP_LIMITS:
        raise ConfigError(f"unknown preset {preset!r}; presets: {', '.join(STEP_LIMITS)}")
    return STEP_LIMITS[preset]


class Households:
    """`alfworld:households`. Options: `habit` in [0, 1] (1), `scramble` 0 or 1 (0), `engine` (own)."""

    name = NAME
    primary: Literal["success", "reward"] = "success"
    seeded_levels = False
    generated = True

    def __init__(self, options: Options | None = None) -> None:
        given = dict(options or {})
        self._habit = _share("habit", given.pop("habit", 1.0))
        self._scramble = _switch("scramble", given.pop("scramble", 0))
        self._stock = stock_engine(NAME, given.pop("engine", "own"))
        if given:
            known = "habit, scramble, engine"
            raise ConfigError(f"{NAME} has no option {', '.join(sorted(given))}; options: {known}")

    @property
    def options(self) -> Mapping[str, JSON]:
        own = {"habit": self._habit, "scramble": int(self._scramble)}
        return {**own, "engine": "stock"} if self._stock else own

    @property
    def version(self) -> str:
        return content_version((*HOUSEHOLD_SOURCES, *HOUSEHOLD_DATA))

    def step_limit(self, preset: str) -> int:
        return step_limit(preset)

    def tasks(self, split: Split) -> Sequence[Task]:
        return household_tasks(split)

    def cluster(self, level: Level) -> str:
        """The house: games of one house share its habits."""
        return house_of(level.task.id).name

    def content_key(self, level: Level) -> str:
        return _content_key(level.task.id, self._habit, self._scramble)

    def open(self, level: Level) -> AlfworldEnvironment | StockEnvironment:
        if self._stock:
            world = generate(level.task.id, self._habit, self._scramble)
            return StockEnvironment(to_game_json(world), world.goal_text)
        return AlfworldEnvironment(_board(level.task.id, self._habit, self._scramble))

    def brief(self) -> DomainBrief:
        return DomainBrief(EXECUTOR_BRIEF, PROPOSER_BRIEF)


@lru_cache(maxsize=128)
def _board(task_id: str, habit: float, scramble: bool) -> Board:
    """Boards are kept because evaluations of many designs meet the same levels."""
    return Board(generate(task_id, habit, scramble))


@lru_cache(maxsize=8192)
def _content_key(task_id: str, habit: float, scramble: bool) -> str:
    return generate(task_id, habit, scramble).content_key()


def stock_engine(name: str, value: JSON) -> bool:
    """Whether the option `engine` asks for the stock engine. Raises ConfigError for an unknown one."""
    if value not in ("own", "stock"):
        raise ConfigError(f"{name}: engine must be own or stock, not {value!r}")
    if value == "stock":
        require()
    return value == "stock"


def _share(name: str, value: JSON) -> float:
    try:
        share = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise ConfigError(f"{NAME}: {name} must be a number from 0 to 1, not {value!r}")
    return share


def _switch(name: str, value: JSON) -> bool:
    if value not in (0, 1, "0", "1", "true", "false", True, False):
        raise ConfigError(f"{NAME}: {name} must be 0 or 1, not {value!r}")
    return value in (1, "1", "true", True)
