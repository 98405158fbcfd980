"""The default rule: rank by reward, so that a good design counts at any level of success; visits fade it."""

from __future__ import annotations

import numpy as np

from alma.archive.contract import ArchiveView, DesignRow
from alma.selectors.contract import draw, evaluated


class RankSelector:
    """Weight = sharpness^(-rank) / (1 + visits)^fade.

    `cross` is the share of draws that get a second parent, `fresh` that of draws without any: a new start.
    """

    name = "rank"

    def __init__(self, sharpness: float = 1.35, fade: float = 0.5, cross: float = 0.5, fresh: float = 0.15) -> None:
        self._sharpness = sharpness
        self._fade = fade
        self._cross = cross
        self._fresh = fresh

    def select(self, archive: ArchiveView, k: int, rng: np.random.Generator) -> list[tuple[DesignRow, ...]]:
        rows = sorted(evaluated(archive), key=lambda row: (-(row.search_score or 0.0), row.id))
        rank = np.arange(len(rows))
        visits = np.array([row.visits for row in rows], dtype=float)
        weights = self._sharpness ** (-rank) / (1.0 + visits) ** self._fade
        draws: list[tuple[DesignRow, ...]] = []
        for row in draw(rows, weights, k, rng):
            if rng.random() < self._fresh:
                draws.append(())
                continue
            others = [other for other in rows if other is not row]
            if others and rng.random() < self._cross:
                mates = np.array([w for w, other in zip(weights, rows, strict=True) if other is not row])
                draws.append((row, *draw(others, mates, 1, rng)))
            else:
                draws.append((row,))
        return draws
