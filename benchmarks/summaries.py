"""Reads the `summary.json` of runs for the tables that docs print. No numbers are made here."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alma.report import LABELS

COLUMNS = (
    "learned minus it (95 %)",
    "p",
    "p (Holm)",
    "p (new collections)",
    "episodes",
    "missing",
)


def read(run: Path) -> dict[str, Any]:
    """The summary of a run's folder; ends the program with one line when there is none."""
    try:
        summary: dict[str, Any] = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    except OSError:
        sys.exit(f"{run} holds no summary.json; make it with: alma learn --run {run}")
    return summary


def table(tables: list[dict[str, Any]], split: str) -> dict[str, Any]:
    return next(one for one in tables if one["split"] == split)


def markdown(summary: Mapping[str, Any]) -> str:
    """The held-out tables of one run, with what they were measured on."""
    lines = [_setting(summary)]
    for one in summary["tables"]:
        protocol = one["protocol"]
        compared = {c["b"]: c for c in one["comparisons"]}
        first = one["designs"][-1]
        # Where a table leads with the reward, how many tasks were solved is another question.
        scores = ["success"] if one["primary"] == "success" else ["reward", "success"]
        heads = ["design", f"{scores[0]} % (95 %)", *(f"{other} %" for other in scores[1:]), *COLUMNS]
        lines += [
            "",
            f"Held-out, {one['split'].replace('_', ' ')}: {first['levels']} tasks in "
            f"{first['clusters']} places, {protocol['repeats']} repeats, "
            f"{protocol['collect']['size']} collected episodes, {first['collections']} collections, "
            f"at most {protocol['step_limit']} steps.",
            "",
            f"| {' | '.join(heads)} |",
            f"| --- |{' ---: |' * (len(heads) - 1)}",
        ]
        for row in one["designs"]:
            c = compared.get(row["name"])
            difference = f"{100 * c['difference']:+.1f} {_span(c['ci95'])}" if c else ""
            ps = [p(c[key]) if c else "" for key in ("p", "p_holm", "p_interval")]
            told = [f"{100 * row[scores[0]]:.1f} {_span(row['ci95'])}"]
            told += [f"{100 * row[other]:.1f}" for other in scores[1:]]
            lines.append(
                f"| {LABELS.get(row['name'], row['name'])} | {' | '.join(told)} "
                f"| {difference} | {' | '.join(ps)} | {row['episodes']} | {row['missing']} |"
            )
    return "\n".join(lines)


def p(value: float) -> str:
    return "<0.0001" if value < 0.0001 else f"{value:.4f}"


def _setting(summary: Mapping[str, Any]) -> str:
    search, learned = summary["search"], summary["learned"]
    generated = ", generated games," if summary["generated"] else ""
    executor = "simulated executor" if summary["simulated_executor"] else "executor"
    return (
        f"`{summary['domain']}`{generated} seed {summary['seed']}, {executor} {summary['agent']} "
        f"{summary['agent_version']}; {search['candidates']} designs, {search['episodes']} episodes; "
        f"learned: {learned['name']} ({learned['id']}), search score {100 * learned['search_score']:.1f} %, "
        f"validation score {100 * learned['validation_score']:.1f} %."
    )


def _span(bounds: list[float]) -> str:
    return f"({100 * bounds[0]:.1f}, {100 * bounds[1]:.1f})"
