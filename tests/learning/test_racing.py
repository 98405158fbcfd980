"""The race: its bound, its chance of error, its saving, and what a stopped candidate is worth."""

import numpy as np
import pytest

from alma.learning.racing import LEVELS_A_LOOK, Race, bound
from alma.records import EpisodeRecord, Level, Task

LEVELS = [Level(Task("d", str(n), "train")) for n in range(60)]


def episodes(wins):
    return [
        EpisodeRecord(level.key, "c", 0, float(won), bool(won), 9)
        for level, won in zip(LEVELS, wins, strict=False)
    ]


def stops(race, wins):
    """After how many levels the race ends."""
    for played in range(LEVELS_A_LOOK, len(wins), LEVELS_A_LOOK):
        if race.lost(episodes(wins[:played]), "success", len(wins)):
            return played
    return len(wins)


def against(wins, error=0.1):
    return Race.against("rival", float(np.mean(wins)), [episodes(wins)], "success", error)


def test_bounds_are_those_of_a_bridge():
    # One look, halfway: the standardised bridge is a standard normal variable.
    assert bound(2, 0.05) == pytest.approx(1.645, abs=0.02)
    assert bound(2, 0.05) < bound(4, 0.05) < bound(12, 0.05) < bound(12, 0.01)


@pytest.mark.parametrize("error", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("wins", [12, 30])
def test_a_candidate_that_would_be_as_good_is_stopped_no_more_often_than_stated(error, wins):
    rng, score = np.random.default_rng(1), np.array([True] * wins + [False] * (60 - wins))
    runs = [(rng.permutation(score), rng.permutation(score)) for _ in range(2000)]
    stopped = sum(stops(against(rival, error), own) < 60 for rival, own in runs)
    assert stopped / len(runs) <= error + 0.02
    assert stopped, "a test that never stops proves nothing"


def test_that_holds_however_lucky_the_rival_was():
    rng, stopped = np.random.default_rng(3), 0
    for _ in range(400):
        others = [rng.random(60) < 0.4 for _ in range(20)]
        best = max(others, key=np.sum)
        own = rng.permutation(best)
        race = Race.against("rival", float(best.mean()), [episodes(one) for one in others], "success", 0.1)
        stopped += stops(race, own) < 60
    assert 0 < stopped / 400 <= 0.13


def test_a_candidate_far_behind_is_stopped_soon_and_a_better_one_never():
    rng = np.random.default_rng(2)
    rivals, behind = rng.random((200, 60)) < 0.7, rng.random((200, 60)) < 0.1
    assert np.mean([stops(against(rival), own) for rival, own in zip(rivals, behind, strict=True)]) < 15
    assert all(stops(against(own), rival) == 60 for rival, own in zip(rivals, behind, strict=True))


def test_what_a_stopped_candidate_is_worth_does_not_depend_on_how_hard_its_levels_were():
    race = against([1.0] * 10 + [0.0] * 50)
    assert race.estimate(episodes([1.0] * 5 + [0.0] * 5), "success") == 0.0
    assert race.estimate(episodes([1.0] * 10), "success") == pytest.approx(10 / 60)
    hard_first = against([0.0] * 10 + [1.0] * 50)
    assert hard_first.estimate(episodes([0.0] * 10), "success") == pytest.approx(50 / 60)


def test_episodes_that_went_missing_count_on_neither_side():
    race = against([1.0] * 60)
    own = [*episodes([0.0] * 5), EpisodeRecord(LEVELS[5].key, "c", 0, None, None, 0, fault="domain")]
    assert race.lost(own, "success", 60) == race.lost(own[:5], "success", 60)
    assert not race.lost(own[5:], "success", 60)
