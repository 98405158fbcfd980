"""What the sandbox costs: a worker's start, its calls, its memory, and a thousand starts in a row.

    python -m benchmarks.sandbox

A worker's memory is its share of what it has in common with the others (PSS), and what is its own alone,
which is what one more takes; the more of them live, the less of the zygote's falls to each. Times are
medians by the clock, so other work on the machine shows in them: its load is printed, and the start is
measured once more beside busy processes. The zygote has the SDK and numpy loaded; networkx and scipy are
loaded into it when the first design needs them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from statistics import median

from alma.memory import Episode, Situation, Step
from alma.records import JSON, Design
from alma.sandbox.contract import Limits, NoServices, SandboxReport, encode_episode
from alma.sandbox.design_process import DesignProcess
from alma.sandbox.landlock import LandlockSandbox
from alma.sandbox.namespaces import NamespacesSandbox
from alma.sandbox.unsafe import UnsafeSandbox
from alma.sandbox.zygote_sandbox import ZygoteSandbox

BACK_ENDS: dict[str, Callable[[], ZygoteSandbox]] = {
    "namespaces": NamespacesSandbox,
    "landlock": LandlockSandbox,
    "unsafe": UnsafeSandbox,
}
DESIGN = """
{imports}
from alma.memory import Memory

class Keeps(Memory):
    def __init__(self, kit):
        super().__init__(kit)
        self.episodes, self.words = [], {{}}

    async def update(self, episode):
        self.episodes.append(episode)
        for word in episode.situation.goal.split():
            self.words.setdefault(word, []).append(len(self.episodes))

    async def retrieve(self, situation):
        for _ in range(int(situation.goal)):
            await self.kit.llm("hello")
        return None
