"""Runs that are killed, shared, damaged or replayed, through the commands."""

import json
import os
import random
import shlex
import signal
import subprocess
import sys
import time

import pytest
from benchmarks.kills.runs import Runs

from alma.cli.main import run
from alma.testing.faults import descendants, processes

ALMA = [sys.executable, "-m", "alma.cli.main"]
SMALL = shlex.split(
    "--domain toy --steps 2 --children 3 --collect-size 20 --deploy-size 12 --validation-size 6 "
    "--finalists 2 --repeats 2 --workers 1 --held-out-size 6 --collections 2 --controls 2"
)
LONG = ["learn", *SMALL, "--repeats", "50", "--steps", "40"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_killed_runs_go_on_to_the_same_archive_and_play_nothing_twice(tmp_path):
    runs = Runs(tmp_path, SMALL)
    whole = runs.whole(tmp_path / "whole")
    rng = random.Random(4)
    for number in range(2):
        one = runs.killed(tmp_path / f"killed-{number}", rng.uniform(0.3, 0.9) * whole.seconds)
        assert one.same_as(whole), (one.stage, one.moment, one.held, one.played, whole.played, one.left)


def test_a_second_process_on_a_run_is_told_who_has_it(tmp_path):
    first = subprocess.Popen(
        [*ALMA, *LONG, "--run", "one", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        for line in first.stdout:
            if '"verify"' in line:
                break
        for command in (
            ["resume", "one"],
            ["learn", *SMALL, "--run", "one"],
            [*LONG, "--run", "one", "--fresh"],
        ):
            second = subprocess.run(
                [*ALMA, *command], capture_output=True, text=True, timeout=60, check=False
            )
            assert second.returncode == 2, second.stderr
            assert second.stderr.startswith(f"alma: one is in use by process {first.pid} on ")
            assert second.stderr.count("\n") == 1
        status = subprocess.run(
            [*ALMA, "status", "one", "--json"], capture_output=True, text=True, check=True
        )
        assert json.loads(status.stdout)["state"].startswith(f"running (process {first.pid} ")
        assert first.poll() is None
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
    status = subprocess.run([*ALMA, "status", "one", "--json"], capture_output=True, text=True, check=True)
    assert json.loads(status.stdout)["state"] == "stopped; go on with: alma resume one"


@pytest.mark.parametrize("place", ["header", "middle", "cut"])
def test_a_damaged_archive_is_one_line_and_stays_as_it_is(tmp_path, capsys, place):
    small = [*SMALL[:-6], "--held-out-size", "0"]
    assert run(["learn", *small, "--run", "one"]) == 0
    path = tmp_path / "one/archive.db"
    body = bytearray(path.read_bytes())
    if place == "header":
        body[0:50] = b"\x00" * 50
    elif place == "middle":
        half = len(body) // 4
        body[half : 3 * half] = os.urandom(2 * half)
    else:
        del body[len(body) // 2 :]
    path.write_bytes(body)
    for side in tmp_path.glob("one/archive.db-*"):
        side.unlink()
    capsys.readouterr()
    for command in ("resume one", "replay one", "archive list one", "report one", "status one"):
        code = run(command.split())
        error = capsys.readouterr().err.splitlines()[-1]
        assert code in (1, 2), command
        assert error.startswith("alma: "), command
        assert "archive.db" in error
        assert "Traceback" not in error
    assert path.read_bytes() == bytes(body)


def test_a_run_replays_and_a_changed_one_does_not(tmp_path, capsys):
    small = [*SMALL[:-6], "--held-out-size", "0"]
    assert run(["learn", *small, "--run", "one"]) == 0
    capsys.readouterr()
    assert run(["replay", "one", "--keep", "again"]) == 0
    assert "one replays: " in capsys.readouterr().out
    assert run(["status", "again", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert run(["status", "one", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["archive_hash"] == again["archive_hash"]
    import sqlite3

    with sqlite3.connect(tmp_path / "one/archive.db") as database:
        database.execute("update episodes set reward = 0.123 where rowid % 7 = 0")
    assert run(["replay", "one", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["difference"]["recorded"]["where"] == told["difference"]["replayed"]["where"]
    assert run(["replay", "one"]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("alma: one does not replay: event ")
    assert "mean reward" in error


def test_a_study_is_one_command_that_goes_on(tmp_path, capsys):
    small = [*SMALL[:-6], "--held-out-size", "6", "--collections", "1"]
    assert run(["study", *small, "--seeds", "0-1", "--run", "many"]) == 0
    out = capsys.readouterr().out
    assert "2 of 2 searches, one a seed" in out
    assert "95 % across searches" in out
    assert (tmp_path / "many/seed-1/report.html").is_file()
    assert run(["status", "many"]) == 0
    assert "2 of 2" in capsys.readouterr().out
    begun = time.monotonic()
    assert run(["resume", "many", "--json"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["summary"]["kind"] == "study"
    assert time.monotonic() - begun < 30
    assert run(["study", *small, "--seeds", "0-2", "--run", "many"]) == 0
    assert "3 of 3" in capsys.readouterr().out
    assert run(["report", "many", "--out", "page.html"]) == 0
    assert "seed-2/report.html" in (tmp_path / "page.html").read_text()


def test_an_engine_that_crashes_in_mid_episode_costs_no_score():
    command = "eval trajectory_retrieval --domain alfworld:households --collect-size 200 --size 120"
    child = subprocess.Popen(
        [*ALMA, *command.split(), "--workers", "1", "--repeats", "2", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    hit = 0
    while child.poll() is None and hit < 3:
        time.sleep(0.4)
        zygotes = descendants(child.pid, lambda words: "alma.domains.zygote" in words)
        workers = [worker for zygote in zygotes for worker in processes(parent=zygote)]
        for worker in workers:
            os.kill(worker, signal.SIGSEGV)
            hit += 1
    out, error = child.communicate(timeout=120)
    assert child.returncode == 0, error
    assert hit >= 1
    result = json.loads(out)
    assert 1 <= result["engine_faults"] <= hit
    for table in result["tables"]:
        assert [(row["episodes"], row["missing"]) for row in table["designs"]] == [(240, 0)] * 2
