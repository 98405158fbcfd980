"""With the stock engine installed: both engines, in lockstep, differ nowhere."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.system


def test_our_engine_and_the_stock_one_play_the_same_games_without_a_difference():
    command = [
        sys.executable,
        "-m",
        "alma.domains.alfworld.oracle",
        "--games",
        "24",
        "--steps",
        "20",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    counts = json.loads(done.stdout)
    assert not counts["differences"]
    assert counts["games"] >= 20
