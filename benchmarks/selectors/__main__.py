"""Selectors side by side on made-up landscapes and on recorded archives: what is the learned design worth?

    python -m benchmarks.selectors --searches 200 --runs runs/demo

Every search has 10 steps of 5 children, each scored in 120 episodes with their chance; the top five are
scored again in 240 other episodes, and the best of them is learned: its true worth is what the table shows.
All selectors meet the same searches (seeds); differences are paired with those of `rank`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from alma.archive import open_archive
from alma.archive.contract import DesignRow
from alma.records import EpisodeRecord, Evaluation, Phase, Protocol
from alma.selectors import SELECTORS
from benchmarks.selectors.landscape import Design, Landscape, Recorded, Rugged, Smooth, SteppingStones

STEPS, CHILDREN, EPISODES, VALIDATION, FINALISTS = 10, 5, 120, 240, 5
PROTOCOL = Protocol("made up", Phase("train", 1), Phase("train", 1), 1, 1, 0)


@dataclass
class World:
    """A search in memory: what a selector may ask of an archive."""

    rows: list[DesignRow] = field(default_factory=list)
    made: dict[str, Design] = field(default_factory=dict)
    evaluations_: dict[str, Evaluation] = field(default_factory=dict)

    def designs(self) -> list[DesignRow]:
        return self.rows

    def evaluation(self, design_id: str, stage: str, **options: Any) -> Evaluation | None:
        return self.evaluations_.get(design_id)

    def no_memory(self, stage: str = "search") -> Evaluation | None:
        return self.evaluations_["no_memory"]

    def add(self, made: Design, parents: Sequence[DesignRow], step: int, rng: np.random.Generator) -> None:
        name = f"d{len(self.rows):03}"
        score = float(rng.binomial(EPISODES, made.worth)) / EPISODES
        self.made[name] = made
        self.evaluations_[name] = _evaluation(name, score)
        ids = tuple(parent.id for parent in parents)
        row = DesignRow(name, name, "", "", "", ids, 0, step, 0, "evaluated", search_score=score)
        self.rows = [replace(one, visits=one.visits + (one.id in ids)) for one in self.rows] + [row]


def search(selector: Any, landscape: Landscape, seed: int) -> float:
    """The true worth of the learned design."""
    rng, world = np.random.default_rng(seed), World()
    world.evaluations_["no_memory"] = _evaluation("no_memory", 0.12)
    for step in range(STEPS):
        draws = selector.select(world, CHILDREN, rng) if step else []
        draws += [()] * (CHILDREN - len(draws))
        for parents in draws:
            made = [world.made[parent.id] for parent in parents]
            world.add(landscape.child(made, rng) if made else landscape.first(rng), parents, step, rng)
    top = sorted(world.rows, key=lambda row: -(row.search_score or 0.0))[:FINALISTS]
    again = {row.id: rng.binomial(VALIDATION, world.made[row.id].worth) for row in top}
    return world.made[max(again, key=lambda name: again[name])].worth


def _evaluation(name: str, score: float) -> Evaluation:
    won = round(score * EPISODES)
    episodes = [EpisodeRecord(str(n), "c", 0, float(n < won), n < won, 20) for n in range(EPISODES)]
    return Evaluation(name, name, "search", PROTOCOL, episodes)


def main() -> None:
    parser = argparse.ArgumentParser(description="Selectors side by side.")
    parser.add_argument("--searches", type=int, default=200, help="simulated searches for each cell")
    parser.add_argument("--runs", type=Path, nargs="*", default=[], help="runs whose archives are resampled")
    options = parser.parse_args()
    landscapes: list[Landscape] = [Smooth(), Rugged(), SteppingStones()]
    for run in options.runs:
        with open_archive(run / "archive.db", "search", create=False) as archive:
            recorded = Recorded([row for row in archive.designs() if row.search_score is not None])
        recorded.name = f"recorded: {run.name}"
        landscapes.append(recorded)
    print(f"True worth of the learned design, %: mean of {options.searches} searches, each of")
    print(f"{STEPS} x {CHILDREN} candidates; in brackets the paired difference to `rank`, 95 % interval.\n")
    print("| selector | " + " | ".join(landscape.name for landscape in landscapes) + " |")
    print("| --- |" + " ---: |" * len(landscapes))
    base = {
        landscape.name: np.array([search(SELECTORS["rank"](), landscape, s) for s in range(options.searches)])
        for landscape in landscapes
    }
    for name, kind in SELECTORS.items():
        cells = []
        for landscape in landscapes:
            worth = base[landscape.name]
            if name != "rank":
                worth = np.array([search(kind(), landscape, s) for s in range(options.searches)])
            low, high = _interval(100 * (worth - base[landscape.name]))
            told = (
                ""
                if name == "rank"
                else f" ({100 * (worth - base[landscape.name]).mean():+.1f} [{low:+.1f}, {high:+.1f}])"
            )
            cells.append(f"{100 * worth.mean():.1f}{told}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def _interval(differences: np.ndarray) -> tuple[float, float]:
    half = 1.96 * differences.std(ddof=1) / np.sqrt(len(differences))
    return differences.mean() - half, differences.mean() + half


if __name__ == "__main__":
    main()
