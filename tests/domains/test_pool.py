"""Environments in worker processes: same level same transcript, and whose fault a failure is."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pool_jobs as jobs
import pytest

from alma.domains.pool import EnvironmentPool
from alma.records import AlmaError, ConfigError, DesignError, DomainError, Level, ProviderError
from alma.testing.loop import in_loop
from alma.testing.toy import ToyDomain

LEVELS = [Level(task) for task in ToyDomain().tasks("train")]


@pytest.fixture(autouse=True)
def jobs_importable(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)


@asynccontextmanager
async def pool_of(workers, domain=None, **options):
    pool = EnvironmentPool(domain or ToyDomain(), workers, **options)
    try:
        yield pool
    finally:
        await pool.close()


async def echo(question):
    return question


def running(pid):
    """Whether the process runs (a zombie doesn't)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def descriptors():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


TRANSCRIPT = """
import pickle, sys
from alma.testing.toy import ToyDomain
from alma.records import Level
from pool_jobs import walk
for task in ToyDomain().tasks("train")[::10]:
    print(walk(ToyDomain().open(Level(task, 1)), None, ["open box", "dance", "open jar"]))
"""


@in_loop
async def test_the_same_level_gives_the_same_transcript_in_any_process():
    async def printed(seed):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        child = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", TRANSCRIPT],
            env=environment,
            capture_output=True,
            check=True,
            text=True,
        )
        return child.stdout

    async with pool_of(2) as pool:
        levels = [Level(level.task, 1) for level in LEVELS[::10]]
        played = await asyncio.gather(
            *(pool.run(level, jobs.walk, ["open box", "dance", "open jar"]) for level in levels)
        )
    here = "".join(f"{transcript}\n" for transcript in played)
    assert here == await printed("1") == await printed("2")


@in_loop
async def test_the_first_observation_is_asked_for_once():
    async with pool_of(1) as pool:
        first = await pool.first(LEVELS[0])
        assert first == ToyDomain().open(LEVELS[0]).reset()
        assert await pool.first(LEVELS[0]) is first


@in_loop
async def test_a_job_talks_with_the_host_in_mid_episode():
    async with pool_of(1) as pool:
        questions = ["a", {"b": [1]}, LEVELS[0], "x" * 3_000_000]
        assert await pool.run(LEVELS[0], jobs.converse, questions, answer=echo) == questions


@in_loop
async def test_a_job_that_asks_a_host_without_answers_is_an_error():
    async with pool_of(1) as pool:
        with pytest.raises(AlmaError, match="no answers"):
            await pool.run(LEVELS[0], jobs.converse, ["a"])
        assert await pool.run(LEVELS[0], jobs.sleep, 0) == "slept"


@pytest.mark.parametrize(
    ("how", "kind", "says"),
    [
        ("DesignError", DesignError, "bad recall"),
        ("ConfigError", ConfigError, "no such game"),
        ("ProviderError", ProviderError, "429"),
        ("KeyError", DomainError, "KeyError: 'mug 2'"),
        ("OSError", DomainError, "Permission denied: 'game.tw-pddl'"),
        ("EOFError", DomainError, "the game file is cut"),
        ("unpicklable", DomainError, "pickle"),
    ],
)
@in_loop
async def test_an_error_keeps_its_type_and_the_worker_lives(how, kind, says):
    async with pool_of(1) as pool:
        before = await pool.run(LEVELS[0], jobs.pid)
        with pytest.raises(kind, match=says) as caught:
            await pool.run(LEVELS[0], jobs.fail, how)
        assert type(caught.value) is kind
        if how == "DesignError":
            assert (caught.value.call, caught.value.trace) == ("retrieve", "line 3")
        assert await pool.run(LEVELS[0], jobs.pid) == before
        assert pool.faults == 0


@in_loop
async def test_an_engine_that_cannot_open_a_level_is_a_domain_error():
    async with pool_of(1, jobs.BrokenDomain()) as pool:
        with pytest.raises(DomainError, match="RuntimeError: unreadable"):
            await pool.first(LEVELS[0])


DEATHS = {
    "SIGKILL": "killed by SIGKILL",
    "SIGSEGV": "killed by SIGSEGV",
    "exit": "exited with 3",
    "hang": "no answer within 2 s",
}


@pytest.mark.parametrize("how", DEATHS)
@in_loop
async def test_a_job_whose_worker_dies_is_tried_once_more(tmp_path, how):
    async with pool_of(1, timeout_seconds=2) as pool:
        before = await pool.run(LEVELS[0], jobs.pid)
        after = await pool.run(LEVELS[0], jobs.leave, str(tmp_path), how, 1, answer=echo)
        assert after != before
        assert not running(before)
        assert await pool.run(LEVELS[0], jobs.pid) == after
        assert pool.faults == 1


