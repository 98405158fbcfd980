"""The promises of `alma.stats` on average: coverage, false alarms and power in a world with a known truth.

Shares are over few hundred seeded draws, so the bounds leave room for the noise of counting; the long
table is `python -m benchmarks.stats`.
"""

import pytest
from benchmarks.stats.simulate import coverage, rejections
from benchmarks.stats.world import World

from alma.stats import detectable_difference

TIMES = 400


@pytest.mark.parametrize("clusters", [12, 40])
@pytest.mark.parametrize("log_odds", [0.0, -2.5])
def test_intervals_of_correlated_binary_scores_cover(clusters, log_odds):
    found = coverage(World(clusters, log_odds=log_odds), "studentised", times=TIMES, seed=1)
    assert 0.90 <= found.covered <= 0.98


@pytest.mark.parametrize("clusters", [12, 40])
@pytest.mark.parametrize("luck", [0.1, 0.3])
def test_intervals_count_the_luck_of_three_collections(clusters, luck):
    world = World(clusters, collections=3, collection_sd=luck, both_sd=0.2)
    found = coverage(world, "studentised", times=TIMES, seed=2)
    assert 0.90 <= found.covered <= 0.985


def test_resampling_collections_would_be_overconfident():
    world = World(40, collections=3, collection_sd=0.3, both_sd=0.2)
    assert coverage(world, "percentile", times=TIMES, seed=3).covered < 0.90


@pytest.mark.parametrize("clusters", [12, 40])
def test_the_test_cries_wolf_no_more_often_than_it_says(clusters):
    found = rejections(World(clusters), "cluster", times=TIMES, seed=4, effect_sd=0.6)
    assert found.test <= 0.05 + 0.03
    assert found.interval <= 0.05 + 0.04


def test_flipping_single_tasks_is_overconfident_when_clusters_have_tastes():
    found = rejections(World(12), "level", times=TIMES, seed=5, effect_sd=0.6)
    assert found.test > 0.12


def test_the_test_finds_what_the_power_formula_says_it_will():
    # A paired difference of two repeats each has a standard deviation near 0.46 in this world. The
    # formula knows normal distributions only: flipping 40 clusters may cost some of its 80 %.
    gain = detectable_difference(0.46, 240)
    found = rejections(World(40, tasks=6), "cluster", times=TIMES, seed=6, gain=gain)
    assert 0.70 <= found.test <= 0.88
