"""Episodes that an engine or a provider loses: a few are left out, many pause the run and are tried again."""

from dataclasses import replace

import pytest
from ring import NOTES, Breaks, levels, ring

from alma.learning.collect import collect
from alma.learning.missing import comparable, pause_if_many
from alma.records import RunPaused
from alma.testing.loop import in_loop


@pytest.mark.parametrize(("missing", "episodes", "fair"), [(0, 1, True), (1, 49, False), (1, 50, True)])
def test_two_in_a_hundred_may_be_missing(missing, episodes, fair):
    assert comparable(missing, episodes) == fair


def test_what_went_missing_is_said():
    pause_if_many("x (search)", ["gone"], 50)
    with pytest.raises(RunPaused, match=r"2 of 50 episodes of x \(search\) went missing: gone"):
        pause_if_many("x (search)", ["gone", "other"], 50)


@in_loop
async def test_an_evaluation_that_misses_too_much_is_not_kept_and_is_played_again_later(tmp_path):
    deployed = levels("coin", "key", days=2)
    async with ring(tmp_path, domain=Breaks()) as r:
        r.evaluator = replace(r.evaluator, pauses=True)
        with pytest.raises(RunPaused, match=r"2 of 4 episodes of made \(search\) went missing: level .*coin"):
            await r.evaluate(NOTES, deployed)
        assert r.archive.evaluations() == []
    async with ring(tmp_path) as r:
        r.evaluator = replace(r.evaluator, pauses=True)
        evaluation = await r.evaluate(NOTES, deployed)
        assert evaluation.missing == 0
        assert len(r.played) == 4


@in_loop
async def test_a_collection_that_misses_too_much_is_not_kept(tmp_path):
    few = levels("coin", "key", days=1)
    async with ring(tmp_path, domain=Breaks()) as r:
        e = r.evaluator
        with pytest.raises(RunPaused, match="of the collection went missing"):
            await collect(
                e.pool,
                e.agent,
                few,
                seed=3,
                step_limit=10,
                archive=e.archive,
                budget=e.budget,
                pauses=True,
            )
        held = await r.collect(few)
    assert [one.level_key for one in held.trajectories] == [level.key for level in few if "key" in level.key]
