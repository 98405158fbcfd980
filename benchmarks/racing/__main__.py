"""Racing beside no racing: what is saved, and what the learned design is worth.

    python -m benchmarks.racing --searches 200 --runs runs/demo

Made-up searches of 10 steps of 5 children on 60 levels of unlike difficulty, two episodes each; the top
five are scored again in 240 other episodes. The same seeds with and without races, so differences are
paired. For recorded archives: what races would have saved of the candidates' own episodes, and how many of
the finalists they would have stopped.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from alma.archive import open_archive
from alma.archive.contract import DesignRow
from alma.learning.racing import LEVELS_A_LOOK, Race, by_level
from alma.records import EpisodeRecord
from alma.selectors import SELECTORS
from benchmarks.selectors.landscape import Design, Landscape, Rugged, Smooth, SteppingStones

STEPS, CHILDREN, LEVELS, REPEATS, VALIDATION, FINALISTS = 10, 5, 60, 2, 240, 5
ERRORS = (0.01, 0.05, 0.1)
UNLIKE = 1.5
"""Spread of the levels' difficulty, in logits."""


@dataclass(frozen=True)
class Entry:
    """A candidate of a search: its true worth, its row, and the episodes it played."""

    made: Design
    row: DesignRow
    episodes: Sequence[EpisodeRecord]


def chances(worth: float, difficulty: np.ndarray) -> np.ndarray:
    """The chance to win each level, with mean `worth`."""
    low, high = -20.0, 20.0
    for _ in range(40):
        middle = (low + high) / 2
        mean = (1 / (1 + np.exp(difficulty - middle))).mean()
        low, high = (middle, high) if mean < worth else (low, middle)
    return np.asarray(1 / (1 + np.exp(difficulty - low)))


def played(worth: float, difficulty: np.ndarray, rng: np.random.Generator) -> list[EpisodeRecord]:
    """The whole evaluation of a design of that worth, level by level."""
    wins = rng.random((LEVELS, REPEATS)) < chances(worth, difficulty)[:, None]
    return [
        EpisodeRecord(str(level), "c", repeat, float(wins[level, repeat]), bool(wins[level, repeat]), 20)
        for level in range(LEVELS)
        for repeat in range(REPEATS)
    ]


