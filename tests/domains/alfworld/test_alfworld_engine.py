"""The engine's rules that no single transcript is sure to meet, and properties that hold of every play."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alma.domains.alfworld import Households
from alma.domains.alfworld.engine import REFUSED, Board, Game
from alma.domains.alfworld.goals import compile_goal, dynamic_predicates
from alma.domains.alfworld.households import generate, household_tasks
from alma.domains.alfworld.pddl import Formula, read_problem, write_formula
from alma.domains.alfworld.world import Thing, World, number
from alma.records import DomainError, Level

TASKS = household_tasks("train")[:60]


def _atom(predicate: str, *terms: str) -> Formula:
    return ("atom", predicate, terms)


def test_names_count_downwards_along_the_sorted_ids() -> None:
    names = number(["cup_bar_1", "cup_bar_2", "sink_bar_1_bar_sinkbasin", "sink_bar_1", "loc_bar_3", "apple"])
    assert names["cup_bar_1"] == "cup 2"
    assert names["cup_bar_2"] == "cup 1"
    assert names["sink_bar_1_bar_sinkbasin"] == "sinkbasin 1"
    assert names["sink_bar_1"] == "sink 1"
    assert names["apple"] == "apple "


def _shared(world: World) -> World:
    """The world with its first two places at one location, a cup in both, and a knife in neither."""
    first, second, *rest = world.receptacles
    second = replace(second, location=first.location, openable=False)
    first = replace(first, openable=False)
    flags = frozenset({"pickupable", "sliceable"})
    things = (
        Thing("cup_bar_000", "cuptype", flags, tuple(sorted((first.id, second.id))), (first.location,)),
        Thing("knife_bar_000", "knifetype", frozenset({"pickupable"}), (), (first.location,)),
    )
    contains = world.contains | {(first.kind, "cuptype"), (second.kind, "cuptype")}
    return replace(world, receptacles=(first, second, *rest), things=things, contains=contains)


def test_places_at_one_location_are_used_from_either() -> None:
    board = Board(_shared(generate("train/h01/pick/000006")))
    game = Game(board)
    first, second = board.receptacle_names[:2]
    assert game.step(f"go to {first}") == f"You arrive at {first}. On the {first}, you see a cup 1."
    assert f"go to {second}" not in game.menu.commands
    assert game.step(f"examine {second}") == f"On the {second}, you see a cup 1."
    assert game.step("look") == f"You are facing the {first}, and {second}. Next to it, you see nothing."
    game.step(f"take cup 1 from {first}")
    assert game.step(f"examine {second}") == f"On the {second}, you see a cup 1."
    game.step(f"move cup 1 to {second}")
    # The stock grammar calls floor what lies at the location and was once taken from a place here.
    assert game.step("look") == f"You are facing the {first}, and {second}. Next to it, you see a cup 1."


def test_a_thing_in_no_place_is_neither_seen_nor_taken() -> None:
    board = Board(_shared(generate("train/h01/pick/000006")))
    game = Game(board)
    game.step(f"go to {board.receptacle_names[0]}")
    assert not any("knife" in command for command in game.menu.commands)


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        (("forall", (("?o", "object"),), ("or", _atom("pickupable", "?o"), _atom("toggleable", "?o"))), True),
        (("forall", (("?r", "receptacle"),), _atom("opened", "?r")), False),
        (("not", _atom("holdsany", "agent1")), True),
        (("imply", _atom("holdsany", "agent1"), _atom("holds", "agent1", "mug_bar_000")), True),
        (("exists", (("?l", "location"),), _atom("atlocation", "agent1", "?l")), True),
        (("exists", (("?o", "object"), ("?p", "object")), ("not", ("=", "?o", "?p"))), True),
        (("and",), True),
        (("or",), False),
    ],
)
def test_goals_are_read_as_logic(goal: Formula, expected: bool) -> None:
    board = Board(generate("train/h00/heat/000003"))
    assert compile_goal(goal, board)(Game(board)) is expected


def test_a_goal_that_the_engine_does_not_track_is_an_error() -> None:
    with pytest.raises(DomainError, match="checked"):
        Board(replace(generate("train/h00/heat/000003"), goal=_atom("checked", "agent1")))


@pytest.mark.parametrize("task", TASKS[:6], ids=lambda task: task.kind)
def test_a_goal_written_as_pddl_reads_back_the_same(task: object) -> None:
    world = generate(task.id)  # type: ignore[attr-defined]
    text = f"(define (problem p) (:init (atLocation a b)) (:goal {write_formula(world.goal)}))"
    assert read_problem(text).goal == world.goal
    assert dynamic_predicates(world.goal)


def test_heating_undoes_cooling_and_examining_says_so() -> None:
    plain = {"cleanable", "heatable", "coolable"}
    boards = (Board(generate(task.id)) for task in TASKS if task.kind == "heat")
    board, thing = next(
        (board, index)
        for board in boards
        for index, other in enumerate(board.world.things)
        if plain <= other.flags and "isreceptacleobject" not in other.flags
    )
    game, name = Game(board), board.thing_names[thing]
    game.held = thing
    for place, action, text in (
        ("microwave 1", "heat", f"This is a hot {name}."),
        ("fridge 1", "cool", f"This is a cold {name}."),
        ("sinkbasin 1", "clean", f"This is a cool and clean {name}."),
        ("microwave 1", "heat", f"This is a hot and clean {name}."),
    ):
        game.step(f"go to {place}")
        assert game.step(f"{action} {name} with {place}") == f"You {action} the {name} using the {place}."
        assert game.step(f"examine {name}") == text


@given(index=st.integers(0, len(TASKS) - 1), actions=st.lists(st.text() | st.integers(0, 60), max_size=30))
def test_any_text_is_answered_and_every_admissible_action_is_accepted(
    index: int, actions: list[str | int]
) -> None:
    env = Households().open(Level(TASKS[index]))
    first = env.reset()
    menu = first.admissible or ()
    for action in actions:
        assert list(menu) == sorted(set(menu))
        if isinstance(action, int):
            step = env.step(menu[action % len(menu)])
            assert step.error is None
            assert step.observation != REFUSED
        else:
            step = env.step(action)
            if action.strip() not in menu:
                assert (step.observation, step.admissible) == (REFUSED, menu)
                assert step.error
        assert step.score in (0.0, 1.0)
        assert step.done == (step.score == 1.0) == env.outcome().success
        menu = step.admissible or ()
    assert env.reset() == first


@given(choices=st.lists(st.integers(0, 60), max_size=40))
def test_a_shared_board_plays_as_a_fresh_one(choices: list[int]) -> None:
    world = generate(TASKS[5].id)
    shared = Board(world)
    for _ in range(2):
        worn, fresh = Game(shared), Game(Board(world))
        for choice in choices:
            command = fresh.menu.commands[choice % len(fresh.menu.commands)]
            assert worn.step(command) == fresh.step(command)
            assert worn.menu.commands == fresh.menu.commands
