"""The domain `textworld`: the benchmark's families, read from a folder of JSON games.

The folder comes as the option `data` (the settings read TEXTWORLD_DATA, or take what was downloaded).
Games are compiled once, when they are first played. Nothing is generated here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

from alma.domains.contract import DomainBrief, Options
from alma.domains.textworld.engine import Engine, Shelf, require
from alma.domains.textworld.families import games
from alma.domains.textworld.families.compiled import compiled, default_cache
from alma.domains.textworld.families.play import FamilyEnvironment
from alma.domains.textworld.worlds import content_version
from alma.records import JSON, ConfigError, DomainError, Level, Split, Task, content_hash

NAME = "textworld"
STEP_LIMITS = {"paper": 80, "default": 80, "smoke": 40}
OPEN_GAMES = 32
"""How many games a process keeps open; one takes some megabytes."""
SOURCES = (
    "describe.py",
    "engine.py",
    "logic.py",
    "play.py",
    *(f"families/{name}.py" for name in ("compiled", "domain", "games", "play")),
)
"""The code that decides what is played."""

EXECUTOR_BRIEF = (
    "You play a text game in a house and its surroundings, by text commands; each step takes one. You see "
    "only the room that you are in: go through its exits, open doors and containers (some need their own "
    "key), take things. The list of admissible commands says what the game accepts now. In the cooking "
    "games read the cookbook, gather what the recipe names, and cook and cut it as it says, with the right "
    "appliance and a knife; then prepare the meal in the kitchen and eat it. What you do to a thing can't be "
    "undone, and the wrong deed may lose the game: taking the wrong thing, burning, spoiling or eating an "
    "ingredient. The number of steps is limited."
)
PROPOSER_BRIEF = (
    "Episodes are long text games of a few families. In some the goal names one thing to get, somewhere in "
    "twenty to sixty rooms, behind closed or locked doors and in containers; it scores only when the "
    "thing is taken, and there may be another thing that must not be taken. In the cooking games the goal is "
    "always the same; the recipe has to be read, and each ingredient taken, cooked or cut scores a part, up "
    "to 1 when the meal is eaten. Observations name the room in their first line, then what is seen and the "
    "exits; commands are short phrases such as 'go east', 'open fridge', 'unlock hatch with key', 'cook "
    "carrot with stove', 'dice carrot with knife'. Maps and things differ from game to game, so what "
    "carries over are rules: what loses a game, what opens what, which appliance does what, where kinds of "
    "things are."
)


class Families:
    """`textworld`. Options: `family`; `data`, the folder of games; `cache`, where compiled ones are kept."""

    name = NAME
    primary: Literal["success", "reward"] = "reward"
    seeded_levels = False

    def __init__(self, options: Options | None = None) -> None:
        given = dict(options or {})
        family = given.pop("family", "published")
        data, cache = (str(given.pop(name, "") or "") for name in ("data", "cache"))
        if given:
            told = ", ".join(sorted(given))
            raise ConfigError(f"{NAME} has no option {told}; options: family, data, cache")
        known = ("published", *games.FAMILIES)
        if family not in known:
            raise ConfigError(f"{NAME}: family must be one of {', '.join(known)}, not {family!r}")
        require()
        self._family = str(family)
        self._data = data
        self._cache = cache

    @property
    def options(self) -> Mapping[str, JSON]:
        """Without the folders: where games lie says nothing about what they are."""
        return {"family": self._family}

    @property
    def families(self) -> tuple[str, ...]:
        return games.PUBLISHED if self._family == "published" else (self._family,)

    @property
    def version(self) -> str:
        """Of the code and of the games themselves, since any folder of games can be given."""
        return content_hash([content_version(SOURCES), games.digest(self._root(), self.families)], 16)

    @property
    def generated(self) -> bool:
        """False only for the benchmark's own games, all of them."""
        try:
            return not games.is_official(self._root(), self.families)
        except DomainError:
            return True

    def step_limit(self, preset: str) -> int:
        if preset not in STEP_LIMITS:
            raise ConfigError(f"unknown preset {preset!r}; presets: {', '.join(STEP_LIMITS)}")
        return STEP_LIMITS[preset]

    def tasks(self, split: Split) -> Sequence[Task]:
        """The split's games, each family in the order that the published shuffle gives."""
        found = games.splits(self._root())
        return [
            Task(NAME, f"{family}/{name.removesuffix('.json')}", split, family)
            for family in self.families
            for name in found[family][split]
        ]

    def cluster(self, level: Level) -> str:
        """The game: no two share a map."""
        return level.task.id

    def content_key(self, level: Level) -> str:
        return games.told(self._path(level)).content

    def open(self, level: Level) -> FamilyEnvironment:
        path = self._path(level)
        told = games.told(path)
        game = compiled(path, Path(self._cache) if self._cache else default_cache())
        engine = _shelf().take(game.key) or Engine(game.story, game.rules, scored=True)
        return FamilyEnvironment(
            engine, told.goal, game.most, lambda engine: _shelf().put_back(game.key, engine)
        )

    def brief(self) -> DomainBrief:
        return DomainBrief(EXECUTOR_BRIEF, PROPOSER_BRIEF)

    def _path(self, level: Level) -> Path:
        return games.path_of(self._root(), level.task.id)

    def _root(self) -> str:
        """Raises ConfigError when the folder isn't there or has no game of the family."""
        where = f"not found in {self._data!r}" if self._data else "not set up"
        if not self._data or not any(family in games.listed(self._data) for family in self.families):
            raise ConfigError(
                f"TextWorld's games of {' and '.join(self.families)} are {where}: get them with "
                "`alma domains data textworld`, or let TEXTWORLD_DATA point to a folder with them"
            )
        return self._data


@lru_cache(maxsize=1)
def _shelf() -> Shelf:
    """Engines are kept because evaluations of many designs meet the same games."""
    return Shelf(OPEN_GAMES)
