"""What a design may take, what ends it, and what must still work behind the walls."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from alma.records import DesignError
from alma.testing.loop import in_loop

WALLED = ("namespaces", "landlock")
WORKS = {
    "asyncio with threads": """
        import asyncio
        return await asyncio.gather(*(asyncio.to_thread(sum, [n, 1]) for n in range(5)))
    """,
    "sqlite": """
        import sqlite3
        with sqlite3.connect(":memory:") as base:
            base.execute("create table t (x)")
            base.execute("insert into t values (1)")
            return base.execute("select x from t").fetchone()[0]
    """,
    "numpy": """
        import numpy
        return round(float(numpy.linalg.svd(numpy.eye(40))[1].sum()))
    """,
    "networkx and scipy": """
        import networkx
        return round(sum(networkx.pagerank(networkx.path_graph(10)).values()))
    """,
    "standard library": """
        import collections, dataclasses, datetime, decimal, heapq, json, re, uuid
        import difflib, fractions, functools, itertools, math, statistics
        import concurrent.futures, contextvars, hashlib, logging, random, secrets
        import lzma, bz2, zlib, csv, xml.etree.ElementTree, html, textwrap, string, typing, unicodedata, queue
        return [hashlib.sha256(b"x").hexdigest()[:4], str(uuid.uuid4())[8], str(datetime.date(2020, 1, 1))]
    """,
    "a megabyte": "return len(situation.goal)",
}


@pytest.mark.parametrize("what", WORKS)
@in_loop
async def test_a_design_can_use_what_it_is_promised(opened, situation, what):
    body = "async def retrieve(self, situation):" + WORKS[what].replace("\n        ", "\n    ").replace(
        "return", "\n    return", what == "a megabyte"
    )
    async with opened(body, retrieve_seconds=30) as process:
        shown = (await process.retrieve(situation(goal="x" * 1_000_000), frozen=False, seed=1)).show
    assert shown in ([1, 2, 3, 4, 5], 1, 40, ["2d71", "-", "2020-01-01"], 1_000_000)


@in_loop
async def test_files_can_be_used_where_a_worker_has_a_place_for_them(opened, situation, sandbox):
    body = """
async def retrieve(self, situation):
    import sqlite3, tempfile
    with tempfile.TemporaryDirectory() as folder:
        with sqlite3.connect(folder + "/base") as base:
            base.execute("create table t (x)")
        return tempfile.gettempdir()
"""
    async with opened(body) as process:
        if sandbox.name == "landlock":
            with pytest.raises(DesignError, match=r"FileNotFoundError: .*No usable temporary directory"):
                await process.retrieve(situation(), frozen=False, seed=1)
        else:
            assert (await process.retrieve(situation(), frozen=False, seed=1)).show.startswith("/tmp")


@in_loop
async def test_a_design_that_ignores_the_warning_about_its_cpu_time_is_ended(opened, situation):
    body = """
async def retrieve(self, situation):
    import signal
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    while True:
        pass
"""
    async with opened(body, cpu_seconds=2, retrieve_seconds=60) as process:
        begun = time.monotonic()
        with pytest.raises(DesignError, match="process ended"):
            await process.retrieve(situation(), frozen=False, seed=1)
        assert time.monotonic() - begun < 30


@in_loop
async def test_memory_that_is_really_touched_is_capped(opened, situation):
    body = """
async def retrieve(self, situation):
    import mmap
    self.maps = []
    while True:
        self.maps.append(mmap.mmap(-1, 16 << 20))
        self.maps[-1][::4096] = b"x" * 4096
"""
    async with opened(body, address_space_bytes=400 << 20, retrieve_seconds=20) as process:
        with pytest.raises(DesignError, match=r"OSError|MemoryError"):
            await process.retrieve(situation(), frozen=False, seed=1)


@in_loop
async def test_a_worker_that_takes_all_threads_leaves_its_sibling_theirs(opened, situation, sandbox):
    if sandbox.name != "namespaces":
        pytest.skip(f"{sandbox.name} has no user namespace, in which alone threads are counted by worker")
    body = """
async def retrieve(self, situation):
    import threading
    threading.stack_size(128 << 10)
    self.stop, started = threading.Event(), 0
    try:
        while started < 200:
            threading.Thread(target=self.stop.wait, daemon=True).start()
            started += 1
    except RuntimeError:
        pass
    return started
