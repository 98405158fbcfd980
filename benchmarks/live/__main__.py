"""The designs that a capable model wrote through an inbox, beside the grammar's and two baselines.

    python -m benchmarks.live

Held-out tasks, three collections, the simulated executor. Each table is played twice: with the collected
episodes, and with none, which shows what of a design's gain is in its code and what in its episodes. Without
official ALFWorld data only the generated domain is played. Evaluations are kept in runs/live-*.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alma.cli.options import domain_options
from alma.experiments import named
from alma.experiments.bench import bench
from alma.learning.config import RunConfig
from alma.records import ConfigError, Split

EXAMPLES = Path("examples/live")
SPLITS: tuple[Split, ...] = ("in_distribution", "out_of_distribution")
KEPT = ("grammar", "best_of_n", "first_search")
"""Designs of other searches: two of the grammar's, and what a model's first one learned."""


@dataclass(frozen=True)
class Case:
    """A domain, the folder with its designs, how much is collected and how many levels a split are played."""

    domain: str
    folder: str
    collected: int
    levels: int
    step_limit: int | None = None
    second: str = ""
    """The folder of an earlier search there, whose learned design is played too."""


CASES = (
    Case("alfworld", "household", 150, 140, 50),
    Case("textworld:fetch", "house", 120, 128, second="house_second"),
)


def learned(folder: Path) -> Path:
    """The file of the design that a search learned."""
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return folder / f"designs/{summary['learned']['id']}.py"


def played(case: Case, collected: int) -> dict[str, Any]:
    designs = [(name, named.design(name)) for name in ("no_memory", "trajectory_retrieval")]
    folder = EXAMPLES / case.folder
    files = {name: folder / f"{name}.py" for name in KEPT}
    if case.second:
        files["second_search"] = learned(EXAMPLES / case.second)
    files["learned"] = learned(folder)
    designs += [(name, named.design(str(file))) for name, file in files.items()]
    config = RunConfig(
        domain=case.domain,
        collect_size=collected,
        held_out_size=case.levels,
        held_out_repeats=2,
        collections=3,
        seed=21,
        step_limit=case.step_limit,
        options=domain_options(case.domain, []),
    )
    run = Path("runs") / f"live-{case.folder}-{collected}"
    return asyncio.run(bench(config, designs, SPLITS, run))


def cell(row: dict[str, Any]) -> str:
    low, high = row["ci95"]
    return f"{100 * row['success']:.1f} ({100 * low:.1f}, {100 * high:.1f})"


def main() -> None:
    print("Success in % (95 % interval) on held-out tasks, seed 21, three collections, two repeats;")
    print("simulated executor, not a language model. A model wrote `learned` and those of earlier searches")
    print("through an inbox, the grammar two; p is of `learned` against each, paired, after Holm.")
    for case in CASES:
        try:
            with_, without = played(case, case.collected), played(case, 0)
        except ConfigError as error:
            print(f"\n{case.domain}: not played ({error})")
            continue
        for full, empty in zip(with_["tables"], without["tables"], strict=True):
            against = {one["b"]: one for one in full["comparisons"]}
            print(f"\n{case.domain}, {full['split'].replace('_', ' ')}:\n")
            print(f"| design | {case.collected} collected | none | learned minus it | p (Holm) | episodes |")
            print("| --- | ---: | ---: | ---: | ---: | ---: |")
            for row, bare in zip(full["designs"], empty["designs"], strict=True):
                one = against.get(row["name"])
                gain = "" if one is None else f"{100 * one['difference']:+.1f}"
                chance = "" if one is None else f"{max(one['p_holm'], 0.0001):.4f}"
                cells = [row["name"], cell(row), cell(bare), gain, chance, str(row["episodes"])]
                print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
