"""A writer that is killed at any moment leaves an archive without half an evaluation."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from alma.archive import open_archive

WRITER = """
import sys
from alma.archive import open_archive
from alma.records import *

archive = open_archive(sys.argv[1])
archive.start_run("run", {}, 1)
protocol = Protocol("toy", Phase("train", 1), Phase("train", 1), 1, 5, 0)
steps = tuple(Step(f"go {n}", "You go.", tuple(f"go {k}" for k in range(20))) for n in range(30))
run = Trajectory("level", Observation("Room", "goal"), steps, Outcome(1.0, True))
ledger = archive.ledger()
number = int(sys.argv[2])
while True:
    call = ledger.reserve(f"key {number}", "small", "m", 1.0)
    episodes = [EpisodeRecord(f"level {n}", "c", 0, 1.0, True, 30, trajectory=run) for n in range(60)]
    archive.add_evaluation(Evaluation(f"e{number}", "no_memory", "search", protocol, episodes))
    ledger.settle(call, Usage(1, 1, 1), "answer")
    print(number, flush=True)
    number += 1
"""

HALF = """
import sys, time
from alma.archive import open_archive
from alma.archive.tables import EvaluationEntry
from sqlalchemy import insert

archive = open_archive(sys.argv[1])
with archive.database.write() as connection:
    row = dict(run_id="run", id="half", number=99, design_id="d", stage="search", protocol={}, score=0.0)
    connection.execute(insert(EvaluationEntry).values(**row, seconds=0.0, note="x" * 5_000_000, finished=0.0))
    print("in the middle", flush=True)
    time.sleep(60)
"""


def start(code: str, path: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, str(path), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def kill(child: subprocess.Popen[str]) -> str:
    os.kill(child.pid, signal.SIGKILL)
    printed, _ = child.communicate()
    return printed


@pytest.mark.parametrize("seed", range(4))
def test_kill_9_keeps_what_was_reported_and_nothing_by_halves(path, seed):
    child = start(WRITER, path, "0")
    assert child.stdout is not None
    first = child.stdout.readline()
    time.sleep(random.Random(seed).uniform(0, 0.25))
    reported = {int(line) for line in (first + kill(child)).split()}
    with open_archive(path) as archive:
        assert archive.database.problems() == []
        kept = archive.evaluations(trajectories=True)
        numbers = {int(one.id[1:]) for one in kept}
        assert reported <= numbers
        assert len(numbers - reported) <= 1
        assert all(len(one.episodes) == 60 and one.episodes[59].trajectory for one in kept)
        assert archive.ledger().book_lost() <= 1
        assert all(archive.ledger().recorded(f"key {number}").text == "answer" for number in reported)


def test_kill_9_in_the_middle_of_a_transaction_leaves_no_trace(path, archive):
    archive.close()
    child = start(HALF, path)
    assert child.stdout is not None
    assert child.stdout.readline() == "in the middle\n"
    kill(child)
    with open_archive(path, "run") as later:
        assert later.evaluations() == []
        assert later.add_event("goes on", {}) == 1
        assert later.database.problems() == []
