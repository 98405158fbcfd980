"""Controls: the best design always, or any design."""

from __future__ import annotations

import numpy as np

from alma.archive.contract import ArchiveView, DesignRow
from alma.selectors.contract import draw, evaluated


class GreedySelector:
    """The `k` best designs by search score."""

    name = "greedy"

    def select(self, archive: ArchiveView, k: int, rng: np.random.Generator) -> list[tuple[DesignRow, ...]]:
        rows = sorted(evaluated(archive), key=lambda row: (-(row.search_score or 0.0), row.id))
        return [(row,) for row in rows[:k]]


class RandomSelector:
    """Any evaluated design with equal chance."""

    name = "random"

    def select(self, archive: ArchiveView, k: int, rng: np.random.Generator) -> list[tuple[DesignRow, ...]]:
        rows = evaluated(archive)
        return [(row,) for row in draw(rows, np.ones(len(rows)), k, rng)]
