"""The benchmark's families on the real engine: walkthroughs win, careless deeds lose, all is alike anywhere.

The official games are played where they are; some that TextWorld generates here always are.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import random
import subprocess
import sys
import tarfile
import tempfile
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import alma.domains.textworld.families.compiled as compiled_module
from alma.cli.main import run
from alma.domains.textworld import Families
from alma.domains.textworld.engine import Engine, clean
from alma.domains.textworld.families import games
from alma.domains.textworld.families.compiled import Compiled, compiled
from alma.domains.textworld.play import NOTHING, REFUSED
from alma.records import SPLITS, ConfigError, DomainError, Level, Outcome
from alma.testing import assert_domain

pytestmark = pytest.mark.system

OFFICIAL = Path(__file__).parents[3] / "shared/data/textworld/balrog_tw_games_json.tar.xz"
MAKE = [sys.executable, "-m", "alma.domains.textworld.families"]
SMALL = {
    games.HUNT: ("--games", "4", "--level", "10"),
    games.COOKING: ("--games", "3"),
    games.COIN: ("--games", "2"),
}


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Games made here, by the command that makes them."""
    folder = tmp_path_factory.mktemp("games")
    for family, size in SMALL.items():
        command = [*MAKE, "--generate", family, *size, "--out", str(folder)]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    return folder