@pytest.mark.parametrize("how", ["SIGSEGV", "hang"])
@in_loop
async def test_a_job_whose_worker_dies_twice_is_the_domains_fault(tmp_path, how):
    async with pool_of(1, timeout_seconds=2) as pool:
        with pytest.raises(DomainError, match=f"failed twice .*{DEATHS[how]}") as caught:
            await pool.run(LEVELS[3], jobs.leave, str(tmp_path), how, 2, answer=echo)
        assert LEVELS[3].key in str(caught.value)
        assert pool.faults == 2
        assert await pool.run(LEVELS[0], jobs.sleep, 0) == "slept"


@pytest.mark.parametrize("how", ["closed", "exit", "SIGKILL", "cancelled"])
@in_loop
async def test_what_a_worker_leaves_in_its_temporary_folder_goes_with_it(how):
    folders = []

    async def note(folder):
        folders.append(Path(folder))
        assert folders[-1].is_dir()
        if how == "cancelled":
            raise asyncio.CancelledError

    async with pool_of(1) as pool:
        with suppress(DomainError, asyncio.CancelledError):
            await pool.run(LEVELS[0], jobs.litter, how, answer=note)
        end = time.monotonic() + 10
        while how != "closed" and any(folder.parent.exists() for folder in folders):
            assert time.monotonic() < end
            await asyncio.sleep(0.01)
    assert folders
    assert not any(folder.parent.exists() for folder in folders)
    assert Path(tempfile.gettempdir()) not in {folder.parent for folder in folders}


HOST = """
import asyncio, os, pool_jobs
from alma.domains.pool import EnvironmentPool
from alma.records import Level
from alma.testing.toy import ToyDomain

async def main():
    async def die(folder):
        print(folder, flush=True)
        os.kill(os.getpid(), 9)
    pool = EnvironmentPool(ToyDomain(), 1)
    await pool.run(Level(ToyDomain().tasks("train")[0]), pool_jobs.litter, "", answer=die)

asyncio.run(main())
"""


def test_a_worker_whose_host_was_killed_deletes_its_folder_itself():
    host = subprocess.run([sys.executable, "-c", HOST], capture_output=True, text=True)
    folder = Path(host.stdout.strip()).parent
    assert folder.name.startswith("alma-worker-")
    deadline = time.monotonic() + 10
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not folder.exists()


async def talked(pool, words, job, *arguments):
    """What a job says to these words, one by one."""
    async with pool.talk(LEVELS[0], job, *arguments) as talk:
        return [await talk.begin(), *[await talk.tell(word) for word in words]]


@pytest.mark.parametrize("how", ["SIGKILL", "hang"])
@in_loop
async def test_a_job_led_by_turns_is_told_all_again_when_its_worker_dies(tmp_path, how):
    async with pool_of(1, timeout_seconds=2) as pool:
        said = await talked(pool, "abc", jobs.leave_in_the_middle, str(tmp_path), how, 1)
        assert said == [(), ("a",), ("a", "b"), ("a", "b", "c")]
        assert pool.faults == 1
        assert await pool.run(LEVELS[0], jobs.sleep, 0) == "slept"


@in_loop
async def test_a_job_led_by_turns_whose_worker_dies_twice_is_the_domains_fault(tmp_path):
    async with pool_of(1) as pool:
        with pytest.raises(DomainError, match=r"failed twice .*killed by SIGKILL"):
            await talked(pool, "abc", jobs.leave_in_the_middle, str(tmp_path), "SIGKILL", 2)
        assert pool.faults == 2
        assert await pool.run(LEVELS[0], jobs.sleep, 0) == "slept"


@in_loop
async def test_a_job_led_by_turns_that_is_left_or_fails_gives_its_place_back():
    async with pool_of(1) as pool:
        async with pool.talk(LEVELS[0], jobs.converse, ["a", "b"]) as talk:
            assert await talk.begin() == "a"
        with pytest.raises(ProviderError):
            await talked(pool, "", jobs.fail, "ProviderError")
        assert await pool.run(LEVELS[0], jobs.sleep, 0) == "slept"
        assert pool.faults == 0


@in_loop
async def test_a_slow_host_is_not_an_engine_that_hangs():
    """A model may think for longer than an engine may."""

    async def think(question):
        await asyncio.sleep(1)
        return question

    async with pool_of(1, timeout_seconds=2) as pool:
        assert await pool.run(LEVELS[0], jobs.converse, ["a", "b", "c"], answer=think) == ["a", "b", "c"]
        assert pool.faults == 0


