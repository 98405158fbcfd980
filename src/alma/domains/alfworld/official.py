"""The domain `alfworld`: the official games, read from a folder in the layout of the ALFWorld release.

The folder comes as the option `data` (the settings read ALFWORLD_DATA). Nothing is downloaded here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

from alma.domains.alfworld.domain import EXECUTOR_BRIEF, PROPOSER_BRIEF, step_limit, stock_engine
from alma.domains.alfworld.engine import Board
from alma.domains.alfworld.play import AlfworldEnvironment
from alma.domains.alfworld.stock_play import StockEnvironment
from alma.domains.alfworld.tables import SOURCES, content_version
from alma.domains.alfworld.world import World, load_world
from alma.domains.contract import DomainBrief, Options
from alma.records import JSON, ConfigError, DomainError, Level, Split, Task

NAME = "alfworld"
FOLDERS: dict[Split, str] = {
    "train": "train",
    "validation": "valid_train",
    "in_distribution": "valid_seen",
    "out_of_distribution": "valid_unseen",
}
GAME = "game.tw-pddl"
_KINDS = {
    "pick_and_place_simple": "pick",
    "look_at_obj_in_light": "light",
    "pick_clean_then_place_in_recep": "clean",
    "pick_heat_then_place_in_recep": "heat",
    "pick_cool_then_place_in_recep": "cool",
    "pick_two_obj_and_place": "two",
}
_TAIL_BYTES = 8192


class OfficialAlfworld:
    """`alfworld`. Options: `data`, the folder that holds `json_2.1.1/<split>/` or `<split>/`; `engine`."""

    name = NAME
    primary: Literal["success", "reward"] = "success"
    seeded_levels = False
    generated = False

    def __init__(self, options: Options | None = None) -> None:
        given = dict(options or {})
        data = given.pop("data", None)
        self._stock = stock_engine(NAME, given.pop("engine", "own"))
        if given:
            raise ConfigError(f"{NAME} has no option {', '.join(sorted(given))}; options: data, engine")
        self._data = str(data) if data else ""

    @property
    def options(self) -> Mapping[str, JSON]:
        """Without `data`: where the games lie says nothing about what they are."""
        return {"engine": "stock"} if self._stock else {}

    @property
    def version(self) -> str:
        return content_version(SOURCES)

    def step_limit(self, preset: str) -> int:
        return step_limit(preset)

    def tasks(self, split: Split) -> Sequence[Task]:
        """All solvable games of the split, sorted by id. Raises ConfigError when there is no data."""
        return _index(self._root(), split)

    def cluster(self, level: Level) -> str:
        """The scene, which is the last number of the task's name."""
        found = re.search(r"-(\d+)/", level.task.id)
        return f"scene-{found[1]}" if found else level.task.id

    def content_key(self, level: Level) -> str:
        return _content_key(*self._file(level))

    def open(self, level: Level) -> AlfworldEnvironment | StockEnvironment:
        if self._stock:
            path, changed = self._file(level)
            text = Path(path).read_text(encoding="utf-8")
            return StockEnvironment(text, _board(path, changed).world.goal_text)
        return AlfworldEnvironment(_board(*self._file(level)))

    def brief(self) -> DomainBrief:
        return DomainBrief(EXECUTOR_BRIEF, PROPOSER_BRIEF)

    def _file(self, level: Level) -> tuple[str, int]:
        """The game's file and its time stamp, which makes an edited file another one to the caches."""
        path = Path(self._root(), *level.task.id.split("/"), GAME)
        try:
            changed = path.stat().st_mtime_ns
        except OSError as error:
            raise DomainError(f"cannot read the game {path}: {error.strerror}") from error
        return str(path), changed

    def _root(self) -> str:
        root = _find_root(self._data)
        if root is None:
            where = f"not found in {self._data!r}" if self._data else "not set up"
            raise ConfigError(
                f"official ALFWorld games are {where}: get them with `alma domains data alfworld`, "
                "or let ALFWORLD_DATA point to a folder with json_2.1.1"
            )
        return root


@lru_cache(maxsize=8)
def _find_root(data: str) -> str | None:
    """The folder that holds the split folders, in either layout."""
    if not data:
        return None
    for root in (Path(data) / "json_2.1.1", Path(data)):
        if any((root / folder).is_dir() for folder in FOLDERS.values()):
            return str(root)
    return None


@lru_cache(maxsize=8)
def _index(root: str, split: Split) -> tuple[Task, ...]:
    """The split's games, indexed once in a process; the files themselves are parsed when they are opened."""
    folder = FOLDERS[split]
    tasks = []
    for path in sorted(Path(root, folder).glob(f"*/*/{GAME}")):
        task, trial = path.parts[-3:-1]
        # The official environment leaves these out too; they are not part of the published counts.
        if "movable" in task or "Sliced" in task or not _solvable(path):
            continue
        kind = task.split("-", 1)[0]
        tasks.append(Task(NAME, f"{folder}/{task}/{trial}", split, _KINDS.get(kind, kind)))
    return tuple(sorted(tasks, key=lambda task: task.id))


def _solvable(path: Path) -> bool:
    """Whether the file doesn't say that its game cannot be solved; it says so near its end."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            tail = file.read()
        found = re.search(rb'"solvable"\s*:\s*(true|false)', tail)
        if found is None:
            return bool(json.loads(path.read_text()).get("solvable", True))
        return found[1] == b"true"
    except (OSError, ValueError, AttributeError):
        # An unreadable game stays listed: opening it raises an error that names the file.
        return True


@lru_cache(maxsize=128)
def _board(path: str, changed: int) -> Board:
    world = _world(path)
    try:
        return Board(world)
    except DomainError as error:
        raise DomainError(f"cannot read the game {path}: {error}") from error


@lru_cache(maxsize=8192)
def _content_key(path: str, changed: int) -> str:
    return _world(path).content_key()


def _world(path: str) -> World:
    try:
        return load_world(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, DomainError) as error:
        raise DomainError(f"cannot read the game {path}: {error}") from error
