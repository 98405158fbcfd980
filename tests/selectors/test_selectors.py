"""Selectors: the published rule exactly, a default for any level of success, and what all must do."""

import math
from collections import Counter

import numpy as np
import pytest

from alma.archive import DesignRow
from alma.records import EpisodeRecord, Evaluation, Failure, Phase, Protocol
from alma.selectors import (
    SELECTORS,
    AlmaSelector,
    GreedySelector,
    ParetoSelector,
    PosteriorSelector,
    RandomSelector,
    RankSelector,
)

PROTOCOL = Protocol("toy", Phase("train", 1), Phase("train", 1, 1), 1, 5, 0)


class Shelf:
    """An archive of designs "a", "b", … with these scores (None: failed) and visits."""

    def __init__(self, scores, visits=(), base=0.0):
        self.rows = [
            DesignRow(
                chr(97 + n), "", "", "", "", (), 0, 0, n,
                "failed" if score is None else "evaluated",
                Failure("update", "x") if score is None else None,
                {},
                visits[n] if visits else 0,
                score,
            )
            for n, score in enumerate(scores)
        ]  # fmt: skip
        self.base = base

    def designs(self):
        return self.rows

    def evaluation(self, design_id, stage):
        """Ten episodes; each design took one step more than the one before it."""
        row = next(row for row in self.rows if row.id == design_id)
        won = round(10 * (row.search_score or 0.0))
        steps = 5 + self.rows.index(row)
        episodes = [EpisodeRecord(str(n), "c", 0, float(n < won), n < won, steps) for n in range(10)]
        return Evaluation(f"e-{design_id}", design_id, stage, PROTOCOL, episodes)

    def no_memory(self, stage="search"):
        episode = EpisodeRecord("l", "c", 0, self.base, bool(self.base), 1)
        return Evaluation("e", "no_memory", stage, PROTOCOL, [episode])


class Spy:
    """A generator that tells with which probabilities it was asked to choose; takes the first ones."""

    def __init__(self):
        self.asked = []

    def choice(self, n, size, replace, p):
        assert not replace
        self.asked.append(list(p))
        return np.arange(size)

    def random(self):
        return 0.99


def parts(draws):
    return [tuple(row.id for row in draw) for draw in draws]


def rng(seed=0):
    return np.random.default_rng(seed)


def test_the_published_rule_weighs_by_the_square_of_e_to_the_sigmoid_over_one_plus_visits():
    scores, visits, base = [0.2, 0.35, 0.8, 0.05], [0, 3, 1, 0], 0.15
    spy = Spy()
    AlmaSelector().select(Shelf(scores, visits, base), 2, spy)
    weights = [
        math.exp(2 / (1 + math.exp(-(score - base)))) / (1 + seen)
        for score, seen in zip(scores, visits, strict=True)
    ]
    assert spy.asked[0] == pytest.approx([weight / sum(weights) for weight in weights])


def test_the_published_rule_draws_as_it_weighs():
    shelf = Shelf([0.2, 0.9], [0, 0], 0.1)
    odds = math.exp(2 / (1 + math.exp(-0.1))) / math.exp(2 / (1 + math.exp(-0.8)))
    drawn = Counter(draw[0].id for seed in range(3000) for draw in AlmaSelector().select(shelf, 1, rng(seed)))
    share = odds / (1 + odds)
    assert abs(drawn["a"] / 3000 - share) < 4 * math.sqrt(share * (1 - share) / 3000)


@pytest.mark.parametrize("scores", [(0.01, 0.02, 0.03), (0.1, 0.4, 0.9), (0.97, 0.98, 0.99)])
def test_rank_draws_a_better_design_more_often_at_any_level_of_success(scores):
    spy = Spy()
    RankSelector().select(Shelf(scores), 1, spy)
    best, middle, worst = spy.asked[0]
    assert best / middle == pytest.approx(1.35)
    assert middle / worst == pytest.approx(1.35)