def raced(episodes: Sequence[EpisodeRecord], race: Race | None) -> tuple[Sequence[EpisodeRecord], float]:
    """What is played of an evaluation, and the score it gives."""
    if race is not None:
        repeats = len(episodes) // len(by_level(episodes, "success"))
        for levels in range(LEVELS_A_LOOK, len(episodes) // repeats, LEVELS_A_LOOK):
            so_far = episodes[: levels * repeats]
            if race.lost(so_far, "success", len(episodes) // repeats):
                return so_far, race.estimate(so_far, "success")
    return episodes, sum(bool(episode.success) for episode in episodes) / len(episodes)


class Rows:
    """As much of an archive as the rank selector asks for."""

    def __init__(self, rows: list[DesignRow]) -> None:
        self._rows = rows

    def designs(self) -> list[DesignRow]:
        return self._rows


def search(landscape: Landscape, seed: int, error: float) -> tuple[float, int]:
    """The true worth of the learned design, and the episodes that candidates played."""
    rng, selector = np.random.default_rng(seed), SELECTORS["rank"]()
    difficulty = rng.normal(0.0, UNLIKE, LEVELS)
    entries: dict[str, Entry] = {}
    for step in range(STEPS):
        rows = [entry.row for entry in entries.values()]
        draws = selector.select(Rows(rows), CHILDREN, rng) if step else []  # type: ignore[arg-type]
        best = max(entries.values(), key=lambda entry: entry.row.search_score or 0.0, default=None)
        race = None
        if error and best is not None:
            whole = [entry.episodes for entry in entries.values() if len(entry.episodes) == LEVELS * REPEATS]
            race = Race.against(best.row.id, best.row.search_score or 0.0, whole, "success", error)
        for parents in [*draws, *[()] * (CHILDREN - len(draws))]:
            above = [entries[parent.id].made for parent in parents]
            own = np.random.default_rng([seed, len(entries)])
            made = landscape.child(above, own) if above else landscape.first(own)
            episodes, score = raced(played(made.worth, difficulty, own), race)
            name = f"d{len(entries):03}"
            row = DesignRow(name, name, "", "", "", (), 0, step, 0, "evaluated", search_score=score)
            entries[name] = Entry(made, row, episodes)
            for parent in parents:
                old = entries[parent.id]
                entries[parent.id] = replace(old, row=replace(old.row, visits=old.row.visits + 1))
    top = sorted(entries.values(), key=lambda entry: -(entry.row.search_score or 0.0))[:FINALISTS]
    again = [rng.binomial(VALIDATION, entry.made.worth) for entry in top]
    return top[int(np.argmax(again))].made.worth, sum(len(entry.episodes) for entry in entries.values())


def simulated(searches: int) -> Iterator[str]:
    yield f"Made-up searches, {searches} a row: true worth of the learned design, %, with the paired"
    yield "difference to no race (95 % interval), and the candidates' episodes saved.\n"
    yield "| landscape | no race | error | race | difference | episodes saved |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for landscape in (Smooth(), Rugged(), SteppingStones()):
        base = np.array([search(landscape, seed, 0.0) for seed in range(searches)])
        for error in ERRORS:
            found = np.array([search(landscape, seed, error) for seed in range(searches)])
            gain = 100 * (found[:, 0] - base[:, 0])
            half = 1.96 * gain.std(ddof=1) / np.sqrt(searches)
            saved = 1 - found[:, 1].sum() / base[:, 1].sum()
            yield (
                f"| {landscape.name} | {100 * base[:, 0].mean():.1f} | {error:g} "
                f"| {100 * found[:, 0].mean():.1f} "
                f"| {gain.mean():+.1f} [{gain.mean() - half:+.1f}, {gain.mean() + half:+.1f}] | {saved:.0%} |"
            )


def recorded(runs: Sequence[Path]) -> Iterator[str]:
    yield "\nRecorded searches: what races would have saved of the candidates' episodes.\n"
    yield "| run | candidates | error | saved | best so far stopped | finalists stopped | learned one |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | --- |"
    for run in runs:
        with open_archive(run / "archive.db", "search", create=False, read_only=True) as archive:
            rows = [row for row in archive.designs() if row.search_score is not None]
            found = {row.id: archive.evaluation(row.id, "search") for row in rows}
            bare = archive.no_memory()
        episodes = {name: _by_levels(one.episodes) for name, one in found.items() if one is not None}
        nothing = bare.episodes if bare is not None else []
        finalists = [row for row in rows if row.validation_score is not None]
        learned = max(finalists, key=lambda row: row.validation_score or 0.0)
        whole = sum(map(len, episodes.values()))
        for error in ERRORS:
            stopped, spared, best_lost = set[str](), 0, 0
            for row in rows:
                before = [o for o in rows if o.created_step < row.created_step and o.id not in stopped]
                if not before:
                    continue
                best = max(before, key=lambda other: (other.search_score or 0.0, other.id))
                earlier = [nothing, *(episodes[other.id] for other in before)]
                race = Race.against(best.id, best.search_score or 0.0, earlier, "success", error)
                left = len(episodes[row.id]) - len(raced(episodes[row.id], race)[0])
                spared += left
                if left:
                    stopped.add(row.id)
                    best_lost += (row.search_score or 0.0) >= (best.search_score or 0.0)
            lost = f"{sum(row.id in stopped for row in finalists)} of {len(finalists)}"
            end = "stopped" if learned.id in stopped else "kept"
            yield (
                f"| {run.name} | {len(rows)} | {error:g} | {spared / whole:.0%} "
                f"| {best_lost} | {lost} | {end} |"
            )


def _by_levels(episodes: Sequence[EpisodeRecord]) -> list[EpisodeRecord]:
    """Episodes in the order in which a race plays them: all repeats of a level together."""
    place = {key: number for number, key in enumerate(by_level(episodes, "success"))}
    return sorted(episodes, key=lambda one: (place[one.level_key], one.repeat))


def main() -> None:
    parser = argparse.ArgumentParser(description="Racing beside no racing.")
    parser.add_argument("--searches", type=int, default=200, help="simulated searches for each row")
    parser.add_argument(
        "--runs", type=Path, nargs="*", default=[], help="runs whose episodes are raced again"
    )
    options = parser.parse_args()
    for line in simulated(options.searches):
        print(line, flush=True)
    if options.runs:
        for line in recorded(options.runs):
            print(line, flush=True)


if __name__ == "__main__":
    main()
