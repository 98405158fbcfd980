"""Twenty SIGKILLs at random moments of `alma learn`: every run goes on to the same archive."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.system


def test_twenty_killed_runs_end_as_the_run_left_alone() -> None:
    command = [sys.executable, "-m", "benchmarks.kills", "--kills", "20", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 of 20 killed runs end as the run left alone" in done.stdout
