"""The benchmark's families as far as no engine is needed: the published split, goals, what is refused."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

import alma.domains.textworld.families.domain as domain_module
from alma.cli import options
from alma.cli.main import run
from alma.domains.babaisai import BabaIsAI
from alma.domains.textworld import Families
from alma.domains.textworld.families import games
from alma.experiments.summary import empty_splits
from alma.records import SPLITS, ConfigError, DomainError, Level, Task

HUNT_TRAIN = (51016, 37212, 30233, 53195, 51781, 21726, 20085, 34432, 50479, 58109, 34884, 51709)
COOKING_TRAIN = (12274, 20939, 19414, 16877, 9887, 12896, 19196, 5972, 3265, 23109, 5869, 4227)
"""The published runs' train games, in their order: the labels that their file names end with."""


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain_module, "require", lambda: None)


def told(goal: str = "Take the lamp.", **changes: Any) -> str:
    """A game's file as far as it is read here."""
    data = {
        "objective": goal,
        "metadata": {"walkthrough": ["go east", "open box", "take lamp from box"]},
        "world": [{"name": "at", "arguments": [{"name": "P", "type": "P"}, {"name": "r_0", "type": "r"}]}],
        "infos": [["r_0", {"type": "r", "name": "attic"}], ["o_0", {"type": "o", "name": None}]],
        "grammar": {"only_last_action": True},
    }
    return json.dumps(data | changes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The benchmark's file names, each with another small content."""
    for id_ in games.official():
        path = tmp_path / f"{id_}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(told(f"Take the lamp of {id_}."))
    return tmp_path


def labels(domain: Families, split: Any, family: str) -> tuple[int, ...]:
    return tuple(int(t.id.rpartition("_")[2]) for t in domain.tasks(split) if t.kind == family)


def test_the_benchmark_has_25_games_a_family_and_no_two_alike() -> None:
    known = games.official()
    assert [sum(id_.startswith(f"{family}/") for id_ in known) for family in games.FAMILIES] == [25] * 3
    assert len(set(known.values())) == 75


def test_the_split_is_the_published_one(folder: Path) -> None:
    domain = Families({"data": str(folder)})
    assert {split: len(domain.tasks(split)) for split in SPLITS} == {
        "train": 24,
        "validation": 0,
        "in_distribution": 26,
        "out_of_distribution": 0,
    }
    assert labels(domain, "train", games.HUNT) == HUNT_TRAIN
    assert labels(domain, "train", games.COOKING) == COOKING_TRAIN
    tasks = {task.id for split in SPLITS for task in domain.tasks(split)}
    assert tasks == {id_ for id_ in games.official() if not id_.startswith(games.COIN)}


@pytest.mark.parametrize(("family", "train"), [(games.HUNT, HUNT_TRAIN), (games.COOKING, COOKING_TRAIN)])
def test_a_family_alone_keeps_its_split_though_the_others_are_not_there(
    folder: Path, family: str, train: tuple[int, ...]
) -> None:
    for other in set(games.FAMILIES) - {family}:
        (folder / other).rename(folder / f"not_{other}")
    domain = Families({"data": str(folder), "family": family})
    assert labels(domain, "train", family) == train
    assert len(domain.tasks("in_distribution")) == 13


def test_the_coin_collector_is_asked_for_by_name(folder: Path) -> None:
    domain = Families({"data": str(folder), "family": "coin_collector"})
    assert (len(domain.tasks("train")), len(domain.tasks("in_distribution"))) == (12, 13)
    assert {task.kind for task in domain.tasks("train")} == {games.COIN}


def test_every_game_is_a_cluster_of_its_own_and_travels(folder: Path) -> None:
    domain = pickle.loads(pickle.dumps(Families({"data": str(folder)})))
    levels = [Level(task) for split in SPLITS for task in domain.tasks(split)]
    assert len({domain.cluster(level) for level in levels}) == len(levels) == 50
    assert len({domain.content_key(level) for level in levels}) == 50
    assert [domain.step_limit(preset) for preset in ("paper", "default", "smoke")] == [80, 80, 40]


def test_other_games_than_the_benchmarks_are_called_generated(folder: Path) -> None:
    domain = Families({"data": str(folder)})
    assert domain.generated
    assert domain.options == {"family": "published"}
    other = Families({"data": str(folder), "family": games.COIN})
    assert domain.version != other.version


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not a game"),
        ("{}", "not a game"),
        (told(goal=" "), "no objective"),
        (told(grammar={"only_last_action": False}), "gives its whole way away"),
        (told("Go east. Open box. Take the lamp."), "gives its whole way away"),
    ],
)
def test_a_file_that_is_no_fair_game_is_told(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / games.HUNT / "a.json"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(DomainError, match=why):
        games.told(path)


def test_an_unknown_task_option_or_family_is_told(folder: Path) -> None:
    domain = Families({"data": str(folder)})
    with pytest.raises(DomainError, match="there is no TextWorld game"):
        domain.open(Level(Task("textworld", "treasure_hunter/../../x", "train")))
    with pytest.raises(ConfigError, match="options: family, data, cache"):
        Families({"level": 30})
    with pytest.raises(ConfigError, match="family must be one of published"):
        Families({"family": "fetch"})


def test_without_games_one_line_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TEXTWORLD_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert run(["learn", "--domain", "textworld"]) == 2
    error = capsys.readouterr().err
    assert "alma domains data textworld" in error
    assert error.count("\n") == 1


def test_data_and_cache_come_from_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEXTWORLD_DATA", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert options.domain_options("textworld", []) == {}
    (tmp_path / "alma/textworld").mkdir(parents=True)
    assert options.domain_options("textworld", []) == {"data": str(tmp_path / "alma/textworld")}
    monkeypatch.setenv("TEXTWORLD_DATA", "/games")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert options.domain_options("textworld", ["textworld.family=coin_collector"]) == {
        "data": "/games",
        "cache": "/cache/alma/textworld",
        "family": "coin_collector",
    }
    assert options.domain_options("textworld:fetch", []) == {}


def test_an_empty_test_split_is_named() -> None:
    assert empty_splits(BabaIsAI()) == ["out_of_distribution"]
