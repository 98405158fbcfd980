"""MiniHack on its real engine: seeded levels, wins that count, every task playable."""

from __future__ import annotations

import asyncio
import os
import random
import re
from pathlib import Path
from typing import Any

import pytest

from alma.domains.minihack import MiniHack, tasks
from alma.domains.minihack.play import MiniHackEnvironment
from alma.domains.minihack.rendering import WAYS
from alma.domains.pool import EnvironmentPool
from alma.records import SPLITS, Level, Task
from alma.testing import assert_domain
from alma.testing.conformance import transcript

pytestmark = pytest.mark.system
gymnasium = pytest.importorskip("gymnasium")
pytest.importorskip("minihack")

SHARED = Path(__file__).parents[3] / "shared/data/minihack/boxoban-levels-master"


@pytest.fixture(scope="module")
def boxoban(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Official levels where they are; else two of our own a set, since the product doesn't ship any."""
    if SHARED.is_dir():
        return str(SHARED)
    root = tmp_path_factory.mktemp("boxoban")
    level = (
        "##########\n#        #\n# @$  .  #\n#  $  .  #\n#  $  .  #\n#  $  .  #\n"
        + "#        #\n" * 3
        + "##########"
    )
    for name in ("hard", "medium/train", "unfiltered/train"):
        (root / name).mkdir(parents=True)
        (root / name / "000.txt").write_text("".join(f"; {n}\n{level}\n\n" for n in range(2)))
    return str(root)


def all_tasks(domain: MiniHack) -> list[Task]:
    return [task for split in SPLITS for task in domain.tasks(split)]


def test_it_does_what_every_domain_must(boxoban: str) -> None:
    assert_domain(MiniHack({"data": boxoban}), make=MiniHack, levels=4)
    assert_domain(MiniHack({"goal": "published", "view": "language"}), levels=2)


def test_the_table_of_tasks_is_the_engines() -> None:
    import minihack  # noqa: F401

    known = [
        name.removeprefix("MiniHack-") for name in gymnasium.envs.registry if name.startswith("MiniHack")
    ]
    left_out = ("Custom", "MultiRoom", "LavaCrossing", "SimpleCrossing")
    assert tuple(task for task in known if not any(word in task for word in left_out)) == tasks.ids()


def test_125_tasks_with_three_seeds_play_the_same_in_two_processes(boxoban: str) -> None:
    domain = MiniHack({"data": boxoban})
    levels = [Level(task, seed) for task in all_tasks(domain) for seed in range(3)]
    assert len(levels) == 375

    async def play() -> list[list[object]]:
        found = []
        for order in (levels, list(reversed(levels))):
            pool = EnvironmentPool(domain, 1)
            try:
                jobs = [pool.run(level, transcript, level.key, 20) for level in order]
                played = await asyncio.gather(*jobs)
            finally:
                await pool.close()
            found.append(
                [
                    dict(zip((level.key for level in order), played, strict=True))[level.key]
                    for level in levels
                ]
            )
        return found

    one, other = asyncio.run(play())
    differ = [level.key for level, a, b in zip(levels, one, other, strict=True) if a != b]
    assert not differ
    # Levels of a task are levels: most look otherwise from the start.
    starts = [told[0] for told in one]  # type: ignore[index]
    assert sum(starts[n] != starts[n + 1] for n in range(0, 375, 3)) > 110


def test_600_random_wins_are_counted_as_wins() -> None:
    domain = MiniHack()
    task = next(task for task in all_tasks(domain) if task.id == "Room-Random-15x15-v0")
    rng, wins, seed, ends = random.Random(5), 0, 0, 0
    while wins < 600:
        environment = domain.open(Level(task, seed))
        seed += 1
        admissible = environment.reset().admissible or ()
        stairs = _places(environment, ">")[0]
        done = arrives = False
        for _ in range(300):
            (x, y), action = _player(environment), _towards(stairs, environment, rng, admissible)
            dx, dy = next((dx, dy) for name, dx, dy in WAYS if name == action)
            arrives = (x + dx, y + dy) == stairs
            step = environment.step(action)
            admissible, done = step.admissible or (), step.done
            if done:
                break
        outcome = environment.outcome()
        # Where the player goes, not what the engine pays: a win by a move that took no time pays less.
        assert outcome.success == (done and arrives), step.observation
        assert (outcome.reward, step.score) == (float(outcome.success),) * 2
        wins += outcome.success
        ends += done
        environment.close()
    assert ends - wins < 20


def _seen(environment: MiniHackEnvironment) -> dict[str, Any]:
    engine = environment._engine
    seen: dict[str, Any] = engine._get_observation(engine.last_observation)
    return seen


def _places(environment: MiniHackEnvironment, character: str) -> list[tuple[int, int]]:
    rows, columns = (_seen(environment)["chars"] == ord(character)).nonzero()
    return [(int(x), int(y)) for x, y in zip(columns, rows, strict=True)]


def _player(environment: MiniHackEnvironment) -> tuple[int, int]:
    x, y = _seen(environment)["blstats"][:2]
    return int(x), int(y)


def _towards(
    goal: tuple[int, int], environment: MiniHackEnvironment, rng: random.Random, admissible: tuple[str, ...]
) -> str:
    """A step towards the goal, a random one now and then."""
    x, y = _player(environment)
    dx, dy = goal[0] - x, goal[1] - y
    vertical = "north" if dy < 0 else "south" if dy > 0 else ""
    horizontal = "west" if dx < 0 else "east" if dx > 0 else ""
    return rng.choice(admissible) if rng.random() < 0.2 or not (dx or dy) else vertical + horizontal


@pytest.mark.parametrize(("name", "command"), [("Read-Fixed-v0", "read"), ("Wear-Fixed-v0", "wear")])
def test_items_are_used_by_named_keys(name: str, command: str) -> None:
    """The published names offered neither the command nor the letter, so these tasks could not be won."""
    domain = MiniHack()
    task = next(task for task in all_tasks(domain) if task.id == name)
    won = 0
    for seed in range(6):
        environment = domain.open(Level(task, seed))
        try:
            environment.reset()
            for action in ("northwest", "northwest", "pickup"):
                step = environment.step(action)
            letter = re.search(r"(\w) - ", step.observation)
            step = environment.step(command)
            assert "What do you want to" in step.observation or step.done
            answer = f"key {letter[1]}" if letter else ""
            if answer in (step.admissible or ()):
                for wait in (answer, "wait", "wait", "wait"):
                    step = environment.step(wait) if not step.done else step
                won += environment.outcome().success
        finally:
            environment.close()
    assert won >= 3


def test_the_date_and_the_process_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    domain = MiniHack()
    level = Level(all_tasks(domain)[0], 7)
    before = domain.open(level).reset()
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    os.environ["FAKETIME"] = "2020-01-01"
    try:
        assert domain.open(level).reset() == before
    finally:
        del os.environ["FAKETIME"]
