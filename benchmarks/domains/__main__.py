"""What each domain's engine makes a second, and what ALMA's worker adds to it, in one run.

    python -m benchmarks.domains [NAME...]
    python -m benchmarks.domains memory [NAME...]

`alone` plays random admissible actions in this process, texts and lists included. `step by step` plays the
same actions by an agent on the host, through a worker that is told every step; `in the worker` lets the
worker play them all without a word between. Then whole episodes of the reader, whose transcripts come back:
alone, and in the worker, where two are asked for at a time as evaluations do, and one. Medians of rounds in
turn, in three processes one after the other, since an engine's speed differs from process to process by as
much as some ten percent; by the clock, and for what ALMA adds also in processor time, which other work
changes little. `memory` watches one worker over many episodes of the reader.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Literal, NamedTuple

import numpy as np

from alma.agents.contract import Game, Recalled
from alma.agents.reader import Reader
from alma.cli.options import domain_options
from alma.domains.contract import Domain
from alma.domains.pool import EnvironmentPool
from alma.experiments import plug_ins
from alma.learning.rollout import play, play_beside
from alma.models.contract import Model
from alma.records import AlmaError, Level, derive_seed
from alma.testing.faults.processes import descendants
from benchmarks.domains.jobs import replay
from benchmarks.domains.wakes import wakes

STEPS = 60
POINTS = 10
PROCESSES = 3


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.domains")
    parser.add_argument("names", nargs="*", help="`memory`, and domains; all that can be played by default")
    parser.add_argument("--rounds", type=int, default=3, help="rounds in each process")
    parser.add_argument("--rows", action="store_true", help="be one of the processes")
    parser.add_argument("--levels", type=int, default=20, help="levels a round")
    parser.add_argument("--episodes", type=int, default=5000, help="episodes over which memory is watched")
    options = parser.parse_args(arguments)
    if options.rows:
        domain = plug_ins.domain(options.names[0], domain_options(options.names[0], []))
        print(json.dumps(asyncio.run(_rounds(domain, options.rounds, options.levels))))
        return 0
    watch = "memory" in options.names
    print(f"Load average at the beginning: {os.getloadavg()[0]:.1f}.\n")
    if watch:
        counts = (f"{options.episodes * n // POINTS:,}" for n in range(1, POINTS + 1))
        print(f"| episodes | {' | '.join(counts)} |")
        print("| --- |" + " ---: |" * POINTS)
    else:
        print(
            "| domain | alone, steps/s | step by step | a step adds, µs | processor: host | worker "
            "| in the worker, steps/s | of alone | processor | reader alone, episodes/s | in the worker "
            "| of alone | processor | one by one, of alone | text of a step |"
        )
        print("| --- |" + " ---: |" * 14)
    for name in [name for name in options.names if name != "memory"] or plug_ins.domain_names():
        try:
            domain = plug_ins.domain(name, domain_options(name, []))
            if domain.tasks("train"):
                row = asyncio.run(_memory(domain, options.episodes)) if watch else _row(domain, options)
                print(row, flush=True)
        except AlmaError as error:
            print(f"{name} can't be played here: {error}", file=sys.stderr)
    if not watch:
        print(f"\n{wakes()} Load average at the end: {os.getloadavg()[0]:.1f}.")
    return 0


class _Told:
    """An agent on the host that plays the actions that it was given."""

    name = "told"
    version = "1"
    simulated = True
    runs_in: Literal["host", "worker"] = "host"

    def __init__(self, actions: Sequence[str]) -> None:
        self._actions = actions

    async def play(self, game: Game, recalled: Recalled, model: Model | None, seed: int) -> None:
        for action in self._actions:
            await game.act(action)


async def _rounds(domain: Domain, rounds: int, count: int) -> tuple[int, list[list[_Spent]]]:
    """Steps of a round, and what each work took in each round."""
    tasks = domain.tasks("train")
    levels = [Level(tasks[i % len(tasks)]) for i in range(count)]
    limit = domain.step_limit("default")
    pool = EnvironmentPool(domain, 1)

    async def by_step() -> None:
        for level in levels:
            walk = walks[level.key]
            await play(pool, _Told(walk), level, recall="", on_step=None, step_limit=len(walk), seed=0)

    async def inside() -> None:
        for level in levels:
            await pool.run(level, replay, walks[level.key])

    async def read_one(level: Level) -> None:
        seed = derive_seed(0, level.key)
        await play(pool, Reader(), level, recall="", on_step=None, step_limit=limit, seed=seed)

    async def read() -> None:
        slots = asyncio.Semaphore(2 * pool.size)

        async def one(level: Level) -> None:
            async with slots:
                await read_one(level)

        await asyncio.gather(*map(one, levels))

    async def read_by_one() -> None:
        for level in levels:
            await read_one(level)

    async def alone() -> None:
        for level in levels:
            _alone(domain, level, replay, walks[level.key])

    async def read_alone() -> None:
        for level in levels:
            seed = derive_seed(0, level.key)
            _alone(domain, level, play_beside, Reader(), level.key, "", False, limit, seed)

    try:
        # Once round for caches on both sides; it also gives the actions that all of them play.
        walks = {level.key: _walk(domain, level) for level in levels}
        steps = sum(map(len, walks.values()))
        works = (alone, by_step, inside, read_alone, read, read_by_one)
        await by_step()
        worker = _worker()
        rows = [[await _spent(work, worker) for work in works] for _ in range(rounds + 1)][1:]
    finally:
        await pool.close()
    return steps, rows


def _row(domain: Domain, options: argparse.Namespace) -> str:
    command = [sys.executable, "-m", "benchmarks.domains", domain.name, "--rows"]
    command += ["--rounds", str(options.rounds), "--levels", str(options.levels)]
    rows: list[list[_Spent]] = []
    for _ in range(PROCESSES):
        steps, fresh = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        rows += [[_Spent(*spent) for spent in row] for row in fresh]
    one, host, within, bare, beside, singly = zip(*rows, strict=True)
    added = [
        1e6 / steps * median(led.clock - free.clock for free, led in zip(one, host, strict=True)),
        1e6 / steps * median(led.host for led in host),
        1e6 / steps * median(led.worker - free.host for free, led in zip(one, host, strict=True)),
    ]
    count = options.levels
    cells = [_rate(steps, one), _rate(steps, host), *[f"{each:.0f}" for each in added]]
    cells += [_rate(steps, within), *_shares(one, within)]
    cells += [_rate(count, bare), _rate(count, beside), *_shares(bare, beside)]
    cells += [_shares(bare, singly)[0], _text(domain)]
    return f"| {domain.name} | {' | '.join(cells)} |"


def _rate(amount: int, rounds: Sequence[_Spent]) -> str:
    return f"{amount / median(spent.clock for spent in rounds):,.0f}"


def _shares(alone: Sequence[_Spent], worker: Sequence[_Spent]) -> tuple[str, str]:
    """The worker's rate as a part of the rate alone: by the clock and by processor time."""
    pairs = list(zip(alone, worker, strict=True))
    clock = median(one.clock / other.clock for one, other in pairs)
    return f"{clock:.2f}", f"{median(one.host / other.worker for one, other in pairs):.2f}"


