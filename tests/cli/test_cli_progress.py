"""What is shown while a job goes on: sums that are right, lines without a terminal, a panel in one."""

import io
import json

import pytest
from rich.console import Console

from alma.cli.progress import Events, Progress
from alma.cli.tally import Tally

CANDIDATE = {"design": "abc", "name": "Places [bold]", "step": 1, "index": 0}


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_tally_counts_rates_and_guesses_the_rest(clock):
    tally = Tally(clock)
    tally.hear("stage", {"name": "search", "candidates": 4})
    assert tally.seconds_left is None
    tally.hear("no_memory", {"score": 0.1})
    tally.hear("verify", CANDIDATE)
    assert tally.in_flight == {(1, 0): ("verify", "abc", "Places [bold]")}
    tally.hear("evaluate", CANDIDATE)
    for _ in range(30):
        tally.hear("episode", {})
    clock.now += 10
    tally.hear("evaluated", {**CANDIDATE, "score": 0.4})
    tally.hear("evaluated", {**CANDIDATE, "score": 0.3})
    assert (tally.rate, tally.seconds_left, tally.in_flight) == (3.0, 10.0, {})
    assert (tally.base, tally.best, tally.episodes) == (0.1, 0.4, 30)
    tally.hear("spend", {"calls": 1, "tokens": 10, "usd": 0.5})
    tally.hear("stage", {"name": "best-of-n control", "candidates": 4})
    tally.hear("evaluated", {**CANDIDATE, "score": 0.9})
    assert tally.best == 0.4
    assert tally.as_json()["usd"] == 0.5
    assert json.loads(json.dumps(tally.as_json()))["done"] == 0.25


def play(listen):
    listen("stage", {"name": "search", "candidates": 2})
    listen("no_memory", {"score": 0.1})
    listen("verify", CANDIDATE)
    listen("repair", {**CANDIDATE, "call": "update", "message": "KeyError: [red]"})
    listen("evaluate", CANDIDATE)
    listen("episode", {})
    listen("evaluated", {**CANDIDATE, "score": 0.4})
    listen("failed", {**CANDIDATE, "call": "update", "message": "KeyError: [red]"})
    listen("duplicate", CANDIDATE)


def test_without_a_terminal_there_are_plain_lines():
    stream = io.StringIO()
    with Progress(console=Console(file=stream, width=100)) as progress:
        play(progress.listen)
    lines = [line.split("s ", 1)[1] for line in stream.getvalue().splitlines()]
    assert lines == [
        "search",
        "no memory scores 10.0 %",
        "  1/2  40.0 %  abc Places [bold]",
        "  2/2 failed   abc KeyError: [red]",
    ]


def test_in_a_terminal_a_panel_shows_who_is_in_flight():
    stream = io.StringIO()
    console = Console(file=stream, width=100, force_terminal=True, color_system=None)
    with Progress(console=console) as progress:
        progress.listen("stage", {"name": "search", "candidates": 2})
        progress.listen("no_memory", {"score": 0.1})
        progress.listen("evaluate", CANDIDATE)
        progress.listen("spend", {"calls": 2, "tokens": 30, "usd": 1.25})
    shown = stream.getvalue()
    assert "step 1 child 0  evaluate  abc  Places [bold]" in shown
    assert "0/2 candidates" in shown
    assert "against 10.0 % without memory" in shown
    assert "$1.25 in 2 calls, 30 tokens" in shown


def test_programs_get_a_line_of_json_an_event():
    stream = io.StringIO()
    with Events(stream) as events:
        play(events.listen)
    heard = [json.loads(line) for line in stream.getvalue().splitlines()]
    kinds = [event["event"] for event in heard]
    assert [kind for kind in kinds if kind != "progress"] == [
        "stage", "no_memory", "verify", "repair", "evaluate", "evaluated", "failed", "duplicate",
    ]  # fmt: skip
    assert kinds[-1] == "progress"
    assert heard[-1]["episodes"] == 1
