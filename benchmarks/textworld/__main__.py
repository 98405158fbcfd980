"""Speed, memory and agreement of the TextWorld engine: `python -m benchmarks.textworld [--episodes 2000]`.

Needs the extra `textworld`. The reader plays without a memory; the rows of the speed table play the same
levels with the same seeds in one run.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from alma.agents.contract import Game
from alma.agents.reader import Reader
from alma.domains.pool import EnvironmentPool
from alma.domains.textworld import Fetch
from alma.domains.textworld.engine import Engine
from alma.domains.textworld.worlds import rules, story, worlds
from alma.learning.rollout import play
from alma.records import Level, derive_seed
from benchmarks.textworld.lockstep import differences

LIMIT = 25
PAGE_KB = 4


class _NoRecall:
    text = ""

    async def on_step(self, steps: object) -> None:
        return None


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.textworld", description=__doc__)
    parser.add_argument("--episodes", type=int, default=2000)
    parser.add_argument("--lockstep", type=int, default=1000, help="steps to compare")
    parser.add_argument("--only-lockstep", action="store_true")
    arguments = parser.parse_args()
    played, found = differences(arguments.lockstep)
    print(f"In lockstep with TextWorld's own state tracking: {played} steps, {len(found)} differences.")
    for line in found[:5]:
        print(f"- {line}")
    if not arguments.only_lockstep:
        print()
        speed()
        print()
        memory(arguments.episodes)
    return 1 if found else 0


def speed() -> None:
    """Steps a second, from the bare engine to a whole evaluation's way."""
    tasks = Fetch().tasks("train")
    levels = [Level(task) for task in random.Random(0).sample(list(tasks), 60)]
    rows: list[tuple[str, int, float]] = [("engine alone (Frotz, one process, random commands)", *_bare())]
    fresh, again = _timed(lambda: _alone(levels)), _timed(lambda: _alone(levels))
    rows.append(("environment and reader, one process, first time", *fresh))
    rows.append(("the same episodes again (what was said is kept)", *again))
    rows += asyncio.run(_pooled(levels))
    print("| what | steps | steps/s |\n| --- | ---: | ---: |")
    for name, steps, seconds in rows:
        print(f"| {name} | {steps} | {steps / seconds:.0f} |")


def _timed(job: Callable[[], int]) -> tuple[int, float]:
    began = time.perf_counter()
    steps = job()
    return steps, time.perf_counter() - began


def _bare() -> tuple[int, float]:
    """Random admissible commands, drawn beforehand, to the bare interpreter."""
    games = []
    for number, world in enumerate(list(worlds().values())[:12]):
        engine = Engine(story(world), rules())
        rng = random.Random(number)
        commands: list[str] = []
        while len(commands) < LIMIT and not engine.ended:
            commands.append(rng.choice(engine.view.commands))
            engine.step(commands[-1])
        games.append((engine.bare(), commands))

    def job() -> int:
        return sum(len([said(command) for command in commands]) for said, commands in games)

    return _timed(job)


def _alone(levels: list[Level]) -> int:
    return sum(_episode(level) for level in levels)


_DOMAIN = Fetch()


def _episode(level: Level) -> int:
    environment = _DOMAIN.open(level)
    game = Game(environment.reset(), environment.step, LIMIT)
    coroutine = Reader().play(game, _NoRecall(), None, derive_seed(0, level.key))
    with suppress(StopIteration):
        coroutine.send(None)
    environment.close()
    return len(game.steps)


async def _pooled(levels: list[Level]) -> list[tuple[str, int, float]]:
    """Through ALMA's workers: one, then two; first time, then again."""
    rows = []
    for workers in (1, 2):
        pool = EnvironmentPool(_DOMAIN, workers)
        try:
            for name in ("first time", "again"):
                began = time.perf_counter()
                jobs = [
                    play(
                        pool,
                        Reader(),
                        level,
                        recall="",
                        on_step=None,
                        step_limit=LIMIT,
                        seed=derive_seed(0, level.key),
                    )
                    for level in levels
                ]
                steps = sum(len(trajectory.steps) for trajectory in await asyncio.gather(*jobs))
                label = f"{workers} worker{'s' if workers > 1 else ''} of ALMA's pool, {name}"
                rows.append((label, steps, time.perf_counter() - began))
        finally:
            await pool.close()
    return rows


def memory(episodes: int) -> None:
    """Resident memory of one process that plays many episodes on levels drawn at random."""
    tasks = list(Fetch().tasks("train"))
    rng = random.Random(1)
    print("| episodes | memory MB | open files |\n| ---: | ---: | ---: |")
    for number in range(1, episodes + 1):
        _episode(Level(rng.choice(tasks)))
        if number % (episodes // 10 or 1) == 0:
            resident = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_KB / 1024
            print(f"| {number} | {resident:.0f} | {len(list(Path('/proc/self/fd').iterdir()))} |")


if __name__ == "__main__":
    sys.exit(main())
