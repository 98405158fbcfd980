"""Held-out tables: designs on tasks that the search never used, with intervals and paired tests.

Memory is collected on train, several independent times, and deployed on a test split. Scores are
paired on the same level, collection and executor seed; the unit that the statistics resample is the
domain's cluster.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from alma.learning.collect import Collection
from alma.learning.evaluate import NOTHING, Evaluator
from alma.learning.missing import comparable
from alma.records import Design, DesignError, EpisodeRecord, Evaluation, Level, Primary, Protocol, derive_seed
from alma.stats import cluster_interval, holm, paired_difference

TOO_MANY_MISSING = "more than 2 % of its episodes are missing, so it is not comparable"
Cell = tuple[str, int]
"""A level's key and the number of the collection."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the table: one design, or several that the row averages (`random_design`).

    Several designs share the collections out among them and are played once a level. A `bare` design is
    fed nothing: what it reaches, its code does and not its memory.
    """

    name: str
    designs: tuple[Design, ...]
    bare: bool = False

    @property
    def once(self) -> bool:
        """Whether the collection can't matter, so that one evaluation stands for all."""
        return self.bare or self.designs == (NOTHING,)


@dataclass(slots=True)
class Scores:
    """What an entry reached: every episode, and the mean score in each (level, collection) cell."""

    entry: Entry
    episodes: list[tuple[EpisodeRecord, int]] = field(default_factory=list)
    failed: str = ""

    def cells(self, primary: Primary) -> dict[Cell, tuple[float, str]]:
        sums: dict[Cell, list[float]] = defaultdict(list)
        clusters: dict[Cell, str] = {}
        for episode, collection in self.episodes:
            if episode.reward is not None:
                cell = (episode.level_key, collection)
                sums[cell].append(episode.score(primary))
                clusters[cell] = episode.cluster
        return {cell: (sum(values) / len(values), clusters[cell]) for cell, values in sums.items()}


async def play_entries(
    evaluator: Evaluator,
    entries: Sequence[Entry],
    protocol: Protocol,
    collections: Sequence[Collection],
    levels: Sequence[Level],
    on_entry: Callable[[str], None] = lambda name: None,
) -> list[Scores]:
    """Evaluate every entry under every collection. A design that fails is a row without scores."""
    table = []
    for entry in entries:
        on_entry(entry.name)
        scores = Scores(entry)
        try:
            for number, evaluation in await _evaluations(evaluator, entry, protocol, collections, levels):
                scores.episodes += [(episode, number) for episode in evaluation.episodes]
        except DesignError as error:
            scores.failed = str(error)
        table.append(scores)
    return table


async def _evaluations(
    evaluator: Evaluator,
    entry: Entry,
    protocol: Protocol,
    collections: Sequence[Collection],
    levels: Sequence[Level],
) -> list[tuple[int, Evaluation]]:
    done = []
    for number, collection in enumerate(collections):
        here = replace(protocol, collection=number)
        if entry.once:
            if number == 0:
                fed = Collection.nothing() if entry.bare else collection
                only = await evaluator.evaluate(entry.designs[0], "held_out", here, fed, levels)
            done.append((number, only))
        elif len(entry.designs) == 1:
            done.append(
                (number, await evaluator.evaluate(entry.designs[0], "held_out", here, collection, levels))
            )
        else:
            for design in entry.designs[number :: len(collections)]:
                once = replace(here, repeats=1)
                done.append((number, await evaluator.evaluate(design, "held_out", once, collection, levels)))
    return done


def summarise(
    table: Sequence[Scores], split: str, protocol: Protocol, primary: Primary, *, seed: int, leader: str
) -> dict[str, Any]:
    """The table as `summary.json` holds it: rows with intervals, the leader compared with each other row."""
    rows = [_row(scores, primary, seed) for scores in table]
    by_name = {scores.entry.name: scores for scores in table}
    comparisons = []
    if leader in by_name:
        first = by_name[leader].cells(primary)
        for name, scores in by_name.items():
            if name != leader and (compared := _compare(first, scores.cells(primary), seed)):
                comparisons.append({"a": leader, "b": name, **compared})
        adjusted = holm([c["p"] for c in comparisons]) if comparisons else []
        for comparison, p in zip(comparisons, adjusted, strict=True):
            comparison["p_holm"] = float(p)
    return {
        "split": split,
        "protocol": protocol.as_json(),
        "primary": primary,
        "designs": rows,
        "comparisons": comparisons,
    }


def _row(scores: Scores, primary: Primary, seed: int) -> dict[str, Any]:
    entry = scores.entry
    episodes = [e for e, number in scores.episodes if not entry.once or number == 0]
    played = [(e, n) for e, n in scores.episodes if e.reward is not None and (not entry.once or n == 0)]
    if not played:
        return {"name": entry.name, "failed": scores.failed or "no episode was played"}
    values = [e.score(primary) for e, _ in played]
    clusters = [e.cluster for e, _ in played]
    numbers = [n for _, n in played]
    several = len(set(numbers)) > 1
    fair = comparable(len(episodes) - len(played), len(episodes))
    interval = cluster_interval(
        values, clusters, numbers if several else None, seed=derive_seed(seed, "interval", entry.name)
    )
    return {
        "name": entry.name,
        "designs": [design.id for design in entry.designs],
        "reward": sum(e.reward or 0.0 for e, _ in played) / len(played),
        "success": sum(bool(e.success) for e, _ in played) / len(played),
        "ci95": [interval.low, interval.high],
        "levels": len({e.level_key for e, _ in played}),
        "clusters": len(set(clusters)),
        "collections": len(set(numbers)),
        "episodes": len(played),
        "missing": len(episodes) - len(played),
        "design_faults": sum(e.fault == "design" for e in episodes),
        "steps": sum(e.steps for e, _ in played) / len(played),
        "calls": sum(e.usage.calls for e in episodes),
        "tokens": sum(e.usage.tokens for e in episodes),
        "comparable": fair,
        "warning": interval.warning if fair else f"{entry.name}: {TOO_MANY_MISSING}",
    }


def _compare(
    a: dict[Cell, tuple[float, str]], b: dict[Cell, tuple[float, str]], seed: int
) -> dict[str, Any] | None:
    """Difference a - b on the cells that both have."""
    cells = sorted(set(a) & set(b))
    if not cells:
        return None
    numbers = [number for _, number in cells]
    result = paired_difference(
        [a[cell][0] for cell in cells],
        [b[cell][0] for cell in cells],
        [a[cell][1] for cell in cells],
        numbers if len(set(numbers)) > 1 else None,
        levels=[level for level, _ in cells],
        seed=derive_seed(seed, "paired"),
    )
    return {
        "difference": result.difference,
        "ci95": [result.low, result.high],
        "p": result.p,
        "p_interval": result.p_interval,
        "levels": result.n_levels,
        "clusters": result.clusters,
        "warning": result.warning,
    }
