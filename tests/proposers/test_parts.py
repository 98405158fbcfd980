"""The parts: what each learns from a handful of episodes, and that without episodes it knows nothing."""

import importlib
import pickle

import pytest

from alma.agents.recall import render
from alma.memory import Episode, Situation, Step
from alma.proposers.grammar.genome import PARTS
from alma.proposers.grammar.parts.condensed import CondensedPlans
from alma.proposers.grammar.parts.contrasts import Contrasts
from alma.proposers.grammar.parts.losing import LosingActions
from alma.proposers.grammar.parts.places import Places
from alma.proposers.grammar.parts.procedures import Procedures
from alma.proposers.grammar.parts.routes import Routes
from alma.proposers.grammar.parts.tools import Tools
from alma.proposers.grammar.parts.trajectories import Trajectories

KITCHEN = "You are in a kitchen. You see a drawer 1, a drawer 2, a fridge 1."
OFFICE = "You are in an office. You see a desk 1, a shelf 1, a shelf 2."
GO = ("go to drawer 1", "go to drawer 2", "go to fridge 1")


def situation(goal, place=KITCHEN, admissible=GO):
    return Situation(goal, place, admissible)


def episode(goal, *steps, place=KITCHEN, success=True, done=True, admissible=GO):
    """Steps are (action, observation, actions that became possible)."""
    played = []
    for number, (action, observation, *more) in enumerate(steps, 1):
        possible = (*admissible, *(more[0] if more else ()))
        played.append(Step(action, observation, possible, 0.0, done and number == len(steps)))
    return Episode(situation(goal, place, admissible), tuple(played), float(success), success)


def taught(part, *episodes):
    for one in episodes:
        part.learn(one)
    return part


def found(thing, place, where=KITCHEN):
    return episode(
        f"take the {thing}.",
        (f"go to {place}", f"You see a {thing} 1.", [f"take {thing} 1 from {place}"]),
        (f"take {thing} 1 from {place}", f"You take the {thing} 1."),
        place=where,
    )


@pytest.mark.parametrize("kind", PARTS, ids=lambda kind: kind.name)
def test_a_part_that_met_no_episode_recalls_nothing(kind):
    module = importlib.import_module(f"alma.proposers.grammar.parts.{kind.module}")
    for choice in range(4):
        settings = {name: values[choice % len(values)] for name, values in kind.settings.items()}
        part = getattr(module, kind.name)(**settings)
        assert render(part.recall(situation("put a hot mug in the fridge 1."))) == ("", False)


def test_trajectories_recall_the_most_alike_episodes_and_forget_the_oldest():
    mug, cup, pen = found("mug", "drawer 1"), found("cup", "drawer 2"), found("pen", "desk 1", OFFICE)
    by_goal = taught(Trajectories("goal", 1, False, 50), mug, cup, pen)
    assert by_goal.recall(situation("take the cup.")) == [
        {"goal": "take the cup.", "steps": ["go to drawer 2", "take cup 1 from drawer 2"]}
    ]
    by_place = taught(Trajectories("place", 1, True, 50), mug, pen)
    steps = by_place.recall(situation("take the mug.", OFFICE))[0]["steps"]
    assert steps[0] == {"action": "go to desk 1", "observation": "You see a pen 1."}
    short = taught(Trajectories("goal", 3, False, 2), mug, cup, pen)
    assert "take the mug." not in [e["goal"] for e in short.recall(situation("take the mug."))]


def test_condensed_plans_leave_out_the_detours():
    long = episode(
        "put a mug in the fridge.",
        ("go to drawer 1", "Nothing."),
        ("go to drawer 2", "You see a mug 1.", ["take mug 1 from drawer 2"]),
        ("look", "A kitchen."),
        ("take mug 1 from drawer 2", "You take it."),
        ("go to drawer 1", "Nothing."),
        ("go to fridge 1", "Closed."),
        ("move mug 1 to fridge 1", "Done."),
    )
    plans = taught(CondensedPlans("goal", 1, 50), long).recall(situation("put a mug in the fridge."))
    assert plans == [
        {
            "goal": "put a mug in the fridge.",
            "steps": [
                "go to drawer 2",
                "take mug 1 from drawer 2",
                "go to fridge 1",
                "move mug 1 to fridge 1",
            ],
        }
    ]