def test_visits_fade_a_design():
    drawn = Counter()
    for seed in range(400):
        for draw in RankSelector(fresh=0.0, cross=0.0).select(Shelf([0.5, 0.4], [20, 0]), 1, rng(seed)):
            drawn[draw[0].id] += 1
    assert drawn["b"] > drawn["a"] > 0


def test_rank_gives_some_children_two_parents_and_some_none():
    sizes = Counter()
    for seed in range(300):
        sizes.update(len(draw) for draw in RankSelector().select(Shelf([0.1, 0.2, 0.3]), 2, rng(seed)))
    assert 0.10 < sizes[0] / 600 < 0.21
    assert 0.33 < sizes[2] / 600 < 0.52


def test_rank_never_crosses_a_design_with_itself():
    for seed in range(50):
        for draw in RankSelector(cross=1.0, fresh=0.0).select(Shelf([0.1, 0.2]), 2, rng(seed)):
            assert len({row.id for row in draw}) == 2


def test_greedy_takes_the_best():
    assert parts(GreedySelector().select(Shelf([0.1, 0.9, 0.5, 0.9]), 3, rng())) == [("b",), ("d",), ("c",)]


def test_random_minds_no_score():
    drawn = Counter(
        draw[0].id
        for seed in range(600)
        for draw in RandomSelector().select(Shelf([0.0, 1.0, 0.5], [9, 0, 0]), 1, rng(seed))
    )
    assert all(150 < drawn[name] < 250 for name in "abc")


@pytest.mark.parametrize("selector", SELECTORS.values(), ids=SELECTORS)
class TestEverySelector:
    """What a selector promises, whichever it is."""

    @pytest.mark.parametrize("count", [0, 1, 2, 7, 60])
    @pytest.mark.parametrize("k", [1, 5])
    def test_draws_up_to_k_without_replacement(self, selector, count, k):
        shelf = Shelf([n / 100 for n in range(count)], range(count))
        for seed in range(5):
            draws = parts(selector().select(shelf, k, rng(seed)))
            firsts = [draw[0] for draw in draws if draw]
            assert len(draws) == min(k, count)
            assert len(set(firsts)) == len(firsts)

    def test_the_same_generator_gives_the_same_draws(self, selector):
        shelf = Shelf([0.3, 0.1, 0.2, 0.9, 0.5], [1, 0, 2, 0, 0])
        assert parts(selector().select(shelf, 3, rng(4))) == parts(selector().select(shelf, 3, rng(4)))

    def test_only_evaluated_designs_are_parents(self, selector):
        shelf = Shelf([None, 0.2, None])
        for seed in range(10):
            for draw in parts(selector().select(shelf, 3, rng(seed))):
                assert draw in ((), ("b",))

    def test_equal_and_extreme_scores_are_no_trouble(self, selector):
        for scores in ([0.0] * 4, [1.0] * 4, [0.0, 1.0]):
            assert selector().select(Shelf(scores, [10**6] * len(scores)), 2, rng())

    def test_has_a_name_that_finds_it(self, selector):
        assert SELECTORS[selector.name] is selector


def drawn(selector, shelf, times=400):
    """How often each design is the first draw."""
    rng = np.random.default_rng(5)
    return Counter(selector.select(shelf, 1, rng)[0][0].id for _ in range(times))


def test_posterior_sampling_draws_by_the_chance_of_being_best_and_visits_cost():
    counts = drawn(PosteriorSelector(), Shelf([0.9, 0.8, 0.1]))
    assert counts["a"] > counts["b"] > 40
    assert counts["c"] < 4
    worn = drawn(PosteriorSelector(), Shelf([0.9, 0.8, 0.1], (30, 0, 0)))
    assert worn["b"] > worn["a"]


def test_pareto_prefers_what_nothing_beats_in_score_and_cost():
    # a is cheap and weak, b dear and strong; c is dearer than b and weaker.
    counts = drawn(ParetoSelector(), Shelf([0.4, 0.8, 0.6]))
    assert counts["a"] > 100
    assert counts["b"] > 100
    assert counts["c"] < min(counts["a"], counts["b"])
