"""Packing and unpacking trajectories loses nothing and stays small."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alma.archive.trajectories import pack, unpack
from alma.records import Observation, Outcome, Step, Trajectory

texts = st.text(max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
parts = st.dictionaries(texts, json_values, max_size=2)
actions = st.none() | st.lists(texts, max_size=4).map(tuple)
steps = st.builds(
    Step,
    texts,
    texts,
    actions,
    st.sampled_from([0.0, 0.25, 1.0]),
    st.booleans(),
    st.none() | texts,
    parts,
)
trajectories = st.builds(
    Trajectory,
    texts,
    st.builds(Observation, texts, texts, actions, parts),
    st.lists(steps, max_size=4).map(tuple),
    st.builds(Outcome, st.floats(0, 1), st.booleans()),
)


@given(
    st.lists(
        st.tuples(st.none() | trajectories, texts, st.lists(st.none() | texts, max_size=3).map(tuple)),
        max_size=4,
    )
)
def test_what_was_packed_is_unpacked_exactly(items):
    assert unpack(pack(items)) == items


def test_half_a_surrogate_pair_survives():
    odd = Trajectory("\ud800", Observation("\ud800", "goal"), (Step("\udfff", "x"),), Outcome(0.0, False))
    assert unpack(pack([(odd, "\ud800", ())])) == [(odd, "\ud800", ())]


def test_repeated_actions_cost_next_to_nothing():
    accepted = tuple(f"take cup {number} from shelf {number}" for number in range(50))
    run = Trajectory(
        "level",
        Observation("A room.", "goal", accepted),
        tuple(Step(accepted[place], f"You take cup {place}.", accepted) for place in range(50)),
        Outcome(1.0, True),
    )
    plain = len(json.dumps([[step.action, step.observation, step.admissible] for step in run.steps])) * 100
    assert len(pack([(run, "recall", ())] * 100)) < plain / 200


@pytest.mark.parametrize("blob", [b"", b"\x01", b"\x01\x05\x00\x00\x00junk", b"\x09\x00\x00\x00\x00x"])
def test_other_bytes_are_refused(blob):
    with pytest.raises(ValueError, match=r"damaged trajectories|format 9"):
        unpack(blob)


def test_a_part_that_is_not_json_is_refused():
    run = Trajectory("level", Observation("", "", None, {"x": float("nan")}), (), Outcome(0.0, False))
    with pytest.raises(ValueError):
        pack([(run, "", ())])
