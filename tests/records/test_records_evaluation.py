"""What an evaluation counts, and what makes it another evaluation."""

import pickle
from dataclasses import FrozenInstanceError, replace

import pytest

from alma.records import (
    DesignError,
    EpisodeRecord,
    Evaluation,
    Failure,
    Level,
    Observation,
    Outcome,
    Phase,
    Proposal,
    Protocol,
    Step,
    Task,
    Trajectory,
    Usage,
    evaluation_id,
)

PROTOCOL = Protocol("toy", Phase("train", 10), Phase("train", 5, 10), 2, 30, 5, options={"habit": 0})
INGREDIENTS = {
    "design_id": "abc",
    "stage": "search",
    "protocol": PROTOCOL,
    "agent": "reader 1",
    "levels": ["a", "b"],
    "collection": "c0",
}
CHANGES = [
    {"design_id": "abd"},
    {"stage": "validation"},
    {"agent": "reader 2"},
    {"levels": ["b", "a"]},
    {"levels": ["a"]},
    {"collection": "c1"},
    *(
        {"protocol": replace(PROTOCOL, **change)}
        for change in (
            {"domain": "other"},
            {"collect": Phase("validation", 10)},
            {"collect": Phase("train", 11)},
            {"deploy": Phase("train", 5, 11)},
            {"repeats": 3},
            {"step_limit": 31},
            {"order_seed": 6},
            {"mode": "online"},
            {"recall_limit": 3000},
            {"collection": 1},
            {"options": {"habit": 1}},
        )
    ),
]


def episode(reward, fault=None):
    success = None if reward is None else reward == 1.0
    return EpisodeRecord("level", "house", 0, reward, success, 3, fault)


def test_the_same_ingredients_are_the_same_evaluation():
    assert evaluation_id(**INGREDIENTS) == evaluation_id(**{**INGREDIENTS, "levels": ("a", "b")})


def test_every_ingredient_tells_evaluations_apart():
    ids = [evaluation_id(**{**INGREDIENTS, **change}) for change in [{}, *CHANGES]]
    assert len(set(ids)) == len(CHANGES) + 1


def test_missing_episodes_are_left_out_and_design_faults_count():
    episodes = [
        episode(1.0),
        episode(0.5),
        episode(0.0, "design"),
        episode(None, "domain"),
        episode(None, "provider"),
        episode(None, "sandbox"),
    ]
    evaluation = Evaluation("e", "d", "search", PROTOCOL, episodes)
    assert evaluation.reward == pytest.approx(0.5)
    assert evaluation.success == pytest.approx(1 / 3)
    assert (evaluation.missing, evaluation.faults, len(evaluation.played)) == (3, 1, 3)


def test_an_evaluation_of_nothing_scores_zero():
    for episodes in ([], [episode(None, "domain")]):
        evaluation = Evaluation("e", "d", "search", PROTOCOL, episodes)
        assert (evaluation.reward, evaluation.success) == (0.0, 0.0)


def test_a_level_is_named_by_task_and_seed():
    task = Task("toy", "red/key", "train")
    assert Level(task).key == "red/key"
    assert Level(task, 2).key == "red/key#2"


def test_usage_adds_up():
    used = Usage(1, 10, 5, 4, 3, 0.25) + Usage(1, 1, 1, 1, 1, 0.5)
    assert used == Usage(2, 11, 6, 5, 4, 0.75)
    assert used.tokens == 17


def test_records_travel_between_processes():
    trajectory = Trajectory(
        "a",
        Observation("room", "goal", ("look",), {"map": [1]}),
        (Step("look", "a cup"),),
        Outcome(1.0, True),
    )
    record = replace(episode(1.0), trajectory=trajectory)
    for thing in (
        Level(Task("toy", "t", "train"), 3),
        PROTOCOL,
        Evaluation("e", "d", "search", PROTOCOL, [record], usage=Usage(1)),
        Proposal("x = 1", genome={"keys": [1]}),
        Failure("update", "it failed"),
    ):
        assert pickle.loads(pickle.dumps(thing)) == thing


def test_an_error_keeps_its_blame_between_processes():
    error = pickle.loads(pickle.dumps(DesignError("it failed", call="update", trace="line 3")))
    assert (type(error), str(error), error.call, error.trace) == (
        DesignError,
        "it failed",
        "update",
        "line 3",
    )


def test_records_are_frozen():
    with pytest.raises(FrozenInstanceError):
        episode(1.0).reward = 0.0
