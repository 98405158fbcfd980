"""Posterior sampling: a design is drawn as often as it may be the best, given how noisy its score is."""

from __future__ import annotations

import numpy as np

from alma.archive.contract import ArchiveView, DesignRow
from alma.selectors.contract import evaluated


class PosteriorSelector:
    """Thompson sampling: each score is drawn from Beta(1 + n s, 1 + n (1 - s)) of its n episodes.

    `price` is taken off for visits, in score units for each time the number of visits doubles.
    """

    name = "posterior"

    def __init__(self, price: float = 0.05) -> None:
        self._price = price

    def select(self, archive: ArchiveView, k: int, rng: np.random.Generator) -> list[tuple[DesignRow, ...]]:
        rows = evaluated(archive)
        scores = np.clip([row.search_score or 0.0 for row in rows], 0.0, 1.0)
        evaluations = [archive.evaluation(row.id, "search") for row in rows]
        counts = np.array([0 if one is None else len(one.played) for one in evaluations], dtype=float)
        visits = np.array([row.visits for row in rows], dtype=float)
        drawn = rng.beta(1 + counts * scores, 1 + counts * (1 - scores)) - self._price * np.log2(1 + visits)
        return [(rows[int(place)],) for place in np.argsort(-drawn, kind="stable")[:k]]
