"""One MiniHack level in play: the real engine, seeded before every reset, seen through our own words.

Engines are kept by task when a level is closed, since making one costs more than a whole episode. An engine
is not thread-safe and must not be open across a fork; environment workers do neither.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from alma.domains.minihack import keys, tasks
from alma.domains.minihack.boxoban import environment_class, levels
from alma.domains.minihack.rendering import KEYS, View, view
from alma.records import ConfigError, DomainError, Level, Observation, Outcome, Step, derive_seed

SETTINGS: Mapping[str, Any] = {
    "observation_keys": KEYS,
    # As published: any role, which the seed then draws.
    "character": "@",
    # The run's own step limit ends an episode.
    "max_episode_steps": 1_000_000,
    # A win is then worth exactly 1, also one by a move that took no time.
    "penalty_step": 0.0,
    "penalty_time": 0.0,
    "autopickup": False,
    # Else today's moon changes luck and the first message.
    "fix_moon_phase": True,
}
MOST_KEPT = 40
"""More than the published split has train tasks. Fewer cost more: where engines of many tasks are made and
closed in turn, a process grows by 20 kB an episode and makes a quarter of the episodes.
"""
_IDLE: dict[str, Any] = {}
"""Engines of this process that nobody plays, by task."""


class MiniHackEnvironment:
    """One game. Owned by a worker process; not thread-safe."""

    def __init__(self, level: Level, goal: str, shown: str, data: str) -> None:
        self._level, self._goal, self._shown = level, goal, shown
        self._engine = _take(level, data)
        self._names = keys.table(self._engine.actions)
        self._listed = keys.listed(self._names)
        self._success = self._done = False

    def reset(self) -> Observation:
        core, disp = seeds(self._level)
        self._engine.seed(core, disp, reseed=False)
        observation, _ = self._engine.reset()
        self._success = self._done = False
        seen = view(observation)
        text = f"{self._goal}\n{seen.text(self._shown)}"
        return Observation(text, self._goal, self._admissible(seen), seen.as_parts())

    def step(self, action: str) -> Step:
        number = self._names.get(" ".join(action.lower().split()))
        if self._done:
            return Step(action, "The game is over.", (), self.outcome().reward, True, "the game is over")
        if number is None:
            return self._refused(action)
        observation, reward, terminated, _, info = self._engine.step(number)
        # Memento calls the wrong end a success too, and pays -1 for it; ExploreMaze never ends by itself.
        won = int(info["end_status"]) == 2 and reward > 0
        won = won or (self._level.task.kind == "ExploreMaze" and self._on_stairs())
        self._success, self._done = won, bool(terminated) or won
        seen = view(observation)
        text = seen.text(self._shown)
        if self._done:
            end = "The task is done." if won else "The game is over."
            text = f"{seen.message}\n{end}".strip()
        admissible = () if self._done else self._admissible(seen)
        return Step(action, text, admissible, float(won), self._done, None, seen.as_parts())

    def outcome(self) -> Outcome:
        return Outcome(float(self._success), self._success)

    def close(self) -> None:
        if self._engine is not None:
            _give_back(self._level, self._engine)
            self._engine = None

    def _refused(self, action: str) -> Step:
        seen = view(self._engine._get_observation(self._engine.last_observation))
        offered = self._admissible(seen)
        told = f"There is no action {action!r:.40} here."
        return Step(action, told, offered, 0.0, False, "not an action of this task")

    def _admissible(self, seen: View) -> tuple[str, ...]:
        asking = self._engine.last_observation[self._engine._internal_index]
        if asking[1] or asking[2]:
            return keys.answers(seen.message, self._names) or self._listed
        return self._listed

    def _on_stairs(self) -> bool:
        return bool(self._engine.last_observation[self._engine._internal_index][4])


def seeds(level: Level) -> tuple[int, int]:
    """The engine's two seeds for a level: all that its chance depends on."""
    first, second = (derive_seed(0, tasks.NAME, level.key, which) for which in ("core", "disp"))
    return first % 2**31, second % 2**31


def _take(level: Level, data: str) -> Any:
    task = level.task.id
    if task in _IDLE:
        return _IDLE.pop(task)
    try:
        with warnings.catch_warnings():
            # MiniHack asks setuptools for a module that it calls deprecated; nobody here can change that.
            warnings.simplefilter("ignore")
            import gymnasium
            import minihack  # noqa: F401  registers its environments
    except ImportError as error:
        raise ConfigError(f"minihack needs more ({error}): pip install 'alma-meta[minihack]'") from error
    if tasks.category(task) == "boxoban":
        found = levels(data, task)
        return environment_class(found[derive_seed(0, "boxoban", level.key) % len(found)])(**SETTINGS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return gymnasium.make(f"MiniHack-{task}", **SETTINGS).unwrapped
    except gymnasium.error.Error as error:
        raise DomainError(f"minihack has no task {task!r}: {error}") from error


def _give_back(level: Level, engine: Any) -> None:
    task = level.task.id
    if tasks.category(task) == "boxoban" or task in _IDLE:
        engine.close()
        return
    if len(_IDLE) >= MOST_KEPT:
        _IDLE.pop(next(iter(_IDLE))).close()
    _IDLE[task] = engine