def test_places_tell_where_a_word_of_the_goal_came_into_sight():
    part = taught(
        Places("everywhere", 2, True, False, 50),
        found("mug", "drawer 1"),
        found("mug", "drawer 1"),
        found("mug", "shelf 2", OFFICE),
        found("pen", "desk 1", OFFICE),
    )
    assert part.recall(situation("take the mug.")) == {"mug": ["go to drawer 1", "go to shelf 2"]}
    assert part.recall(situation("take the spoon.")) == {}


def test_places_of_the_same_place_speak_of_it_alone_and_fall_back_to_their_kind():
    episodes = [found("mug", "drawer 1"), found("mug", "shelf 2", OFFICE), found("pen", "desk 1", OFFICE)]
    same = taught(Places("same place", 3, True, False, 50), *episodes)
    assert same.recall(situation("take the mug.")) == {"mug": ["go to drawer 1"]}
    assert same.recall(situation("take the pen.")) == {}
    kind = taught(Places("same place, then kind", 3, True, False, 50), *episodes)
    assert kind.recall(situation("take the mug."))["mug"][:2] == ["go to drawer 1", "go to drawer"]
    near = taught(Places("by similarity", 3, True, False, 50), *episodes)
    assert near.recall(situation("take the mug.", OFFICE))["mug"][0] == "go to shelf 2"


def test_places_without_numbers_say_the_kind_of_place():
    part = taught(
        Places("everywhere", 3, False, False, 50), found("mug", "drawer 1"), found("mug", "drawer 2")
    )
    assert part.recall(situation("take the mug.")) == {"mug": ["go to drawer"]}


def test_places_by_rate_prefer_where_looking_paid():
    empty = [
        episode("take the pen.", ("go to drawer 1", "Empty."), success=False, done=False) for _ in range(6)
    ]
    episodes = [found("mug", "drawer 1"), found("mug", "drawer 1"), found("mug", "drawer 2"), *empty]
    by_count = taught(Places("everywhere", 1, True, False, 50), *episodes)
    by_rate = taught(Places("everywhere", 1, True, True, 50), *episodes)
    assert by_count.recall(situation("take the mug.")) == {"mug": ["go to drawer 1"]}
    assert by_rate.recall(situation("take the mug.")) == {"mug": ["go to drawer 2"]}


def test_places_forget_the_oldest_episodes():
    part = taught(Places("everywhere", 3, True, False, 1), found("mug", "drawer 1"), found("pen", "drawer 2"))
    assert part.recall(situation("take the mug.")) == {}


def test_tools_tell_what_a_verb_of_the_goal_was_used_with():
    used = episode("heat a mug.", ("go to drawer 1", "A mug.", ["heat mug 1 with oven 1", "open fridge 1"]))
    possible = taught(Tools(3, executed=False), used)
    assert set(possible.recall(situation("heat the apple."))["heat"]) == {"mug 1", "oven 1"}
    assert taught(Tools(3, executed=True), used).recall(situation("heat the apple.")) == {}


def test_contrasts_tell_what_won_episodes_did_and_lost_ones_did_not():
    won = episode("warm a mug.", ("heat mug 1 with oven 1", "Hot."), ("look", "A room."))
    lost = episode("warm a mug.", ("eat mug 1", "No."), ("look", "A room."), success=False)
    part = taught(Contrasts(3, False), won, lost)
    assert part.recall(situation("warm a cup.")) == ["heat mug with oven"]
    about = taught(Contrasts(3, True), won, lost)
    assert about.recall(situation("warm a mug.")) == ["heat mug with oven"]
    assert about.recall(situation("warm a cup.")) == []
    assert taught(Contrasts(3, False), won).recall(situation("warm a cup.")) == []


def test_losing_actions_are_those_that_ended_a_game_before_its_time():
    lost = episode("open it.", ("look", "A box."), ("cut wire 1", "Boom."), success=False)
    late = episode("open it.", ("pull wire 2", "Nothing."), success=False, done=False)
    part = taught(LosingActions(3), lost, lost, late, episode("open it.", ("cut rope 1", "Open.")))
    assert part.recall(situation("open it.")) == {"cut wire": -2}