"""
    async with opened(body) as one, opened(body) as other:
        for process in (one, other):
            assert 50 < (await process.retrieve(situation(), frozen=False, seed=1)).show < 70


@pytest.mark.parametrize(
    "hang",
    ["atexit.register(time.sleep, 60)", "self.__class__.__del__ = lambda self: time.sleep(60)"],
)
@in_loop
async def test_a_design_that_hangs_at_its_end_holds_nobody_up(opened, situation, hang):
    body = f"""
async def retrieve(self, situation):
    import atexit, signal, time
    {hang}
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return 1
"""
    async with opened(body) as process:
        await process.retrieve(situation(), frozen=False, seed=1)
        begun = time.monotonic()
    assert time.monotonic() - begun < 1


@in_loop
async def test_two_workers_share_no_place(opened, situation, sandbox):
    if sandbox.name not in WALLED:
        pytest.skip("no walls")
    body = """
async def retrieve(self, situation):
    import glob
    try:
        open("/tmp/" + situation.token, "w").close()
    except OSError:
        pass
    return glob.glob("/tmp/*")
"""
    async with opened(body) as one, opened(body) as other:
        for process, token in ((one, "a"), (other, "b")):
            seen = (await process.retrieve(situation(token), frozen=False, seed=1)).show
            assert seen in ([], [f"/tmp/{token}"])


@in_loop
async def test_handles_that_a_design_sends_stay_with_it(opened, situation):
    body = """
async def retrieve(self, situation):
    import array, os, socket, struct
    channel = socket.socket(fileno=os.dup(3))
    message = b'{"log":"with a handle"}'
    frame = struct.pack(">II", len(message), 0) + message
    handles = array.array("i", [0] * 20)
    channel.sendmsg([frame], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handles)])
    return 1
"""
    async with opened(body) as process:
        before = len(os.listdir("/proc/self/fd"))
        assert (await process.retrieve(situation(), frozen=False, seed=1)).show == 1
        assert len(os.listdir("/proc/self/fd")) == before


@in_loop
async def test_a_flood_of_log_lines_ends_the_design(opened, situation):
    body = """
async def retrieve(self, situation):
    while True:
        self.kit.log("x")
        await __import__("asyncio").sleep(0)
"""
    async with opened(body, retrieve_seconds=60) as process:
        with pytest.raises(DesignError, match="over 20000 log lines"):
            await process.retrieve(situation(), frozen=False, seed=1)


HOST = """
import asyncio, sys
from alma.records import Design
from alma.sandbox.contract import Limits, NoServices
from alma.sandbox.{module} import {name}

SOURCE = '''
from alma.memory import Memory
class D(Memory):
    async def update(self, episode):
        while True: pass
'''

async def main():
    sandbox = {name}()
    async with sandbox.open(Design("x", SOURCE), NoServices(), Limits(update_seconds=60), seed=0) as one:
        async with sandbox.open(Design("x", SOURCE), NoServices(), Limits(), seed=0) as other:
            busy = asyncio.create_task(one.update(b'{{"situation": 1}}'))
            await asyncio.sleep(0.2)
            for process in (one, other):
                for line in open(f"/proc/self/fdinfo/{{process.pidfd}}"):
                    if line.startswith("Pid:"):
                        print(line.split()[1], flush=True)
            print(sandbox._zygote.pid, flush=True)
            await asyncio.sleep(60)

asyncio.run(main())
"""


def test_a_host_that_is_killed_leaves_nothing(back_end):
    script = HOST.format(module=back_end.__module__.rpartition(".")[2], name=back_end.__name__)
    host = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert host.stdout is not None
    pids = [int(host.stdout.readline()) for _ in range(3)]
    host.send_signal(signal.SIGKILL)
    host.wait()
    end = time.monotonic() + 2
    while time.monotonic() < end and any(_runs(pid) for pid in pids):
        time.sleep(0.02)
    assert not [pid for pid in pids if _runs(pid)]


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@in_loop
async def test_many_workers_live_side_by_side(opened, situation):
    body = "async def retrieve(self, situation): return situation.token"

    async def one(number):
        async with opened(body) as process:
            await asyncio.sleep(0.1)
            return (await process.retrieve(situation(str(number)), frozen=False, seed=1)).show

    assert await asyncio.gather(*(one(n) for n in range(30))) == [str(n) for n in range(30)]
