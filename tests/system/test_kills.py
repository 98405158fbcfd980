"""SIGKILL at random moments and at every commit of `alma learn`: every run goes on to the same archive."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.kills.runs import Runs, equal

pytestmark = pytest.mark.system

FEW_COMMITS = (
    "--domain toy --steps 1 --children 2 --collect-size 4 --deploy-size 3 --validation-size 2 --finalists 1 "
    "--repeats 1 --held-out-size 2 --held-out-repeats 1 --collections 1 --controls 1 --workers 1"
)


@pytest.mark.parametrize(("more", "kills"), [([], 12), (["--paid"], 8)])
def test_killed_runs_end_as_the_run_left_alone(more: list[str], kills: int) -> None:
    command = [sys.executable, "-m", "benchmarks.kills", "--kills", str(kills), "--seed", "1", *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{kills} of {kills} killed runs end as the run left alone" in done.stdout


def test_a_kill_before_or_after_every_commit_loses_nothing(tmp_path: Path) -> None:
    runs = Runs(tmp_path, FEW_COMMITS.split())
    child = runs.begin(tmp_path / "whole", [f"count={tmp_path / 'counts'}"])
    _, error = child.communicate(timeout=120)
    assert child.returncode == 0, error
    whole = runs.came(tmp_path / "whole")
    commits = json.loads((tmp_path / "counts").read_text())["commits"]
    assert commits > 20
    for number in range(1, commits + 1):
        run = tmp_path / f"run-{number}"
        child = runs.begin(run, [f"kill-{'before' if number % 2 else 'after'}@{number}"])
        child.communicate(timeout=120)
        assert child.returncode == -signal.SIGKILL, number
        runs.finish(run)
        assert equal(runs.came(run), whole), number
