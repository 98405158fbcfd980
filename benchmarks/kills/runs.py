"""Runs of `alma learn` in processes of their own: one left alone, and ones that are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from alma.archive import Happening, history, open_archive
from alma.experiments.record import PARTS, Record
from alma.records import ConfigError

ALMA = (sys.executable, "-m", "alma.cli.main")
PATIENCE = 5.0
"""Seconds that children of a killed run have to notice."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A run left alone: its length, the episodes it played, and what it came to."""

    seconds: float
    played: int
    hash: str
    history: list[Happening]


@dataclass(frozen=True, slots=True)
class Killed:
    """A run that was killed after `moment` seconds in `stage` with `held` episodes kept, and went on.

    `played` is how many episodes going on took, `left` how many of its processes outlived it.
    """

    moment: float
    stage: str
    held: int
    played: int
    hash: str
    history: list[Happening]
    left: int

    def same_as(self, whole: Whole) -> bool:
        same = (self.hash, self.history) == (whole.hash, whole.history)
        return same and self.played <= whole.played - self.held and not self.left


def whole_run(run: Path, options: list[str]) -> Whole:
    begun = time.monotonic()
    played = _finish(["learn", *options, "--run", str(run)])
    return Whole(time.monotonic() - begun, played, Record(run).hash(), Record(run).history())


def killed_run(run: Path, options: list[str], moment: float) -> Killed:
    """Raises RuntimeError when going on fails."""
    command = ["learn", *options, "--run", str(run)]
    child = subprocess.Popen(
        [*ALMA, *command, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    time.sleep(moment)
    os.kill(child.pid, signal.SIGKILL)
    out, _ = child.communicate()
    left = _left(child.pid)
    told = [line for line in out.splitlines() if line.startswith('{"event": "stage"')]
    stage = json.loads(told[-1])["name"] if told else "starting"
    held = _held(run)
    played = _finish(["resume", str(run)] if (run / "config.toml").exists() else command)
    return Killed(moment, stage, held, played, Record(run).hash(), Record(run).history(), left)


def _finish(command: list[str]) -> int:
    """Run to the end; returns how many episodes were played."""
    done = subprocess.run([*ALMA, *command, "--json"], capture_output=True, text=True, timeout=900)
    if done.returncode != 0:
        raise RuntimeError(f"alma {' '.join(command)} ended with {done.returncode}: {done.stderr[-2000:]}")
    progress = [json.loads(line) for line in done.stdout.splitlines() if '"event": "progress"' in line]
    return int(progress[-1]["episodes"]) if progress else 0


def _held(run: Path) -> int:
    """Episodes of the evaluations and collections that are on disk."""
    held = 0
    for part in PARTS:
        with (
            suppress(ConfigError),
            open_archive(run / "archive.db", part, create=False, read_only=True) as archive,
        ):
            held += sum(len(evaluation.episodes) for evaluation in archive.evaluations())
            keys = [one.what for one in history(archive) if one.where == "collection"]
            held += sum(len(archive.get_collection(key) or ()) for key in keys)
    return held


def _left(group: int) -> int:
    """How many processes of a killed run are still there once they had time to notice."""
    end = time.monotonic() + PATIENCE
    while processes(group=group) and time.monotonic() < end:
        time.sleep(0.05)
    return len(processes(group=group))


def processes(*, group: int | None = None, parent: int | None = None) -> list[int]:
    """Processes of a group or of a parent that are alive, from /proc (`pgrep` isn't everywhere)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                state, above, leader = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
                wanted = (parent is None or int(above) == parent) and (group is None or int(leader) == group)
                if wanted and state != "Z":
                    found.append(int(entry.name))
    return found
