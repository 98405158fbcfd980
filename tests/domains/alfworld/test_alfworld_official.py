"""The official games: splits, both folder layouts, walkthroughs that win, and errors a user can act on."""

from __future__ import annotations

import contextlib
import json
import pickle
from pathlib import Path

import pytest

from alma.domains.alfworld import OfficialAlfworld
from alma.domains.alfworld.engine import Board, Game
from alma.domains.alfworld.export import to_game_json
from alma.domains.alfworld.households import draw
from alma.domains.alfworld.solver import solve
from alma.domains.alfworld.world import load_world
from alma.domains.contract import Domain
from alma.records import ConfigError, DomainError, Level, Split, Task

COUNTS: dict[Split, int] = {"validation": 200, "in_distribution": 140, "out_of_distribution": 134}


def _folder(root: Path, name: str, text: str) -> None:
    path = root / name / "game.tw-pddl"
    path.parent.mkdir(parents=True)
    path.write_text(text)


@pytest.fixture
def household_file() -> str:
    world, asked = draw("train/h00/heat/000003")
    return to_game_json(world, solve(world, asked))


@pytest.mark.parametrize("split", COUNTS)
def test_every_walkthrough_wins_at_its_last_step_and_not_before(official_data: Path, split: Split) -> None:
    domain = OfficialAlfworld({"data": str(official_data)})
    tasks = domain.tasks(split)
    assert len(tasks) == COUNTS[split]
    for task in tasks:
        path = official_data / "json_2.1.1" / task.id / "game.tw-pddl"
        steps = json.loads(path.read_text())["walkthrough"]
        env = domain.open(Level(task))
        admissible = env.reset().admissible
        for number, action in enumerate(steps, 1):
            assert action in (admissible or ()), f"{task.id}: {action}"
            step = env.step(action)
            admissible = step.admissible
            assert step.done == (number == len(steps)), f"{task.id}: done after {number} of {len(steps)}"
        assert env.outcome().success


def test_official_splits_share_no_game_but_may_share_scenes(official_data: Path) -> None:
    domain = OfficialAlfworld({"data": str(official_data)})
    keys = [domain.content_key(Level(task)) for split in COUNTS for task in domain.tasks(split)]
    assert len(set(keys)) == len(keys)
    unseen = {domain.cluster(Level(task)) for task in domain.tasks("out_of_distribution")}
    assert unseen == {"scene-10", "scene-219", "scene-308", "scene-424"}


def test_the_goal_stands_apart_from_the_first_observation(official_data: Path) -> None:
    domain = OfficialAlfworld({"data": str(official_data)})
    first = domain.open(Level(domain.tasks("in_distribution")[0])).reset()
    assert first.goal == "look at alarmclock under the desklamp."
    assert first.text.startswith(
        "You are in the middle of a room. Looking quickly around you, you see a bed 2, "
    )
    assert "task" not in first.text
    assert "Welcome" not in first.text


@pytest.mark.parametrize("layout", ["json_2.1.1/valid_seen", "valid_seen"])
def test_both_folder_layouts_are_read(tmp_path: Path, layout: str, household_file: str) -> None:
    _folder(tmp_path, f"{layout}/pick_heat_then_place_in_recep-Cup-None-Fridge-7/trial_1", household_file)
    domain = pickle.loads(pickle.dumps(OfficialAlfworld({"data": str(tmp_path)})))
    assert isinstance(domain, Domain)
    (task,) = domain.tasks("in_distribution")
    assert (task.kind, domain.cluster(Level(task))) == ("heat", "scene-7")
    assert domain.open(Level(task)).reset().admissible
    assert domain.tasks("train") == ()


def test_games_that_the_official_environment_leaves_out_are_left_out(
    tmp_path: Path, household_file: str
) -> None:
    unsolvable = household_file.replace('"solvable": true', '"solvable": false')
    _folder(tmp_path, "train/pick_two_obj_and_place-Cup-None-Shelf-1/trial_1", unsolvable)
    _folder(tmp_path, "train/pick_and_place_with_movable_recep-Cup-Pan-Shelf-1/trial_1", household_file)
    _folder(tmp_path, "train/pick_and_place_simple-AppleSliced-None-Shelf-1/trial_1", household_file)
    _folder(tmp_path, "train/pick_and_place_simple-Cup-None-Shelf-1/trial_1", household_file)
    tasks = OfficialAlfworld({"data": str(tmp_path)}).tasks("train")
    assert [task.id for task in tasks] == ["train/pick_and_place_simple-Cup-None-Shelf-1/trial_1"]


@pytest.mark.parametrize("options", [{}, {"data": ""}, {"data": "/nowhere"}])
def test_missing_data_is_one_line_that_names_the_command(options: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="alma domains data alfworld") as caught:
        OfficialAlfworld(options).tasks("train")
    assert "\n" not in str(caught.value)


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ConfigError, match="no option habit"):
        OfficialAlfworld({"habit": 1})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[]",
        "{}",
        '{"pddl_domain": 1, "grammar": "", "pddl_problem": ""}',
        '{"pddl_domain": "", "grammar": "", "pddl_problem": ""}',
        "\x00\x01",
    ],
)
def test_an_unreadable_game_is_a_domain_error_that_names_the_file(tmp_path: Path, text: str) -> None:
    _folder(tmp_path, "valid_seen/pick_and_place_simple-Cup-None-Shelf-1/trial_1", text)
    domain = OfficialAlfworld({"data": str(tmp_path)})
    (task,) = domain.tasks("in_distribution")
    with pytest.raises(DomainError, match=r"trial_1/game\.tw-pddl"):
        domain.open(Level(task))


@pytest.mark.parametrize("part", ["pddl_domain", "grammar", "pddl_problem"])
@pytest.mark.parametrize("cut", [0.2, 0.5, 0.9, 0.99])
def test_a_cut_off_part_is_a_domain_error_or_still_a_game(household_file: str, part: str, cut: float) -> None:
    game = json.loads(household_file)
    game[part] = game[part][: int(len(game[part]) * cut)]
    with contextlib.suppress(DomainError):
        Game(Board(load_world(json.dumps(game)))).step("look")


def test_a_task_that_does_not_exist_is_a_domain_error(tmp_path: Path, household_file: str) -> None:
    _folder(tmp_path, "train/pick_and_place_simple-Cup-None-Shelf-1/trial_1", household_file)
    domain = OfficialAlfworld({"data": str(tmp_path)})
    with pytest.raises(DomainError, match="cannot read the game"):
        domain.open(Level(Task("alfworld", "train/none/trial_9", "train")))
