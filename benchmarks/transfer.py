"""Prints how the learned designs of two runs do on both runs' domains.

    python -m benchmarks.transfer [RUN RUN]

Each design learns anew from each domain's own episodes: what transfers is the code. The measuring is
`alma bench`, with the sizes of the demo for TextWorld, and its folders stand beside the runs.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from alma.experiments import named
from alma.experiments.bench import bench
from alma.learning.config import RunConfig
from alma.records import Design, Split
from benchmarks.summaries import p, read

RUNS = ("runs/demo", "runs/demo-textworld")
HAND_MADE = ("no_memory", "trajectory_retrieval")
SPLITS: tuple[Split, ...] = ("in_distribution", "out_of_distribution")


def main() -> None:
    runs = [Path(name) for name in sys.argv[1:] or RUNS]
    summaries = [read(run) for run in runs]
    learned = [
        (f"learned on {one['domain']}", named.design(f"{run}:best"))
        for run, one in zip(runs, summaries, strict=True)
    ]
    print("Simulated executor, generated games; success in % (95 %), differences in points.\n")
    for name, design in learned:
        print(f"- {name}: {design.name} ({design.id})")
    for run, summary in zip(runs, summaries, strict=True):
        # The one that was learned here leads the comparisons.
        ordered = sorted(learned, key=lambda row: row[0].endswith(summary["domain"]))
        designs = [*((name, named.design(name)) for name in HAND_MADE), *ordered]
        for table in _tables(run, summary, designs):
            _print(summary["domain"], table)


def _tables(run: Path, summary: dict[str, Any], named: list[tuple[str, Design]]) -> list[dict[str, Any]]:
    config = RunConfig(
        domain=summary["domain"],
        seed=summary["seed"],
        collect_size=120,
        held_out_size=128,
        held_out_repeats=1,
        collections=3,
    )
    folder = run.with_name(f"{run.name}-transfer")
    tables: list[dict[str, Any]] = asyncio.run(bench(config, named, SPLITS, folder))["tables"]
    return tables


def _print(domain: str, table: dict[str, Any]) -> None:
    compared = {one["b"]: one for one in table["comparisons"]}
    leader = table["designs"][-1]["name"]
    print(f"\n{domain}, {table['split'].replace('_', ' ')}: {table['designs'][-1]['levels']} tasks\n")
    print(f"| design | success % (95 %) | {leader} minus it (95 %) | p |\n| --- | ---: | ---: | ---: |")
    for row in table["designs"]:
        one = compared.get(row["name"])
        difference = f"{100 * one['difference']:+.1f} {_span(one['ci95'])}" if one else ""
        print(
            f"| {row['name'].replace('_', ' ')} | {100 * row['success']:.1f} {_span(row['ci95'])} "
            f"| {difference} | {p(one['p']) if one else ''} |"
        )


def _span(bounds: list[float]) -> str:
    return f"({100 * bounds[0]:.1f}, {100 * bounds[1]:.1f})"


if __name__ == "__main__":
    main()
