"""What each domain's engine makes a second, and what ALMA's worker adds to it, in one run.

    python -m benchmarks.domains [NAME...]

`alone` plays random admissible actions in this process, texts and lists included. `step by step` plays the
same actions through a worker that is asked for every step; `in the worker` lets the worker play whole
episodes. Rates are by the clock, medians of rounds in turn, so other work slows all of them alike.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median

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
    options = parser.parse_args(arguments)
    print("| domain | alone, steps/s | step by step | a step adds | in the worker | of alone |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name in options.names or plug_ins.domain_names():
        try:
            domain = plug_ins.domain(name, domain_options(name, []))
            tasks = domain.tasks("train")
            if tasks:
                print(asyncio.run(_row(domain, options.rounds, options.levels)), flush=True)
        except AlmaError as error:
            print(f"{name} can't be played here: {error}", file=sys.stderr)
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
