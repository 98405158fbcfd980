"""Prints one line a seed for demo runs, and their medians: `python -m benchmarks.demo_seeds [RUN...]`.

Make the runs with `for n in ...; do make demo SEED=$n; cp -r runs/demo runs/demo-$n; done`.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import Any

from benchmarks.summaries import p, read, table

OTHERS = ("no_memory", "trajectory_retrieval", "random_design", "best_of_n")


def main() -> None:
    names = sys.argv[1:] or [str(path) for path in sorted(Path("runs").glob("demo-*"))]
    runs = sorted((read(Path(name)) for name in names), key=lambda run: int(run["seed"]))
    if not runs:
        sys.exit("no runs: make them as this module's text says")
    print(
        "Simulated executor, generated games; success in %; differences in points, learned minus the other.\n"
    )
    for split in ("in_distribution", "out_of_distribution"):
        _print_split(runs, split)


def _print_split(runs: list[dict[str, Any]], split: str) -> None:
    print(f"{split.replace('_', ' ')}\n")
    scores = ("no memory", "trajectory", "random", "best of N", "learned")
    differences_from = ("– no memory", "p", "– trajectory", "p", "– best of N", "p")
    print(f"| seed | {' | '.join((*scores, *differences_from))} |")
    print("| --- |" + " ---: |" * 11)
    differences: dict[str, list[float]] = {name: [] for name in OTHERS}
    ps: dict[str, list[float]] = {name: [] for name in OTHERS}
    for run in runs:
        one = table(run["tables"], split)
        rows = {row["name"]: row for row in one["designs"]}
        compared = {c["b"]: c for c in one["comparisons"]}
        cells = [f"{100 * rows[name]['success']:.1f}" for name in (*OTHERS, "learned")]
        for name in OTHERS:
            differences[name].append(100 * compared[name]["difference"])
            ps[name].append(compared[name]["p"])
        for name in ("no_memory", "trajectory_retrieval", "best_of_n"):
            cells += [f"{differences[name][-1]:+.1f}", p(ps[name][-1])]
        print(f"| {run['seed']} | {' | '.join(cells)} |")
    print()
    for name in OTHERS:
        below = sum(value < 0.01 for value in ps[name])
        print(
            f"Learned minus {name}: median {statistics.median(differences[name]):+.1f} "
            f"(from {min(differences[name]):+.1f} to {max(differences[name]):+.1f}), "
            f"p < 0.01 in {below} of {len(runs)}.\n"
        )


if __name__ == "__main__":
    main()
