"""Evaluation: fair, repeatable, never done twice, and each fault counted where it belongs."""

from collections import defaultdict

import pytest
from ring import COUNTS, NOTES, TRAIN, Breaks, levels, memory, ring

from alma import baselines
from alma.agents.reader import Reader
from alma.learning.evaluate import NOTHING
from alma.learning.rollout import play
from alma.records import BudgetExceeded, DesignError
from alma.testing.loop import in_loop


def scores(evaluation):
    return {(e.level_key, e.repeat): (e.reward, e.success, e.steps) for e in evaluation.episodes}


@in_loop
async def test_the_same_evaluation_is_never_made_twice(tmp_path):
    async with ring(tmp_path) as r:
        first = await r.evaluate(NOTES, TRAIN[:3])
        spent, played = dict(r.budget.spent), len(r.played)
        await r.evaluator.pool.close()
        assert await r.evaluate(NOTES, TRAIN[:3]) == first
        assert r.budget.spent == spent
        assert len(r.played) == played == 3


@in_loop
async def test_a_budget_is_charged_before_and_never_passed(tmp_path):
    async with ring(tmp_path, limit=5) as r:
        with pytest.raises(BudgetExceeded):
            await r.evaluate(NOTES, TRAIN[:3], repeats=2)
        assert not r.played
        await r.evaluate(NOTES, TRAIN[:5])
        assert r.budget.remaining("episodes") == 0


@in_loop
async def test_order_and_concurrency_change_no_score_of_a_frozen_memory(tmp_path):
    source = baselines.source("random_recall")
    async with ring(tmp_path, agent=Reader(), name="one.db") as r:
        collection = await r.collect(TRAIN[:10])
        alone = await r.evaluate(source, TRAIN[20:28], collection=collection, repeats=2)
    async with ring(tmp_path, agent=Reader(), name="four.db", workers=3) as r:
        collection = await r.collect(TRAIN[:10])
        mixed = await r.evaluate(source, TRAIN[20:28][::-1], collection=collection, repeats=2)
    assert scores(alone) == scores(mixed)
    assert len(set(scores(alone).values())) > 1


@in_loop
async def test_long_episodes_begin_first_and_stand_where_their_levels_do(tmp_path, monkeypatch):
    begun = []

    async def noted(pool, agent, level, **how):
        begun.append(level.key)
        return await play(pool, agent, level, **how)

    async with ring(tmp_path) as r:
        nothing = await r.evaluate(NOTHING, TRAIN[:12], repeats=2)
        monkeypatch.setattr("alma.learning.evaluate.play", noted)
        found = await r.evaluate(NOTES, TRAIN[:12], repeats=2)
    steps = defaultdict(int)
    for one in nothing.episodes:
        steps[one.level_key] += one.steps
    assert len(set(steps.values())) > 2
    assert [steps[key] for key in begun] == sorted([*steps.values()] * 2, reverse=True)
    assert [one.level_key for one in found.episodes] == [level.key for level in TRAIN[:12]] * 2


@in_loop
async def test_an_online_memory_that_learns_does_better_at_later_tasks(tmp_path):
    deployed = levels("coin", "key", "letter", days=4)
    async with ring(tmp_path) as r:
        online = await r.evaluate(NOTES, deployed, mode="online", step_limit=10)
        frozen = await r.evaluate(NOTES, deployed, mode="frozen", step_limit=10)
    first_day = [e.level_key.endswith("/0") for e in online.episodes]
    assert {e.steps for e, first in zip(online.episodes, first_day, strict=True) if not first} == {2}
    assert any(e.steps > 2 for e, first in zip(online.episodes, first_day, strict=True) if first)
    assert sum(e.steps for e in online.episodes) < sum(e.steps for e in frozen.episodes)


@in_loop
async def test_online_is_serial_in_order_and_repeats_are_memories_of_their_own(tmp_path):
    async with ring(tmp_path, workers=2) as r:
        await r.evaluate(COUNTS, TRAIN[:4], mode="online", repeats=2)
        episodes = r.archive.evaluations(trajectories=True)[0].episodes
    told = {(e.repeat, e.level_key): e.recall for e in episodes}
    for repeat in (0, 1):
        expected = [f"{n} seen, asked {n + 1} times" for n in range(4)]
        assert [told[repeat, level.key] for level in TRAIN[:4]] == expected


@in_loop
async def test_a_frozen_memory_stays_as_it_was_after_collecting(tmp_path):
    async with ring(tmp_path) as r:
        collection = await r.collect(TRAIN[:5])
        await r.evaluate(COUNTS, TRAIN[10:14], collection=collection, repeats=2)
        episodes = r.archive.evaluations(trajectories=True)[0].episodes
    assert {e.recall for e in episodes} == {"5 seen, asked 1 times"}


@in_loop
async def test_what_was_collected_helps_on_other_days(tmp_path):
    days = levels("coin", "key")
    async with ring(tmp_path) as r:
        collection = await r.collect([level for level in days if level.task.id.endswith("/0")])
        deployed = [level for level in days if not level.task.id.endswith("/0")]
        with_memory = await r.evaluate(NOTES, deployed, collection=collection)
        without = await r.evaluate(NOTHING, deployed, collection=collection)
    assert with_memory.success == 1.0
    assert without.success < 1.0


