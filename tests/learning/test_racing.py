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
    return Race.against("rival", float(np.mean(wins)), episodes(wins), "success", error)


@pytest.mark.parametrize(
    ("looks", "error", "published"), [(1, 0.05, 1.645), (5, 0.05, 2.122), (10, 0.05, 2.270)]
)
def test_bounds_are_those_of_pocock(looks, error, published):
    assert bound(looks, error) == pytest.approx(published, abs=0.02)


@pytest.mark.parametrize("error", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("worth", [0.2, 0.5])
def test_as_good_a_candidate_is_stopped_no_more_often_than_stated(error, worth):
    rng = np.random.default_rng(1)
    runs = [(rng.random(60) < worth, rng.random(60) < worth) for _ in range(2000)]
    stopped = sum(stops(against(rival, error), own) < 60 for rival, own in runs)
    assert stopped / len(runs) <= error + 0.02
    assert stopped, "a test that never stops proves nothing"


def test_a_candidate_far_behind_is_stopped_soon_and_a_better_one_never():
    rng = np.random.default_rng(2)
    rivals, behind = rng.random((200, 60)) < 0.7, rng.random((200, 60)) < 0.1
    assert np.mean([stops(against(rival), own) for rival, own in zip(rivals, behind, strict=True)]) < 15
    assert all(stops(against(own), rival) == 60 for rival, own in zip(rivals, behind, strict=True))


def test_what_a_stopped_candidate_is_worth_does_not_depend_on_how_hard_its_levels_were():
    easy_first = [1.0] * 10 + [0.0] * 50
    race = against(easy_first)
    own = episodes([1.0] * 5 + [0.0] * 5)
    assert race.estimate(own, "success") == pytest.approx(max(0.0, 10 / 60 - 0.5))
    hard_first = against([0.0] * 10 + [1.0] * 50)
    assert hard_first.estimate(episodes([0.0] * 10), "success") == pytest.approx(50 / 60)


def test_episodes_that_went_missing_count_on_neither_side():
    race = against([1.0] * 60)
    own = [*episodes([0.0] * 5), EpisodeRecord(LEVELS[5].key, "c", 0, None, None, 0, fault="domain")]
    assert race.lost(own, "success", 60) == race.lost(own[:5], "success", 60)
    assert not race.lost(own[5:], "success", 60)