def cook(goal, thing, *, hot=True, target="fridge 1", place="drawer 1", success=True, last=""):
    """Find a thing, heat it, put it away (do something `last` before): a won game of this kind."""
    taking, heating = f"take {thing} 1 from {place}", f"heat {thing} 1 with oven 1"
    putting = f"move {thing} 1 to {target}"
    steps = [
        (f"go to {place}", f"You see a {thing} 1.", [taking]),
        (taking, f"You take the {thing} 1.", []),
        ("go to oven 1", "An oven.", [heating]),
    ]
    if hot:
        steps.append((heating, f"The {thing} 1 is hot now.", [heating]))
    steps += [(f"go to {target}", "Here.", [putting])]
    if last:
        steps.append((last, "Nothing happens.", []))
    if success:
        steps.append((putting, "Done.", []))
    return episode(goal, *steps, admissible=(*GO, "go to oven 1"), success=success, done=success)


def procedures(**settings):
    chosen = {"modifiers": False, "guess": False, "repeat": False, "agreement": 0.6, "contrast": 1.0}
    return Procedures(**{**chosen, **settings})


def test_procedures_put_the_new_things_into_what_was_done_with_the_old():
    part = taught(procedures(), *(cook("put a mug in fridge.", "mug") for _ in range(3)))
    part.learn(cook("put a cup in fridge.", "cup", place="drawer 2"))
    plan = part.recall(situation("put a cup in fridge."))
    assert plan[0].startswith("take cup")
    assert plan[-1] == "move cup to fridge"
    assert not any("mug" in line for line in plan)


def test_procedures_chain_to_a_goal_that_was_never_won():
    lost = [cook("put a mug in fridge.", "mug", success=False) for _ in range(3)]
    assert taught(procedures(), *lost).recall(situation("put a mug in fridge.")) == []
    plan = taught(procedures(guess=True), *lost).recall(situation("put a mug in fridge."))
    assert plan[-1] == "move mug to fridge"
    assert any(line.startswith("take mug") for line in plan[:-1])


def test_procedures_do_what_another_word_of_the_goal_asks_for_by_its_verb():
    episodes = [cook("put a mug in fridge.", "mug", hot=False) for _ in range(3)]
    part = taught(procedures(modifiers=True), *episodes)
    plan = part.recall(situation("heat a mug and put it in fridge."))
    assert "heat mug with oven" in plan
    assert plan[-1] == "move mug to fridge"
    assert "heat mug with oven" not in part.recall(situation("put a mug in fridge."))


def test_procedures_do_what_brought_about_a_word_that_was_said_after_it():
    episodes = [cook("put a mug in fridge.", "mug", hot=n % 2 == 0) for n in range(6)]
    part = taught(procedures(modifiers=True, agreement=0.9), *episodes)
    plan = part.recall(situation("put a hot mug in fridge."))
    assert "heat mug with oven" in plan
    assert plan.index("heat mug with oven") < plan.index("move mug to fridge")
    assert "heat mug with oven" not in part.recall(situation("put a mug in fridge."))


def test_procedures_keep_a_step_only_when_won_episodes_agree_on_it():
    episodes = [cook("put a mug in fridge.", "mug", hot=n == 0) for n in range(4)]
    assert "heat mug with oven" not in taught(procedures(), *episodes).recall(
        situation("put a mug in fridge.")
    )
    always = [cook("put a mug in fridge.", "mug") for _ in range(4)]
    assert any(
        "heat mug" in line for line in taught(procedures(), *always).recall(situation("put a mug in fridge."))
    )


def test_procedures_leave_out_what_lost_episodes_did_as_often():
    polish, goal = "polish mug 1 with cloth 1", "put a mug in fridge."
    won = [cook(goal, "mug", last=polish) for _ in range(3)]
    lost = [cook(goal, "mug", last=polish, success=False) for _ in range(3)]
    lenient = taught(procedures(contrast=1.0), *won, *lost).recall(situation(goal))
    assert any("polish" in line for line in lenient)
    strict = taught(procedures(contrast=0.4), *won, *lost).recall(situation(goal))
    assert not any("polish" in line for line in strict)
    assert strict[-1] == "move mug to fridge"


def two_mugs(goal):
    steps = []
    for n, place in ((1, "drawer 1"), (2, "drawer 2")):
        taking, putting = f"take mug {n} from {place}", f"move mug {n} to fridge 1"
        steps += [
            (f"go to {place}", f"You see a mug {n}.", [taking]),
            (taking, "Taken.", []),
            ("go to fridge 1", "Here.", [putting]),
            (putting, "Done.", []),
        ]
    return episode(goal, *steps)


