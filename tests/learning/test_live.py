"""A live memory survives its process: rebuilt by replay, and given up after a few deaths."""

import asyncio
import os
import signal
from contextlib import asynccontextmanager

import pytest

from alma.learning.live import MOST_DEATHS, LiveMemory
from alma.memory import Episode, Situation, Step
from alma.records import Design, DesignError, SandboxError
from alma.sandbox.contract import Limits, NoServices, encode_episode
from alma.sandbox.unsafe import UnsafeSandbox
from alma.testing.loop import in_loop

COUNTS = """
import os
from alma.memory import Memory

class Counts(Memory):
    def __init__(self, kit):
        super().__init__(kit)
        self.goals = []
        {extra}

    async def update(self, episode):
        if episode.situation.goal == "deadly":
            os._exit(1)
        self.goals.append(episode.situation.goal)

    async def retrieve(self, situation):
        if situation.goal == "die":
            os._exit(1)
        if situation.goal == "fail":
            raise ValueError("no idea")
        return [os.getpid(), self.goals]

    async def on_step(self, situation, history):
        if situation.goal == "die later":
            os._exit(1)
        return [len(history), self.goals]
"""


def situation(goal, token="t"):
    return Situation(goal, "A room.", ("look",), "toy", token)


def past(goal):
    return encode_episode(Episode(situation(goal), (Step("look", "A cup."),), 1.0, True))


@asynccontextmanager
async def memory(*goals, frozen=True, sandbox=None, extra=""):
    owned = sandbox or UnsafeSandbox()
    live = LiveMemory(
        owned,
        Design("x", COUNTS.format(extra=extra)),
        NoServices(),
        Limits(retrieve_seconds=1),
        episodes=[past(goal) for goal in goals],
        frozen=frozen,
        seed=1,
    )
    try:
        async with live:
            yield live
    finally:
        await owned.close()


async def ask(live, goal, token="t"):
    return (await live.retrieve(situation(goal, token), seed=1)).show


@in_loop
async def test_a_memory_that_died_is_rebuilt_for_the_next_call():
    async with memory("a", "b") as live:
        pid, goals = await ask(live, "cup")
        with pytest.raises(DesignError, match="process ended"):
            await ask(live, "die")
        again, goals_again = await ask(live, "cup")
        assert again != pid
        assert goals_again == goals == ["a", "b"]
        with pytest.raises(DesignError, match="process ended"):
            await live.on_step(situation("die later"), (), seed=1)
        history = (Step("look", "A cup."),) * 3
        assert (await live.on_step(situation("cup"), history, seed=1)).show == [3, ["a", "b"]]


@in_loop
async def test_an_exception_costs_no_life():
    async with memory("a") as live:
        pid, _ = await ask(live, "cup")
        for _ in range(MOST_DEATHS + 1):
            with pytest.raises(DesignError, match="ValueError: no idea"):
                await ask(live, "fail")
        assert (await ask(live, "cup"))[0] == pid


@in_loop
async def test_a_memory_that_died_often_stays_dead():
    async with memory("a") as live:
        for _ in range(MOST_DEATHS):
            assert (await ask(live, "cup"))[1] == ["a"]
            with pytest.raises(DesignError, match="process ended"):
                await ask(live, "die")
        for goal in ("cup", "die"):
            with pytest.raises(DesignError, match=f"ended {MOST_DEATHS} times"):
                await ask(live, goal)


@in_loop
async def test_one_death_among_many_calls_is_counted_once():
    async with memory("a") as live:
        goals = ["cup", "die", *["cup"] * 6]
        asked = (ask(live, goal, str(n)) for n, goal in enumerate(goals))
        await asyncio.gather(*asked, return_exceptions=True)
        for _ in range(MOST_DEATHS - 1):
            assert (await ask(live, "cup"))[1] == ["a"]
            with pytest.raises(DesignError):
                await ask(live, "die")


@in_loop
async def test_a_memory_that_cannot_be_rebuilt_is_given_up(tmp_path):
    flag = tmp_path / "opened"
    extra = (
        f"once = os.path.exists({str(flag)!r}); open({str(flag)!r}, 'w').close(); assert not once, 'twice'"
    )
    async with memory("a", extra=extra) as live:
        with pytest.raises(DesignError, match="process ended"):
            await ask(live, "die")
        for _ in range(MOST_DEATHS - 1):
            with pytest.raises(DesignError, match="AssertionError: twice"):
                await ask(live, "cup")
        with pytest.raises(DesignError, match=f"ended {MOST_DEATHS} times"):
            await ask(live, "cup")


@in_loop
async def test_an_online_memory_is_rebuilt_with_what_it_learned_since():
    async with memory("a", frozen=False) as live:
        await live.update(past("later"))
        assert live.copies == "live"
        with pytest.raises(DesignError):
            await ask(live, "die")
        assert (await ask(live, "cup"))[1] == ["a", "later"]


@in_loop
async def test_a_design_that_fails_at_learning_never_opens():
    with pytest.raises(DesignError, match="process ended") as caught:
        async with memory("a", "deadly", "b"):
            pass
    assert caught.value.call == "update"


@in_loop
async def test_the_end_of_an_episode_is_no_trouble_to_the_dead():
    async with memory("a") as live:
        with pytest.raises(DesignError):
            await ask(live, "die")
        await live.end("t")


class Trips(UnsafeSandbox):
    """Fails by its own fault the first `times` times."""

    times = 1

    def open(self, *arguments, **named):
        if self.times:
            self.times -= 1
            raise SandboxError("the sandbox's own fault")
        return super().open(*arguments, **named)


@in_loop
async def test_a_fault_of_the_sandbox_is_tried_once_more_and_blames_no_design():
    async with memory("a", sandbox=Trips()) as live:
        assert (await ask(live, "cup"))[1] == ["a"]
    twice = Trips()
    twice.times = 2
    with pytest.raises(SandboxError, match="own fault"):
        async with memory("a", sandbox=twice):
            pass


@in_loop
async def test_a_zygote_that_dies_costs_no_call_and_no_life():
    """The memory is rebuilt under a new zygote, by replay, and the call is made again there."""
    sandbox = UnsafeSandbox()
    async with memory("a", "b", sandbox=sandbox) as live:
        pids = {(await ask(live, "cup"))[0]}
        for _ in range(MOST_DEATHS + 1):
            os.kill(sandbox._zygote.pid, signal.SIGKILL)
            while not live._process.broken:
                await asyncio.sleep(0.01)
            pid, goals = await ask(live, "cup")
            assert goals == ["a", "b"]
            pids.add(pid)
        assert len(pids) == MOST_DEATHS + 2


@in_loop
async def test_rebuilding_leaves_no_handle_open():
    sandbox = UnsafeSandbox()
    async with memory("a", sandbox=sandbox) as live:
        await ask(live, "cup")
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(MOST_DEATHS - 1):
            with pytest.raises(DesignError):
                await ask(live, "die")
            await ask(live, "cup")
        assert len(os.listdir("/proc/self/fd")) <= before