@in_loop
async def test_an_episode_whose_retrieve_fails_is_played_without_recall_and_keeps_its_reward(tmp_path):
    deployed = levels("coin", "key", days=3)
    source = memory("if 'coin' in situation.goal: raise ValueError('no coins')\nreturn 'open ' + 'bag'")
    async with ring(tmp_path) as r:
        evaluation = await r.evaluate(source, deployed)
        nothing = await r.evaluate(NOTHING, deployed)
    failed = [e for e in evaluation.episodes if "coin" in e.level_key]
    assert [e.fault for e in failed] == ["design"] * 3
    assert all("no coins" in e.message for e in failed)
    assert all(scores(evaluation)[e.level_key, 0] == scores(nothing)[e.level_key, 0] for e in failed)
    assert evaluation.faults == 3
    assert evaluation.missing == 0


@pytest.mark.parametrize("mode", ["frozen", "online"])
@in_loop
async def test_a_design_that_fails_to_learn_fails(tmp_path, mode):
    source = memory(update="raise ValueError('too hard')")
    async with ring(tmp_path) as r:
        collection = await r.collect(TRAIN[:1])
        spent = r.budget.spent["episodes"]
        with pytest.raises(DesignError, match="too hard") as caught:
            await r.evaluate(source, TRAIN[2:4], collection=collection, mode=mode)
        assert caught.value.call == "update"
        assert not r.archive.evaluations()
        if mode == "frozen":
            assert r.budget.spent["episodes"] == spent


@in_loop
async def test_an_engine_that_crashes_is_counted_as_missing_and_never_scored(tmp_path):
    async with ring(tmp_path, domain=Breaks()) as r:
        evaluation = await r.evaluate(NOTES, levels("coin", "key", "spoon", days=1), step_limit=10)
    by_fault = {e.level_key.split("/")[2]: (e.fault, e.reward) for e in evaluation.episodes}
    assert by_fault["coin"] == ("domain", None)
    assert by_fault["spoon"] == ("domain", None)
    assert by_fault["key"] == (None, 1.0)
    assert evaluation.missing == 2
    assert evaluation.success == 1.0


@in_loop
async def test_a_design_whose_process_dies_is_rebuilt_by_replay(tmp_path):
    source = COUNTS.replace(
        "        self.asked",
        "        if 'key' in situation.goal:\n            __import__('os')._exit(1)\n        self.asked",
    )
    deployed = [levels(thing)[0] for thing in ("coin", "key", "letter")]
    async with ring(tmp_path) as r:
        await r.evaluate(source, deployed, mode="online")
        assert len(r.played) == 3, "the evaluation must not be started again"
        online = r.archive.evaluations(trajectories=True)[0].episodes
        collection = await r.collect(TRAIN[:2])
        await r.evaluate(source, [levels("key")[0], *levels("coin")], collection=collection)
        frozen = r.archive.evaluations(trajectories=True)[1].episodes
    assert [e.fault for e in online] == [None, "design", None]
    assert online[2].recall.startswith("2 seen")
    assert all(e.reward is not None for e in frozen)
    assert {e.recall for e in frozen} == {"", "2 seen, asked 1 times"}
    assert frozen[-1].recall


@in_loop
async def test_no_memory_scores_level_by_level_as_empty_memory(tmp_path):
    async with ring(tmp_path, agent=Reader(), workers=2) as r:
        nothing = await r.evaluate(NOTHING, TRAIN[:12], repeats=2)
        empty = await r.evaluate(baselines.source("empty_memory"), TRAIN[:12], repeats=2)
    assert scores(nothing) == scores(empty)


@in_loop
async def test_a_recall_over_the_limit_is_cut_and_the_episode_says_so(tmp_path):
    async with ring(tmp_path) as r:
        await r.evaluate(memory("return ['line %d' % n for n in range(50)]"), TRAIN[:1], recall_limit=100)
        await r.evaluate(memory("return 'short'"), TRAIN[:1], recall_limit=100)
        long, short = (e.episodes[0] for e in r.archive.evaluations(trajectories=True))
    assert long.recall_cut
    assert len(long.recall) <= 100
    assert long.recall.endswith("line 10")
    assert not short.recall_cut


@in_loop
async def test_an_error_in_one_episode_leaves_no_other_behind(tmp_path):
    async with ring(tmp_path, workers=2) as r:
        heard = []

        def trip():
            heard.append(1)
            if len(heard) == 2:
                raise RuntimeError("the listener is gone")

        object.__setattr__(r.evaluator, "on_episode", trip)
        with pytest.raises(RuntimeError, match="listener"):
            await r.evaluate(COUNTS, TRAIN[:20])
        told = len(heard)
        assert told < 20
        object.__setattr__(r.evaluator, "on_episode", lambda: None)
        assert (await r.evaluate(COUNTS, TRAIN[:3])).missing == 0
        assert len(heard) == told
