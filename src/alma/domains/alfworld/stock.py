"""The stock ALFWorld engine behind one small class; needs the extra `oracle`.

One instance a process, never threads: the stock parser shares state, and its native library is never
unloaded. Imported by `oracle` only, which imports textworld and alfworld through here when it runs.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from alma.records import ConfigError


class Shown(NamedTuple):
    """What an engine shows after a reset or a step."""

    text: str
    commands: tuple[str, ...]
    score: float
    done: bool


def require() -> None:
    """Raises ConfigError when the extra isn't installed; imports nothing."""
    missing = [name for name in ("textworld", "alfworld", "fast_downward") if find_spec(name) is None]
    if missing:
        raise ConfigError(f"the stock engine needs the extra `oracle`: {', '.join(missing)} not installed")


class StockEngine:
    """Loads a game file's text into the stock engine and plays it."""

    def __init__(self) -> None:
        require()
        try:
            textworld = importlib.import_module("textworld")
            pddl = importlib.import_module("textworld.envs.pddl")
            alfworld = importlib.import_module("alfworld.agents.environment.alfred_tw_env")
        except ImportError as error:
            raise ConfigError(f"the stock engine needs the extra `oracle`: {error}") from error
        wanted = textworld.EnvInfos(won=True, admissible_commands=True, feedback=True)
        self._env: Any = alfworld.AlfredDemangler(pddl.PddlEnv(wanted))

    def load(self, game: str) -> None:
        arguments = sys.argv
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "game.tw-pddl")
            path.write_text(game, encoding="utf-8")
            self._env.load(str(path))
        # The planner's translator overwrites the program's arguments.
        sys.argv = arguments

    def reset(self) -> Shown:
        arguments = sys.argv
        state = self._env.reset()
        sys.argv = arguments
        won = bool(state["won"])
        return Shown(state.feedback, tuple(state["admissible_commands"]), float(won), won)

    def step(self, command: str) -> Shown:
        state, score, done = self._env.step(command)
        return Shown(state.feedback, tuple(state["admissible_commands"]), float(score), bool(done))
