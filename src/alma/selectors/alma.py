"""The published rule, exactly: a sigmoid of the gain over no memory, less a price on visits, softmax."""

from __future__ import annotations

import numpy as np

from alma.archive.contract import ArchiveView, DesignRow
from alma.selectors.contract import draw, evaluated


class AlmaSelector:
    """s = sigmoid(r - r_no_memory) - alpha ln(1 + visits), drawn by softmax(s / tau); alpha = tau = 0.5."""

    name = "alma"

    def __init__(self, alpha: float = 0.5, tau: float = 0.5) -> None:
        self._alpha = alpha
        self._tau = tau

    def select(self, archive: ArchiveView, k: int, rng: np.random.Generator) -> list[tuple[DesignRow, ...]]:
        rows = evaluated(archive)
        reference = archive.no_memory()
        base = reference.reward if reference else 0.0
        gain = np.array([row.search_score or 0.0 for row in rows]) - base
        visits = np.array([row.visits for row in rows], dtype=float)
        score = 1.0 / (1.0 + np.exp(-gain)) - self._alpha * np.log1p(visits)
        weights = np.exp((score - score.max(initial=-np.inf)) / self._tau)
        return [(row,) for row in draw(rows, weights, k, rng)]
