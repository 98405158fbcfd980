"""A whole search on a server of fixed latency: how near it comes to its critical path, and a call's cost.

    python -m benchmarks.concurrency

A server in a process of its own answers every call after 200 ms; 50 calls may be in flight. The critical
path counts answers only: at each stage the longest chain of calls that wait for one another, or all calls
of the stage in fifties, whichever is longer. The toy domain's games take no time worth counting.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from alma.archive import open_archive
from alma.experiments.learn import learn
from alma.learning.config import RunConfig
from alma.models.contract import Message, Request
from alma.models.openai import OpenAIModel
from alma.models.prices import own_prices
from alma.models.servers import ModelName, ModelSettings
from alma.testing.plug_in import install_toy
from alma.testing.server import LoopbackServer
from alma.testing.server.parts import Parts

LATENCY, IN_FLIGHT = 0.2, 50


@contextmanager
def server() -> Iterator[str]:
    """The address of a server in another process."""
    command = [sys.executable, "-m", "benchmarks.concurrency", "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def serve() -> None:
    with LoopbackServer(Parts(broken_every=10**9), delay=LATENCY) as one:
        print(one.base_url, flush=True)
        sys.stdin.read()


def bound(chains: Iterable[int]) -> float:
    """Seconds that episodes of so many calls take at least, all at once but `IN_FLIGHT` calls a time."""
    counts = list(chains)
    return LATENCY * max(max(counts, default=0), sum(counts) / IN_FLIGHT)


def critical_path(run: Path) -> tuple[float, int]:
    """Seconds of the search's critical path, and all its calls."""
    with open_archive(run / "archive.db", "search", create=False, read_only=True) as archive:
        calls = archive.ledger().spent().calls
        evaluations = archive.evaluations()
        with sqlite3.connect(run / "archive.db") as database:
            keys = [key for (key,) in database.execute("select key from collections")]
        collected = [len(one.steps) for key in keys for one in archive.get_collection(key) or ()]
        rows = {row.id: row for row in archive.designs()}
        talks = {
            one.design_id: sum('"assistant"' in line for line in one.proposal.transcripts)
            for one in archive.proposals()
        }
    by_step: dict[int, list[tuple[int, list[int]]]] = defaultdict(list)
    total = bound(collected)
    for one in evaluations:
        chains = [episode.usage.calls for episode in one.episodes]
        if one.stage in ("verify", "search") and one.design_id in rows:
            by_step[rows[one.design_id].created_step].append((talks.get(one.design_id, 1), chains))
        else:
            total += bound(chains)
    for parts in by_step.values():
        # A child's evaluation waits for its proposal; verification is a part of that chain.
        longest = max(talk for talk, _ in parts)
        total += LATENCY * longest + bound(count for _, chains in parts for count in chains)
    return total, calls


async def search(folder: Path, address: str, schedule: str) -> None:
    config = RunConfig(
        domain="toy",
        agent="llm",
        execution_model="m",
        meta_model="w",
        proposer="llm",
        prices={"m": [1.0, 2.0], "w": [10.0, 20.0]},
        base_url=address,
        model_concurrency=IN_FLIGHT,
        workers=IN_FLIGHT,
        schedule="steady" if schedule == "steady" else "generational",
        steps=4,
        children=5,
        concurrency=5,
        collect_size=20,
        deploy_size=60,
        validation_size=40,
        finalists=2,
        repeats=2,
    )
    mine, theirs = _cpu()
    ready = 0.0

    def listen(kind: str, payload: object) -> None:
        nonlocal ready
        if kind == "stage" and not ready:
            ready = time.monotonic()

    await learn(config, folder, listen)
    wall = time.monotonic() - ready
    path, calls = critical_path(folder)
    host = _cpu()[0] - mine
    workers = _cpu()[1] - theirs
    print(
        f"| {schedule} | {calls} | {wall:.1f} | {path:.1f} | {wall / path:.2f} "
        f"| {1000 * host / calls:.1f} | {1000 * workers / calls:.1f} |",
        flush=True,
    )


def _cpu() -> tuple[float, float]:
    """Processor seconds of this process, and of its ended children."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime, children.ru_utime + children.ru_stime


async def bare(address: str, calls: int = 500) -> tuple[float, float]:
    """Processor milliseconds of one call by our client, and by the SDK alone."""
    request = Request((Message("user", "open box"), Message("user", "open bag")), 100)
    settings = ModelSettings(address, {"OPENAI_API_KEY": "none"}, own_prices({"m": [1.0, 2.0]}), IN_FLIGHT)
    model = OpenAIModel(ModelName.read("m"), settings)
    costs = []
    for one in (model.complete, lambda request: model._once(request)):
        began = _cpu()[0]
        for _ in range(calls // IN_FLIGHT):
            await asyncio.gather(*(one(request) for _ in range(IN_FLIGHT)))
        costs.append(1000 * (_cpu()[0] - began) / calls)
    await model.close()
    return costs[0], costs[1]


def main() -> None:
    parser = argparse.ArgumentParser(description="A search on a server of fixed latency.")
    parser.add_argument("--serve", action="store_true", help="be the server")
    if parser.parse_args().serve:
        serve()
        return
    os.environ.setdefault("OPENAI_API_KEY", "sk-none-00000000")
    print(
        f"{1000 * LATENCY:g} ms a call, {IN_FLIGHT} in flight; load at the start {os.getloadavg()[0]:.1f}\n"
    )
    print(
        "| schedule | calls | search, s | critical path, s | ratio | host, ms a call | workers, ms a call |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    with tempfile.TemporaryDirectory() as name, server() as address:
        folder = install_toy(Path(name, "plug-in"))
        sys.path.insert(0, str(folder))
        os.environ["PYTHONPATH"] = str(folder)
        for schedule in ("generational", "steady"):
            asyncio.run(search(Path(name, schedule), address, schedule))
        ours, sdk = asyncio.run(bare(address))
    print(f"\nA call by our client takes {ours:.1f} ms of processor, {sdk:.1f} ms of it the SDK's own.")


if __name__ == "__main__":
    main()
