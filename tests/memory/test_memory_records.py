"""What a design is told: shared by copies, exact on the wire, light to import."""

import copy
import json
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alma.memory import Episode, Memory, Recall, Situation, Step, Toolkit
from alma.memory.wire import (
    as_recall,
    episode_from_json,
    episode_to_json,
    recall_from_json,
    recall_to_json,
    situation_from_json,
    situation_to_json,
    steps_from_json,
    steps_to_json,
)
from alma.sandbox.contract import encode_episode

SITUATION = Situation("find a cup", "A room.", ("look", "go"), "toy", "t0")
EPISODE = Episode(SITUATION, (Step("look", "A cup."),), 1.0, True, Recall(["shelf"], {"ids": [1]}))

numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers()
any_text = st.text(alphabet=st.characters(), max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=6,
)
actions = st.none() | st.lists(any_text, max_size=4).map(tuple)
situations = st.builds(Situation, any_text, any_text, actions, any_text, any_text)
recalls = st.none() | st.builds(Recall, json_values, json_values)
steps = st.builds(
    Step,
    any_text,
    any_text,
    actions,
    numbers,
    st.booleans(),
    st.none() | any_text,
    st.dictionaries(any_text, json_values, max_size=2),
)
episodes = st.builds(
    Episode,
    situations,
    st.lists(steps, max_size=4).map(tuple),
    numbers,
    st.booleans(),
    recalls,
    st.lists(recalls, max_size=3).map(tuple),
)


@pytest.mark.parametrize("record", [SITUATION, EPISODE])
def test_copies_of_a_memory_share_what_cannot_change(record):
    assert copy.deepcopy({"kept": [record]})["kept"][0] is record
    assert copy.copy(record) is record


def test_copies_of_a_memory_do_not_share_a_recall():
    """`show` and `keep` may be lists that a design changes."""
    recall = Recall(["shelf"])
    copied = copy.deepcopy(recall)
    copied.show.append("drawer")
    assert recall.show == ["shelf"]


@given(episodes)
def test_an_episode_comes_out_of_the_wire_as_it_went_in(episode):
    assert episode_from_json(json.loads(json.dumps(episode_to_json(episode)))) == episode
    assert episode_from_json(json.loads(encode_episode(episode))) == episode


@given(situations, recalls, st.lists(steps, max_size=3).map(tuple))
def test_situations_recalls_and_steps_come_out_as_they_went_in(situation, recall, history):
    assert situation_from_json(json.loads(json.dumps(situation_to_json(situation)))) == situation
    assert recall_from_json(json.loads(json.dumps(recall_to_json(recall)))) == recall
    assert steps_from_json(json.loads(json.dumps(steps_to_json(history)))) == history


def test_an_episode_with_half_a_character_reaches_the_design():
    """An executor's text may hold one; the host must not stumble over it."""
    episode = Episode(Situation("goal", "a \ud800"), (Step("say \udfff", "?"),), 0.0, False)
    assert episode_from_json(json.loads(encode_episode(episode))) == episode


def test_repeated_text_is_sent_once():
    step = Step("look", "A long text. " * 50, tuple(f"go to shelf {n}" for n in range(40)))
    one, many = (len(json.dumps(steps_to_json([step] * n))) for n in (1, 50))
    assert many < 10 * one


@pytest.mark.parametrize("value", [None, "text", [1, {"a": 2}], Recall("text", 1)])
def test_plain_json_is_all_shown(value):
    recall = as_recall(value)
    assert recall == value if isinstance(value, Recall) else recall == Recall(value, None)


def test_a_situation_tells_nothing_of_level_task_or_seed():
    assert set(situation_to_json(SITUATION)) == {"goal", "observation", "admissible", "domain", "token"}


def test_the_sdk_imports_only_the_standard_library():
    code = """
import sys
before = set(sys.modules)
import alma.memory, alma.memory.wire, alma.sandbox.worker
new = {name.partition('.')[0] for name in set(sys.modules) - before}
print(sorted(new - set(sys.stdlib_module_names)))
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "['alma']"


def test_a_design_that_does_nothing_is_a_memory():
    async def everything():
        memory = Memory(Toolkit(host=None))
        await memory.update(EPISODE)
        memory.load(memory.dump())
        return await memory.retrieve(SITUATION), await memory.on_step(SITUATION, EPISODE.steps)

    with pytest.raises(StopIteration) as end:
        everything().send(None)
    assert end.value.value == (None, None)


def test_wire_refuses_nothing_silently():
    assert math.isclose(episode_from_json(episode_to_json(EPISODE)).reward, 1.0)
    for broken in ({}, {"strings": [], "rows": [[5, 0, None, 0, False, None, {}]]}):
        with pytest.raises((KeyError, IndexError)):
            steps_from_json(broken)
