"""Intervals for the mean of scores that are alike within clusters and within collections.

Several methods stand side by side so that `python -m benchmarks.stats` can show why one of them is
the default. Not for proportions of independent trials (`wilson`) nor for pairs (`paired_difference`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import special

from alma.stats.cells import Cells, Floats, Labels
from alma.stats.proportion import wilson

Method = Literal["studentised", "wild", "student", "bca", "percentile"]
METHODS: tuple[Method, ...] = get_args(Method)
FEW_CLUSTERS = 20
"""Below this many clusters an interval carries a warning."""

_WEBB = np.sqrt(np.array([0.5, 1.0, 1.5]))


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its interval, in the units of the scores. `warning` is empty or one sentence for people."""

    low: float
    high: float
    mean: float
    clusters: int
    method: str
    warning: str = ""


def cluster_interval(
    scores: Sequence[float] | npt.NDArray[Any],
    clusters: Labels,
    collections: Labels | None = None,
    *,
    seed: int,
    level: float = 0.95,
    draws: int = 2000,
    method: Method = "studentised",
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Interval:
    """Interval for the mean of per-episode scores, each of equal weight.

    `clusters` names the domain's unit of each score; repeats and levels are nested in it.
    `collections`, when given, names the independently collected memory each score was reached with, a
    second factor crossed with the first. Scores lie in `bounds`, and so do the ends.

    - `studentised` (default): bootstrap-t over clusters (Efron 1982; Cameron, Gelbach & Miller 2008).
      The collections' part is added as an independent t variable with (collections - 1) degrees of
      freedom: two or three of them are too few to be resampled.
    - `wild`: as above with cluster residuals multiplied by Webb's six-point weights (Webb 2023).
    - `student`: t with (clusters - 1) degrees of freedom; with collections Satterthwaite's (1946).
    - `percentile`: clusters and collections resampled independently (Owen 2007, "pigeonhole").
    - `bca`: the same draws, bias-corrected and accelerated (Efron 1987), jackknife over clusters.

    Raises ValueError for empty or missing scores, scores outside `bounds`, or labels of another length.
    """
    table = Cells.of(np.asarray(scores, dtype=np.float64), clusters, collections)
    values = np.asarray(scores, dtype=np.float64)
    if values.min() < bounds[0] - 1e-9 or values.max() > bounds[1] + 1e-9:
        raise ValueError(f"scores lie outside [{bounds[0]}, {bounds[1]}]")
    low, high, how, warning = interval_of(
        table, level=level, draws=draws, seed=seed, method=method, bounds=bounds
    )
    return Interval(low, high, table.mean, table.clusters, how, warning)


def interval_of(
    table: Cells,
    *,
    level: float,
    draws: int,
    seed: int,
    method: Method,
    bounds: tuple[float, float],
) -> tuple[float, float, str, str]:
    """Ends of the interval, the method's name, and a warning, for scores already summed into cells.

    Raises ValueError for an unknown method or a level outside (0, 1).
    """
    if method not in METHODS or not 0 < level < 1:
        raise ValueError(f"unknown method {method!r} or level {level} outside (0, 1)")
    if table.clusters < 2:
        return (
            *bounds,
            "none",
            "one cluster: its scores say nothing about others, so the interval is the whole range",
        )
    warning = ""
    if table.clusters < FEW_CLUSTERS:
        warning = f"only {table.clusters} clusters: read the interval as a rough guide"
    if sum(table.variances()) <= 1e-18:
        return _constant(table, level, bounds, warning)
    deviation = deviations(table, draws=draws, seed=seed, method=method)
    tail = (1 - level) / 2
    if method == "bca":
        lower, upper = _bca_tails(table, deviation, tail)
        low, high = table.mean + np.quantile(deviation, [lower, upper])
    elif method == "percentile":
        low, high = table.mean + np.quantile(deviation, [tail, 1 - tail])
    else:
        low, high = table.mean - np.quantile(deviation, [1 - tail, tail])
    # A skewed bootstrap may leave the estimate outside its own interval; that would be read as a mistake.
    low, high = min(float(low), table.mean), max(float(high), table.mean)
    return max(low, bounds[0]), min(high, bounds[1]), method, warning


def deviations(table: Cells, *, draws: int, seed: int, method: Method) -> Floats:
    """Draws of (estimate - truth) in score units: quantiles make the interval, tails a p-value."""
    rng = np.random.default_rng(seed)
    if method in ("percentile", "bca"):
        return _pigeonhole(table, draws, rng)
    cluster, collection = table.variances()
    if method == "student":
        return _student(table, draws, cluster, collection)
    pivot: Callable[[Cells, int, np.random.Generator], Floats] = _wild_t if method == "wild" else _bootstrap_t
    drawn = pivot(table, draws, rng)
    # Where all clusters are alike no draw has a spread to divide by: what is left is the collections' luck.
    deviation = np.sqrt(cluster) * (drawn if len(drawn) else np.zeros(draws))
    if collection > 0:
        # Evenly spaced quantiles in random order: with one or two degrees of freedom, random draws
        # would move the ends of the interval from seed to seed.
        luck = special.stdtrit(table.collections - 1, (np.arange(len(deviation)) + 0.5) / len(deviation))
        deviation = deviation + np.sqrt(collection) * rng.permutation(luck)
    return np.asarray(deviation, dtype=np.float64)


def _bootstrap_t(table: Cells, draws: int, rng: np.random.Generator) -> Floats:
    sums, counts = table.sums.sum(axis=1), table.counts.sum(axis=1)
    number = len(sums)
    times = rng.multinomial(number, np.full(number, 1 / number), draws).astype(np.float64)
    total = times @ counts
    mean = (times @ sums) / total
    squares = (
        times @ (sums * sums)
        - 2 * mean * (times @ (sums * counts))
        + mean * mean * (times @ (counts * counts))
    )
    return _ratio(mean - table.mean, squares / total**2 * number / (number - 1))


def _wild_t(table: Cells, draws: int, rng: np.random.Generator) -> Floats:
    counts = table.counts.sum(axis=1)
    residual = (table.sums.sum(axis=1) - table.mean * counts) / counts.sum()
    number = len(counts)
    weights = rng.choice(np.concatenate([-_WEBB, _WEBB]), size=(draws, number)) * residual
    shift = weights.sum(axis=1)
    left = weights - shift[:, None] * counts / counts.sum()
    return _ratio(shift, (left * left).sum(axis=1) * number / (number - 1))


def _ratio(shift: Floats, variance: Floats) -> Floats:
    """shift / √variance without the draws whose clusters are all alike: they have no spread to divide by."""
    usable = variance > 1e-18
    return np.asarray(shift[usable] / np.sqrt(variance[usable]), dtype=np.float64)


def _student(table: Cells, draws: int, cluster: float, collection: float) -> Floats:
    both = cluster + collection
    freedom = both**2 / (cluster**2 / (table.clusters - 1) + collection**2 / max(1, table.collections - 1))
    quantiles = (np.arange(draws) + 0.5) / draws
    return np.asarray(np.sqrt(both) * special.stdtrit(freedom, quantiles), dtype=np.float64)


def _pigeonhole(table: Cells, draws: int, rng: np.random.Generator) -> Floats:
    rows, columns = table.sums.shape
    row = rng.multinomial(rows, np.full(rows, 1 / rows), draws).astype(np.float64)
    column = rng.multinomial(columns, np.full(columns, 1 / columns), draws).astype(np.float64)
    total = ((row @ table.counts) * column).sum(axis=1)
    usable = total > 0
    drawn = ((row @ table.sums) * column).sum(axis=1)[usable] / total[usable]
    return np.asarray(drawn - table.mean, dtype=np.float64)


def _bca_tails(table: Cells, deviation: Floats, tail: float) -> tuple[float, float]:
    """The two shares of the draws to cut at (Efron 1987, equation 2.3)."""
    below = (np.sum(deviation < 0) + 0.5 * np.sum(deviation == 0)) / len(deviation)
    bias = float(special.ndtri(np.clip(below, 1e-3, 1 - 1e-3)))
    sums, counts = table.sums.sum(axis=1), table.counts.sum(axis=1)
    left_out = (sums.sum() - sums) / (counts.sum() - counts)
    influence = left_out.mean() - left_out
    scale = float((influence**2).sum()) ** 1.5
    skew = float((influence**3).sum()) / (6 * scale) if scale > 0 else 0.0
    cuts = [bias + float(special.ndtri(share)) for share in (tail, 1 - tail)]
    lower, upper = (float(special.ndtr(bias + cut / (1 - skew * cut))) for cut in cuts)
    return lower, upper


def _constant(
    table: Cells, level: float, bounds: tuple[float, float], warning: str
) -> tuple[float, float, str, str]:
    """Every cluster has the same mean, so resampling would claim certainty.

    At an end of the range (all lost, all won) the interval is Wilson's with each cluster as one trial,
    which is on the safe side; elsewhere nothing honest can be said but that there was no spread.
    """
    width = bounds[1] - bounds[0]
    share = (table.mean - bounds[0]) / width
    if share < 1e-9 or share > 1 - 1e-9:
        low, high = wilson(round(share) * table.clusters, table.clusters, level)
        return bounds[0] + low * width, bounds[0] + high * width, "wilson over clusters", warning
    return table.mean, table.mean, "none", "all clusters have the same mean: the interval has no width"
