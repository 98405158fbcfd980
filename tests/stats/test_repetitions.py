"""Means over whole experiments: Student's interval by hand, bounds, and an exact p."""

import numpy as np
import pytest
from scipy import stats

from alma.stats import across


def test_the_interval_is_students():
    values = [0.31, 0.42, 0.18, 0.36]
    found = across(values)
    low, high = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert (found.n, found.mean, found.least, found.most) == (4, pytest.approx(0.3175), 0.18, 0.42)
    assert found.p == pytest.approx(2 / 16)


def test_it_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(2000):
        found = across(list(rng.normal(0.2, 0.1, 6)), seed=1)
        hits += found.low <= 0.2 <= found.high
    assert 0.935 < hits / 2000 < 0.965


def test_ends_stay_in_bounds_and_one_value_says_nothing_about_others():
    assert across([0.0, 0.4], bounds=(0, 1)).low == 0
    assert across([0.5]).low is None
    assert across([0.5]).p == 1.0
    with pytest.raises(ValueError, match="finite"):
        across([])
    with pytest.raises(ValueError, match="finite"):
        across([float("nan")])
