"""Whole searches with races and without: what candidates played, and what the learned design is worth.

    python -m benchmarks.racing.whole --searches 10

The grammar writes for the simulated executor (not a language model) in generated households. Each seed is
searched twice, with the same levels; the worth is measured on held-out tasks, which both play. Searches are
kept in `--keep`; one that is there is not made again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from alma.archive import open_archive
from alma.experiments.learn import learn
from alma.learning.config import RunConfig
from alma.stats import across

STEPS, CHILDREN = 6, 5


class Found(NamedTuple):
    """What a search cost in candidates' episodes, how many candidates it stopped, and what it is worth."""

    episodes: int
    stopped: int
    worth: float


def search(seed: int, racing: float, run: Path) -> Found:
    config = RunConfig(
        domain="alfworld:households",
        agent="reader",
        proposer="grammar",
        seed=seed,
        steps=STEPS,
        children=CHILDREN,
        racing=racing,
        held_out_size=140,
        collections=1,
    )
    file = run / "summary.json"
    summary: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if not summary.get("finished"):
        summary = asyncio.run(learn(config, run))
    with open_archive(run / "archive.db", "search", create=False, read_only=True) as archive:
        rows = [row for row in archive.designs() if row.search_score is not None]
        played = [len(one.episodes) for row in rows if (one := archive.evaluation(row.id, "search"))]
    rows_of_table = [row for table in summary["tables"] for row in table["designs"]]
    worth = [row["success"] for row in rows_of_table if row["name"] == "learned"]
    return Found(sum(played), sum(n < max(played) for n in played), float(np.mean(worth)))


def main() -> None:
    parser = argparse.ArgumentParser(description="Whole searches with races and without.")
    parser.add_argument("--searches", type=int, default=10, help="pairs of searches")
    parser.add_argument("--error", type=float, default=0.05, help="the races' chance of error")
    parser.add_argument("--keep", type=Path, default=Path("runs/racing"), help="folder of the searches")
    options = parser.parse_args()
    print(f"Searches of {STEPS} × {CHILDREN} candidates by the grammar, households, simulated executor;")
    print(f"races' chance of error {options.error:g}. Worth: success on held-out tasks, %.\n")
    print("| seed | episodes | worth | episodes with races | stopped | worth | episodes saved |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    pairs = []
    for seed in range(1, options.searches + 1):
        whole = search(seed, 0.0, options.keep / f"{STEPS}x{CHILDREN}-whole-{seed}")
        raced = search(
            seed, options.error, options.keep / f"{STEPS}x{CHILDREN}-raced-{options.error:g}-{seed}"
        )
        pairs.append((whole, raced))
        print(
            f"| {seed} | {whole.episodes:,} | {100 * whole.worth:.1f} | {raced.episodes:,} | {raced.stopped} "
            f"| {100 * raced.worth:.1f} | {1 - raced.episodes / whole.episodes:.0%} |",
            flush=True,
        )
    gain = across([raced.worth - whole.worth for whole, raced in pairs])
    saved = 1 - sum(raced.episodes for _, raced in pairs) / sum(whole.episodes for whole, _ in pairs)
    ends = "" if gain.low is None or gain.high is None else f"{100 * gain.low:+.1f}, {100 * gain.high:+.1f}"
    print(f"\nSaved {saved:.0%} of the candidates' episodes; worth {100 * gain.mean:+.1f} [{ends}] points")
    print(f"(95 %, paired, p {gain.p:.2g}, {gain.n} searches each).")


if __name__ == "__main__":
    main()
