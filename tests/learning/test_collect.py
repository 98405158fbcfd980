"""Collected once, the same for everyone: cached, reproducible, without the episodes that went missing."""

import pytest
from ring import TRAIN, Breaks, levels, ring

from alma.agents.reader import Reader
from alma.records import BudgetExceeded
from alma.testing.loop import in_loop


@in_loop
async def test_a_collection_is_played_once(tmp_path):
    async with ring(tmp_path) as r:
        first = await r.collect(TRAIN[:4])
        await r.evaluator.pool.close()
        again = await r.collect(TRAIN[:4])
    assert again == first
    assert len(first.trajectories) == 4


@in_loop
async def test_the_same_key_means_the_same_trajectories_on_any_number_of_workers(tmp_path):
    async with ring(tmp_path, agent=Reader(), name="one.db") as r:
        one = await r.collect(TRAIN[:12])
    async with ring(tmp_path, agent=Reader(), name="three.db", workers=3) as r:
        three = await r.collect(TRAIN[:12])
    assert one == three
    assert 0 < one.wins < 12


@in_loop
async def test_other_levels_have_another_key(tmp_path):
    async with ring(tmp_path) as r:
        assert (await r.collect(TRAIN[:2])).key != (await r.collect(TRAIN[1:3])).key


@in_loop
async def test_missing_episodes_are_left_out(tmp_path):
    async with ring(tmp_path, domain=Breaks()) as r:
        collection = await r.collect(levels("coin", "key", "spoon", days=1))
    assert [t.level_key for t in collection.trajectories] == [levels("key", days=1)[0].key]


@in_loop
async def test_a_budget_that_cannot_hold_the_collection_plays_nothing(tmp_path):
    async with ring(tmp_path, limit=3) as r:
        with pytest.raises(BudgetExceeded):
            await r.collect(TRAIN[:4])
        assert r.budget.spent == {}


@in_loop
async def test_a_design_sees_no_level_in_a_collected_episode(tmp_path):
    async with ring(tmp_path) as r:
        collection = await r.collect(TRAIN[:1])
    assert TRAIN[0].key.encode() not in collection.episodes[0]
