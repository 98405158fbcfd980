"""Compares our engine and levels with records of the original and reports every difference.

    python -m alma.domains.babaisai.oracle --data DIR [--levels N] [--every-id] [--json]
    python -m alma.domains.babaisai.oracle --data DIR --sample FILE

DIR holds `traces/*.jsonl.gz`, `custom.jsonl.gz` and `init_stats.jsonl.gz`, recorded with the original.
Exit code 1 when a step differs or a distribution does. `--sample` writes a few short episodes of each id,
which the tests compare where the records are not there.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from alma.domains.babaisai.draws import ERROR_RATE, REPRESENTATIVE, Comparison, compare, holm
from alma.domains.babaisai.traces import Episode, Verdict, read_traces, replay

SAMPLE_STEPS = 45
SAMPLE_CUSTOM = 16


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m alma.domains.babaisai.oracle",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the records")
    parser.add_argument("--levels", type=int, default=1000, help="levels to draw for each id")
    parser.add_argument("--every-id", action="store_true", help="draw for all 53 ids, not for eight")
    parser.add_argument("--sample", type=Path, help="write a small sample of the traces to this file")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    options = parser.parse_args(arguments)
    traces = sorted((options.data / "traces").glob("*.jsonl.gz"))
    custom, counts = options.data / "custom.jsonl.gz", options.data / "init_stats.jsonl.gz"
    if not traces or not custom.is_file() or not counts.is_file():
        print(f"oracle: no records of Baba Is AI in {options.data}", file=sys.stderr)  # noqa: T201
        return 2
    if options.sample is not None:
        _write_sample(options.sample, traces, custom)
        return 0
    began = time.monotonic()
    verdicts = {"the 53 ids": _replay_all(traces), "custom levels": _replay_all([custom])}
    drawn = [
        comparison
        for row in read_traces(counts)
        if options.every_id or row["id"].removeprefix("env/") in REPRESENTATIVE
        for comparison in compare(row, options.levels)
    ]
    _report(verdicts, drawn, options.levels, time.monotonic() - began, options.json)
    return 1 if holm(drawn) or any(verdict.differences for verdict in verdicts.values()) else 0


def _replay_all(paths: Sequence[Path]) -> Verdict:
    verdict = Verdict()
    for path in paths:
        for episode in read_traces(path):
            replay(episode, verdict)
    return verdict


def _report(
    verdicts: dict[str, Verdict],
    drawn: Sequence[Comparison],
    drawn_levels: int,
    seconds: float,
    as_json: bool,
) -> None:
    differing = holm(drawn)
    report: dict[str, Any] = {
        "traces": {
            name: {
                "episodes": verdict.episodes,
                "steps": verdict.steps,
                "won": verdict.won,
                "resets": verdict.resets,
                "ended_by_the_originals_exception": dict(verdict.faults),
                "differing_episodes": len(verdict.differences),
                "differing_fields": dict(verdict.fields),
            }
            for name, verdict in verdicts.items()
        },
        "levels": {
            "ids": len({one.name for one in drawn}),
            "tables": len(drawn),
            "error_rate": ERROR_RATE,
            "smallest_p": min(one.p for one in drawn),
            "differing": [f"{one.name}: {one.table} (p = {one.p:.2g})" for one in differing],
        },
        "seconds": round(seconds, 1),
    }
    if as_json:
        print(json.dumps(report, indent=2))  # noqa: T201
        return
    for name, verdict in verdicts.items():
        print(  # noqa: T201
            f"{name}: {verdict.episodes} episodes, {verdict.steps} steps compared, {verdict.won} won, "
            f"{verdict.resets} resets of the wrapper; {len(verdict.differences)} episodes differ"
        )
        for fault, count in verdict.faults.items():
            print(f"  {count} end in an exception of the original ({fault}), compared up to there")  # noqa: T201
        for difference in verdict.differences:
            print(f"  DIFFERS {difference[:400]}")  # noqa: T201
    levels = report["levels"]
    print(  # noqa: T201
        f"initial states: {levels['ids']} ids, {drawn_levels} levels each, {levels['tables']} tables, "
        f"smallest p {levels['smallest_p']:.2g}; "
        f"{len(differing)} differ at a family-wise error rate of {ERROR_RATE:g} (Holm)"
    )
    for told in levels["differing"]:
        print(f"  DIFFERS {told}")  # noqa: T201
    print(f"{report['seconds']} s")  # noqa: T201


def _write_sample(path: Path, traces: Sequence[Path], custom: Path) -> None:
    """Of each id the first short win and the first reset, if there is one; the first few custom levels."""
    with gzip.GzipFile(path, "wb", mtime=0) as file:
        for episode in _chosen(traces, custom):
            file.write(json.dumps(episode, separators=(",", ":")).encode() + b"\n")


def _chosen(traces: Sequence[Path], custom: Path) -> Iterator[Episode]:
    for trace in traces:
        episodes = list(read_traces(trace))
        won = [one for one in episodes if one["steps"][-1]["rw"] > 0 and len(one["steps"]) <= SAMPLE_STEPS]
        yield from won[:1] or [_cut(episodes[0])]
        broken = [one for one in episodes if any("resets" in s for s in one["steps"][:SAMPLE_STEPS])]
        yield from map(_cut, broken[:1])
    yield from map(_cut, list(read_traces(custom))[:SAMPLE_CUSTOM])


def _cut(episode: Episode) -> Episode:
    return {**episode, "steps": episode["steps"][:SAMPLE_STEPS]}


if __name__ == "__main__":
    raise SystemExit(main())
