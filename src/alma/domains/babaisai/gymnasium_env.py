"""The levels as Gymnasium environments, for those who don't come by way of ALMA's domains.

    make("make_win-distr_obj").reset(seed=3)

Needs the extra `gymnasium`; nothing of it is imported before `make` is called. Observations are numbers,
the benchmark's text is in `info`. Rewards are the original's.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alma.domains.babaisai import streams
from alma.domains.babaisai.engine import ACTIONS, STEP_LIMIT, Game
from alma.domains.babaisai.layout import Layout
from alma.domains.babaisai.levels import recipe
from alma.domains.babaisai.objects import (
    COLOURS,
    FIRST_COLOUR,
    FIRST_NOUN,
    FIRST_PROPERTY,
    IS,
    KINDS,
    PROPERTIES,
    SHIFT,
    WHATS,
    is_thing,
    kind_of,
)
from alma.domains.babaisai.play import hopeless, look
from alma.records import ConfigError

_NOUN = 2 + len(KINDS)


def make(name: str, render_mode: str | None = None, step_limit: int = STEP_LIMIT) -> Any:
    """An environment of one of the 53 ids. Raises ConfigError when Gymnasium is not installed."""
    recipe(name)
    return _environment_class()(name, render_mode, step_limit)


def numbers(game: Game) -> NDArray[np.uint8]:
    """The map as an array (width, height, 3): a type, its colour or word, and 0; of top objects only.

    Types: 0 nothing, 1 border, 2 to 6 the five kinds, 7 nouns, 8 IS, 9 properties, 10 colours.
    """
    cells = np.array(_table())[[one >> SHIFT for one in game.top]]
    shaped: NDArray[np.uint8] = cells.reshape(-1, game.width, 3).swapaxes(0, 1).astype(np.uint8)
    return shaped


@lru_cache(maxsize=1)
def _table() -> tuple[tuple[int, int, int], ...]:
    return tuple(_pair(what) for what in range(WHATS))


def _pair(what: int) -> tuple[int, int, int]:
    if is_thing(what):
        return 2 + kind_of(what), (what - 2) % len(COLOURS), 0
    for first, kind in ((FIRST_COLOUR, 3), (FIRST_PROPERTY, 2), (IS, 1), (FIRST_NOUN, 0)):
        if what >= first:
            return _NOUN + kind, what - first, 0
    return what, 0, 0


@lru_cache(maxsize=1)
def _environment_class() -> Any:
    """The class is made on first use, since its base is Gymnasium's."""
    try:
        gymnasium = import_module("gymnasium")
    except ImportError:
        raise ConfigError("needs the extra `gymnasium`: pip install 'alma-meta[gymnasium]'") from None

    class BabaGym(gymnasium.Env):  # type: ignore[name-defined, misc]
        """One id; `reset(seed=...)` draws a level of it, `options={"layout": ...}` gives one."""

        metadata: Mapping[str, Any] = {"render_modes": ["ansi"], "render_fps": 4}

        def __init__(self, name: str, render_mode: str | None, step_limit: int) -> None:
            self.render_mode = render_mode
            self._name, self._limit = name, step_limit
            self._game = Game(streams.layout(name, 0), step_limit)
            shape = (self._game.width, self._game.layout.height, 3)
            most = max(len(PROPERTIES), len(COLOURS), _NOUN + 4)
            self.action_space = gymnasium.spaces.Discrete(len(ACTIONS))
            self.observation_space = gymnasium.spaces.Box(0, most, shape, np.uint8)

        def reset(
            self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
        ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
            super().reset(seed=seed)
            layout: Layout | None = (options or {}).get("layout")
            if layout is None:
                layout = streams.layout(self._name, int(self.np_random.integers(1 << 31)))
            self._game = Game(layout, self._limit)
            return numbers(self._game), self._info()

        def step(self, action: int) -> tuple[NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
            game = self._game
            reward = game.step(int(action))
            ended = game.ended or hopeless(game)
            return numbers(game), reward, ended, game.out_of_steps and not ended, self._info()

        def render(self) -> str | None:
            rows, _, _ = self._game.now().written()
            return "\n".join(rows) if self.render_mode == "ansi" else None

        def _info(self) -> dict[str, Any]:
            game = self._game
            return {"text": look(game), "rules": [str(rule) for rule in game.rules], "won": game.won}

    return BabaGym
