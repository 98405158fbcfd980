"""The commands as a user meets them: help with an example, JSON that parses, a run that stops and goes on."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest
import typer

from alma.archive import open_archive
from alma.cli.main import app, run
from alma.memory import Memory
from alma.records import ConfigError

SMALL = shlex.split(
    "--domain toy --steps 1 --children 2 --collect-size 5 --deploy-size 3 --validation-size 3 --workers 1"
)
LEARN = ["learn", *SMALL, "--steps", "3", "--finalists", "1", "--repeats", "4", "--json"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def commands(group=None, path=()):
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("command", list(commands()), ids=" ".join)
def test_every_command_has_help_with_an_example(command, capsys):
    assert run([*command, "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"Example: alma {' '.join(command)}" in told


def alma(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "alma.cli.main", *arguments],
        capture_output=True, text=True, timeout=120, check=False, **options,
    )  # fmt: skip


def test_the_version_is_printed_and_no_arguments_give_help(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("alma ")
    bare = alma()
    assert "Usage: alma" in bare.stdout + bare.stderr
    assert "Traceback" not in bare.stderr


def test_a_run_can_be_looked_into(tmp_path, capsys):
    assert run(["learn", *SMALL, "--run", "one", "--json"]) == 0
    heard = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    summary = heard[-1]["summary"]
    assert {event["event"] for event in heard} >= {"stage", "no_memory", "evaluated", "progress", "finished"}
    assert summary == json.loads((tmp_path / "one/summary.json").read_text())
    learned = summary["learned"]["id"]
    assert run(["archive", "list", "one", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert learned in [row["id"] for row in rows]
    assert run(["archive", "show", "one", learned[:6], "--json"]) == 0
    design = json.loads(capsys.readouterr().out)
    assert design["source"].startswith('"""Recalls')
    assert design["log"] == []
    for command in ("archive list one", f"archive show one {learned}", "archive tree one"):
        assert run(command.split()) == 0
        assert learned in capsys.readouterr().out
    assert run(f"archive diff one {rows[0]['id']} {rows[1]['id']}".split()) == 0
    assert capsys.readouterr().out.startswith("--- ")
    assert run(["designs", "show", "one:best"]) == 0
    shown = capsys.readouterr().out
    assert shown == (tmp_path / f"one/designs/{learned}/memory.py").read_text()


def test_programs_can_read_what_is_listed(capsys):
    assert run(["designs", "list", "--json"]) == 0
    assert "trajectory_retrieval" in [row["name"] for row in json.loads(capsys.readouterr().out)]
    assert run(["domains", "list", "--json"]) == 0
    toy = next(row for row in json.loads(capsys.readouterr().out) if row["name"] == "toy")
    assert toy["tasks"]["train"] == 120
    assert run(["doctor", "--json"]) == 0
    assert all(row.keys() == {"what", "ok", "detail"} for row in json.loads(capsys.readouterr().out))
    for command in ("designs list", "domains list", "doctor", "designs show random_recall"):
        assert run(command.split()) == 0


def test_designs_are_measured_side_by_side(tmp_path, capsys):
    (tmp_path / "mine.py").write_text("from alma.memory import Memory\n\n\nclass Mine(Memory):\n    pass\n")
    few = "--domain toy --size 4 --collect-size 4 --workers 1 --repeats 1"
    assert run(f"eval mine.py {few} --json --out mine.json".split()) == 0
    result = json.loads(capsys.readouterr().out)
    assert result == json.loads((tmp_path / "mine.json").read_text())
    assert [row["name"] for row in result["tables"][0]["designs"]] == ["no_memory", "mine"]
    assert run(f"bench --split in_distribution {few} --collections 1".split()) == 0
    out = capsys.readouterr().out
    assert "simulated executor" in out
    assert "trajectory retrieval" in out


def test_the_smoke_preset_learns_on_households():
    done = alma("learn", "--preset", "smoke", "--run", "smoke", "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert "not a language model" in done.stdout
    assert "learned: " in done.stdout
    assert "Traceback" not in done.stderr


def found(folder):
    with open_archive(folder / "archive.db", "search", create=False, read_only=True) as archive:
        return archive.archive_hash(), len(archive.evaluations())


def hear_ctrl_c() -> None:
    """A shell's background jobs ignore Ctrl-C, and so would what they start: a terminal's don't."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("signals", [["SIGINT"], ["SIGTERM"], ["SIGINT", "SIGINT"]], ids="+".join)
def test_a_signal_stops_at_once_and_the_same_command_goes_on(tmp_path, signals):
    command = [sys.executable, "-m", "alma.cli.main", *LEARN, "--run"]
    started = subprocess.Popen(
        [*command, "stopped"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=hear_ctrl_c,
    )
    wait_for_evaluations(tmp_path / "stopped", 3)
    begun = time.monotonic()
    for name in signals:
        # A terminal's Ctrl-C reaches every process of the run, a batch system's signal may too.
        os.killpg(started.pid, getattr(signal, name))
        time.sleep(0.05)
    out, error = started.communicate(timeout=20)
    assert time.monotonic() - begun < 15
    assert started.returncode == 130
    assert json.loads(out.splitlines()[-1])["event"] != "finished"
    assert error == "alma: interrupted; the same command goes on where it stood\n"
    assert not (tmp_path / "stopped/summary.json").exists()
    assert alma(*LEARN, "--run", "stopped").returncode == 0
    assert alma(*LEARN, "--run", "whole").returncode == 0
    assert found(tmp_path / "stopped") == found(tmp_path / "whole")


def wait_for_evaluations(folder, count):
    for _ in range(600):
        time.sleep(0.05)
        with suppress(ConfigError):
            if found(folder)[1] >= count:
                return
    raise AssertionError("the run got nowhere")


def test_a_reader_that_leaves_is_no_trouble():
    command = f"{sys.executable} -m alma.cli.main designs show trajectory_retrieval | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert done.stdout.startswith('"""Trajectory retrieval')


def test_the_sdk_needs_no_command_line():
    assert Memory.__module__ == "alma.memory.base"
