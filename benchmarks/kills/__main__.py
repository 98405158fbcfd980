"""Kill `alma learn` with SIGKILL at random moments, go on with `alma resume`, compare with a run left alone.

    python -m benchmarks.kills --kills 20
    python -m benchmarks.kills --paid --kills 200

Of each killed run: the moment, what it held, whether its whole history (search, control, tables) equals the
uninterrupted run's, and whether going on played only what was missing. With `--paid` the executor asks a toy
model whose calls cost money: the calls that are settled, and what they cost, must be equal too, and a call
that was made beyond those must be booked as lost. Exit code 1 when one doesn't hold.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from benchmarks.kills.runs import OFFLINE, PAID, Killed, Runs, Whole


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--paid", action="store_true", help="a search with a toy model that costs money")
    parser.add_argument("--options", help="other options of alma learn")
    options = parser.parse_args(arguments)
    rng = random.Random(options.seed)
    asked = options.options or (PAID if options.paid else OFFLINE)
    with tempfile.TemporaryDirectory(prefix="alma-kills-") as folder:
        runs = Runs(Path(folder), asked.split())
        whole = runs.whole(Path(folder, "whole"))
        print(
            f"the run left alone: {whole.seconds:.1f} s, {whole.played} episodes, "
            f"{len(whole.came.history)} events, archive hash {whole.came.hash}"
        )
        if whole.came.spend is not None:
            print(f"its spend: {whole.came.spend}")
        print("\nkill  after s  stage              held  played after  hash   history  left running", end="")
        print("  settled        lost             made" if runs.paid else "")
        killed = []
        for number in range(options.kills):
            moment = rng.uniform(0.0, whole.seconds)
            one = runs.killed(Path(folder, f"killed-{number}"), moment)
            killed.append(one)
            print(_row(number + 1, one, whole), flush=True)
    bad = sum(not one.same_as(whole) for one in killed)
    if whole.came.spend is not None:
        print(f"\n{_spent(killed, whole)}")
    good = f"{len(killed) - bad} of {len(killed)}"
    print(f"\n{good} killed runs end as the run left alone, with nothing played twice and no process left")
    return 1 if bad else 0


def _row(number: int, one: Killed, whole: Whole) -> str:
    same = "equal" if one.came.hash == whole.came.hash else "OTHER"
    history = "equal" if one.came.history == whole.came.history else "OTHER"
    row = (
        f"{number:4d}  {one.moment:7.2f}  {one.stage[:17]:17}  {one.held:4d}  {one.played:12d}  "
        f"{same:5}  {history:7}  {one.left:12d}"
    )
    if one.came.spend is None or whole.came.spend is None:
        return row
    spend = one.came.spend
    equal = "equal" if spend.equals(whole.came.spend) else "OTHER"
    return f"{row}  ${spend.usd:.3f} {equal}  {spend.lost} (≤ ${spend.lost_usd:.3f})  {spend.made:4d}"


def _spent(killed: list[Killed], whole: Whole) -> str:
    spends = [one.came.spend for one in killed if one.came.spend is not None]
    assert whole.came.spend is not None
    same = sum(spend.equals(whole.came.spend) for spend in spends)
    lost = sum(spend.lost for spend in spends)
    return (
        f"settled spend equals the run left alone's (${whole.came.spend.usd:.3f}) in {same} of {len(spends)}; "
        f"lost: {lost} calls in {sum(spend.lost > 0 for spend in spends)} runs, booked at "
        f"${sum(spend.lost_usd for spend in spends):.3f} at most"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
