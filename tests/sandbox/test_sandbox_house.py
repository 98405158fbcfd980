"""What the sandbox leaves behind: no process, no handle, no secret."""

import asyncio
import gc
import os
import signal
import time
from pathlib import Path

import pytest

from alma.records import Design, DesignError
from alma.sandbox.contract import Limits
from alma.sandbox.contract import NoServices
from alma.sandbox.unsafe import UnsafeSandbox
from alma.testing.loop import in_loop

PID = "async def retrieve(self, situation):\n    import os\n    return os.getpid()"


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie doesn't)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pid: int) -> bool:
    end = time.monotonic() + 2
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.01)
    return not alive(pid)


def handles() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def memory_kb(pid: int) -> int:
    """Private memory of a process."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


@in_loop
async def test_the_environment_of_the_host_stays_there(monkeypatch, situation):
    monkeypatch.setenv("ALMA_CANARY_KEY", "tweet")
    body = """
import os
from alma.memory import Memory
class D(Memory):
    async def retrieve(self, situation):
        raw = [open(f"/proc/{pid}/environ").read() for pid in ("self", os.getppid())]
        return [dict(os.environ), raw]
"""
    sandbox = UnsafeSandbox()
    async with sandbox.open(Design("x", body), NoServices(), Limits(), seed=0) as process:
        environment, raw = (await process.retrieve(situation(), frozen=False, seed=1)).show
    await sandbox.close()
    assert set(environment) <= {"PYTHONHASHSEED", "LANG", "LC_CTYPE", "OMP_NUM_THREADS"}
    assert not any("tweet" in text for text in raw)


@in_loop
async def test_a_design_holds_no_file_of_the_host(opened, situation):
    body = """
async def retrieve(self, situation):
    import os
    found = {}
    for fd in os.listdir("/proc/self/fd"):
        try:
            found[fd] = os.readlink(f"/proc/self/fd/{fd}").partition(":")[0]
        except OSError:
            pass
    return found
"""
    async with opened(body) as process:
        found = (await process.retrieve(situation(), frozen=False, seed=1)).show
    found = {fd: kind for fd, kind in found.items() if not kind.startswith("/proc")}
    assert {found.pop(fd) for fd in "012"} == {"/dev/null"}
    assert all(kind in ("socket", "anon_inode") for kind in found.values()), found


@in_loop
async def test_closing_leaves_no_process(situation, episode):
    sandbox = UnsafeSandbox()
    hang = "\n    async def update(self, episode):\n        while True: pass"
    source = "from alma.memory import Memory\nclass D(Memory):\n    " + PID.replace("\n", "\n    ") + hang
    pids = []
    async with sandbox.open(Design("x", source), NoServices(), Limits(), seed=0) as one:
        pids.append((await one.retrieve(situation(), frozen=False, seed=1)).show)
        async with sandbox.open(Design("x", source), NoServices(), Limits(), seed=0) as other:
            pids.append((await other.retrieve(situation(), frozen=False, seed=1)).show)
            hung = asyncio.create_task(other.update(episode))
            await asyncio.sleep(0.05)
        with pytest.raises(DesignError, match="closed"):
            await hung
        assert gone(pids[1])
        assert alive(pids[0])
        pids.append(sandbox._zygote.pid)
        await sandbox.close()
        assert all(gone(pid) for pid in pids)
    await sandbox.close()


@in_loop
async def test_two_hundred_designs_leave_nothing_behind(opened, sandbox):
    async def open_some(count):
        for n in range(count):
            body = "def __init__(self, kit): 1 / 0" if n % 4 == 0 else "pass"
            try:
                async with opened(body):
                    pass
            except DesignError:
                assert n % 4 == 0

    await open_some(8)
    files, memory = handles(), memory_kb(sandbox._zygote.pid)
    begun = time.monotonic()
    await open_some(200)
    assert time.monotonic() - begun < 10
    assert abs(handles() - files) <= 2
    assert memory_kb(sandbox._zygote.pid) - memory < 512
    children = Path(f"/proc/{sandbox._zygote.pid}/task/{sandbox._zygote.pid}/children").read_text().split()
    assert all(gone(int(pid)) for pid in children)


@in_loop
async def test_designs_open_at_the_same_time(opened, situation):
    async def one(number):
        async with opened(f"async def retrieve(self, situation): return {number}") as process:
            return (await process.retrieve(situation(), frozen=False, seed=1)).show

    assert await asyncio.gather(*(one(n) for n in range(20))) == list(range(20))


@in_loop
async def test_an_open_that_is_given_up_confuses_no_other(opened, situation):
    async def one():
        async with opened(PID) as process:
            return (await process.retrieve(situation(), frozen=False, seed=1)).show

    for delay in (0, 0.0002, 0.001, 0.002, 0.004):
        given_up = [asyncio.create_task(one()) for _ in range(4)]
        await asyncio.sleep(delay)
        for task in given_up:
            task.cancel()
        pids = await asyncio.gather(*(one() for _ in range(3)))
        assert len(set(pids)) == 3
        await asyncio.gather(*given_up, return_exceptions=True)


@in_loop
async def test_a_killed_zygote_is_replaced_and_live_memories_go_on(situation):
    sandbox = UnsafeSandbox()
    design = Design(
        "x", "from alma.memory import Memory\nclass D(Memory):\n    async def retrieve(self, s): return 1"
    )
    async with sandbox.open(design, NoServices(), Limits(), seed=0) as before:
        os.kill(sandbox._zygote.pid, signal.SIGKILL)
        async with sandbox.open(design, NoServices(), Limits(), seed=0) as after:
            for process in (before, after):
                assert (await process.retrieve(situation(), frozen=False, seed=1)).show == 1
    await sandbox.close()


@in_loop
async def test_the_sandbox_checks_itself_and_claims_no_wall(sandbox):
    report = await sandbox.self_check()
    assert (report.backend, report.ok, report.isolated) == ("process", True, False)
    assert "not a security boundary" in report.detail
