"""Made-up worlds of designs: what a child is worth, given its parents. Scores are in [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alma.archive.contract import DesignRow


@dataclass(frozen=True)
class Design:
    """A design's true worth, and how far its line has come on a path that pays late."""

    worth: float
    depth: int = 0


class Landscape:
    """`first` makes a design without parents, `child` one from one or two."""

    name = "landscape"

    def first(self, rng: np.random.Generator) -> Design:
        return Design(float(np.clip(rng.normal(0.15, 0.08), 0.0, 1.0)))

    def child(self, parents: Sequence[Design], rng: np.random.Generator) -> Design:
        raise NotImplementedError


class Smooth(Landscape):
    """Children are like their parents, a little worse as a rule, better now and then."""

    name = "smooth"

    def child(self, parents: Sequence[Design], rng: np.random.Generator) -> Design:
        base = max(parent.worth for parent in parents)
        step = rng.normal(-0.03, 0.05) if rng.random() < 0.75 else abs(rng.normal(0.0, 0.09))
        return Design(float(np.clip(base + step, 0.0, 0.95)))


class Rugged(Landscape):
    """A third of all children is broken in effect; gains are rare and large, and soon exhausted in a line."""

    name = "rugged"

    def child(self, parents: Sequence[Design], rng: np.random.Generator) -> Design:
        best = max(parents, key=lambda parent: parent.worth)
        chance = rng.random()
        if chance < 0.35:
            return Design(float(rng.uniform(0.0, 0.15)), best.depth + 1)
        gain = rng.exponential(0.12) * 0.7**best.depth if chance > 0.85 else rng.normal(-0.02, 0.03)
        return Design(float(np.clip(best.worth + gain, 0.0, 0.95)), best.depth + 1)


class SteppingStones(Landscape):
    """Lines that look worse for three generations overtake all others at the fourth."""

    name = "stepping stones"

    def child(self, parents: Sequence[Design], rng: np.random.Generator) -> Design:
        deep = max(parents, key=lambda parent: parent.depth)
        if deep.depth or rng.random() < 0.15:
            depth = deep.depth + 1 if rng.random() < 0.6 else deep.depth
            worth = 0.2 + 0.02 * depth if depth < 4 else 0.45 + 0.05 * depth
            return Design(float(np.clip(worth + rng.normal(0.0, 0.03), 0.0, 0.95)), depth)
        worth = max(parent.worth for parent in parents) + rng.normal(0.0, 0.03)
        return Design(float(np.clip(worth, 0.0, 0.4)))


class Recorded(Landscape):
    """Children as the designs of real runs were: gains over the best parent, drawn from runs like it."""

    name = "recorded"

    def __init__(self, rows: Sequence[DesignRow]) -> None:
        scores = {row.id: row.search_score for row in rows}
        self._first = [row.search_score or 0.0 for row in rows if not row.parents]
        pairs = [
            (max(scores[parent] or 0.0 for parent in row.parents), row.search_score or 0.0)
            for row in rows
            if row.parents
        ]
        self._from = np.array([before for before, _ in pairs])
        self._gain = np.array([after - before for before, after in pairs])

    def first(self, rng: np.random.Generator) -> Design:
        return Design(float(rng.choice(self._first)))

    def child(self, parents: Sequence[Design], rng: np.random.Generator) -> Design:
        """A gain that was seen from a parent of about that worth."""
        base = max(parent.worth for parent in parents)
        near = np.argsort(np.abs(self._from - base))[:15]
        return Design(float(np.clip(base + rng.choice(self._gain[near]), 0.0, 1.0)))
