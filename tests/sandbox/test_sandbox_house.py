"""What the sandbox leaves behind: no process, no handle, no secret."""

import asyncio
import gc
import os
import signal
import time
from pathlib import Path

import pytest

from alma.records import Design, DesignError, SandboxError
from alma.sandbox.contract import Limits, NoServices
from alma.sandbox.design_process import DesignProcess
from alma.sandbox.plan import ENVIRONMENT
from alma.sandbox.zygote_sandbox import ZygoteSandbox
from alma.testing.loop import in_loop

ANSWERS = "from alma.memory import Memory\nclass D(Memory):\n    async def retrieve(self, s): return 1"


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


def resident_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def zygote_pid(sandbox: ZygoteSandbox) -> int:
    """The zygote as the host counts: behind the launcher, where there is one."""
    pid = sandbox._zygote.pid
    return children(pid)[0] if sandbox.name == "namespaces" else pid


def host_pid(process: DesignProcess) -> int:
    """A worker's pid as the host counts it."""
    lines = Path(f"/proc/self/fdinfo/{process.pidfd}").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pid:"))


@in_loop
async def test_the_environment_of_the_host_stays_there(monkeypatch, situation, back_end):
    monkeypatch.setenv("ALMA_CANARY_KEY", "tweet")
    body = """
import os
from alma.memory import Memory
class D(Memory):
    async def retrieve(self, situation):
        raw = []
        for pid in ("self", os.getppid()):
            try:
                raw.append(open(f"/proc/{pid}/environ").read())
            except OSError:
                pass
        return [dict(os.environ), raw]
"""
    sandbox = back_end()
    async with sandbox.open(Design("x", body), NoServices(), Limits(), seed=0) as process:
        environment, raw = (await process.retrieve(situation(), frozen=False, seed=1)).show
    await sandbox.close()
    fixed = {*ENVIRONMENT, "LC_CTYPE"}
    if sandbox.name == "namespaces":
        fixed |= {"PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH"}
    assert set(environment) <= fixed
    assert not any("tweet" in text for text in raw)


@in_loop
async def test_a_design_holds_no_file_of_the_host(opened, situation):
    body = """
async def retrieve(self, situation):
    import os, stat
    kinds = {}
    for fd in range(64):
        try:
            mode = os.fstat(fd).st_mode
        except OSError:
            continue
        kinds[fd] = {stat.S_IFCHR: "device", stat.S_IFSOCK: "socket"}.get(stat.S_IFMT(mode), hex(mode))
        if kinds[fd] == "device":
            assert os.fstat(fd).st_rdev == os.makedev(1, 3)
    return {str(fd): kind for fd, kind in kinds.items()}
"""
    async with opened(body) as process:
        found = (await process.retrieve(situation(), frozen=False, seed=1)).show
    assert {found.pop(fd) for fd in "012"} == {"device"}
    assert found.pop("3") == "socket"
    # What the event loop has: a poll, whose mode names no kind of file, and a pair of sockets.
    assert sorted(found.values()) == ["0x180", "socket", "socket"]


@in_loop
async def test_closing_leaves_no_process(situation, episode, back_end):
    sandbox = back_end()
    source = """
from alma.memory import Memory
class D(Memory):
    async def update(self, episode):
        while True: pass
"""
    async with sandbox.open(Design("x", source), NoServices(), Limits(), seed=0) as one:
        pids = [host_pid(one)]
        async with sandbox.open(Design("x", source), NoServices(), Limits(), seed=0) as other:
            pids.append(host_pid(other))
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
    zygote = zygote_pid(sandbox)
    files, memory = handles(), resident_kb(zygote)
    begun = time.monotonic()
    await open_some(200)
    assert time.monotonic() - begun < 30
    assert abs(handles() - files) <= 2
    assert resident_kb(zygote) - memory < 512
    assert all(gone(pid) for pid in children(zygote))


@in_loop
async def test_a_zygote_that_has_made_many_workers_is_replaced(situation, back_end, monkeypatch):
    monkeypatch.setattr("alma.sandbox.zygote_sandbox.MOST_SPAWNS", 2)
    sandbox = back_end()
    design = Design("x", ANSWERS)
    zygotes = set()
    async with sandbox.open(design, NoServices(), Limits(), seed=0) as first:
        for _ in range(5):
            async with sandbox.open(design, NoServices(), Limits(), seed=0):
                zygotes.add(sandbox._zygote.pid)
        assert (await first.retrieve(situation(), frozen=False, seed=1)).show == 1
    await sandbox.close()
    assert len(zygotes) == 3
    assert all(gone(pid) for pid in zygotes)


@in_loop
async def test_designs_open_at_the_same_time(opened, situation):
    async def one(number):
        async with opened(f"async def retrieve(self, situation): return {number}") as process:
            return (await process.retrieve(situation(), frozen=False, seed=1)).show

    assert await asyncio.gather(*(one(n) for n in range(20))) == list(range(20))


@in_loop
async def test_an_open_that_is_given_up_confuses_no_other(opened, situation):
    async def one(number):
        async with opened(f"async def retrieve(self, situation): return {number}") as process:
            return (await process.retrieve(situation(), frozen=False, seed=1)).show

    for delay in (0, 0.0002, 0.001, 0.002, 0.004):
        given_up = [asyncio.create_task(one(-1)) for _ in range(4)]
        await asyncio.sleep(delay)
        for task in given_up:
            task.cancel()
        assert await asyncio.gather(*(one(n) for n in range(3))) == [0, 1, 2]
        await asyncio.gather(*given_up, return_exceptions=True)


@in_loop
async def test_a_killed_zygote_is_replaced_and_blames_no_design(situation, back_end):
    sandbox = back_end()
    design = Design("x", ANSWERS)
    async with sandbox.open(design, NoServices(), Limits(), seed=0) as before:
        os.kill(zygote_pid(sandbox), signal.SIGKILL)
        async with sandbox.open(design, NoServices(), Limits(), seed=0) as after:
            assert (await after.retrieve(situation(), frozen=False, seed=1)).show == 1
        with pytest.raises(SandboxError):
            await before.retrieve(situation(), frozen=False, seed=1)
        assert before.broken
    await sandbox.close()


@in_loop
async def test_the_sandbox_checks_itself_and_claims_what_it_holds(sandbox):
    report = await sandbox.self_check()
    assert (report.backend, report.ok) == (sandbox.name, True)
    assert report.isolated == (sandbox.name != "unsafe")
    if sandbox.name == "unsafe":
        assert "no boundary" in report.detail
    else:
        assert len(report.probes) >= 12
        assert all(probe.held for probe in report.probes)


@in_loop
async def test_a_self_check_is_quick(sandbox):
    await sandbox.self_check()
    begun = time.monotonic()
    await sandbox.self_check()
    assert time.monotonic() - begun < 2
