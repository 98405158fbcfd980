"""What of MiniHack needs no engine: the published split, goals, key names, questions, Boxoban files."""

import enum

import pytest

from alma.domains.minihack import MiniHack, keys, tasks
from alma.domains.minihack.boxoban import levels
from alma.records import SPLITS, ConfigError


def test_the_split_is_the_published_one():
    sizes = {split: len(tasks.split(split)) for split in SPLITS}
    assert sizes == {"train": 34, "validation": 0, "in_distribution": 80, "out_of_distribution": 11}
    assert len(tasks.ids()) == 125
    train, near = tasks.split("train"), tasks.split("in_distribution")
    # Twins that the study of the published code found on either side.
    assert {"Room-Monster-15x15-v0", "Eat-v0", "Eat-Fixed-v0"} <= set(train)
    assert {"Room-Monster-5x5-v0", "Eat-Distr-v0"} <= set(near)
    assert len({*train, *near, *tasks.split("out_of_distribution")}) == 125
    categories = [tasks.category(task) for task in tasks.split("out_of_distribution")]
    assert {name: categories.count(name) for name in tasks.FURTHER} == {
        "corridor": 5,
        "boxoban": 3,
        "quest": 3,
    }
    assert len(tasks.split("in_distribution", balrog=True)) == 8
    assert set(tasks.BALROG) <= set(tasks.ids())


def test_every_task_has_a_goal_and_a_family():
    assert tasks.goal("Freeze-Lava-Full-v0") == tasks.GOALS["Freeze-Lava"]
    assert tasks.goal("Room-5x5-v0") == tasks.STAIRS
    assert (tasks.family("Sokoban1a-v1"), tasks.family("WoD-Easy-Full-v0")) == ("Sokoban", "WoD-Easy")
    families = {tasks.family(task) for task in tasks.ids()}
    assert set(tasks.GOALS) <= families
    assert len(families) == 29


def test_without_boxoban_levels_its_tasks_are_left_out():
    assert len(MiniHack().tasks("out_of_distribution")) == 8
    assert len(MiniHack({"data": "/somewhere"}).tasks("out_of_distribution")) == 11
    assert MiniHack({"split": "balrog"}).tasks("out_of_distribution") == []
    with pytest.raises(ConfigError, match="view must be one of both, language, map"):
        MiniHack({"view": "pixels"})


class CompassDirection(enum.IntEnum):
    N = ord("k")
    SE = ord("n")


class CompassDirectionLonger(enum.IntEnum):
    N = ord("K")


class Command(enum.IntEnum):
    ZAP = ord("z")
    FIRE = ord("f")
    LOOK = ord(":")
    ESC = 27


NAMES = keys.table([*CompassDirection, *CompassDirectionLonger, *Command])


def test_keys_have_names_and_only_useful_ones_are_listed():
    assert NAMES["north"] == 0
    assert NAMES["far north"] == 2
    assert NAMES["key f"] == NAMES["fire"] == 4
    assert keys.listed(NAMES) == ("north", "southeast", "far north", "zap", "fire")


@pytest.mark.parametrize(
    ("question", "offered"),
    [
        ("What do you want to zap? [f or ?*]", ("key f", "esc")),
        ("What do you want to zap? [fkz or ?*]", ("key f", "key k", "key z", "esc")),
        ("What do you want to eat? [a-gkz or ?*]", ("key f", "key k", "key z", "esc")),
        ("In what direction?", ("north", "southeast", "esc")),
        ("Really attack? [yn] (n)", ("key n", "esc")),
        ("Call it what?", ("esc",)),
    ],
)
def test_the_answers_to_a_question_are_offered(question, offered):
    assert keys.answers(question, NAMES) == offered


def test_boxoban_levels_are_read_in_one_order(tmp_path):
    folder = tmp_path / "hard"
    folder.mkdir()
    (folder / "001.txt").write_text("; 0\n###\n#@#\n###\n\n; 1\n####\n#$.#\n####\n\n")
    (folder / "000.txt").write_text("; 0\n##\n##\n")
    assert levels(str(tmp_path), "Boxoban-Hard-v0") == ("##\n##", "###\n#@#\n###", "####\n#$.#\n####")
    with pytest.raises(ConfigError, match="alma domains data boxoban"):
        levels(str(tmp_path), "Boxoban-Medium-v0")
    with pytest.raises(ConfigError, match="not set up"):
        levels("", "Boxoban-Hard-v0")
