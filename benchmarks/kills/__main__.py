"""Kill `alma learn` with SIGKILL at random moments, go on with `alma resume`, compare with a run left alone.

    python -m benchmarks.kills --kills 20

Of each killed run: the moment, what it held, whether its whole history (search, control, tables) equals the
uninterrupted run's, and whether going on played only what was missing. Exit code 1 when one doesn't hold.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from benchmarks.kills.runs import Killed, Whole, killed_run, whole_run

SMALL = (
    "--preset smoke --steps 3 --children 3 --held-out-size 8 --collections 2 --controls 2 "
    "--budget-episodes 400"
)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--options", default=SMALL, help="options of alma learn")
    options = parser.parse_args(arguments)
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="alma-kills-") as folder:
        whole = whole_run(Path(folder, "whole"), options.options.split())
        print(
            f"the run left alone: {whole.seconds:.1f} s, {whole.played} episodes, "
            f"{len(whole.history)} events, archive hash {whole.hash}\n"
        )
        print("kill  after s  stage              held  played after  hash   history  left running")
        killed = []
        for number in range(options.kills):
            moment = rng.uniform(0.0, whole.seconds)
            one = killed_run(Path(folder, f"killed-{number}"), options.options.split(), moment)
            killed.append(one)
            print(_row(number + 1, one, whole), flush=True)
    bad = sum(not one.same_as(whole) for one in killed)
    good = f"{len(killed) - bad} of {len(killed)}"
    print(f"\n{good} killed runs end as the run left alone, with nothing played twice and no process left")
    return 1 if bad else 0


def _row(number: int, one: Killed, whole: Whole) -> str:
    same = "equal" if one.hash == whole.hash else "OTHER"
    history = "equal" if one.history == whole.history else "OTHER"
    return (
        f"{number:4d}  {one.moment:7.2f}  {one.stage[:17]:17}  {one.held:4d}  {one.played:12d}  "
        f"{same:5}  {history:7}  {one.left:12d}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
