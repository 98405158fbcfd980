"""What a memory in a sandbox can rely on: copies, numbers, services, its own time."""

import asyncio
import time

import pytest

from alma.memory import Recall, Step
from alma.records import DesignError
from alma.sandbox.contract import NoServices
from alma.testing.loop import in_loop


@in_loop
async def test_each_episode_has_a_copy_for_its_steps(opened, situation):
    body = """
def __init__(self, kit):
    super().__init__(kit)
    self.steps = 0

async def retrieve(self, situation):
    self.steps += 10
    return self.steps

async def on_step(self, situation, history):
    self.steps += 1
    return Recall(self.steps, len(history)) if history else None
"""
    history = (Step("look", "A cup."),)
    async with opened(body) as process:
        assert process.has_on_step
        await process.freeze()
        for token in ("a", "b"):
            assert (await process.retrieve(situation(token), frozen=True, seed=1)).show == 10
        for expected in (11, 12):
            for token in ("a", "b"):
                recall = await process.on_step(situation(token), history, frozen=True, seed=1)
                assert recall == Recall(expected, 1)
        assert await process.on_step(situation("c"), (), frozen=True, seed=1) is None
        await process.end("a")
        assert (await process.on_step(situation("a"), history, frozen=True, seed=1)).show == 1
        assert (await process.on_step(situation("b"), history, frozen=True, seed=1)).show == 13


@in_loop
async def test_a_design_sees_the_whole_history_at_each_step(opened, situation):
    body = "async def on_step(self, situation, history): return [step.action for step in history]"
    history = tuple(Step(f"go {n}", "You go.") for n in range(5))
    async with opened(body) as process:
        await process.freeze()
        for length in (0, 1, 2, 4, 0, 1, 5):
            for token in ("a", "b"):
                told = await process.on_step(situation(token), history[:length], frozen=True, seed=1)
                assert told.show == [f"go {n}" for n in range(length)]


@in_loop
async def test_a_design_without_on_step_is_not_asked(opened):
    async with opened("pass") as process:
        assert not process.has_on_step
        await process.end("t")


NUMBERS = """
def __init__(self, kit):
    self.tools = kit
    self.drawn = []

def draw(self):
    import random
    import numpy
    return [random.random(), float(numpy.random.random()), *self.tools.rng.random(2).tolist()]

async def update(self, episode):
    self.drawn.append(self.draw())

async def retrieve(self, situation):
    return self.drawn if situation.token == "drawn" else [self.draw(), float(self.tools.rng.random())]
"""


@in_loop
async def test_the_same_call_draws_the_same_numbers_in_any_order(opened, situation):
    async with opened(NUMBERS) as one, opened(NUMBERS) as other:
        first = [await one.retrieve(situation("t"), frozen=False, seed=seed) for seed in (1, 2, 3)]
        again = [await other.retrieve(situation("t"), frozen=False, seed=seed) for seed in (3, 2, 1)]
    assert first == again[::-1]
    numbers = [n for recall in first for n in [*recall.show[0], recall.show[1]]]
    assert len(set(numbers)) == len(numbers)


@in_loop
async def test_updates_draw_different_numbers_and_a_rebuilt_memory_the_same(opened, situation, episode):
    drawn = []
    for seed in (1, 1, 2):
        async with opened(NUMBERS, seed=seed) as process:
            for _ in range(3):
                await process.update(episode)
            drawn.append((await process.retrieve(situation("drawn"), frozen=False, seed=9)).show)
    assert drawn[0] == drawn[1] != drawn[2]
    assert len({row[2] for row in drawn[0]}) == 3


SERVICES = """
async def retrieve(self, situation):
    try:
        if situation.token == "llm":
            return await self.kit.llm("hello", role="strong")
        if situation.token == "embed":
            return (await self.kit.embed(["ab", "abc"])).tolist()
        if situation.token == "many":
            import asyncio
            return await asyncio.gather(*(self.kit.llm(str(n)) for n in range(50)))
        return await self.kit._host.call(situation.token, {})
    except RuntimeError as error:
        return {"caught": str(error)}
"""


@in_loop
async def test_completions_and_embeddings_come_from_the_host(opened, situation, host):
    async with opened(SERVICES) as process:
        assert (await process.retrieve(situation("llm"), frozen=False, seed=1)).show == "an answer"
        shown = (await process.retrieve(situation("embed"), frozen=False, seed=1)).show
        assert shown == [[2.0, 1.0], [3.0, 1.0]]
        assert (host.asked[0]["role"], host.asked[1]) == ("strong", ["ab", "abc"])
        many = (await process.retrieve(situation("many"), frozen=False, seed=1)).show
        assert many == ["an answer"] * 50


@in_loop
async def test_a_frozen_copy_reaches_the_host_too(opened, situation, host):
    async with opened(SERVICES) as process:
        await process.freeze()
        assert (await process.retrieve(situation("llm"), frozen=True, seed=1)).show == "an answer"


@in_loop
async def test_what_the_host_refuses_is_an_error_in_the_design(opened, situation):
    class Broken(NoServices):
        async def llm(self, arguments):
            return {1, 2}

        async def embed(self, texts):
            return [[float("nan")] for _ in texts]

    async with opened(SERVICES, services=NoServices(), retrieve_seconds=1) as process:
        for token, says in (("llm", "no model"), ("embed", "no embedder"), ("files", "no method 'files'")):
            recall = await process.retrieve(situation(token), frozen=False, seed=1)
            assert says in recall.show["caught"]
    async with opened(SERVICES, services=Broken(), retrieve_seconds=1) as process:
        for token in ("llm", "embed"):
            assert "caught" in (await process.retrieve(situation(token), frozen=False, seed=1)).show


