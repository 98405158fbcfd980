"""The default rule: rank by reward, so that a good design counts at any level of success; visits fade it."""

from __future__ import annotations

import numpy as np

from alma.archive.contract import ArchiveView, DesignRow
from alma.selectors.contract import draw, evaluated


class RankSelector:
    """Weight = sharpness^(-rank) / (1 + visits)^fade, shared out among designs with the same score.

    Designs that score the same mostly do the same, so together they count as one. `cross` is the share
    of draws that get a second parent, which may be any design; `fresh` is that of draws without parents.
    """

    name = "rank"

    def __init__(
        self, sharpness: float = 1.35, fade: float = 0.5, cross: float = 0.5, fresh: float = 0.15
    ) -> None:
        self._sharpness = sharpness
        self._fade = fade
        self._cross = cross
        self._fresh = fresh

    def select(self, archive: ArchiveView, k: int, rng: np.random.Generator) -> list[tuple[DesignRow, ...]]:
        rows = sorted(evaluated(archive), key=lambda row: (-(row.search_score or 0.0), row.id))
        scores = np.array([row.search_score or 0.0 for row in rows])
        _, rank, ties = np.unique(-scores, return_inverse=True, return_counts=True)
        visits = np.array([row.visits for row in rows], dtype=float)
        weights = self._sharpness ** (-rank.astype(float)) / ties[rank] / (1.0 + visits) ** self._fade
        draws: list[tuple[DesignRow, ...]] = []
        for row in draw(rows, weights, k, rng):
            if rng.random() < self._fresh:
                draws.append(())
                continue
            others = [other for other in rows if other is not row]
            if others and rng.random() < self._cross:
                draws.append((row, others[int(rng.integers(len(others)))]))
            else:
                draws.append((row,))
        return draws