def test_procedures_go_through_the_plan_as_often_as_a_word_of_the_goal_stands_for():
    episodes = [two_mugs("put two mug in fridge."), two_mugs("put two mug in fridge.")]
    episodes += [cook("put a mug in fridge.", "mug") for _ in range(4)]
    part = taught(procedures(repeat=True), *episodes)
    assert part.recall(situation("put two mug in fridge.")).count("move mug to fridge") == 2
    assert part.recall(situation("put a mug in fridge.")).count("move mug to fridge") == 1
    once = taught(procedures(repeat=False), *episodes)
    assert once.recall(situation("put two mug in fridge.")).count("move mug to fridge") == 1


HALL, YARD, BARN = (f"-= {name} =-\nBare walls." for name in ("Hall", "Yard", "Barn"))
IN_HALL, IN_YARD = ("open gate", "look"), ("go in", "go out", "look")


def trip(goal, *more, success=True, thing="egg"):
    """From the hall through the gate to the barn, where a box holds the thing."""
    there = ("go out", "look", "open box")
    steps = [
        Step("open gate", "You open the gate.", (*IN_HALL, "go out")),
        Step("go out", YARD, IN_YARD),
        Step("go in", BARN, there),
        Step("open box", f"You open it, revealing an {thing}.", (*there, f"take {thing} from box")),
        Step(
            f"take {thing} from box",
            "Taken.",
            (*there, f"drop {thing}", f"insert {thing} into box"),
            done=True,
        ),
    ]
    return Episode(Situation(goal, HALL, IN_HALL), tuple(steps + list(more)), float(success), success)


def map_of(*episodes):
    """A part that also met goals about other things, so that it can tell the things from the frame."""
    part = Routes(doors=2, here_only=False, nearest=False)
    for number in range(6):
        goal = f"Find the {'abcdef'[number] * 4} and take it."
        part.learn(Episode(Situation(goal, HALL, IN_HALL), (), 0.0, False))
    return taught(part, *episodes)


FIND_EGG = "Find the egg and take it."
WAY = ["open gate", "go out", "go in", "open box", "take egg"]


def test_routes_tell_the_way_with_its_doors_to_where_the_thing_was_seen():
    assert map_of(trip(FIND_EGG)).recall(Situation(FIND_EGG, HALL, IN_HALL)) == WAY


def test_routes_go_on_from_where_the_steps_have_led():
    part = map_of(trip(FIND_EGG))
    history = trip(FIND_EGG).steps[:3]
    assert part.recall(Situation(FIND_EGG, HALL, IN_HALL), history) == ["open box", "take egg"]


def test_routes_look_for_a_thing_never_seen_where_others_in_its_role_were():
    goal = "Find the nut and take it."
    assert map_of(trip(FIND_EGG)).recall(Situation(goal, HALL, IN_HALL)) == [*WAY[:-1], "take nut"]


def test_routes_leave_out_where_this_episode_has_looked_in_vain():
    part = map_of(trip(FIND_EGG))
    history = trip(FIND_EGG, thing="pin").steps[:4]
    assert part.recall(Situation(FIND_EGG, HALL, IN_HALL), history) == []


def test_routes_of_one_beginning_say_nothing_about_another():
    other = Situation(FIND_EGG, "-= Attic =-\nDust.", ("look",))
    assert map_of(trip(FIND_EGG)).recall(other) == []


def test_routes_say_nothing_where_places_have_no_titles():
    part = taught(Routes(2, False, False), found("mug", "drawer 1"))
    assert not part.goals
    assert part.recall(situation("take the mug.")) == []


@pytest.mark.parametrize("kind", PARTS, ids=lambda kind: kind.name)
def test_a_part_that_has_learned_can_be_pickled_so_that_its_copies_are_cheap(kind):
    module = importlib.import_module(f"alma.proposers.grammar.parts.{kind.module}")
    part = getattr(module, kind.name)(**{name: values[0] for name, values in kind.settings.items()})
    goal = Situation(FIND_EGG, HALL, IN_HALL)
    again = pickle.loads(pickle.dumps(taught(part, trip(FIND_EGG), found("mug", "drawer 1"))))
    assert again.recall(goal) == part.recall(goal)
