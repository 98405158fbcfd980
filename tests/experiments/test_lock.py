"""One writer a run: a second process is told who holds the folder; a dead owner holds nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from alma.experiments.lock import owner, run_lock
from alma.records import ConfigError

HOLD = """
import sys, time
from pathlib import Path
from alma.experiments.lock import run_lock
with run_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_process_is_told_who_holds_the_run(holder, tmp_path):
    with pytest.raises(ConfigError, match=f"in use by process {holder.pid} on "), run_lock(tmp_path):
        pass
    assert str(holder.pid) in str(owner(tmp_path))


def test_a_killed_owner_holds_nothing(holder, tmp_path):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert owner(tmp_path) is None
    with run_lock(tmp_path):
        assert str(os.getpid()) in str(owner(tmp_path))
    assert owner(tmp_path) is None


def test_a_folder_without_a_lock_is_free(tmp_path):
    assert owner(tmp_path) is None
