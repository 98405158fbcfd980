"""Playing by hand and watching a replay, as in a terminal; foreign text can't drive the terminal."""

import io
import json

import pytest
from rich.console import Console

from alma.cli.main import run
from alma.cli.play import show_trajectory
from alma.records import EpisodeRecord, Observation, Outcome, Step, Trajectory


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def play(monkeypatch, capsys, lines, *arguments):
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))
    assert run(["domains", "play", *arguments]) == 0
    return capsys.readouterr().out


def test_a_person_plays_to_the_end(monkeypatch, capsys):
    out = play(monkeypatch, capsys, ["?", "!", "fly"], "toy", "0", "--step-limit", "4")
    assert "goal: find the" in out
    assert "not accepted: not an admissible action" in out
    assert "not solved in 1 steps, reward 0.00" in out
    places = [line for line in out.splitlines() if line.startswith("open ")]
    thing = out.split("find the ")[1].split(" and")[0]
    out = play(monkeypatch, capsys, [*places, f"take {thing}"], "toy", "0", "--step-limit", "20")
    assert f"solved in {len(places) + 1} steps, reward 1.00" in out
    out = play(monkeypatch, capsys, ["fly"] * 9, "toy", "0", "--step-limit", "3", "--split", "validation")
    assert "not solved in 3 steps" in out


def test_a_recorded_episode_is_watched(monkeypatch, capsys):
    small = "--steps 1 --children 2 --collect-size 5 --deploy-size 3 --validation-size 3 --workers 1"
    assert run(f"learn --domain toy {small} --run one --json".split()) == 0
    capsys.readouterr()
    assert run(["archive", "episodes", "one", "no_memory", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    row = next(row for row in rows if row["reward"] == 1.0)
    assert run(["archive", "episodes", "one", "no_memory"]) == 0
    name = f"{row['evaluation_id'][:12]}/{row['place']}"
    assert name in capsys.readouterr().out
    assert run(["domains", "play", "--replay", f"one:{name}"]) == 0
    out = capsys.readouterr().out
    assert row["level_key"] in out
    assert f"solved in {row['steps']} steps, reward 1.00" in out
    assert run(["domains", "play", "--replay", f"one:{name.partition('/')[0]}/999"]) == 2
    assert "give a number from 0 to" in capsys.readouterr().err


def test_control_characters_never_reach_the_terminal():
    stream = io.StringIO()
    evil = "\x1b]0;owned\x07\x1b[2J[bold red]\r\u009bhello"
    steps = (Step(evil, evil, (), 1.0, True, evil),)
    trajectory = Trajectory(evil, Observation(evil, evil, ()), steps, Outcome(1.0, True))
    episode = EpisodeRecord("level", "c", 0, 1.0, True, 1, recall=evil, trajectory=trajectory)
    show_trajectory(episode, 0.0, Console(file=stream, width=80))
    shown = stream.getvalue()
    assert "[bold red]" in shown
    assert "hello" in shown
    assert all(character.isprintable() or character == "\n" for character in shown)
    show_trajectory(EpisodeRecord("l", "c", 0, None, None, 0, "domain", evil), 0.0, Console(file=stream))
    assert "\x1b" not in stream.getvalue()
