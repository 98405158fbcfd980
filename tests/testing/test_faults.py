"""Faults on purpose, on a small paid search: it ends as it should, and goes on to what it would have been."""

import os
import signal
import time

import pytest
from benchmarks.kills.runs import PAID, Runs, equal, left

from alma.testing.faults import descendants, parse


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return Runs(tmp_path_factory.mktemp("runs"), PAID.split())


@pytest.fixture(scope="module")
def whole(runs, tmp_path_factory):
    return runs.whole(tmp_path_factory.mktemp("whole") / "run").came


ENDS = {
    "kill-before@60": (-signal.SIGKILL, ""),
    "kill-after@501": (-signal.SIGKILL, ""),
    "full@100": (1, "database or disk is full; free some space, then `alma resume`"),
    "io@300": (1, "disk I/O error; check the disk, then `alma resume`"),
    "drop@3": (3, "1 of 4 episodes of the collection went missing: the connection to the model broke"),
    "drop@150": (3, "1 of 3 episodes of"),
    "sandbox@400": (0, ""),
    "environment@300": (0, ""),
}


QUICK = ("full@100", "drop@3", "sandbox@400")


@pytest.mark.parametrize(
    "fault", [one if one in QUICK else pytest.param(one, marks=pytest.mark.system) for one in ENDS]
)
def test_a_search_with_a_fault_ends_in_one_line_and_goes_on_as_if_there_had_been_none(
    runs, whole, tmp_path, fault
):
    code, says = ENDS[fault]
    child = runs.begin(tmp_path / "run", [fault])
    _, error = child.communicate(timeout=60)
    assert child.returncode == code, error
    assert left(child.pid) == 0
    if code > 0:
        (line,) = error.splitlines()
        assert says in line
        assert "alma resume" in line
    if code:
        runs.finish(tmp_path / "run")
    assert equal(runs.came(tmp_path / "run"), whole)


@pytest.mark.parametrize("which", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.system)])
def test_a_model_that_never_answers_does_not_hold_up_an_interruption(runs, whole, tmp_path, which):
    """The call that was cut off is booked as lost, and made again."""
    child = runs.begin(tmp_path / "run", ["hang@40"])
    log = tmp_path / "run.calls"
    end = time.monotonic() + 30
    # In the call before the one that hangs the model still writes its line.
    while not (log.exists() and len(log.read_text().split()) == 39) and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.3)
    begun = time.monotonic()
    os.kill(child.pid, which)
    _, error = child.communicate(timeout=10)
    assert time.monotonic() - begun < 5
    assert child.returncode == 130
    assert error.splitlines() == ["alma: interrupted; the same command goes on where it stood"]
    runs.finish(tmp_path / "run")
    came = runs.came(tmp_path / "run")
    assert equal(came, whole)
    assert came.spend.lost == 1
    assert came.spend.lost_usd > 0


@pytest.mark.system
def test_a_wall_clock_that_jumps_changes_neither_a_budget_of_minutes_nor_what_is_found(
    runs, whole, tmp_path
):
    day = 86_400
    faults = ["clock@20=-864000", f"clock@40={100 * day}", f"clock@300=-{300 * day}"]
    child = runs.begin(tmp_path / "run", faults, "--budget-minutes", "5")
    _, error = child.communicate(timeout=60)
    assert child.returncode == 0, error
    assert equal(runs.came(tmp_path / "run"), whole)


def test_faults_are_read_from_text():
    assert str(parse("kill-after@12")) == "kill-after@12"
    assert str(parse("slow@3")) == "slow@3=0.05"
    assert parse("clock@2=-7").value == "-7"
    with pytest.raises(ValueError, match="unknown fault 'flood'"):
        parse("flood@3")


def test_descendants_are_found_by_their_command_line():
    import subprocess
    import sys

    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
        assert descendants(os.getpid(), lambda words: "time.sleep(60)" in words) == [child.pid]
        assert descendants(os.getpid(), lambda words: "time.sleep(61)" in words) == []
        child.kill()