@in_loop
async def test_an_uncaught_refusal_names_the_line_of_the_design(opened, situation):
    body = "async def retrieve(self, situation):\n    return await self.kit.llm('hello')"
    async with opened(body, services=NoServices()) as process:
        with pytest.raises(DesignError, match="RuntimeError: this run has no model") as caught:
            await process.retrieve(situation(), frozen=False, seed=1)
    assert "line 6, in retrieve" in caught.value.trace


class Slow(NoServices):
    async def llm(self, arguments):
        await asyncio.sleep(0.5)
        return "late"


@in_loop
async def test_time_spent_waiting_for_the_host_is_not_the_designs(opened, situation):
    body = "async def retrieve(self, situation): return [await self.kit.llm(t) for t in 'ab']"
    async with opened(body, services=Slow(), retrieve_seconds=0.3) as process:
        assert (await process.retrieve(situation(), frozen=False, seed=1)).show == ["late", "late"]


@in_loop
async def test_a_design_that_hangs_after_waiting_is_still_caught(opened, situation):
    body = """
async def retrieve(self, situation):
    await self.kit.llm("hello")
    while True:
        pass
"""
    async with opened(body, services=Slow(), retrieve_seconds=0.3) as process:
        begun = time.monotonic()
        with pytest.raises(DesignError, match="took over"):
            await process.retrieve(situation(), frozen=False, seed=1)
        assert 0.75 < time.monotonic() - begun < 3


BUSY = """
async def retrieve(self, situation):
    import time
    if situation.token.startswith("ask"):
        return await self.kit.llm("hello")
    end = time.monotonic() + (60 if situation.token == "hang" else 0.2)
    while time.monotonic() < end:
        pass
    return "done"
"""


@in_loop
async def test_a_call_does_not_pay_for_the_calls_before_it(opened, situation):
    """Eight times 0.2 s of work sent at once, under a limit of 1 s a call."""
    async with opened(BUSY, retrieve_seconds=1) as process:
        calls = [process.retrieve(situation(str(n)), frozen=False, seed=1) for n in range(8)]
        assert [recall.show for recall in await asyncio.gather(*calls)] == ["done"] * 8


@in_loop
async def test_calls_that_wait_for_the_host_wait_together(opened, situation):
    async with opened(BUSY, services=Slow()) as process:
        begun = time.monotonic()
        calls = [process.retrieve(situation(f"ask{n}"), frozen=False, seed=1) for n in range(6)]
        assert [recall.show for recall in await asyncio.gather(*calls)] == ["late"] * 6
        assert time.monotonic() - begun < 2


@in_loop
async def test_a_call_that_is_given_up_harms_no_other(opened, situation):
    async with opened(BUSY) as process:
        given_up = asyncio.create_task(process.retrieve(situation("a"), frozen=False, seed=1))
        await asyncio.sleep(0.05)
        given_up.cancel()
        assert (await process.retrieve(situation("b"), frozen=False, seed=1)).show == "done"
        assert not process.broken


@in_loop
async def test_calls_waiting_behind_a_hang_fail_at_once(opened, situation):
    async with opened(BUSY, retrieve_seconds=0.4) as process:
        begun = time.monotonic()
        calls = [process.retrieve(situation(t), frozen=False, seed=1) for t in ("hang", "a", "b")]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(result, DesignError) for result in results)
        assert time.monotonic() - begun < 1.1


@in_loop
async def test_a_flood_of_calls_to_the_host_ends_the_design(opened, situation):
    body = """
async def retrieve(self, situation):
    import asyncio
    return await asyncio.gather(*(self.kit.llm("x") for _ in range(2000)))
"""
    async with opened(body, services=Slow()) as process:
        with pytest.raises(DesignError, match="over 1000 calls to the host at once"):
            await process.retrieve(situation(), frozen=False, seed=1)


@in_loop
async def test_log_lines_reach_the_host_and_are_short(opened, situation, host):
    body = "async def retrieve(self, situation): self.kit.log('x' * 9999); self.kit.log('\\ud800')"
    async with opened(body) as process:
        await process.retrieve(situation(), frozen=False, seed=1)
    assert host.logged == ["x" * 500, "?"]


@in_loop
async def test_lines_are_limited_by_the_call_and_not_by_the_process(opened, situation, host, monkeypatch):
    monkeypatch.setattr("alma.sandbox.design_process.MOST_LOGGED", 3)
    async with opened(
        "async def retrieve(self, situation): [self.kit.log('x') for _ in range(3)]"
    ) as process:
        for _ in range(4):
            await process.retrieve(situation(), frozen=False, seed=1)
    assert host.logged == ["x"] * 12


@in_loop
async def test_keep_comes_back_and_nothing_shows_nothing(opened, situation):
    body = (
        "async def retrieve(self, situation): return Recall('text', {'ids': [1]}) if situation.goal else None"
    )
    async with opened(body) as process:
        recall = await process.retrieve(situation(), frozen=False, seed=1)
        assert recall == Recall("text", {"ids": [1]})
        assert await process.retrieve(situation(goal=""), frozen=False, seed=1) == Recall(None)
