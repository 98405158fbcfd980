"""Scores summed into a table of clusters × collections, and the variance of their mean.

This is the one place that decides what a cluster is: the interval, the comparison and the test all
start from the same table. Not for drawing: the bootstrap lives in `intervals`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Labels = Sequence[Any] | npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Cells:
    """Sums and counts of scores; row = cluster, column = collection (one column if there is none)."""

    sums: Floats
    counts: Floats

    @classmethod
    def of(cls, scores: Floats, clusters: Labels, collections: Labels | None = None) -> Cells:
        """Sum `scores` by their cluster and collection labels (all of one length).

        Raises ValueError when there is no score, a score isn't finite, or lengths differ.
        """
        values = np.asarray(scores, dtype=np.float64)
        if values.ndim != 1 or not len(values):
            raise ValueError("scores must be a non-empty one-dimensional sequence")
        if not np.isfinite(values).all():
            raise ValueError("scores hold a missing value: leave missing episodes out before")
        row, rows = codes(clusters, len(values))
        column, columns = (np.zeros(len(values), np.intp), 1)
        if collections is not None:
            column, columns = codes(collections, len(values))
        place = row * columns + column
        size = rows * columns
        sums = np.bincount(place, weights=values, minlength=size).reshape(rows, columns).astype(np.float64)
        counts = np.bincount(place, minlength=size).reshape(rows, columns).astype(np.float64)
        return cls(sums, counts)

    @property
    def mean(self) -> float:
        """Mean over all scores, each of equal weight."""
        return float(self.sums.sum() / self.counts.sum())

    @property
    def clusters(self) -> int:
        return int(self.sums.shape[0])

    @property
    def collections(self) -> int:
        return int(self.sums.shape[1])

    def variances(self) -> tuple[float, float]:
        """Variance of the mean that clusters account for, and what collections add to it.

        The first is the linearised (ratio) cluster variance with the factor G/(G-1) (Cochran 1977,
        §9A). The second is the collections' share less the cluster × collection interaction, as in
        the two-way random-effects analysis of variance, and never below zero; 0 for one collection.
        """
        total = self.counts.sum()
        residual = (self.sums - self.mean * self.counts) / total
        rows, columns = residual.shape
        by_row, by_column = residual.sum(axis=1), residual.sum(axis=0)
        cluster = rows / (rows - 1) * float(by_row @ by_row) if rows > 1 else 0.0
        if columns < 2 or rows < 2:
            return cluster, 0.0
        both = residual - by_row[:, None] / columns - by_column[None, :] / rows
        interaction = rows * columns / ((rows - 1) * (columns - 1)) * float((both * both).sum())
        collection = columns / (columns - 1) * float(by_column @ by_column)
        return cluster, max(0.0, collection - interaction)


def codes(labels: Labels, length: int) -> tuple[npt.NDArray[np.intp], int]:
    """Labels as numbers 0…k-1 in order of first sight, and k.

    Raises ValueError when there aren't `length` labels.
    """
    if len(labels) != length:
        raise ValueError(f"{len(labels)} labels for {length} scores")
    seen: dict[Any, int] = {}
    numbers = np.fromiter((seen.setdefault(label, len(seen)) for label in labels), np.intp, length)
    return numbers, len(seen)
