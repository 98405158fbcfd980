"""What `cluster_interval` promises about single data sets."""

import numpy as np
import pytest

from alma.stats import METHODS, Cells, cluster_interval, wilson


def scores(clusters: int = 12, tasks: int = 10, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rates = rng.beta(2, 2, size=clusters)
    return rng.binomial(1, np.repeat(rates, tasks)).astype(float), np.repeat(np.arange(clusters), tasks)


@pytest.mark.parametrize("method", METHODS)
def test_interval_holds_its_mean_and_depends_on_the_seed_only(method):
    values, clusters = scores()
    one = cluster_interval(values, clusters, seed=1, method=method)
    assert one == cluster_interval(values, clusters, seed=1, method=method)
    assert 0 <= one.low < one.mean < one.high <= 1
    assert one.mean == pytest.approx(values.mean())
    assert one.clusters == 12


def test_mean_weights_scores_equally_when_clusters_differ_in_size():
    found = cluster_interval([1, 1, 1, 0, 0, 1], ["a", "a", "a", "b", "b", "c"], seed=0)
    assert found.mean == pytest.approx(4 / 6)


def test_order_of_scores_does_not_matter_within_clusters():
    values, clusters = scores()
    shuffled = values.reshape(12, 10)[:, ::-1].ravel()
    assert cluster_interval(values, clusters, seed=3) == cluster_interval(shuffled, clusters, seed=3)


def test_few_clusters_are_warned_about_and_many_are_not():
    few, many = scores(clusters=12), scores(clusters=20)
    assert "12 clusters" in cluster_interval(*few, seed=0).warning
    assert cluster_interval(*many, seed=0).warning == ""


def test_a_single_cluster_gives_the_whole_range_and_says_so():
    found = cluster_interval([1, 0, 1], ["a", "a", "a"], seed=0)
    assert (found.low, found.high) == (0.0, 1.0)
    assert "one cluster" in found.warning


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_lost_or_all_won_is_not_reported_as_certain(value):
    found = cluster_interval([value] * 24, np.repeat(np.arange(12), 2), seed=0)
    assert (found.low, found.high) == wilson(12 * value, 12)
    assert found.high - found.low > 0.2


def test_collections_that_differ_widen_the_interval():
    values, clusters = scores(tasks=10)
    collections = np.tile([0, 1], 60)
    lucky = np.clip(values * 0.6 + 0.3 * collections, 0, 1)
    plain = cluster_interval(lucky, clusters, seed=0)
    crossed = cluster_interval(lucky, clusters, collections, seed=0)
    assert crossed.high - crossed.low > 2 * (plain.high - plain.low)


def test_one_collection_is_no_second_factor():
    values, clusters = scores()
    assert cluster_interval(values, clusters, [7] * 120, seed=0) == cluster_interval(values, clusters, seed=0)


def test_variance_of_balanced_cells_is_the_textbook_one():
    values, clusters = scores()
    means = values.reshape(12, 10).mean(axis=1)
    cluster, collection = Cells.of(values, clusters).variances()
    assert cluster == pytest.approx(means.var(ddof=1) / 12)
    assert collection == 0


@pytest.mark.parametrize(
    ("values", "clusters", "message"),
    [
        ([], [], "non-empty"),
        ([0.5, float("nan")], [1, 2], "missing"),
        ([0.5, 1.5], [1, 2], "outside"),
        ([0.5, 1.0], [1], "1 labels for 2 scores"),
    ],
)
def test_unusable_scores_are_refused_with_the_reason(values, clusters, message):
    with pytest.raises(ValueError, match=message):
        cluster_interval(values, clusters, seed=0)


def test_wilson_matches_the_published_example_and_its_edges():
    # Newcombe (1998), table I: 81 of 263.
    low, high = wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 10)[0] == 0
    assert wilson(10, 10)[1] == 1
    assert wilson(0, 0) == (0, 1)
    with pytest.raises(ValueError, match="wilson"):
        wilson(3, 2)
