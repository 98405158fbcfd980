"""What the page shows, gathered from a run's archive and summary. No layout here, no HTML."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alma.archive import NO_MEMORY, DesignRow, open_archive
from alma.records import ConfigError, EpisodeRecord, Evaluation, derive_seed
from alma.stats import cluster_interval


@dataclass(frozen=True, slots=True)
class Point:
    """One evaluated candidate: its place in order, its score, the best so far with its 95 % bounds."""

    number: int
    design_id: str
    name: str
    score: float
    best: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Branch:
    """A design in the tree of descent, under its first parent."""

    row: DesignRow
    children: tuple[Branch, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """One held-out level played with and without memory."""

    level: str
    split: str
    with_memory: EpisodeRecord
    without: EpisodeRecord


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the page shows. Scores are in [0, 1]."""

    summary: Mapping[str, Any]
    designs: tuple[DesignRow, ...]
    curve: tuple[Point, ...]
    base: tuple[float, float, float] | None
    tree: tuple[Branch, ...]
    learned: DesignRow | None
    diff: str
    pair: Pair | None


def read_summary(run: Path) -> dict[str, Any]:
    """A run's or a study's `summary.json`. Raises ConfigError when there is none that can be read."""
    try:
        summary: dict[str, Any] = json.loads((run / "summary.json").read_text(encoding="utf-8"))
        return summary
    except OSError:
        raise ConfigError(f"{run} has no summary.json yet; go on with it: alma resume {run}") from None
    except ValueError as error:
        raise ConfigError(f"{run / 'summary.json'} is damaged: {error}") from error


def gather(run: Path, summary: Mapping[str, Any]) -> Facts:
    """Read the archive of a search that has a summary. Raises ConfigError when it can't be read."""
    with open_archive(run / "archive.db", "search", create=False, read_only=True) as archive:
        rows = archive.designs()
        seed = archive.run().seed
        searched = {e.design_id: e for e in archive.evaluations(stage="search")}
    by_id = {row.id: row for row in rows}
    learned = by_id.get((summary.get("learned") or {}).get("id", ""))
    parent = by_id.get(learned.parents[0]) if learned is not None and learned.parents else None
    return Facts(
        summary,
        tuple(sorted(rows, key=lambda row: (-_known(row.search_score), row.id))),
        _curve(rows, searched, seed),
        _bounds(searched.get(NO_MEMORY), seed),
        _tree(rows),
        learned,
        _diff(parent, learned),
        _pair(run, learned),
    )


def _known(score: float | None) -> float:
    return -1.0 if score is None else score


def _curve(rows: Sequence[DesignRow], searched: Mapping[str, Evaluation], seed: int) -> tuple[Point, ...]:
    points: list[Point] = []
    best, low, high = -1.0, 0.0, 0.0
    for row in sorted(rows, key=lambda row: (row.created_step, row.index)):
        if row.search_score is None:
            continue
        if row.search_score > best:
            best = row.search_score
            _, low, high = _bounds(searched.get(row.id), seed) or (best, best, best)
        points.append(Point(len(points) + 1, row.id, row.name, row.search_score, best, low, high))
    return tuple(points)


def _bounds(evaluation: Evaluation | None, seed: int) -> tuple[float, float, float] | None:
    """Mean success with its 95 % interval over clusters."""
    played = evaluation.played if evaluation is not None else []
    if not played:
        return None
    interval = cluster_interval(
        [float(bool(e.success)) for e in played],
        [e.cluster for e in played],
        seed=derive_seed(seed, "report"),
        draws=500,
    )
    return interval.mean, interval.low, interval.high


def _tree(rows: Sequence[DesignRow]) -> tuple[Branch, ...]:
    ids = {row.id for row in rows}
    under: dict[str, list[DesignRow]] = {}
    for row in sorted(rows, key=lambda row: (row.created_step, row.index)):
        above = next((parent for parent in row.parents if parent in ids), "")
        under.setdefault(above, []).append(row)

    def branches(above: str) -> tuple[Branch, ...]:
        return tuple(Branch(row, branches(row.id)) for row in under.get(above, ()))

    return branches("")


def _diff(parent: DesignRow | None, learned: DesignRow | None) -> str:
    if parent is None or learned is None:
        return ""
    lines = difflib.unified_diff(
        parent.source.splitlines(), learned.source.splitlines(), parent.id, learned.id, lineterm="", n=2
    )
    return "\n".join(lines)


def _pair(run: Path, learned: DesignRow | None) -> Pair | None:
    """A held-out level that the learned design solved and playing without memory didn't, else any."""
    if learned is None:
        return None
    try:
        with open_archive(run / "archive.db", "held_out", create=False, read_only=True) as archive:
            told = archive.evaluations(learned.id, "held_out", trajectories=True)[:1]
            split = told[0].protocol.deploy.split if told else ""
            untold = [
                e
                for e in archive.evaluations(NO_MEMORY, "held_out", trajectories=True)
                if e.protocol.deploy.split == split
            ]
    except ConfigError:
        return None
    if not told or not untold:
        return None
    plain = {(e.level_key, e.repeat): e for e in untold[0].episodes}
    pairs = [
        Pair(e.level_key, split, e, plain[e.level_key, e.repeat])
        for e in told[0].episodes
        if e.trajectory is not None and (e.level_key, e.repeat) in plain
    ]
    telling = [p for p in pairs if p.with_memory.success and not p.without.success]
    chosen = telling or pairs
    return min(chosen, key=lambda pair: pair.with_memory.steps) if chosen else None
