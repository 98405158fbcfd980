"""Prints the reader's honesty table. `python -m benchmarks.reader [--levels 800] [--quick]`.

All rows are of the simulated executor on generated household games; differences are paired by level.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from alma.proposers.grammar.genome import Genome
from benchmarks.reader.world import BOTH, PROCEDURES, TRAJECTORY, Case, Result, run_cases

HABIT0 = (("habit", 0),)
SCRAMBLE = (("scramble", 1),)
TREATED = ("clean", "heat", "cool")
PROCEDURE = Genome((PROCEDURES,))

CASES = [
    Case("no memory", None),
    Case("trajectory", Genome((TRAJECTORY,))),
    Case("procedures", PROCEDURE),
    Case("procedures + places", BOTH),
    Case("renamed everywhere, no memory", None, change="renamed"),
    Case("renamed everywhere, procedures + places", BOTH, change="renamed"),
    Case("renamed to the reader, procedures + places", BOTH, change="renamed to reader"),
    Case("rendered as JSON", BOTH, change="json"),
    Case("rendered as numbered lines", BOTH, change="numbered"),
    Case("rendered as chains", BOTH, change="chained"),
    Case("recall with its words scrambled", BOTH, change="scrambled"),
    Case("no episodes collected", BOTH, collect=0),
    Case("habit 0: no memory", None, options=HABIT0),
    Case("habit 0: procedures", PROCEDURE, options=HABIT0),
    Case("habit 0: procedures + places", BOTH, options=HABIT0),
    Case("treated, procedures", PROCEDURE, kinds=TREATED),
    Case("treated, no memory", None, kinds=TREATED),
    Case("treated, scramble: no memory", None, options=SCRAMBLE, kinds=TREATED),
    Case("treated, scramble: procedures", PROCEDURE, options=SCRAMBLE, kinds=TREATED),
]
PAIRS = [
    ("renamed everywhere, no memory", "no memory"),
    ("renamed everywhere, procedures + places", "procedures + places"),
    ("renamed to the reader, procedures + places", "procedures + places"),
    ("rendered as JSON", "procedures + places"),
    ("rendered as numbered lines", "procedures + places"),
    ("rendered as chains", "procedures + places"),
    ("recall with its words scrambled", "no memory"),
    ("no episodes collected", "no memory"),
    ("procedures + places", "procedures"),
    ("habit 0: procedures + places", "habit 0: procedures"),
    ("treated, procedures", "treated, no memory"),
    ("treated, scramble: procedures", "treated, scramble: no memory"),
]
SENSITIVITY = [
    ("noise", (0.2, 0.5)),
    ("plan", (1.5, 6.0)),
    ("hint", (1.1, 4.4)),
    ("fresh", (0.5, 2.0)),
    ("undo", (0.75, 3.0)),
    ("unrelated", (0.75, 3.0)),
    ("back", (0.0, 3.0)),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--levels", type=int, default=800)
    parser.add_argument("--seed", type=int, default=901)
    parser.add_argument("--sensitivity", action="store_true", help="also halve and double the constants")
    arguments = parser.parse_args()
    started = time.perf_counter()
    cases = [Case(**{**vars(case), "seed": arguments.seed}) for case in CASES]
    results = run_cases(cases, arguments.levels)
    print(f"simulated executor on generated household games; n = {arguments.levels} episodes a row\n")
    print(f"{'condition':46} success %   (95 %)")
    for name, result in results.items():
        print(f"{name:46} {_rate(result)}")
    print(f"\n{'paired difference in points':88}    (95 %)")
    for a, b in PAIRS:
        print(f"{a:46} – {b:38} {_difference(results[a], results[b])}")
    if arguments.sensitivity:
        _sensitivity(arguments.levels, arguments.seed)
    print(f"\n{time.perf_counter() - started:.0f} s")


def _sensitivity(levels: int, seed: int) -> None:
    designs = {"no memory": None, "trajectory": Genome((TRAJECTORY,)), "procedures + places": BOTH}
    print(f"\n{'constant':24} {'no memory':>10} {'trajectory':>11} {'proc.+places':>13}")
    for constant, values in SENSITIVITY:
        for value in values:
            cases = [
                Case(name, genome, weights=((constant, value),), seed=seed)
                for name, genome in designs.items()
            ]
            rates = [100 * np.mean(r.won) for r in run_cases(cases, levels).values()]
            name = f"{constant} = {value}"
            print(f"{name:24} {rates[0]:10.1f} {rates[1]:11.1f} {rates[2]:13.1f}")


def _rate(result: Result) -> str:
    won = np.array(result.won, float)
    half = 1.96 * won.std(ddof=1) / np.sqrt(len(won))
    return f"{100 * won.mean():9.1f}   ±{100 * half:.1f}"


def _difference(a: Result, b: Result) -> str:
    d = np.array(a.won, float) - np.array(b.won, float)
    half = 1.96 * d.std(ddof=1) / np.sqrt(len(d))
    return f"{100 * d.mean():+6.1f}   ±{100 * half:.1f}"


if __name__ == "__main__":
    main()
