"""What each domain's engine makes a second, and what ALMA's worker adds to it, in one run.

    python -m benchmarks.domains [NAME...]

`alone` plays random admissible actions in this process, texts and lists included. `step by step` plays the
same actions through a worker that is asked for every step; `in the worker` lets the worker play whole
episodes. Rates are by the clock, medians of rounds in turn, so other work slows all of them alike.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from alma.cli.options import domain_options
from alma.domains.contract import Domain
from alma.domains.pool import EnvironmentPool
from alma.experiments import plug_ins
from alma.learning.rollout import step_through
from alma.records import AlmaError, Level, Observation, Step
from benchmarks.domains.jobs import replay

STEPS = 60


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.domains")
    parser.add_argument("names", nargs="*", help="domains; all that can be played here by default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--levels", type=int, default=20, help="levels a round")
    parser.add_argument("--episodes", type=int, default=5000, help="episodes over which memory is watched")
    options = parser.parse_args(arguments)
    played = []
    print("| domain | alone, steps/s | step by step | a step adds | in the worker | of alone |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name in options.names or plug_ins.domain_names():
        try:
            domain = plug_ins.domain(name, domain_options(name, []))
            tasks = domain.tasks("train")
            if tasks:
                print(asyncio.run(_row(domain, options.rounds, options.levels)), flush=True)
                played.append(domain)
        except AlmaError as error:
            print(f"{name} can't be played here: {error}", file=sys.stderr)
    few = options.episodes // 10
    print(f"\n| domain | text of a step | worker after {few} episodes | after {options.episodes} |")
    print("| --- | ---: | ---: | ---: |")
    for domain in played:
        print(asyncio.run(_memory(domain, options.episodes)), flush=True)
    return 0


async def _row(domain: Domain, rounds: int, count: int) -> str:
    tasks = domain.tasks("train")
    levels = [Level(tasks[i % len(tasks)]) for i in range(count)]
    pool = EnvironmentPool(domain, 1)
    try:
        # Once round for caches on both sides; it also gives the actions that all three play.
        walks = {level.key: _walk(domain, level) for level in levels}
        for level in levels:
            await pool.run(level, replay, walks[level.key])
        steps = sum(map(len, walks.values()))
        rates: dict[str, list[float]] = {"alone": [], "by step": [], "inside": []}
        for _ in range(rounds):
            rates["alone"].append(steps / _timed(lambda: [_play(domain, lv, walks[lv.key]) for lv in levels]))
            begun = time.perf_counter()
            for level in levels:
                await pool.run(level, step_through, answer=_Told(walks[level.key]))
            rates["by step"].append(steps / (time.perf_counter() - begun))
            begun = time.perf_counter()
            for level in levels:
                await pool.run(level, replay, walks[level.key])
            rates["inside"].append(steps / (time.perf_counter() - begun))
    finally:
        await pool.close()
    alone, by_step, inside = (median(rates[name]) for name in ("alone", "by step", "inside"))
    added = median(1e6 / b - 1e6 / a for a, b in zip(rates["alone"], rates["by step"], strict=True))
    share = median(b / a for a, b in zip(rates["alone"], rates["inside"], strict=True))
    return f"| {domain.name} | {alone:,.0f} | {by_step:,.0f} | {added:.0f} µs | {inside:,.0f} | {share:.2f} |"


async def _memory(domain: Domain, episodes: int) -> str:
    """A worker's memory and open files after a tenth of the episodes and after all, all short."""
    tasks = domain.tasks("train")
    levels = [
        Level(tasks[i % len(tasks)], i % 3 if domain.seeded_levels else 0)
        for i in range(min(200, len(tasks)))
    ]
    walks = {level: _walk(domain, level)[:12] for level in levels}
    pool = EnvironmentPool(domain, 1)
    told = []
    try:
        for number in range(1, episodes + 1):
            level = levels[number % len(levels)]
            await pool.run(level, replay, walks[level])
            if number in (episodes // 10, episodes):
                told.append(_worker())
    finally:
        await pool.close()
    cells = " | ".join(f"{megabytes:.0f} MB, {files} files" for megabytes, files in told)
    return f"| {domain.name} | {_text(domain)} | {cells} |"


def _worker() -> tuple[float, int]:
    for process in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == os.getpid() and b"alma.domains.pool" in (process / "cmdline").read_bytes():
                resident = int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20
                return resident, len(list((process / "fd").iterdir()))
    raise RuntimeError("the pool has no worker")


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


class _Told:
    """Answers a worker with the next action, then with the end."""

    def __init__(self, actions: Sequence[str]) -> None:
        self._actions = iter(actions)

    async def __call__(self, seen: Observation | Step) -> str | None:
        return next(self._actions, None)


def _play(domain: Domain, level: Level, actions: Sequence[str]) -> float:
    environment = domain.open(level)
    try:
        return replay(environment, lambda question: None, actions)
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


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
