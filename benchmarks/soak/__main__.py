"""Run small paid searches with random faults for so many minutes, and say what was lost or done twice.

    python -m benchmarks.soak --minutes 10      (make soak MINUTES=10)

Each search has a few faults at random moments, in its first sitting and when it goes on, until one is left
in peace. It must then equal the search that had none: archive hash, whole history, settled spend. Exit code
1 when anything is lost or repeated.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.kills.runs import PAID, Came, Runs, Whole, left

from alma.testing.faults import Fault

COMMITS = ("kill-before", "kill-after", "full", "io", "slow", "clock", "sandbox", "environment")
CALLS = ("drop", "hang")
MOST_SITTINGS = 4
ENDED = {0: "finished", 1: "failed in one line", 3: "paused", 130: "interrupted", -signal.SIGKILL: "killed"}


@dataclass(frozen=True, slots=True)
class Soaked:
    """A search with faults: them, how each sitting ended, what it came to, and processes that outlived it."""

    faults: list[Fault]
    ends: list[str]
    came: Came
    outlived: int

    def lost(self, whole: Whole) -> int:
        """Happenings of the search left alone that this one lacks, or has otherwise."""
        return len(set(whole.came.history) - set(self.came.history))

    def repeated(self, whole: Whole) -> int:
        """Happenings too many, and model calls made beyond those settled and those booked as lost."""
        assert self.came.spend is not None and whole.came.spend is not None
        spend = self.came.spend
        again = max(0, spend.calls - whole.came.spend.calls) + max(0, spend.made - spend.calls - spend.lost)
        return max(0, len(self.came.history) - len(whole.came.history)) + again


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng = random.Random(options.seed)
    soaked: list[Soaked] = []
    with tempfile.TemporaryDirectory(prefix="alma-soak-") as folder:
        runs = Runs(Path(folder), PAID.split())
        whole = runs.whole(Path(folder, "whole"))
        assert whole.came.spend is not None
        print(f"the search without faults: {len(whole.came.history)} happenings; {whole.came.spend}", flush=True)
        end = time.monotonic() + 60 * options.minutes
        while time.monotonic() < end:
            one = soak(runs, Path(folder, f"soak-{len(soaked)}"), rng, whole.came.spend.calls)
            soaked.append(one)
            told = " ".join(map(str, one.faults))
            if not _same(one, whole):
                print(f"DIFFERS: seed {options.seed}, search {len(soaked)}: {told}: {one.ends}", flush=True)
    print(_report(soaked, whole, options.minutes))
    return 0 if all(_same(one, whole) for one in soaked) else 1


def soak(runs: Runs, run: Path, rng: random.Random, calls: int) -> Soaked:
    """One search, sitting by sitting, until one ends well."""
    struck: list[Fault] = []
    ends: list[str] = []
    outlived = 0
    while not ends or ends[-1] != "finished":
        faults = draw(rng, calls) if len(ends) < MOST_SITTINGS else []
        child = runs.begin(run, faults)
        hangs = any(fault.kind == "hang" for fault in faults)
        try:
            _, error = child.communicate(timeout=20 if hangs else 180)
        except subprocess.TimeoutExpired:
            os.kill(child.pid, signal.SIGINT)
            _, error = child.communicate(timeout=30)
        outlived += left(child.pid)
        if child.returncode not in ENDED or "Traceback" in error:
            raise RuntimeError(f"{run} ended with {child.returncode}: {error[-3000:]}")
        struck += faults
        ends.append(ENDED[child.returncode])
    return Soaked(struck, ends, runs.came(run), outlived)


def draw(rng: random.Random, calls: int) -> list[Fault]:
    """One to three faults. A paid search has about two commits a call."""
    found = []
    for _ in range(rng.randint(1, 3)):
        kind = rng.choice(COMMITS + CALLS)
        at = rng.randint(1, calls if kind in CALLS else 2 * calls)
        value = {"clock": str(rng.randint(-(10**6), 10**6)), "slow": "0.01"}.get(kind, "")
        found.append(Fault(kind, at, value))
    return found


def _same(one: Soaked, whole: Whole) -> bool:
    assert one.came.spend is not None and whole.came.spend is not None
    alike = one.came.hash == whole.came.hash and one.came.spend.equals(whole.came.spend)
    return alike and not one.lost(whole) and not one.repeated(whole) and not one.outlived


def _report(soaked: Sequence[Soaked], whole: Whole, minutes: float) -> str:
    planned = Counter(fault.kind for one in soaked for fault in one.faults)
    ends = Counter(end for one in soaked for end in one.ends)
    spends = [one.came.spend for one in soaked if one.came.spend is not None]
    lines = [
        f"\n{len(soaked)} searches in {minutes:g} minutes, {sum(ends.values())} sittings",
        f"  faults planned: {', '.join(f'{kind} {count}' for kind, count in sorted(planned.items()))}",
        f"  sittings ended: {', '.join(f'{end} {count}' for end, count in ends.most_common())}",
        f"  equal to the search without faults (hash, history, settled spend): "
        f"{sum(_same(one, whole) for one in soaked)} of {len(soaked)}",
        f"  calls in flight at an end, booked as lost: {sum(spend.lost for spend in spends)}, "
        f"at most ${sum(spend.lost_usd for spend in spends):.3f}",
        f"  lost: {sum(one.lost(whole) for one in soaked)}; "
        f"repeated: {sum(one.repeated(whole) for one in soaked)}; "
        f"processes left: {sum(one.outlived for one in soaked)}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