@in_loop
async def test_a_hosts_own_timeout_is_not_the_engines():
    async def think(question):
        raise TimeoutError("the model is slow")

    async with pool_of(1) as pool:
        with pytest.raises(TimeoutError, match="the model is slow"):
            await pool.run(LEVELS[0], jobs.converse, ["a"], answer=think)
        assert pool.faults == 0
        assert await pool.run(LEVELS[0], jobs.sleep, 0) == "slept"


@in_loop
async def test_a_cancelled_job_leaves_a_usable_pool():
    async with pool_of(2) as pool:
        cancelled = [asyncio.create_task(pool.run(LEVELS[0], jobs.sleep, 60)) for _ in range(5)]
        await asyncio.sleep(0.5)
        for task in cancelled:
            task.cancel()
        await asyncio.gather(*cancelled, return_exceptions=True)
        assert all(task.cancelled() for task in cancelled)
        slept = await asyncio.gather(*(pool.run(LEVELS[0], jobs.sleep, 0.01) for _ in range(8)))
        assert slept == ["slept"] * 8


async def longest_pause(work):
    """The longest time in which the event loop did nothing else while it awaited `work`."""
    task = asyncio.ensure_future(work)
    longest, last = 0.0, time.monotonic()
    while not task.done():
        await asyncio.sleep(0.005)
        now = time.monotonic()
        longest, last = max(longest, now - last - 0.005), now
    with suppress(DomainError):
        task.result()
    return longest


@in_loop
async def test_the_event_loop_goes_on_while_a_job_runs():
    async with pool_of(1) as pool:
        assert await longest_pause(pool.run(LEVELS[0], jobs.busy, 1)) < 0.5


@in_loop
async def test_the_event_loop_goes_on_while_a_worker_hangs_with_much_to_read():
    async def flood(question):
        return "x" * 5_000_000

    async with pool_of(1, timeout_seconds=1) as pool:
        work = pool.run(LEVELS[0], jobs.deaf, answer=flood)
        assert await longest_pause(work) < 0.5


@in_loop
async def test_the_event_loop_goes_on_while_workers_are_started():
    async with pool_of(30) as pool:
        jobs_of_all = asyncio.gather(*(pool.run(LEVELS[0], jobs.pid) for _ in range(30)))
        assert await longest_pause(jobs_of_all) < 0.5
        assert len(set(jobs_of_all.result())) == 30


@in_loop
async def test_the_crash_of_one_worker_is_no_other_ones(tmp_path):
    async with pool_of(3) as pool:
        asleep = [asyncio.create_task(pool.run(LEVELS[0], jobs.sleep, 1)) for _ in range(2)]
        await asyncio.sleep(0.5)
        with pytest.raises(DomainError, match="killed by SIGSEGV"):
            await pool.run(LEVELS[0], jobs.leave, str(tmp_path), "SIGSEGV", 2, answer=echo)
        assert await asyncio.gather(*asleep) == ["slept"] * 2
        assert pool.faults == 2


