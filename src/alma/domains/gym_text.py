"""A domain from any Gymnasium environment whose observations are text, or can be made text.

    domain = GymDomain("shop", make_shop, {"train": ["t1", "t2"], "in_distribution": ["t3"]})

`make` takes a task's id and returns the environment; each level resets it with a seed of its own. Nothing
here imports gymnasium: an environment is whatever has `reset(seed=…)` and `step(action)` as its API says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from alma.domains.contract import DomainBrief, Options
from alma.records import (
    JSON,
    ConfigError,
    DomainError,
    Level,
    Observation,
    Outcome,
    Split,
    Step,
    Task,
    content_hash,
    derive_seed,
)

Info = Mapping[str, Any]
ADMISSIBLE = ("admissible", "admissible_commands", "admissible_actions", "valid_actions")
"""Names under which environments tell what may be done; the first that `info` has is taken."""


def as_text(observation: Any, info: Info) -> str:
    """A text as it is; a dictionary as lines of `name: value`."""
    if isinstance(observation, Mapping):
        return "\n".join(f"{name}: {value}" for name, value in observation.items())
    return str(observation)


def goal_of(observation: Any, info: Info) -> str:
    """What `info` or the observation calls goal, mission, task or instruction; else the first line."""
    for where in (info, observation):
        if isinstance(where, Mapping):
            for name in ("goal", "mission", "task", "instruction"):
                if where.get(name):
                    return str(where[name])
    return as_text(observation, info).partition("\n")[0]


def solved(total: float, terminated: bool, info: Info) -> bool:
    """What `info` says of success; else an end with a reward above 0."""
    for name in ("success", "is_success", "won"):
        if name in info:
            return bool(info[name])
    return terminated and total > 0


@dataclass(frozen=True)
class GymDomain:
    """Tasks by split, and how to make and read an environment. Picklable when its functions are of a module.

    `actions` names the actions of a discrete space in order; without it actions go to the environment as
    text. Rewards are summed and divided by `most_reward`, the most that an episode can give.
    """

    name: str
    make: Callable[[str], Any]
    tasks_by_split: Mapping[Split, Sequence[str]]
    actions: tuple[str, ...] = ()
    text: Callable[[Any, Info], str] = as_text
    goal: Callable[[Any, Info], str] = goal_of
    success: Callable[[float, bool, Info], bool] = solved
    most_reward: float = 1.0
    steps: int = 50
    seeded_levels: bool = True
    group: Callable[[str], str] = str
    primary: Literal["success", "reward"] = "success"
    generated: bool = False
    content_version: str = "1"
    brief_text: str = "You act in an environment by short text commands, one a step."
    options: Options = field(default_factory=dict)

    @property
    def version(self) -> str:
        return content_hash([self.name, self.content_version, list(self.actions)], 12)

    def step_limit(self, preset: str) -> int:
        if preset not in ("default", "paper", "smoke"):
            raise ConfigError(f"unknown preset {preset!r}; presets: default, paper, smoke")
        return self.steps

    def tasks(self, split: Split) -> Sequence[Task]:
        ids = self.tasks_by_split.get(split, ())
        return [Task(self.name.partition(":")[0], task, split, self.group(task)) for task in ids]

    def cluster(self, level: Level) -> str:
        return self.group(level.task.id)

    def content_key(self, level: Level) -> str:
        """Of task and seed, which the environment's author says fix the level."""
        seed = level.seed if self.seeded_levels else 0
        return content_hash([self.version, level.task.id, seed])

    def open(self, level: Level) -> GymEnvironment:
        if all(level.task.id not in ids for ids in self.tasks_by_split.values()):
            raise DomainError(f"{self.name} has no task {level.task.id!r}")
        return GymEnvironment(self, level)

    def brief(self) -> DomainBrief:
        named = f" Actions: {', '.join(self.actions)}." if self.actions else ""
        return DomainBrief(
            self.brief_text + named,
            "Episodes are tasks in one environment; the goal and what is seen are text, actions are short "
            f"commands.{named} An episode's score is its share of the reward.",
        )


class GymEnvironment:
    """One level in play."""

    def __init__(self, domain: GymDomain, level: Level) -> None:
        self._domain, self._level = domain, level
        self._environment: Any = domain.make(level.task.id)
        self._total, self._solved, self._done = 0.0, False, False

    def reset(self) -> Observation:
        domain = self._domain
        seed = derive_seed(
            0, domain.name, self._level.task.id, self._level.seed if domain.seeded_levels else 0
        )
        observation, info = self._environment.reset(seed=seed % 2**31)
        self._total, self._solved, self._done = 0.0, False, False
        text = domain.text(observation, info)
        return Observation(text, domain.goal(observation, info), self._admissible(info))

    def step(self, action: str) -> Step:
        domain = self._domain
        if self._done:
            return Step(action, "The task is over.", (), self._score(), True, "the task is over")
        if domain.actions and action not in domain.actions:
            told = f"There is no action {action!r:.40}."
            return Step(action, told, domain.actions, self._score(), False, "not an action of this task")
        chosen: JSON = domain.actions.index(action) if domain.actions else action
        observation, reward, terminated, truncated, info = self._environment.step(chosen)
        self._total += float(reward)
        self._done = bool(terminated or truncated)
        self._solved = domain.success(self._total, bool(terminated), info)
        error = info.get("error")
        admissible = () if self._done else self._admissible(info)
        text = domain.text(observation, info)
        return Step(action, text, admissible, self._score(), self._done, str(error) if error else None)

    def outcome(self) -> Outcome:
        return Outcome(self._score(), self._solved)

    def close(self) -> None:
        self._environment.close()

    def _score(self) -> float:
        return min(1.0, max(0.0, self._total / self._domain.most_reward))

    def _admissible(self, info: Info) -> tuple[str, ...] | None:
        for name in ADMISSIBLE:
            if info.get(name) is not None:
                return tuple(map(str, info[name]))
        return self._domain.actions or None
