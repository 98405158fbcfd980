"""With the extra `textworld`: real games, alike in every process, won by who knows the facts."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

import alma.domains.textworld.worlds as worlds_module
from alma.domains.pool import EnvironmentPool
from alma.domains.textworld import Fetch
from alma.domains.textworld.engine import Engine
from alma.domains.textworld.play import NOTHING, REFUSED
from alma.domains.textworld.solver import solve
from alma.domains.textworld.worlds import digest, rules, story, worlds
from alma.records import SPLITS, DomainError, Level, Observation, Outcome, Step
from alma.testing.loop import in_loop

pytestmark = pytest.mark.system

WORLDS = list(worlds().values())


def transcript(level: Level, seed: int, steps: int = 25) -> tuple[Observation, list[Step], Outcome]:
    """A game of admissible actions drawn at random."""
    environment = Fetch().open(level)
    first = environment.reset()
    rng = random.Random(seed)
    commands, played = first.admissible, []
    for _ in range(steps):
        step = environment.step(rng.choice(commands or ("look",)))
        commands = step.admissible
        played.append(step)
        if step.done:
            break
    outcome = environment.outcome()
    environment.close()
    return first, played, outcome


def walk(environment, ask, actions):
    return environment.reset(), [environment.step(action) for action in actions], environment.outcome()


def levels(count: int, seed: int = 0) -> list[Level]:
    tasks = [task for split in SPLITS for task in Fetch().tasks(split)]
    return [Level(task) for task in random.Random(seed).sample(tasks, count)]


def test_every_quest_is_won_within_its_shortest_way_and_never_before() -> None:
    domain = Fetch()
    for world in WORLDS:
        facts = story(world)
        ids = {name: thing for thing, (_, name) in facts.things.items()}
        for quest in world.quests:
            plan = solve(facts.facts, facts.things, ids[quest.thing], ids.get(quest.place, ""))
            level = next(Level(t) for t in domain.tasks(world.split) if t.id == f"{world.id}/{quest.slug}")
            _, steps, outcome = walk(domain.open(level), None, plan)
            assert outcome == Outcome(1.0, True), (level.key, plan)
            assert len(plan) == quest.shortest <= 14
            assert [step.done for step in steps] == [False] * (len(plan) - 1) + [True]
            assert not any(step.error for step in steps)


def test_the_goal_is_seen_and_the_programs_own_text_is_not() -> None:
    for index, level in enumerate(levels(40)):
        first, steps, _ = transcript(level, index)
        assert first.goal.startswith(("Find the ", "Bring the "))
        assert first.text.startswith("-= ")
        for text in (first.text, *(step.observation for step in steps)):
            assert text == text.strip()
            for mark in ("$$", ">", "hungry", "[", "RESTART", "Your score", "You scored"):
                assert mark not in text


def test_commands_to_the_program_cost_a_step_and_change_nothing() -> None:
    environment = Fetch().open(levels(1)[0])
    first = environment.reset()
    for command in ("restart", "quit", "save", "restore", "undo", "", "look. look", "tw-trace-actions"):
        step = environment.step(command)
        assert step.observation in (NOTHING, REFUSED)
        assert step.error
        assert step.admissible == first.admissible
        assert not step.done
    assert environment.step("look").observation == first.text


def test_an_action_that_makes_no_sense_is_answered_by_the_game() -> None:
    environment = Fetch().open(levels(1)[0])
    environment.reset()
    for command in ("xyzzy", "take moon", "go up", "eat everything", "ünïcode", "put", "\\", "x" * 170):
        step = environment.step(command)
        assert step.observation
        assert step.error
        assert not step.done


def test_the_same_actions_give_the_same_game_in_another_process_and_through_the_pool() -> None:
    chosen = levels(6, seed=1)
    here = [transcript(level, index) for index, level in enumerate(chosen)]
    code = (
        "import sys, pickle, random; sys.path.insert(0, sys.argv[1]);"
        "from test_textworld_engine import levels, transcript;"
        "sys.stdout.buffer.write(pickle.dumps([transcript(l, i) for i, l in enumerate(levels(6, seed=1))]))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(Path(__file__).parent)], capture_output=True)
    import pickle

    assert pickle.loads(done.stdout) == here, done.stderr[-500:]


@in_loop
async def test_the_pools_workers_play_the_same_game(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    from test_textworld_engine import walk as job

    pool = EnvironmentPool(Fetch(), 2)
    try:
        for index, level in enumerate(levels(4, seed=2)):
            first, steps, outcome = transcript(level, index)
            for _ in range(2):
                assert await pool.run(level, job, [s.action for s in steps]) == (first, steps, outcome)
    finally:
        await pool.close()


def test_what_is_kept_of_a_game_is_what_a_fresh_engine_says() -> None:
    files = story(WORLDS[3])
    kept = Engine(files, rules())
    rng = random.Random(5)
    for _ in range(12):
        fresh = Engine(files, rules())
        assert kept.reset() == fresh.reset()
        for _ in range(20):
            command = rng.choice(kept.view.commands[:5])
            assert kept.step(command) == fresh.step(command)
            assert (kept.facts, kept.view.commands, kept.ended) == (
                fresh.facts,
                fresh.view.commands,
                fresh.ended,
            )
            if kept.ended:
                break


def test_spoiling_an_ingredient_loses_the_game() -> None:
    lost = [
        t for i, level in enumerate(levels(150, seed=3)) for t in [transcript(level, i)] if not t[2].success
    ]
    ended = [steps[-1] for _, steps, _ in lost if steps[-1].done]
    assert ended
    assert all("You lost!" in step.observation and step.score == 0.0 for step in ended)


def test_two_games_in_one_world_do_not_disturb_each_other() -> None:
    domain = Fetch()
    task = domain.tasks("train")[0]
    one, other = domain.open(Level(task)), domain.open(Level(task))
    one.reset()
    told = other.reset()
    moved = next(c for c in told.admissible or () if c.startswith(("go ", "open ")))
    one.step(moved)
    assert other.step("look").observation == told.text
    one.close()
    with pytest.raises(DomainError, match="closed"):
        one.step("look")


def test_damaged_files_are_unpacked_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(worlds_module, "_folder", lambda temporary: tmp_path)
    files = story(WORLDS[0])
    files.path.write_bytes(b"broken")
    again = story(WORLDS[0])
    told = again.path.with_suffix(".json").read_bytes()
    assert digest(again.path.read_bytes(), told) == WORLDS[0].digest


def test_the_generator_gives_the_committed_files_again(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "alma.domains.textworld.generate",
        "--worlds",
        "1",
        "--out",
        str(tmp_path),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    again = json.loads((tmp_path / "worlds.json").read_text())["worlds"]
    assert {row["id"]: row["digest"] for row in again} == {
        world.id: world.digest for world in WORLDS if world.id in {row["id"] for row in again}
    }
    committed = worlds_module.data_bytes("rules.json").decode()
    assert (tmp_path / "rules.json").read_text() == committed


def test_our_account_of_facts_and_textworlds_own_agree() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.textworld", "--lockstep", "400", "--only-lockstep"],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 differences" in done.stdout