@pytest.fixture(scope="session")
def cache() -> str:
    """Kept between test runs, since the official games take two minutes to compile."""
    folder = Path(tempfile.gettempdir(), f"alma-tests-textworld-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    return str(folder)


@pytest.fixture(scope="session")
def roots(small: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The folders of games that there are."""
    if not OFFICIAL.is_file():
        return [str(small)]
    folder = tmp_path_factory.mktemp("official")
    with tarfile.open(OFFICIAL) as archive:
        archive.extractall(folder, filter="data")
    return [str(small), str(folder)]


def levels(domain: Families) -> list[Level]:
    return [Level(task) for split in SPLITS for task in domain.tasks(split)]


def domains(roots: list[str], cache: str) -> list[Families]:
    return [
        Families({"data": root, "cache": cache, "family": family})
        for root in roots
        for family in games.FAMILIES
    ]


def game_of(domain: Families, level: Level, root: str, cache: str) -> Compiled:
    return compiled(games.path_of(root, level.task.id), Path(cache))


def walkthrough(root: str, level: Level) -> tuple[str, ...]:
    return games.told(games.path_of(root, level.task.id)).walkthrough


def test_every_walkthrough_wins_and_no_goal_holds_more_than_one_of_its_commands(
    roots: list[str], cache: str
) -> None:
    played = 0
    for root in roots:
        for family in games.FAMILIES:
            domain = Families({"data": root, "cache": cache, "family": family})
            for level in levels(domain):
                way = walkthrough(root, level)
                environment = domain.open(level)
                goal = environment.reset().goal
                steps = [environment.step(command) for command in way]
                assert environment.outcome() == Outcome(1.0, True), level.key
                assert [step.done for step in steps] == [False] * (len(way) - 1) + [True]
                scores = [step.score for step in steps]
                assert scores == sorted(scores)
                assert len(set(scores)) == (18 if family == games.COOKING else 2)
                assert goal
                assert len(games.commands_in(goal, way)) <= 1
                environment.close()
                played += 1
    assert played == 9 + 75 * (len(roots) - 1)


def test_the_official_games_are_known_as_such_and_made_ones_are_not(roots: list[str], cache: str) -> None:
    generated, *official = [Families({"data": root, "cache": cache}) for root in roots]
    assert generated.generated
    for domain in official:
        assert not domain.generated
        assert {split: len(domain.tasks(split)) for split in SPLITS} == {
            "train": 24,
            "validation": 0,
            "in_distribution": 26,
            "out_of_distribution": 0,
        }


def test_it_does_what_every_domain_must(roots: list[str], cache: str) -> None:
    for domain in domains(roots, cache):
        assert_domain(domain, make=Families, levels=2)


def test_a_made_game_is_the_same_when_it_is_made_again(small: Path, tmp_path: Path) -> None:
    command = [*MAKE, "--generate", games.COOKING, "--games", "1", "--out", str(tmp_path)]
    subprocess.run(
        command, check=True, capture_output=True, timeout=300, env={**os.environ, "PYTHONHASHSEED": "7"}
    )
    (again,) = (tmp_path / games.COOKING).iterdir()
    assert again.read_bytes() == (small / games.COOKING / again.name).read_bytes()


def test_what_is_not_on_offer_is_refused_in_one_line(tmp_path: Path) -> None:
    for wrong in (["--level", "30"], ["--games", "0"]):
        command = [*MAKE, "--generate", games.HUNT, *wrong, "--out", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1


def test_facts_commands_score_and_text_are_textworlds_own(roots: list[str], cache: str) -> None:
    """Lockstep with TextWorld's environment: the walkthrough, and two random walks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        textworld: Any = importlib.import_module("textworld")
    names = ("admissible_commands", "facts", "score", "won", "lost")
    played = 0
    for root in roots:
        for family in games.FAMILIES:
            domain = Families({"data": root, "cache": cache, "family": family})
            for level in levels(domain)[::3]:
                game = game_of(domain, level, root, cache)
                ours = Engine(game.story, game.rules, scored=True)
                theirs = textworld.start(
                    str(game.story.path), textworld.EnvInfos(**dict.fromkeys(names, True))
                )
                rng = random.Random(level.key)
                for episode in range(3):
                    way = list(walkthrough(root, level)) if episode == 0 else []
                    ours.reset()
                    state, done = theirs.reset(), False
                    for _ in range(len(way) or 60):
                        if done:
                            break
                        # TextWorld's own tracking misses that a drink is gone.
                        free = [c for c in ours.view.commands if not c.startswith("drink ")]
                        command = way.pop(0) if way else rng.choice([*free, "xyzzy", "take all"])
                        said = ours.step(command)
                        state, _, done = theirs.step(command)
                        played += 1
                        assert said == clean(state.feedback, scored=True), (level.key, command)
                        assert (ours.ended, ours.won) == (done, state["won"]), (level.key, command)
                        assert ours.points == state["score"], (level.key, command)
                        facts = {
                            (fact.name, *(one.name for one in fact.arguments)) for fact in state["_facts"]
                        }
                        assert ours.facts == facts, (level.key, command)
                        assert ours.view.commands == tuple(state["admissible_commands"]), (level.key, command)
                theirs.close()
    assert played > 300


def test_a_lost_game_ends_and_keeps_its_points(small: Path, cache: str) -> None:
    domain = Families({"data": str(small), "cache": cache, "family": games.COOKING})
    lost = []
    for level in levels(domain):
        environment = domain.open(level)
        for seed in range(8):
            rng = random.Random(seed)
            commands = environment.reset().admissible or ()
            steps = []
            for command in walkthrough(str(small), level)[:40]:
                steps.append(environment.step(command))
            while not steps[-1].done and len(steps) < 120:
                commands = steps[-1].admissible or ("look",)
                steps.append(environment.step(rng.choice(commands)))
            if "You lost!" in steps[-1].observation:
                lost.append((steps[-2].score, steps[-1], environment.outcome()))
                assert environment.step("look").error == "the game is over"
        environment.close()
    assert lost
    for before, last, outcome in lost:
        assert last.done
        assert last.admissible == ()
        assert last.score == before == outcome.reward
        assert 0 < outcome.reward < 1
        assert not outcome.success


def test_commands_to_the_program_cost_a_step_and_change_nothing(small: Path, cache: str) -> None:
    domain = Families({"data": str(small), "cache": cache})
    environment = domain.open(levels(domain)[0])
    first = environment.reset()
    for command in (
        "restart",
        "quit",
        "save",
        "undo",
        "notify off",
        "version",
        "",
        "look. look",
        "tw-print state",
    ):
        step = environment.step(command)
        assert step.observation in (NOTHING, REFUSED)
        assert step.error
        assert step.admissible == first.admissible
        assert (step.score, step.done) == (0.0, False)
    assert environment.step("look").observation == first.text
    assert environment.step("go to the moon").error == "not an admissible action"
    environment.close()
    with pytest.raises(DomainError, match="closed"):
        environment.step("look")


def test_two_workers_that_compile_the_same_game_leave_one(small: Path, tmp_path: Path) -> None:
    path = next((small / games.HUNT).iterdir())
    with ProcessPoolExecutor(2) as pool:
        keys = list(pool.map(_key, [path] * 4, [tmp_path] * 4))
    assert len(set(keys)) == 1
    assert [folder.name for folder in tmp_path.iterdir()] == keys[:1]
    assert {file.name for file in (tmp_path / keys[0]).iterdir()} == {"game.z8", "game.json", "told.json"}


def _key(path: Path, cache: Path) -> str:
    return compiled(path, cache).key


def test_a_damaged_game_is_compiled_anew_to_the_same_bytes(small: Path, tmp_path: Path) -> None:
    path = next((small / games.COIN).iterdir())
    file = compiled(path, tmp_path).story.path
    whole = file.read_bytes()
    file.write_bytes(whole[:1000])
    assert compiled(path, tmp_path).story.path.read_bytes() == whole


def test_a_compiler_that_fails_is_told_in_one_line(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = json.loads(next((small / games.HUNT).iterdir()).read_text())
    data["infos"] = [
        [id_, info | {"name": 'a "'}] if info["type"] == "r" else [id_, info] for id_, info in data["infos"]
    ]
    path = tmp_path / games.HUNT / "broken.json"
    path.parent.mkdir()
    path.write_text(json.dumps(data))
    with pytest.raises(DomainError, match="TextWorld can't compile") as caught:
        compiled(path, tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert list((tmp_path / "cache").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(DomainError, match="can't write to"):
        compiled(next((small / games.HUNT).iterdir()), tmp_path / "file")

    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(compiled_module.importlib, "import_module", missing)
    with pytest.raises(ConfigError, match=r"pip install 'alma-meta\[textworld\]'"):
        compiled(next((small / games.HUNT).iterdir()), tmp_path / "cache")


def test_a_run_says_that_out_of_distribution_is_empty(
    small: Path,
    cache: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TEXTWORLD_DATA", str(small))
    sizes = "--preset smoke --steps 1 --children 1 --collect-size 1 --deploy-size 1 --validation-size 1"
    tables = "--finalists 1 --held-out-size 4 --held-out-repeats 1 --collections 1 --workers 1"
    shared = ["--domain", "textworld", "--set", f"textworld.cache={cache}"]
    assert run(["learn", *shared, *sizes.split(), *tables.split(), "--run", str(tmp_path / "run")]) == 0
    empty = "held-out out of distribution: textworld has no tasks in this split, so no table"
    told = capsys.readouterr().out
    assert empty in told
    assert "nan" not in told.lower().split()
    summary = json.loads((tmp_path / "run/summary.json").read_text(), parse_constant=lambda name: math.inf)
    assert summary["empty_splits"] == ["out_of_distribution"]
    assert [table["split"] for table in summary["tables"]] == ["in_distribution"]
    assert "Infinity" not in json.dumps(summary)
    assert "no tasks in this split" in (tmp_path / "run/report.html").read_text()
    bench = [
        "bench",
        *shared,
        "--designs",
        "no_memory",
        "--size",
        "2",
        "--collect-size",
        "1",
        "--collections",
        "1",
    ]
    assert run([*bench, "--run", str(tmp_path / "bench")]) == 0
    assert empty in capsys.readouterr().out
    assert run([*bench, "--split", "out_of_distribution", "--run", str(tmp_path / "none")]) == 2
    assert "textworld has no split out_of_distribution" in capsys.readouterr().err
