"""The oracle's own parts that run without the stock engine: its choice of games, its walks, its errors."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from alma.domains.alfworld import oracle
from alma.domains.alfworld.engine import Board, Game
from alma.domains.alfworld.export import to_game_json
from alma.domains.alfworld.households import draw, household_tasks
from alma.domains.alfworld.pddl import ACTIONS
from alma.domains.alfworld.walks import REFUSED, verb, walk
from alma.domains.alfworld.world import load_world
from alma.records import ConfigError


def test_without_the_extra_it_says_so_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("alma.domains.alfworld.stock.find_spec", lambda name: None)
    assert oracle.main(["--games", "1"]) == 2
    message = capsys.readouterr().err
    assert "extra `oracle`" in message
    assert message.count("\n") == 1


def test_household_games_cover_every_type_with_every_dial() -> None:
    labels = [label for label, _ in oracle.household_games(30)]
    assert len(set(labels)) == 30
    assert len({label.split("/")[2] for label in labels}) == 6
    assert {label.split(" ", 1)[1] for label in labels} == {str(dict(dials)) for dials in oracle.DIALS}
    assert any(label.startswith("out_of_distribution") for label in labels)


def test_official_games_are_chosen_from_every_type(official_data: Path) -> None:
    labels = [label for label, _ in oracle.official_games(official_data, 6)]
    assert len({Path(label).parts[-3].split("-")[0] for label in labels}) == 6


def test_a_folder_without_games_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no official games"):
        list(oracle.official_games(tmp_path, 6))


def test_an_exported_household_reads_back_as_the_same_game() -> None:
    for task in household_tasks("train")[:48]:
        for scramble in (False, True):
            world, _ = draw(task.id, scramble=scramble)
            again = load_world(to_game_json(world))
            assert again.content_key() == world.content_key()
            assert (again.receptacles, again.things, again.goal) == (
                world.receptacles,
                world.things,
                world.goal,
            )


def test_old_wording_puts_and_has_no_help() -> None:
    world = load_world(to_game_json(draw("train/h00/pick/000000")[0], old_wording=True))
    assert world.wording.commands["putobject"] == "put {o} in/on {r}"
    assert "help" not in Game(Board(world)).menu.commands


def test_walks_meet_every_command() -> None:
    met = Counter[str]()
    for number, task in enumerate(household_tasks("train")[:30]):
        game = Game(Board(draw(task.id)[0]))
        for command in walk(game, 60, random.Random(number)):
            met[verb(game, command)] += 1
            game.step(command)
    assert set(met) == {*ACTIONS.values(), REFUSED}
    assert min(met.values()) >= 5
