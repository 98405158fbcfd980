"""Counts over many draws of a `World`: coverage and width of intervals, size and power of tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alma.stats import Method, cluster_interval, paired_difference
from alma.stats.comparison import Unit
from benchmarks.stats.world import World


@dataclass(frozen=True, slots=True)
class Coverage:
    """Share of intervals that hold the truth, and their mean width in score units."""

    covered: float
    width: float


def coverage(world: World, method: Method, *, times: int, seed: int, draws: int = 1000) -> Coverage:
    """How often `cluster_interval` holds the truth of `world` in `times` draws."""
    rng = np.random.default_rng(seed)
    cluster, collection, _ = world.labels
    crossed = collection if world.collections > 1 else None
    truth, held, width = world.truth, 0, 0.0
    for index in range(times):
        (scores,) = world.draw(rng)
        found = cluster_interval(scores, cluster, crossed, seed=index, method=method, draws=draws)
        held += found.low <= truth <= found.high
        width += found.high - found.low
    return Coverage(held / times, width / times)


@dataclass(frozen=True, slots=True)
class Rejections:
    """Share of comparisons that find a difference: by the test's p, the interval's own p, the interval."""

    test: float
    implied: float
    interval: float


def rejections(
    world: World,
    unit: Unit,
    *,
    times: int,
    seed: int,
    effect_sd: float = 0.0,
    gain: float = 0.0,
    alpha: float = 0.05,
) -> Rejections:
    """How often `paired_difference` finds a difference; `gain` (score units) is added to a, 0 = none there.

    The gain turns that share of a's failures-to-be into successes, so scores stay in [0, 1].
    """
    rng = np.random.default_rng(seed)
    cluster, collection, level = world.labels
    crossed = collection if world.collections > 1 else None
    hits = np.zeros(3)
    for index in range(times):
        a, b = world.draw(rng, designs=2, effect_sd=effect_sd)
        if gain:
            a = np.where(rng.random(len(a)) < gain / max(1e-9, 1 - world.truth), 1.0, a)
        found = paired_difference(
            a, b, cluster, crossed, levels=level, unit=unit, seed=index, draws=1000, permutations=999
        )
        hits += [found.p < alpha, found.p_interval < alpha, not found.low <= 0 <= found.high]
    test, implied, interval = (float(share) for share in hits / times)
    return Rejections(test, implied, interval)
