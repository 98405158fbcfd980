"""Corrections for having asked several questions of the same data."""

from __future__ import annotations

from collections.abc import Sequence


def holm(pvalues: Sequence[float]) -> list[float]:
    """Adjusted p-values of the step-down procedure of Holm (1979), in the order given.

    Holds the family-wise error rate under any dependence. Raises ValueError for values outside [0, 1].
    """
    if any(not 0 <= p <= 1 for p in pvalues):
        raise ValueError("p-values must lie in [0, 1]")
    order = sorted(range(len(pvalues)), key=lambda place: pvalues[place])
    adjusted = [0.0] * len(pvalues)
    floor = 0.0
    for rank, place in enumerate(order):
        floor = max(floor, min(1.0, (len(pvalues) - rank) * pvalues[place]))
        adjusted[place] = floor
    return adjusted