async def _memory(domain: Domain, episodes: int) -> str:
    """A worker's memory and open files at ten points, over episodes drawn from all train levels."""
    tasks = domain.tasks("train")
    rng = np.random.default_rng(0)
    pool = EnvironmentPool(domain, 1)
    told = []
    try:
        for number in range(1, episodes + 1):
            task = tasks[int(rng.integers(len(tasks)))]
            level = Level(task, int(rng.integers(3)) if domain.seeded_levels else 0)
            await play(pool, Reader(), level, recall="", on_step=None, step_limit=25, seed=number)
            if number % (episodes // POINTS) == 0:
                told.append(_held(_worker()))
    finally:
        await pool.close()
    cells = " | ".join(f"{megabytes:.0f} MB, {files} files" for megabytes, files in told)
    return f"| {domain.name} | {cells} |"


def _worker() -> Path:
    """The worker's folder of the process table: the last below this process."""
    _, worker = descendants(os.getpid(), lambda words: "alma.domains.zygote" in words)
    return Path("/proc", str(worker))


def _held(worker: Path) -> tuple[float, int]:
    """Resident megabytes and open files."""
    pages = int((worker / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(list((worker / "fd").iterdir()))


def _text(domain: Domain) -> str:
    """How much of a step makes text, where that is a part of its own."""
    if domain.name != "minihack":
        return "–"
    from alma.domains.minihack.rendering import view

    whole, text, steps = 0.0, 0.0, 0
    for task in domain.tasks("train")[:20]:
        level = Level(task)
        walk = _walk(domain, level)
        environment: Any = domain.open(level)
        environment.reset()
        for action in walk:
            begun = time.process_time()
            environment.step(action)
            middle = time.process_time()
            view(environment._engine._get_observation(environment._engine.last_observation)).text("both")
            text += time.process_time() - middle
            whole += middle - begun
            steps += 1
        environment.close()
    return f"{1e6 * text / steps:.0f} of {1e6 * whole / steps:.0f} µs"


def _alone(domain: Domain, level: Level, job: Callable[..., object], *arguments: Any) -> None:
    environment = domain.open(level)
    try:
        job(environment, None, *arguments)
    finally:
        environment.close()


def _walk(domain: Domain, level: Level) -> list[str]:
    """Random admissible actions of a level, as many as it lasts."""
    environment = domain.open(level)
    rng = np.random.default_rng(len(level.key))
    try:
        admissible = environment.reset().admissible or ()
        actions: list[str] = []
        while admissible and len(actions) < STEPS:
            actions.append(admissible[int(rng.integers(len(admissible)))])
            step = environment.step(actions[-1])
            if step.done:
                break
            admissible = step.admissible or ()
        return actions
    finally:
        environment.close()


class _Spent(NamedTuple):
    """Seconds by the clock, and of processor time in this process and in the worker."""

    clock: float
    host: float
    worker: float


async def _spent(work: Callable[[], Awaitable[None]], worker: Path) -> _Spent:
    def now() -> tuple[float, float, float]:
        nanoseconds = int((worker / "schedstat").read_text().split()[0])
        return time.perf_counter(), time.process_time(), nanoseconds / 1e9

    begun = now()
    await work()
    return _Spent(*(end - begin for begin, end in zip(begun, now(), strict=True)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
