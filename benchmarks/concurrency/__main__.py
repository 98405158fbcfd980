"""A whole search on a server of fixed latency: how near it comes to its critical path, and a call's cost.

    python -m benchmarks.concurrency

A server in a process of its own answers every call after 200 ms; 50 calls may be in flight.
The critical path counts answers only: at each stage the longest chain of calls that wait for one another,
or what goes before all episodes and then their calls in fifties, whichever is longer. A search by
generations has a stage a step, a steady one has no such barriers. Client, server and the toy domain's
games share this machine's cores.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

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

IN_FLIGHT = 50
CASES = ((0.2, 2), (0.2, 4))
"""Seconds of an answer, and times that a candidate plays its 60 levels."""


@contextmanager
def server(latency: float) -> Iterator[str]:
    """The address of a server in another process."""
    command = [sys.executable, "-m", "benchmarks.concurrency", "--serve", str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def serve(latency: float) -> None:
    parts, numbers = Parts(broken_every=10**9), itertools.count()

    def answer(messages: list[dict[str, str]], body: Mapping[str, Any]) -> str:
        """No design twice: one would be asked for anew."""
        return parts(messages, body).replace("self.version = ", f"self.version = {next(numbers)}e5 + ")

    with LoopbackServer(answer, delay=latency) as one:
        print(one.base_url, flush=True)
        sys.stdin.read()


class Part(NamedTuple):
    """What waits for one another: a child's talk with the meta agent, its verification, its episodes.

    In answers one after the other; `episodes` counts each one's.
    """

    talk: int = 0
    verification: int = 0
    episodes: tuple[int, ...] = ()


def bound(parts: Sequence[Part]) -> float:
    """Answers one after the other that parts at once take at least, with `IN_FLIGHT` calls at a time."""
    before = [part.talk + part.verification for part in parts]
    longest = max(wait + max(part.episodes, default=0) for wait, part in zip(before, parts, strict=True))
    return max(longest, min(before) + sum(sum(part.episodes) for part in parts) / IN_FLIGHT)


def critical_path(run: Path, *, barriers: bool) -> tuple[float, int]:
    """The search's critical path in answers one after the other, and all its calls.

    With `barriers` a step's children begin when all of the step before have ended.
    """
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
    children: dict[str, Part] = defaultdict(Part)
    total = bound([Part(episodes=tuple(collected))])
    for one in evaluations:
        chains = tuple(episode.usage.calls for episode in one.episodes)
        part = children[one.design_id]
        if one.stage == "verify":
            children[one.design_id] = part._replace(verification=max(chains))
        elif one.stage == "search" and one.design_id in rows:
            children[one.design_id] = part._replace(episodes=chains, talk=talks.get(one.design_id, 1))
        else:
            total += bound([Part(episodes=chains)])
    steps: dict[int, list[Part]] = defaultdict(list)
    for design, part in children.items():
        if design in rows:
            steps[rows[design].created_step if barriers else 0].append(part)
    return total + sum(map(bound, steps.values())), calls


async def search(folder: Path, address: str, schedule: str, latency: float, repeats: int) -> None:
    config = RunConfig(
        domain="toy",
        agent="llm",
        execution_model="m",
        meta_model="w",
        proposer="llm",
        prices={"m": [1.0, 2.0], "w": [10.0, 20.0]},
        base_url=address,
        model_concurrency=IN_FLIGHT,
        schedule="steady" if schedule == "steady" else "generational",
        steps=4,
        children=5,
        concurrency=5,
        collect_size=20,
        deploy_size=60,
        validation_size=40,
        finalists=2,
        repeats=repeats,
    )
    mine, theirs = _cpu()
    ready = 0.0

    def listen(kind: str, payload: object) -> None:
        nonlocal ready
        if kind == "stage" and not ready:
            ready = time.monotonic()

    await learn(config, folder, listen)
    wall = time.monotonic() - ready
    answers, calls = critical_path(folder, barriers=schedule == "generational")
    path = latency * answers
    host = _cpu()[0] - mine
    workers = _cpu()[1] - theirs
    print(
        f"| {latency:g} | {60 * repeats} | {schedule} | {calls:,} | {wall:.1f} | {path:.1f} "
        f"| {wall / path:.2f} | {1000 * host / calls:.1f} | {1000 * workers / calls:.1f} |",
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
    parser.add_argument("--serve", type=float, metavar="SECONDS", help="be the server")
    latency = parser.parse_args().serve
    if latency is not None:
        serve(latency)
        return
    os.environ.setdefault("OPENAI_API_KEY", "sk-none-00000000")
    cores = len(os.sched_getaffinity(0))
    print(f"{IN_FLIGHT} calls in flight; {cores} cores, load average {os.getloadavg()[0]:.1f} at the start\n")
    print(
        "| latency, s | episodes | schedule | calls | search, s | critical path, s | ratio | host | workers |"
    )
    print("| ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = install_toy(Path(name, "plug-in"))
        sys.path.insert(0, str(folder))
        os.environ["PYTHONPATH"] = str(folder)
        for latency, repeats in CASES:
            with server(latency) as address:
                for schedule in ("generational", "steady"):
                    run = Path(name, f"{schedule}-{latency}-{repeats}")
                    asyncio.run(search(run, address, schedule, latency, repeats))
        with server(CASES[0][0]) as address:
            ours, sdk = asyncio.run(bare(address))
    print(
        "\nEpisodes: a candidate's. Host and workers: milliseconds of processor a call, the start included."
    )
    print(f"A call by our client takes {ours:.1f} ms of processor, {sdk:.1f} ms of it the SDK's own.")


if __name__ == "__main__":
    main()
