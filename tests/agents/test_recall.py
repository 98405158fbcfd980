"""A recall becomes text in one way, under one limit."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alma.agents.recall import render

shown = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize("nothing", [None, "", [], {}, [None, ""], {"places": []}, [{"a": None}], " \n "])
def test_nothing_shows_nothing(nothing):
    assert render(nothing) == ("", False)


@pytest.mark.parametrize(
    ("show", "text"),
    [
        ("two\nlines", "two\nlines"),
        (7, "7"),
        (False, "False"),
        (["look", "take cup"], "- look\n- take cup"),
        ({"cup": "shelf 1", "seen": 3}, "cup: shelf 1\nseen: 3"),
        ({"plan": ["look", "take cup"]}, "plan:\n  - look\n  - take cup"),
        ({"plan": ["look"]}, "plan:\n  - look"),
        ([{"place": "shelf 1", "seen": 2}, "end"], "- place: shelf 1\n  seen: 2\n- end"),
        ({"a": {"b": {"c": 1}}}, "a:\n  b:\n    c: 1"),
        ({"note": "two\nlines"}, "note:\n  two\n  lines"),
    ],
)
def test_a_recall_reads_as_text(show, text):
    assert render(show) == (text, False)


def test_a_recall_over_the_limit_is_cut_at_a_line_and_says_so():
    lines = [f"line {number}" for number in range(100)]
    text, cut = render(lines, 50)
    assert cut
    assert len(text) <= 50
    assert text.split("\n") == [f"- {line}" for line in lines][: len(text.split("\n"))]


def test_one_long_line_is_cut_in_it():
    assert render("x" * 100, 10) == ("x" * 10, True)


def test_a_recall_of_just_the_limit_is_whole():
    assert render("abc\ndef", 7) == ("abc\ndef", False)
    assert render("abc\ndefg", 7) == ("abc", True)
    assert render("abcdefg\nh", 7) == ("abcdefg", True)


@given(shown, st.integers(min_value=1, max_value=60))
def test_no_recall_is_ever_over_the_limit(show, limit):
    text, cut = render(show, limit)
    whole, _ = render(show, 10**9)
    assert len(text) <= limit
    assert whole.startswith(text)
    assert cut == (len(whole) > limit)


@given(shown)
def test_what_comes_over_the_wire_renders_the_same(show):
    assert render(json.loads(json.dumps(show))) == render(show)
