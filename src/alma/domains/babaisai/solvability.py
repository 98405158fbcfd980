"""Which levels can be won, and in how many steps: a table made by the solver and kept with the package.

    python -m alma.domains.babaisai.solvability                   the kept table, summed up
    python -m alma.domains.babaisai.solvability --make [--again] [--seeds N] [--states N]

`--make` solves the first N levels of each id in the split that plays it. What the table has for the same
levels is kept, so it may be stopped and goes on; when levels have changed it begins anew. `--again` also
looks again at levels of which it is undecided whether they can be won in either limit. A row holds
[lower, upper] for each level seed: no win is shorter than `lower`, a win of `upper` steps was found and
replayed in the engine. The two are null for a level that can't be won, `upper` alone where the search gave
up.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

from alma.domains.babaisai import streams
from alma.domains.babaisai.engine import STEP_LIMIT, Game
from alma.domains.babaisai.names import published
from alma.domains.babaisai.solver import Solution, solve
from alma.domains.babaisai.streams import level_number
from alma.records import Split, content_hash

DATA = "solvability.json"
SEEDS = 8
STATES = 25_000
SHORT_LIMIT = 20


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is known of one level's shortest win; see the module."""

    lower: int | None
    upper: int | None

    def within(self, limit: int) -> bool | None:
        """Whether it can be won in so many steps; None when that is undecided."""
        return Solution(self.lower, self.upper).within(limit)


@lru_cache(maxsize=1)
def solvability() -> Mapping[str, tuple[Bounds, ...]]:
    """The kept table: a task's name to its levels by level seed."""
    rows = json.loads(_path().read_text(encoding="utf-8"))["rows"]
    return {name: tuple(Bounds(*pair) for pair in row) for name, row in rows.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m alma.domains.babaisai.solvability",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--make", action="store_true", help="solve the levels and write the table anew")
    parser.add_argument("--again", action="store_true", help="also look again at what is undecided")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="level seeds of each task")
    parser.add_argument("--states", type=int, default=STATES, help="states after which a search gives up")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args(arguments)
    if options.make:
        _make(options.seeds, options.states, options.processes, options.again)
    print(summary(solvability()))  # noqa: T201
    return 0


def summary(table: Mapping[str, Sequence[Bounds]]) -> str:
    """A Markdown table, a row a task: counts for the short limit and for the original's."""
    lines = [
        f"| task | levels | shortest win: min / median / max | > {SHORT_LIMIT} steps "
        f"| undecided at {SHORT_LIMIT} | undecided at {STEP_LIMIT} | can't be won |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [_row(name, levels) for name, levels in table.items()]
    for split in ("train", "in_distribution"):
        chosen = [one for name, levels in table.items() if name.startswith(f"{split}/") for one in levels]
        lines.append(_row(f"all of {split.replace('_', ' ')}", chosen))
    return "\n".join(lines)


def _row(name: str, levels: Sequence[Bounds]) -> str:
    lengths = [one.upper if one.upper is not None else one.lower for one in levels if one.lower is not None]
    known = [length for length in lengths if length is not None]
    short = [one.within(SHORT_LIMIT) for one in levels]
    long = [one.within(STEP_LIMIT) for one in levels]
    told = f"{min(known)} / {statistics.median(known):g} / {max(known)}" if known else "–"
    never = sum(one.lower is None for one in levels)
    return (
        f"| {name} | {len(levels)} | {told} | {short.count(False) - never} | {short.count(None)} "
        f"| {long.count(None)} | {never} |"
    )


def played() -> list[tuple[Split, str]]:
    """The ids with the split that plays them."""
    train, test = published()
    return [*(("train", name) for name in train), *(("in_distribution", name) for name in test)]


def levels_hash() -> str:
    """Changes when the levels do."""
    return content_hash([streams.layout(name, level_number(split, 0)).key for split, name in played()])


def _make(seeds: int, states: int, processes: int, again: bool) -> None:
    path, levels = _path(), levels_hash()
    rows: dict[str, list[list[int | None]]] = {f"{split}/{name}": [] for split, name in played()}
    if path.is_file():
        kept = json.loads(path.read_text(encoding="utf-8"))
        rows |= kept["rows"] if kept["levels"] == levels else {}
    jobs = [
        (split, name, seed, states)
        for seed in range(seeds)
        for split, name in played()
        if seed >= len(row := rows[f"{split}/{name}"]) or (again and _undecided(row[seed]))
    ]
    for number, (name, seed, pair) in enumerate(_solve_all(jobs, processes), 1):
        rows[name][seed : seed + 1] = [pair]
        print(f"[{number}/{len(jobs)}] {name} {pair}", file=sys.stderr)  # noqa: T201
        written = ",\n".join(f"{json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
        path.with_suffix(".new").write_text(f'{{"levels": "{levels}", "rows": {{\n{written}\n}}}}\n')
        path.with_suffix(".new").replace(path)
    solvability.cache_clear()


def _undecided(pair: Sequence[int | None]) -> bool:
    return None in [Bounds(*pair).within(limit) for limit in (SHORT_LIMIT, STEP_LIMIT)]


def _path() -> Path:
    return Path(str(resources.files("alma.domains.babaisai"))) / "data" / DATA


def _solve_all(
    jobs: Sequence[tuple[Split, str, int, int]], processes: int
) -> Iterator[tuple[str, int, list[int | None]]]:
    with multiprocessing.get_context("spawn").Pool(processes, maxtasksperchild=50) as pool:
        yield from pool.imap(_solved, jobs)


def _solved(job: tuple[Split, str, int, int]) -> tuple[str, int, list[int | None]]:
    split, name, seed, states = job
    layout = streams.layout(name, level_number(split, seed))
    found = solve(layout, states)
    game = Game(layout)
    for action in found.actions:
        game.step(action)
    if found.upper is not None and not game.won:
        raise AssertionError(f"{split}/{name} seed {seed}: the solution does not win")
    return f"{split}/{name}", seed, [found.lower, found.upper]


if __name__ == "__main__":
    raise SystemExit(main())
