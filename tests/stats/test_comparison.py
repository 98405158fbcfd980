"""What `paired_difference`, the sign-flip test, Holm's correction and the power formulas promise."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alma.stats import detectable_difference, holm, levels_needed, paired_difference, sign_flip_p


def test_difference_is_the_mean_over_levels_whatever_their_repeats():
    a, b = [1, 1, 1, 0], [0, 0, 0, 0]
    found = paired_difference(a, b, ["x", "x", "x", "y"], levels=[1, 1, 1, 2], seed=0)
    assert found.difference == pytest.approx(0.5)
    assert (found.n_levels, found.clusters) == (2, 2)


def test_swapping_the_designs_mirrors_the_result():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, 240).astype(float), rng.integers(0, 2, 240).astype(float)
    clusters = np.repeat(np.arange(12), 20)
    one, other = paired_difference(a, b, clusters, seed=1), paired_difference(b, a, clusters, seed=1)
    assert one.difference == -other.difference
    assert one.p == other.p
    assert one.low == pytest.approx(-other.high, abs=1e-12)


def test_a_design_compared_with_itself_shows_no_difference():
    a = np.random.default_rng(0).random(60)
    found = paired_difference(a, a, np.repeat(np.arange(6), 10), seed=0)
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)
    assert "no width" in found.warning


def test_a_clear_gain_in_twelve_clusters_reaches_the_smallest_exact_p():
    rng = np.random.default_rng(0)
    b = rng.random(240) * 0.5
    found = paired_difference(b + 0.3 + 0.1 * rng.random(240), b, np.repeat(np.arange(12), 20), seed=0)
    assert found.p == 2 / 2**12
    assert found.p_interval < 0.01
    assert found.low > 0.25


def test_p_of_the_interval_agrees_with_the_interval():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        a, b = rng.binomial(1, 0.6, 240) * 1.0, rng.binomial(1, 0.5, 240) * 1.0
        collections = np.tile([0, 1, 2], 80)
        found = paired_difference(a, b, np.repeat(np.arange(12), 20), collections, seed=seed)
        assert (found.p_interval < 0.048) <= (not found.low <= 0 <= found.high)
        assert (found.p_interval > 0.052) <= (found.low <= 0 <= found.high)


def test_few_clusters_say_how_small_p_can_get():
    found = paired_difference([1.0, 0.9, 0.8], [0.0, 0.1, 0.3], ["x", "y", "z"], seed=0)
    assert found.p == 0.25
    assert "0.250" in found.warning


def test_levels_as_units_are_counted_by_drawing():
    a, b = np.ones(40), np.zeros(40)
    found = paired_difference(a, b, np.repeat(np.arange(8), 5), unit="level", seed=0)
    assert found.p == pytest.approx(1 / 20_000)
    assert "level" in found.method


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0], [1.0, 0.0], ["x"]), "length"),
        (([1.0, 2.0], [1.0, 0.0], ["x", "y"]), "outside"),
        (([1.0, float("nan")], [1.0, 0.0], ["x", "y"]), "missing"),
    ],
)
def test_unusable_pairs_are_refused_with_the_reason(arguments, message):
    with pytest.raises(ValueError, match=message):
        paired_difference(*arguments, seed=0)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=8))
def test_exact_sign_flip_equals_brute_force(differences):
    bar = abs(sum(differences))
    patterns = list(product([1, -1], repeat=len(differences)))
    hits = sum(abs(sum(s * d for s, d in zip(signs, differences, strict=True))) >= bar for signs in patterns)
    assert sign_flip_p(differences)[0] == pytest.approx(hits / len(patterns))


def test_drawn_p_agrees_with_exact_p_and_is_never_zero():
    values = np.random.default_rng(3).normal(0.5, 1, 16)
    exact, how = sign_flip_p(values)
    # A tiny seventeenth unit forces drawing and hardly moves the sum.
    drawn, counted = sign_flip_p([*values, 1e-9], seed=1)
    assert (how, counted) == ("exact", "19,999 draws")
    assert drawn == pytest.approx(exact, abs=0.01)
    assert sign_flip_p(np.ones(200))[0] > 0


def test_holm_matches_a_worked_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    with pytest.raises(ValueError, match="p-values"):
        holm([1.2])


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_never_lowers_a_p_and_keeps_the_order(pvalues):
    adjusted = holm(pvalues)
    assert all(p <= q <= 1 for p, q in zip(pvalues, adjusted, strict=True))
    order = np.argsort(pvalues, kind="stable")
    assert all(np.diff(np.array(adjusted)[order]) >= 0)


def test_power_formulas_match_the_textbook_and_invert_each_other():
    # (1.960 + 0.842)² · (0.5 / 0.1)² = 196.2
    assert levels_needed(0.5, 0.1) == 197
    assert detectable_difference(0.5, 197) == pytest.approx(0.1, abs=2e-4)
    assert levels_needed(0.5, 0.1, icc=0.05, levels_per_cluster=21) == 393
    with pytest.raises(ValueError, match="difference"):
        levels_needed(0.5, 0)
