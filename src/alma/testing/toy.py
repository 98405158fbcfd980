"""A toy domain for tests of the ring: find a thing in a house, then take it. Milliseconds an episode.

In a house each thing lies in the same place every day, so a memory that notes (house, thing) → place
solves a task in two steps where a blind player opens places one by one. In the houses of
`out_of_distribution` no one has been before. It is not a benchmark and never shown as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from alma.domains.contract import DomainBrief, Options
from alma.records import (
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

PLACES = ("bag", "barrel", "basket", "box", "bucket", "cupboard", "drawer", "jar", "oven", "trunk")
THINGS = ("coin", "key", "letter", "spoon")
HOUSES = ("blue", "brick", "clay", "green", "red")
NEW_HOUSES = ("glass", "straw", "tin")
DAYS: dict[Split, int] = {"train": 6, "validation": 2, "in_distribution": 3, "out_of_distribution": 5}


class ToyDomain:
    """`toy`. Options: `habit` (1; 0 puts things anywhere) and `seeded` (1; 0 leaves out level seeds)."""

    name = "toy"
    primary: Literal["success", "reward"] = "success"
    generated = True
    version = "1"

    def __init__(self, options: Options | None = None) -> None:
        self.options: Options = {"habit": 1, "seeded": 1, **(options or {})}
        unknown = self.options.keys() - {"habit", "seeded"}
        if unknown:
            raise ConfigError(f"toy has no option {', '.join(sorted(unknown))}; options: habit, seeded")

    @property
    def seeded_levels(self) -> bool:
        return bool(self.options["seeded"])

    def step_limit(self, preset: str) -> int:
        if preset not in ("paper", "default", "smoke"):
            raise ConfigError(f"unknown preset {preset!r}")
        return 6

    def tasks(self, split: Split) -> Sequence[Task]:
        houses = NEW_HOUSES if split == "out_of_distribution" else HOUSES
        return [
            Task("toy", f"{split}/{house}/{thing}/{day}", split, thing)
            for house in houses
            for thing in THINGS
            for day in range(DAYS[split])
        ]

    def cluster(self, level: Level) -> str:
        """The house."""
        return _names(level)[0]

    def content_key(self, level: Level) -> str:
        level = self._exact(level)
        return content_hash([self.version, *_names(level), self._hidden(level), _order(level)])

    def open(self, level: Level) -> ToyEnvironment:
        level = self._exact(level)
        house, thing = _names(level)
        return ToyEnvironment(house, thing, self._hidden(level), _order(level))

    def brief(self) -> DomainBrief:
        return DomainBrief(
            "You look for a thing in a house: open places until you see it, then take it.",
            "Episodes are short: the goal names a thing, the first observation a house and its places. "
            "Seeing the thing scores 0.5, taking it 1. Houses are met again.",
        )

    def _exact(self, level: Level) -> Level:
        """Without seeded levels every seed is the same game."""
        return level if self.seeded_levels else Level(level.task)

    def _hidden(self, level: Level) -> str:
        house, thing = _names(level)
        day = () if self.options["habit"] else (level.key,)
        return PLACES[derive_seed(0, "toy", house, thing, *day) % len(PLACES)]


class ToyEnvironment:
    """One game in progress."""

    def __init__(self, house: str, thing: str, hidden: str, order: Sequence[str]) -> None:
        self._house, self._thing, self._hidden, self._order = house, thing, hidden, order
        self._found = self._taken = False

    def reset(self) -> Observation:
        self._found = self._taken = False
        text = f"You are in the {self._house} house. You see: {', '.join(self._order)}."
        return Observation(text, f"find the {self._thing} and take it", self._admissible())

    def step(self, action: str) -> Step:
        error = None
        if action not in self._admissible():
            text, error = "Nothing happens.", "not an admissible action"
        elif action.startswith("take"):
            self._taken = True
            text = f"You take the {self._thing}."
        else:
            place = action.removeprefix("open ")
            self._found = self._found or place == self._hidden
            text = f"You open the {place}. " + (
                f"You see the {self._thing}." if place == self._hidden else "It is empty."
            )
        return Step(action, text, self._admissible(), self.outcome().reward, self._taken, error)

    def outcome(self) -> Outcome:
        return Outcome(1.0 if self._taken else 0.5 if self._found else 0.0, self._taken)

    def close(self) -> None:
        pass

    def _admissible(self) -> tuple[str, ...]:
        if self._taken:
            return ()
        opening = tuple(f"open {place}" for place in self._order)
        return (*opening, f"take {self._thing}") if self._found else opening


def _names(level: Level) -> tuple[str, str]:
    try:
        _, house, thing, _ = level.task.id.split("/")
    except ValueError:
        raise DomainError(f"toy has no task {level.task.id!r}") from None
    return house, thing


def _order(level: Level) -> list[str]:
    """The order in which the places are listed: what makes two days in one house two levels."""
    rng = np.random.default_rng(derive_seed(0, "toy order", level.key))
    return [PLACES[i] for i in rng.permutation(len(PLACES))]