@in_loop
async def test_workers_whose_zygote_was_killed_go_with_it_and_others_come():
    async with pool_of(4) as pool:
        before = set(await asyncio.gather(*(pool.run(LEVELS[0], jobs.pid) for _ in range(4))))
        parent = int(Path(f"/proc/{min(before)}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(parent, signal.SIGKILL)
        await asyncio.sleep(0.5)
        assert not any(running(pid) for pid in before)
        after = await asyncio.gather(*(pool.run(LEVELS[0], jobs.pid) for _ in range(8)))
        assert not before & set(after)
        assert pool.faults == 0


class SlowToImport(ToyDomain):
    imports = ("slow_to_import",)


@in_loop
async def test_while_an_engine_is_imported_workers_are_asked_for_and_given_up_without_a_wait():
    async with pool_of(150, SlowToImport()) as pool:
        pids = [asyncio.create_task(pool.run(LEVELS[0], jobs.pid)) for _ in range(150)]

        async def give_up():
            await asyncio.sleep(0.5)
            pids[0].cancel()
            await asyncio.wait(pids)

        assert await longest_pause(give_up()) < 0.5
        assert pids[0].cancelled()
        assert len({one.result() for one in pids[1:]}) == 149
        assert pool.faults == 0


@in_loop
async def test_as_many_jobs_run_at_once_as_there_are_workers():
    async with pool_of(2) as pool:
        pids = await asyncio.gather(*(pool.run(LEVELS[0], jobs.pid) for _ in range(12)))
        assert len(set(pids)) == 2
        begun = time.monotonic()
        await asyncio.gather(*(pool.run(LEVELS[0], jobs.sleep, 0.5) for _ in range(4)))
        assert 1 <= time.monotonic() - begun < 2


@in_loop
async def test_closing_ends_all_processes_even_in_mid_job():
    async with pool_of(2) as pool:
        pids = set(await asyncio.gather(*(pool.run(LEVELS[0], jobs.pid) for _ in range(4))))
        asleep = asyncio.create_task(pool.run(LEVELS[0], jobs.sleep, 60))
        await asyncio.sleep(0.05)
        await pool.close()
        assert not any(running(pid) for pid in pids)
        with pytest.raises(AlmaError, match="closed"):
            await asyncio.wait_for(asleep, 5)
        with pytest.raises(AlmaError, match="closed"):
            await pool.first(LEVELS[0])


ORPHANS = """
import asyncio, os, pool_jobs
from alma.domains.pool import EnvironmentPool
from alma.records import Level
from alma.testing.toy import ToyDomain
async def main():
    level = Level(ToyDomain().tasks("train")[0])
    pool = EnvironmentPool(ToyDomain(), 1)
    print(await pool.run(level, pool_jobs.pid), flush=True)
    if HANGS:
        asyncio.create_task(pool.run(level, pool_jobs.sleep, 600))
        await asyncio.sleep(0.2)
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""


@pytest.mark.parametrize("hangs", [False, True])
def test_workers_end_with_a_host_that_is_killed(hangs):
    program = ORPHANS.replace("HANGS", str(hangs))
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    pid = int(child.stdout)
    end = time.monotonic() + 5
    while running(pid) and time.monotonic() < end:
        time.sleep(0.02)
    assert not running(pid)


@in_loop
async def test_five_hundred_jobs_leave_no_handle_open(tmp_path):
    async with pool_of(2) as pool:
        await asyncio.gather(*(pool.run(LEVELS[0], jobs.pid) for _ in range(4)))
        before = descriptors()
        played = await asyncio.gather(*(pool.run(level, jobs.walk, ["open box"]) for level in LEVELS * 5))
        assert len(played) == 600
        assert descriptors() == before
    before = descriptors()
    for number in range(3):
        async with pool_of(1) as pool:
            await pool.run(LEVELS[0], jobs.leave, str(tmp_path), "exit", number, answer=echo)
    await asyncio.sleep(0)
    assert descriptors() <= before


@in_loop
async def test_a_worker_is_replaced_when_it_has_done_much(monkeypatch):
    """Some engines keep a little of each episode for ever."""
    monkeypatch.setattr("alma.domains.pool.LIFE", 3)
    async with pool_of(1) as pool:
        pids = await asyncio.gather(*(pool.run(LEVELS[0], jobs.pid) for _ in range(7)))
        assert [len(set(pids[i : i + 3])) for i in (0, 3, 6)] == [1, 1, 1]
        assert len(set(pids)) == 3
        assert not any(running(pid) for pid in pids[:6])
        assert pool.faults == 0


@in_loop
async def test_a_job_cancelled_while_it_waits_takes_no_worker():
    async with pool_of(1) as pool:
        before = await pool.run(LEVELS[0], jobs.pid)
        first, waiting = (asyncio.create_task(pool.run(LEVELS[0], jobs.sleep, 0.2)) for _ in range(2))
        last = asyncio.create_task(pool.run(LEVELS[0], jobs.pid))
        await asyncio.sleep(0.05)
        waiting.cancel()
        assert await first == "slept"
        assert await last == before


@in_loop
async def test_a_worker_goes_to_whose_turn_it_is():
    order = []

    async def one(name, turn):
        await pool.run(LEVELS[0], jobs.pid, turn=turn)
        order.append(name)

    async with pool_of(1) as pool:
        busy = asyncio.create_task(pool.run(LEVELS[0], jobs.sleep, 0.2))
        await asyncio.sleep(0.05)
        await asyncio.gather(busy, one("d", 2.0), one("b", 1.0), one("a", 0.0), one("c", 1.0))
    assert order == ["a", "b", "c", "d"]


@in_loop
async def test_no_more_workers_are_started_than_are_needed():
    async with pool_of(5) as pool:
        assert len({await pool.run(LEVELS[0], jobs.pid) for _ in range(6)}) == 1


@in_loop
async def test_a_worker_that_cannot_be_started_leaves_its_place_to_the_next_job(monkeypatch):
    async with pool_of(1) as pool:
        with monkeypatch.context() as patched:
            patched.setattr("sys.executable", "/no/such/python")
            with pytest.raises(FileNotFoundError):
                await pool.run(LEVELS[0], jobs.pid)
        assert await pool.run(LEVELS[0], jobs.sleep, 0) == "slept"


@in_loop
async def test_what_an_engine_prints_does_not_reach_our_output(capfd):
    async with pool_of(1) as pool:
        assert await pool.run(LEVELS[0], jobs.noise) == "quiet"
    assert capfd.readouterr().out == ""
