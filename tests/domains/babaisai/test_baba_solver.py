"""Shortest wins: the estimate never promises less than is needed, and the kept table is true."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alma.domains.babaisai import streams
from alma.domains.babaisai.engine import Game
from alma.domains.babaisai.estimate import Estimate
from alma.domains.babaisai.layout import Layout
from alma.domains.babaisai.levels import draw
from alma.domains.babaisai.names import published
from alma.domains.babaisai.solvability import Bounds, levels_hash, solvability, summary
from alma.domains.babaisai.solver import solve
from alma.domains.babaisai.streams import layout, level_number

SMALL = (
    "you_win",
    "goto_win-distr_win_rule",
    "make_win",
    "make_win-distr_obj_rule",
    "two_room-goto_win-distr_obj",
    "two_room-break_stop-goto_win",
    "two_room-make_you",
)


@pytest.mark.parametrize("name", SMALL)
def test_the_estimate_loses_no_shorter_win(name: str) -> None:
    """Against breadth-first search, which needs no estimate."""
    decided = 0
    for seed in range(100, 106):
        plain = solve(draw(name, seed), 3000, estimate=False)
        led = solve(draw(name, seed), 3000)
        if plain.decided:
            decided += 1
            assert (led.lower, led.upper) == (plain.lower, plain.upper)
            assert led.states <= plain.states
        else:
            assert led.lower is not None
            assert plain.lower is not None
            assert led.upper is None or led.upper >= plain.lower
    assert decided >= 2


@pytest.mark.parametrize("name", SMALL)
def test_along_a_shortest_win_the_estimate_is_at_most_what_is_left(name: str) -> None:
    start = draw(name, 200)
    found = solve(start, 3000, estimate=False)
    found = found if found.decided else solve(start, 20_000)
    game, estimate = Game(start), Estimate(start.width, start.height)
    for played, action in enumerate(found.actions):
        assert 1 <= estimate.steps(game) <= len(found.actions) - played
        game.step(action)
    assert game.won


def test_a_level_that_cannot_be_won_is_proved_so() -> None:
    closed = Layout.read(["##########", "##TAISPY##", "##aW....##", "##TBIS..##", "##########"])
    found = solve(closed, 5000, estimate=False)
    assert (found.lower, found.upper) == (None, None)
    assert found.within(100) is False
    covered = Layout.read(["##########", "##TAISPY##", "##TB....##", "########be"], {"1,2": ["aW", "TB"]})
    assert solve(covered).within(20) is False


def test_bounds_decide_what_they_can() -> None:
    assert Bounds(12, 12).within(20) is True
    assert Bounds(21, None).within(20) is False
    assert Bounds(19, 24).within(20) is None
    assert Bounds(None, None).within(100) is False


def test_the_kept_table_has_every_published_task_and_its_levels_are_those_played() -> None:
    table = solvability()
    train, test = published()
    assert list(table) == [f"train/{name}" for name in train] + [f"in_distribution/{name}" for name in test]
    assert min(map(len, table.values())) >= 4
    assert not any(bounds.lower is None for row in table.values() for bounds in row)
    for name in ("goto_win", "make_win", "you_win", "two_room-break_stop-goto_win"):
        for seed, bounds in enumerate(table[f"train/{name}"][:3]):
            found = solve(layout(name, level_number("train", seed)), 25_000)
            assert (found.lower, found.upper) == (bounds.lower, bounds.upper)


def test_levels_are_still_those_that_the_table_was_made_for() -> None:
    kept = json.loads((Path(streams.__file__).parent / "data/solvability.json").read_text())
    assert kept["levels"] == levels_hash(), "levels have changed: make the table anew, tell it in CHANGELOG"


def test_the_summary_has_a_row_a_task_and_one_a_split() -> None:
    lines = summary(solvability()).splitlines()
    assert len(lines) == 2 + 53 + 2
    assert lines[-1].startswith("| all of in distribution |")
