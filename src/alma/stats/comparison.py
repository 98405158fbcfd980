"""Is one design better than another on the same levels? A difference, its interval, its p-value.

Takes arrays that are already aligned: matching levels, and leaving out those that only one side has,
is the caller's work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from alma.stats.cells import Cells, Floats, Labels, codes
from alma.stats.intervals import Method, deviations, interval_of
from alma.stats.signflip import sign_flip_p

Unit = Literal["cluster", "level"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Mean of a - b over levels, in score units.

    `p` is the permutation test's, given the collections that were drawn; `p_interval` is the one that
    the interval implies, so it counts the luck of the collections too. `n_levels` and `clusters` are
    counts. `warning` is empty or one sentence for people.
    """

    difference: float
    low: float
    high: float
    p: float
    p_interval: float
    n_levels: int
    clusters: int
    method: str
    warning: str = ""


def paired_difference(
    a: Sequence[float] | npt.NDArray[Any],
    b: Sequence[float] | npt.NDArray[Any],
    clusters: Labels,
    collections: Labels | None = None,
    *,
    seed: int,
    levels: Labels | None = None,
    unit: Unit = "cluster",
    level: float = 0.95,
    draws: int = 2000,
    permutations: int = 19_999,
    method: Method = "studentised",
) -> Comparison:
    """Compare two designs by scores in [0, 1] on the same (level, repeat, collection) units.

    `levels` names each unit's level (default: each unit is a level of its own); repeats are averaged
    within (level, collection) first, so every level counts once. The interval is `cluster_interval`'s.

    `unit` is what the permutation test may flip. Tasks of one house share its habits, so their
    differences aren't independent, and flipping them one by one (`level`) finds differences that
    aren't there; `cluster` (default) flips whole clusters and is right at any correlation, at a price:
    with n clusters the smallest p is 2/2^n. Raises ValueError where lengths differ, a score is
    missing or outside [0, 1], or `unit` is unknown.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape or len(first) != len(clusters):
        raise ValueError(f"a, b and clusters differ in length: {len(first)}, {len(second)}, {len(clusters)}")
    if unit not in ("cluster", "level"):
        raise ValueError(f"unit must be 'cluster' or 'level', not {unit!r}")
    if len(first) and not (min(first.min(), second.min()) >= 0 and max(first.max(), second.max()) <= 1):
        raise ValueError("scores are missing or lie outside [0, 1]")
    names = range(len(first)) if levels is None else levels
    merged, cluster_of, collection_of, level_of = _average_repeats(
        first - second, clusters, collections, names
    )
    table = Cells.of(merged, cluster_of, collection_of)
    low, high, how, warning = interval_of(
        table, level=level, draws=draws, seed=seed, method=method, bounds=(-1.0, 1.0)
    )
    n_levels = len(np.unique(level_of))
    flipped = table.sums.sum(axis=1) if unit == "cluster" else np.bincount(level_of, weights=merged)
    p, counted = sign_flip_p(flipped, draws=permutations, seed=seed)
    if unit == "cluster" and table.clusters < 6:
        warning += f"; with {table.clusters} clusters p can't fall below {2.0 ** (1 - table.clusters):.3f}"
    return Comparison(
        difference=table.mean,
        low=low,
        high=high,
        p=p,
        p_interval=_implied_p(table, draws=draws, seed=seed, method=method, fallback=p),
        n_levels=n_levels,
        clusters=table.clusters,
        method=f"{how} interval; sign-flip by {unit}, {counted}",
        warning=warning.removeprefix("; "),
    )


def _average_repeats(
    difference: Floats, clusters: Labels, collections: Labels | None, levels: Labels
) -> tuple[Floats, list[Any], list[Any] | None, npt.NDArray[np.intp]]:
    """One difference per (level, collection), with its labels; repeats are noise on the same level."""
    level, _ = codes(levels, len(difference))
    column, columns = (np.zeros(len(difference), np.intp), 1)
    if collections is not None:
        column, columns = codes(collections, len(difference))
    cell, where, back = np.unique(level * columns + column, return_index=True, return_inverse=True)
    merged = np.bincount(back, weights=difference, minlength=len(cell)) / np.bincount(
        back, minlength=len(cell)
    )
    kept = None if collections is None else [collections[place] for place in where]
    return merged, [clusters[place] for place in where], kept, level[where]


def _implied_p(table: Cells, *, draws: int, seed: int, method: Method, fallback: float) -> float:
    """Two-sided p by inverting the interval: the level at which it would just touch 0."""
    if table.clusters < 2 or sum(table.variances()) <= 1e-18:
        return fallback
    deviation = deviations(table, draws=draws, seed=seed, method=method)
    if method in ("percentile", "bca"):
        # These intervals add their draws to the mean instead of taking them from it.
        deviation = -deviation
    above, below = np.sum(deviation >= table.mean), np.sum(deviation <= table.mean)
    return float(min(1.0, 2 * (min(above, below) + 1) / (len(deviation) + 1)))
