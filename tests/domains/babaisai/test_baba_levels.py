"""Levels from seeds: the same everywhere, all different, and made as the ids say."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from alma.domains.babaisai import BabaIsAI, streams
from alma.domains.babaisai.engine import Game
from alma.domains.babaisai.levels import CORNERED, draw, recipe, rectangle
from alma.domains.babaisai.names import NAMES, balrog, published
from alma.domains.babaisai.objects import BY_CODE, CODES, SHIFT
from alma.records import SPLITS, DomainError, Level, Split

SEEDS = range(40)


def cells(name: str, seed: int) -> dict[str, list[tuple[int, int]]]:
    """Where each code lies, covered ones too."""
    layout = draw(name, seed)
    found: dict[str, list[tuple[int, int]]] = {}
    for at, stack in enumerate(layout.cells):
        for one in stack:
            found.setdefault(CODES[one >> SHIFT], []).append((at % layout.width, at // layout.width))
    return found


def test_there_are_53_ids_of_which_balrog_plays_40_and_published_alma_26_and_27() -> None:
    train, test = published()
    assert (len(NAMES), len(set(NAMES)), len(balrog()), len(train), len(test)) == (53, 53, 40, 26, 27)
    assert set(train) | set(test) == set(NAMES)
    assert train[:3] == ("make_win-distr_obj", "two_room-goto_win", "two_room-goto_win-distr_rule")
    assert test[-1] == "two_room-make_win-distr_rule"


@pytest.mark.parametrize("name", NAMES)
def test_levels_have_the_size_and_the_rules_of_their_id(name: str) -> None:
    asked = recipe(name)
    for seed in SEEDS:
        layout = draw(name, seed)
        assert layout == draw(name, seed)
        size = (6, 6) if name.startswith("you_win") else (13, 9) if "two_room" in name else (8, 8)
        assert (layout.width, layout.height) == size
        rules = [str(rule) for rule in Game(layout).rules]
        if name.startswith("you_win"):
            assert len(rules) == 2
            continue
        assert rules.count("baba is you") == 1
        stops = "break_stop" in name or "make_you" in name or "make_wall_win" in name
        assert ("wall is stop" in rules) == stops
        wins = [rule for rule in rules if rule.endswith("is win")]
        win_stands = "goto_win" in name or name == "two_room-make_you"
        assert len(wins) == win_stands + asked.decoy
        if asked.ball is not None:
            nouns = {"TB", "TK", "TD"} & cells(name, seed).keys()
            assert nouns


def test_the_ball_restriction_holds() -> None:
    for seed in SEEDS:
        assert "TB" in cells("make_win#only_ball_win", seed)
        assert "TB" not in cells("make_win#no_ball_win", seed)


def test_blocks_lie_where_the_generator_may_put_them() -> None:
    for seed in SEEDS:
        moved = cells("make_win", seed)
        noun = next(code for code in ("TB", "TK", "TD") if code in moved)
        assert moved[noun][0] in rectangle(2, 5, 2, 5)
        loose = cells("two_room-goto_win-distr_obj_rule", seed)
        nouns = [cell for code in ("TB", "TK", "TD") for cell in loose.get(code, ())]
        assert sorted(cell in CORNERED for cell in nouns) == [False, True]
        assert loose["we"] == [(6, y) for y in range(1, 8)]


def test_levels_are_all_different_whatever_splits_and_seeds_they_come_from() -> None:
    for options in ({"split": "published"}, {"split": "balrog"}):
        domain = BabaIsAI(options)
        keys = [
            domain.content_key(Level(task, seed))
            for split in SPLITS
            for task in domain.tasks(split)
            for seed in range(12)
        ]
        assert len(set(keys)) == len(keys) > 900


def test_every_level_shows_what_is_you_unless_the_published_way_is_asked_for() -> None:
    name = "goto_win-distr_win_rule"
    assert all(Game(streams.layout(name, number)).you_visible() for number in range(150))
    hidden = sum(not Game(streams.layout(name, number, True)).you_visible() for number in range(150))
    assert 3 <= hidden <= 35


def test_any_seed_names_a_level() -> None:
    for number in (-1, streams.LISTED, 2**63, 10**30):
        assert streams.layout("make_win", number) == streams.layout("make_win", number)
    assert streams.layout("make_win", 2**63) != streams.layout("make_win", 2**63 + 1)


def test_an_unknown_id_is_a_domain_error() -> None:
    with pytest.raises(DomainError, match="no level family"):
        draw("goto_lose", 0)
    assert BY_CODE["##"]


CODE = """
import json, sys
from alma.domains.babaisai import BabaIsAI
from alma.records import Level
domain = BabaIsAI({"lost": sys.argv[1]})
told = []
for split in ("in_distribution", "train"):
    for task in reversed(domain.tasks(split)):
        level = Level(task, 3)
        environment = domain.open(level)
        told.append([task.id, domain.content_key(level), environment.reset().text])
        for action in ("up", "left", "down", "down", "right", "up", "left"):
            told[-1].append(environment.step(action).observation)
print(json.dumps(sorted(told)))
"""


@pytest.mark.parametrize("lost", ["end", "published"])
def test_levels_and_plays_are_the_same_in_every_process(lost: str) -> None:
    outputs = []
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", CODE, lost],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        )
        outputs.append(json.loads(done.stdout))
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) == 53
    # A level opened in any order is the same level.
    domain = BabaIsAI({"lost": lost})
    split: Split = "train"
    for task in domain.tasks(split)[:5]:
        key = domain.content_key(Level(task, 3))
        assert [task.id, key] in [row[:2] for row in outputs[0]]
