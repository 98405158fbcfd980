"""`python -m benchmarks.stats`: coverage per method and cluster count; size and power of the paired test."""

from __future__ import annotations

import argparse
from itertools import product

from alma.stats import METHODS
from alma.stats.comparison import Unit
from benchmarks.stats.simulate import coverage, rejections
from benchmarks.stats.world import World

UNITS: tuple[Unit, ...] = ("cluster", "level")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stats", description=__doc__)
    parser.add_argument("--times", type=int, default=1000, help="draws of the world per line")
    times = parser.parse_args().times
    print_coverage(times)
    print_rejections(times)


def print_coverage(times: int) -> None:
    print(f"Coverage of 95 % intervals in % (mean width in points); 20 tasks a cluster, {times} draws a line")
    print("clusters collections  luck  rate  " + "".join(f"{method:>17}" for method in METHODS))
    for clusters, (collections, luck), odds in product(
        (6, 12, 20, 40), ((1, 0.0), (2, 0.3), (3, 0.1), (3, 0.3)), (0.0, -3.0)
    ):
        both = 0.2 if collections > 1 else 0.0
        world = World(clusters, collections=collections, log_odds=odds, collection_sd=luck, both_sd=both)
        found = [coverage(world, method, times=times, seed=1) for method in METHODS]
        cells = "".join(f"{100 * one.covered:9.1f} ({100 * one.width:5.1f})" for one in found)
        print(f"{clusters:8} {collections:11} {luck:5} {world.truth:5.2f}  {cells}", flush=True)


def print_rejections(times: int) -> None:
    print(f"\nShare of p < 0.05 in %: no true difference (size) and +10 points (power); {times} draws a line")
    print("suits: sd in log-odds of how well a design suits a cluster; implied: the interval's own p")
    print("clusters collections  suits     unit   size  implied  power  implied")
    for clusters, collections, suits, unit in product((6, 12, 40), (1, 3), (0.0, 0.6), UNITS):
        luck = 0.1 if collections > 1 else 0.0
        world = World(clusters, collections=collections, collection_sd=luck, both_sd=2 * luck)
        none = rejections(world, unit, times=times, seed=2, effect_sd=suits)
        some = rejections(world, unit, times=times, seed=3, effect_sd=suits, gain=0.1)
        size, power = (f"{100 * one.test:6.1f} {100 * one.implied:8.1f}" for one in (none, some))
        print(f"{clusters:8} {collections:11} {suits:6} {unit:>8} {size} {power}", flush=True)


if __name__ == "__main__":
    main()
