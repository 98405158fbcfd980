"""New games of the families by TextWorld's own generator, from seeds, as JSON in the benchmark's layout.

The cooking games and the coin collector have the benchmark's own parameters. Treasure hunts don't: the
benchmark's level 30 takes minutes a game, and some seeds fail, so only levels up to HARDEST are offered.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alma.domains.textworld.families.compiled import load
from alma.domains.textworld.families.games import COIN, COOKING, HUNT
from alma.records import ConfigError, DomainError

HARDEST = 20
"""The hardest treasure hunt on offer: ten rooms, ten steps, closed doors and containers, nothing locked."""
COIN_LEVEL = 220
RECIPE: dict[str, Any] = {
    "recipe": 5,
    "take": 5,
    "go": 12,
    "open": True,
    "cook": True,
    "cut": True,
    "drop": False,
    "recipe_seed": 0,
    "split": "test",
}
TRIES = 20
"""Seeds that may fail or give too short a way for each game that is made."""


def generate(family: str, count: int, seed: int, level: int | None, out: Path) -> Iterator[Path]:
    """Write `count` games, from the first seeds that give one of the full length; tells each path.

    The same seed gives the same file when PYTHONHASHSEED is 0.
    """
    if count < 1:
        raise ConfigError(f"--games must be at least 1, not {count}")
    if level is not None and (family != HUNT or not 1 <= level <= HARDEST):
        raise ConfigError(f"--level is for treasure_hunter and must be from 1 to {HARDEST}, not {level}")
    chosen = level or HARDEST
    folder = out / family
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"can't write to {folder}: {error.strerror}") from error
    made = 0
    for number in range(seed, seed + count * TRIES):
        game = _make(family, number, chosen)
        if game is None:
            continue
        path = folder / _name(family, number, chosen)
        # The name that TextWorld gives to a game is drawn without a seed.
        game.metadata.pop("uuid", None)
        game.save(str(path))
        yield path
        made += 1
        if made == count:
            return
    raise DomainError(f"only {made} of {count} games came out of {count * TRIES} seeds; give another --seed")


def _name(family: str, seed: int, level: int) -> str:
    names = {
        HUNT: f"level_{level}_seed_{seed}.json",
        COOKING: f"cooking_item{RECIPE['recipe']}_seed_{seed}.json",
        COIN: f"level_{COIN_LEVEL}_seed_{seed}.json",
    }
    return names[family]


def _make(family: str, seed: int, level: int) -> Any:
    """The game, or None where the generator fails or a way is shorter than was asked for."""
    textworld, _ = load()
    options = textworld.GameOptions()
    options.seeds = seed
    # As in the benchmark: else the objective of a hunt spells out its whole way.
    options.grammar.only_last_action = True
    short = {HUNT: "treasure_hunter", COOKING: "cooking", COIN: "coin_collector"}[family]
    challenge: Any = importlib.import_module(f"textworld.challenges.tw_{short}.{short}")
    settings = RECIPE if family == COOKING else {"level": COIN_LEVEL if family == COIN else level}
    chaining: Any = importlib.import_module("textworld.generator.chaining")
    vtypes: Any = importlib.import_module("textworld.generator.vtypes")
    try:
        game = challenge.make(dict(settings), options)
    except (chaining.QuestGenerationError, vtypes.NotEnoughNounsError):
        return None
    whole = family == COOKING or len(game.metadata["walkthrough"]) == options.quest_length
    return game if whole else None