"""
PLAIN = Design("plain", DESIGN.format(imports=""))
LOADED = Design("loaded", DESIGN.format(imports="import networkx, scipy.sparse"))


class Echo(NoServices):
    async def llm(self, arguments: dict[str, JSON]) -> JSON:
        return "hello"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sandbox")
    parser.add_argument("--back-ends", nargs="+", choices=BACK_ENDS, default=list(BACK_ENDS))
    parser.add_argument("--starts", type=int, default=100, help="starts that a median is taken of")
    parser.add_argument("--spawns", type=int, default=1000, help="starts in a row, watched for growth")
    options = parser.parse_args(arguments)
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")
    for name in options.back_ends:
        print(f"\n{name}")
        asyncio.run(_measure(BACK_ENDS[name], options.starts, options.spawns))
    return 0


async def _measure(make: Callable[[], ZygoteSandbox], starts: int, spawns: int) -> None:
    sandbox = make()
    try:
        begun = time.perf_counter()
        report: SandboxReport = await sandbox.self_check()
        first = time.perf_counter() - begun
        if not report.ok:
            print(f"  does not hold here: {report.detail}")
            return
        begun = time.perf_counter()
        await sandbox.self_check()
        print(f"  self-check: {time.perf_counter() - begun:.2f} s, with the zygote's start {first:.2f} s")
        await _start(sandbox, PLAIN, "numpy loaded", starts)
        with busy(2 * (os.cpu_count() or 1)):
            await _start(sandbox, PLAIN, "numpy loaded, busy machine", starts // 2)
        await _calls(sandbox)
        await _memory(sandbox, PLAIN, "numpy loaded")
        await _frozen(sandbox)
        await _growth(sandbox, spawns)
        await _start(sandbox, LOADED, "numpy, networkx, scipy loaded", starts)
        await _memory(sandbox, LOADED, "numpy, networkx, scipy loaded")
    finally:
        await sandbox.close()


async def _start(sandbox: ZygoteSandbox, design: Design, what: str, starts: int) -> None:
    times = []
    for number in range(starts + 3):
        begun = time.perf_counter()
        async with sandbox.open(design, NoServices(), Limits(load_seconds=60), seed=0):
            if number >= 3:
                times.append(1000 * (time.perf_counter() - begun))
    print(f"  ready with a design, {what:31} {median(times):7.1f} ms (fastest {min(times):.1f})")


async def _calls(sandbox: ZygoteSandbox) -> None:
    async with sandbox.open(PLAIN, Echo(), Limits(), seed=0) as process:
        assert isinstance(process, DesignProcess)
        round_trips, calls = [], []
        for _ in range(2000):
            begun = time.perf_counter()
            await process.ping()
            round_trips.append(1e6 * (time.perf_counter() - begun))
            begun = time.perf_counter()
            await process.retrieve(_situation("0"), frozen=False, seed=0)
            calls.append(1e6 * (time.perf_counter() - begun))
        begun = time.perf_counter()
        for _ in range(20):
            await process.retrieve(_situation("100"), frozen=False, seed=0)
        callback = 1e6 * (time.perf_counter() - begun) / 2000
    print(f"  call and answer, nothing done                {median(round_trips):7.0f} µs")
    print(
        f"  retrieve of an empty design                  {median(calls):7.0f} µs (fastest {min(calls):.0f})"
    )
    print(f"  call back to the host                        {callback:7.0f} µs")


async def _frozen(sandbox: ZygoteSandbox) -> None:
    """A retrieve on a copy, by how much the memory holds."""
    step = Step("go to shelf 1", "On the shelf 1, you see a book 2.", ("look", "inventory"))
    cells = []
    for episodes in (0, 10, 100, 1000):
        async with sandbox.open(PLAIN, Echo(), Limits(), seed=0) as process:
            for number in range(episodes):
                past = _situation(f"put book {number} on shelf {number % 7}")
                await process.update(encode_episode(Episode(past, (step,) * 30, 1.0, True)))
            await process.freeze()
            times = []
            for _ in range(100):
                begun = time.perf_counter()
                await process.retrieve(_situation("0"), frozen=True, seed=0)
                times.append(1000 * (time.perf_counter() - begun))
        cells.append(f"{episodes}: {median(times):.2f}")
    print(f"  frozen retrieve, ms by episodes held         {', '.join(cells)}")


async def _memory(sandbox: ZygoteSandbox, design: Design, what: str) -> None:
    for workers in (20, 50):
        await _memory_of(sandbox, design, what, workers)


async def _memory_of(sandbox: ZygoteSandbox, design: Design, what: str, workers: int) -> None:
    async with AsyncExitStack() as stack:
        pids = []
        for _ in range(workers):
            opened = sandbox.open(design, NoServices(), Limits(load_seconds=60), seed=0)
            process = await stack.enter_async_context(opened)
            assert isinstance(process, DesignProcess)
            pids.append(_field(Path(f"/proc/self/fdinfo/{process.pidfd}"), "Pid"))
        share, own = (
            median(
                sum(_field(Path(f"/proc/{pid}/smaps_rollup"), name) for name in names) / 1024 for pid in pids
            )
            for names in (("Pss",), ("Private_Clean", "Private_Dirty"))
        )
    head = f"memory of one of {workers} workers, {what}"
    print(f"  {head:54} {share:5.1f} MiB (its share, PSS), {own:.1f} of it its own")


async def _growth(sandbox: ZygoteSandbox, spawns: int) -> None:
    before = _state(sandbox)
    begun = time.perf_counter()
    for _ in range(spawns):
        async with sandbox.open(PLAIN, NoServices(), Limits(), seed=0):
            pass
    seconds = time.perf_counter() - begun
    await asyncio.sleep(0.5)
    after = _state(sandbox)
    print(f"  {spawns} starts in {seconds:.0f} s; zygote's memory, handles, children; the host's handles:")
    print(f"    before {before}, after {after}")


def _state(sandbox: ZygoteSandbox) -> str:
    assert sandbox._zygote is not None
    pid = sandbox._zygote.pid
    if sandbox.name == "namespaces":
        pid = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    resident = _field(Path(f"/proc/{pid}/status"), "VmRSS") / 1024
    handles = len(os.listdir(f"/proc/{pid}/fd"))
    children = len(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return f"{resident:.1f} MiB, {handles}, {children}; {len(os.listdir('/proc/self/fd'))}"


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that do nothing but work."""
    workers = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        time.sleep(1)
        yield
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def _field(path: Path, name: str) -> int:
    return next(int(line.split()[1]) for line in path.read_text().splitlines() if line.startswith(name + ":"))


def _situation(goal: str) -> Situation:
    return Situation(goal, "A room.", ("look",), "benchmark", "token")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
