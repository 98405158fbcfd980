"""What is played: a task, and one exact level of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Split = Literal["train", "validation", "in_distribution", "out_of_distribution"]
SPLITS: tuple[Split, ...] = ("train", "validation", "in_distribution", "out_of_distribution")


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a domain. `id` is unique in the domain; `kind` groups tasks in tables."""

    domain: str
    id: str
    split: Split
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Level:
    """A task with a level seed: one exact game, the same in every process.

    Domains whose tasks are exact games ignore the seed (`Domain.seeded_levels` is False).
    """

    task: Task
    seed: int = 0

    @property
    def key(self) -> str:
        """Text that names this level in the archive."""
        return f"{self.task.id}#{self.seed}" if self.seed else self.task.id
