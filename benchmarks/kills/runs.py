"""Runs of `alma learn` in processes of their own: left alone, killed, or with faults; and what came of each.

Shared by `benchmarks.kills` and `benchmarks.soak`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from alma.archive import Happening, SqlArchive, history, open_archive
from alma.experiments.record import PARTS, Record
from alma.records import ConfigError
from alma.testing.faults import processes, start
from alma.testing.plug_in import install_toy

PATIENCE = 5.0
"""Seconds that children of a killed run have to notice."""

OFFLINE = (
    "--preset smoke --steps 3 --children 3 --held-out-size 8 --collections 2 --controls 2 "
    "--budget-episodes 400"
)
PAID = (
    "--domain toy --agent talker --execution-model toy:{log} --steps 2 --children 2 --collect-size 4 "
    "--deploy-size 3 --validation-size 2 --finalists 1 --repeats 1 --held-out-size 2 --held-out-repeats 1 "
    "--collections 1 --controls 1 --workers 1"
)
SLOW_MODEL = "wait=0.004"
"""Each call of the toy model takes so long, or hardly a kill would find one in flight."""


@dataclass(frozen=True, slots=True)
class Spend:
    """What a run has paid: settled calls, calls booked as lost, and the calls that its model really had."""

    calls: int
    tokens: int
    usd: float
    lost: int
    lost_usd: float
    made: int

    def __str__(self) -> str:
        return (
            f"{self.calls} calls settled, {self.tokens} tokens, ${self.usd:.3f}; lost {self.lost}, "
            f"at most ${self.lost_usd:.3f}; {self.made} made"
        )

    def equals(self, whole: Spend) -> bool:
        """The same is settled; what was made beyond that is booked as lost."""
        same = (self.calls, self.tokens, round(self.usd, 6)) == (
            whole.calls,
            whole.tokens,
            round(whole.usd, 6),
        )
        return same and self.made - self.calls <= self.lost


@dataclass(frozen=True, slots=True)
class Came:
    """What a run came to. `spend` is None without a paid model."""

    hash: str
    history: list[Happening]
    spend: Spend | None


@dataclass(frozen=True, slots=True)
class Whole:
    """A run left alone: its length, the episodes it played, and what it came to."""

    seconds: float
    played: int
    came: Came


@dataclass(frozen=True, slots=True)
class Killed:
    """A run that was killed after `moment` seconds in `stage` with `held` episodes kept, and went on.

    `played` is how many episodes going on took, `left` how many of its processes outlived it.
    """

    moment: float
    stage: str
    held: int
    played: int
    came: Came
    left: int

    def same_as(self, whole: Whole) -> bool:
        once = self.played <= whole.played - self.held
        return equal(self.came, whole.came) and once and not self.left


def equal(came: Came, whole: Came) -> bool:
    paid = came.spend is None or (whole.spend is not None and came.spend.equals(whole.spend))
    return (came.hash, came.history) == (whole.hash, whole.history) and paid


class Runs:
    """Runs with the same options in one folder. Options that hold `{log}` have a paid toy model."""

    def __init__(self, folder: Path, options: Sequence[str]) -> None:
        self._folder, self._options = folder, options
        self.paid = any("{log}" in option for option in options)
        if not (folder / "plug-ins").exists():
            install_toy(folder / "plug-ins")

    def command(self, run: Path) -> list[str]:
        """Begins the run, or goes on with it."""
        if (run / "config.toml").exists():
            return ["resume", str(run), "--json"]
        options = [option.format(log=self._log(run)) for option in self._options]
        return ["learn", *options, "--run", str(run), "--json"]

    def begin(self, run: Path, faults: Sequence[object] = (), *more: str) -> subprocess.Popen[str]:
        """Start it, or go on with it. The model's calls take a while, so that some are in flight."""
        path = os.pathsep.join([str(self._folder / "plug-ins"), *sys.path[1:]])
        always = [SLOW_MODEL] if self.paid else []
        return start([*always, *faults], *self.command(run), *more, env={**os.environ, "PYTHONPATH": path})

    def finish(self, run: Path) -> int:
        """Run to the end; returns how many episodes were played. Raises RuntimeError when it fails."""
        child = self.begin(run)
        out, error = child.communicate(timeout=900)
        if child.returncode != 0:
            raise RuntimeError(f"{run} ended with {child.returncode}: {error[-2000:]}")
        told = [json.loads(line) for line in out.splitlines() if '"event": "progress"' in line]
        return int(told[-1]["episodes"]) if told else 0

    def whole(self, run: Path) -> Whole:
        begun = time.monotonic()
        played = self.finish(run)
        return Whole(time.monotonic() - begun, played, self.came(run))

    def killed(self, run: Path, moment: float) -> Killed:
        """Killed after so many seconds, then gone on with."""
        child = self.begin(run)
        time.sleep(moment)
        os.kill(child.pid, signal.SIGKILL)
        out, _ = child.communicate()
        outlived = left(child.pid)
        told = [line for line in out.splitlines() if line.startswith('{"event": "stage"')]
        stage = json.loads(told[-1])["name"] if told else "starting"
        kept = held(run)
        played = self.finish(run)
        return Killed(moment, stage, kept, played, self.came(run), outlived)

    def came(self, run: Path) -> Came:
        record = Record(run)
        return Came(record.hash(), record.history(), self._spend(run) if self.paid else None)

    def _log(self, run: Path) -> Path:
        return run.with_suffix(".calls")

    def _spend(self, run: Path) -> Spend:
        settled, lost = [], []
        for archive in parts(run):
            booked, gone = archive.ledger().spent(), archive.ledger().lost()
            lost.append((gone.calls, gone.usd))
            settled.append((booked.calls - gone.calls, booked.tokens, booked.usd - gone.usd))
        calls, tokens, usd = (sum(column) for column in zip(*settled, strict=True))
        lost_calls, lost_usd = (sum(column) for column in zip(*lost, strict=True))
        made = len(self._log(run).read_text(encoding="utf-8").split())
        return Spend(int(calls), int(tokens), usd, int(lost_calls), lost_usd, made)


def parts(run: Path) -> Iterator[SqlArchive]:
    """The parts of a run that are there, each open while it is looked at."""
    for part in PARTS:
        with (
            suppress(ConfigError),
            open_archive(run / "archive.db", part, create=False, read_only=True) as archive,
        ):
            yield archive


def held(run: Path) -> int:
    """Episodes of the evaluations and collections that are on disk."""
    count = 0
    for archive in parts(run):
        count += sum(len(evaluation.episodes) for evaluation in archive.evaluations())
        keys = [one.what for one in history(archive) if one.where == "collection"]
        count += sum(len(archive.get_collection(key) or ()) for key in keys)
    return count


def left(group: int) -> int:
    """How many processes of a killed run are still there once they had time to notice."""
    end = time.monotonic() + PATIENCE
    while processes(group=group) and time.monotonic() < end:
        time.sleep(0.05)
    return len(processes(group=group))
