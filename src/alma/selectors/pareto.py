"""Score against cost: a design that nothing beats in both is as good a parent as the best-scoring one."""

from __future__ import annotations

import numpy as np

from alma.archive.contract import ArchiveView, DesignRow
from alma.records import Evaluation
from alma.selectors.contract import draw, evaluated


class ParetoSelector:
    """Weight = sharpness^(-front) / (1 + visits); front 0 is beaten by none, front 1 only by front 0, …

    Cost is tokens and steps an episode: where a model plays, the steps hardly count; where none does, tokens
    are what the design embeds or asks.
    """

    name = "pareto"

    def __init__(self, sharpness: float = 2.0) -> None:
        self._sharpness = sharpness

    def select(self, archive: ArchiveView, k: int, rng: np.random.Generator) -> list[tuple[DesignRow, ...]]:
        rows = evaluated(archive)
        scores = np.array([row.search_score or 0.0 for row in rows])
        costs = np.array([_cost(archive.evaluation(row.id, "search")) for row in rows])
        visits = np.array([row.visits for row in rows], dtype=float)
        weights = self._sharpness ** -_fronts(scores, costs).astype(float) / (1.0 + visits)
        return [(row,) for row in draw(rows, weights, k, rng)]


def _fronts(scores: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """The front of each design."""
    fronts = np.full(len(scores), -1)
    for front in range(len(scores)):
        left = fronts < 0
        if not left.any():
            break
        for place in np.flatnonzero(left):
            better = left & (scores >= scores[place]) & (costs <= costs[place])
            if not (better & ((scores > scores[place]) | (costs < costs[place]))).any():
                fronts[place] = front
    return fronts


def _cost(evaluation: Evaluation | None) -> float:
    if evaluation is None or not evaluation.played:
        return 0.0
    whole = evaluation.usage.tokens + sum(episode.steps for episode in evaluation.played)
    return whole / len(evaluation.played)
