"""Writes `report.html`: a Jinja template with everything escaped, filled with a run's or a study's facts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from alma.records import visible
from alma.report.drawing import leads, learning_curve
from alma.report.facts import Facts, gather, read_summary

LABELS = {
    "no_memory": "no memory",
    "trajectory_retrieval": "trajectory retrieval",
    "random_design": "random design (mean)",
    "learned_bare": "learned, but fed nothing",
    "best_of_n": "best of N random designs",
    "learned": "learned design",
}


def write_report(run: Path, out: Path | None = None) -> Path:
    """Write the page of a run or a study (to `RUN/report.html` by default) and return where it is.

    Raises ConfigError when there is nothing to show yet.
    """
    summary = read_summary(run)
    if summary.get("kind") == "study":
        text = _study(summary)
    else:
        text = _search(gather(run, summary))
    path = out or run / "report.html"
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    return path


def _search(facts: Facts) -> str:
    # Not escaped again: a drawing escapes every name that it takes in.
    curve = Markup(learning_curve(facts.curve, facts.base))
    return _template("search.html.jinja").render(
        name=facts.summary["run"], f=facts, labels=LABELS, curve=curve
    )


def _study(summary: Mapping[str, Any]) -> str:
    drawings = {table["split"]: Markup(leads(table["comparisons"], LABELS)) for table in summary["tables"]}
    return _template("study.html.jinja").render(
        name=summary["run"], s=summary, labels=LABELS, drawings=drawings
    )


def _template(name: str) -> Template:
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        finalize=_seen,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "span": span, "p": p_value}
    return environment.get_template(name)


def _seen(value: Any) -> Any:
    """What a name or a message holds beside characters that one can see is shown as a mark."""
    return visible(value) if type(value) is str else value


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def span(bounds: list[float]) -> str:
    return f"{100 * bounds[0]:.1f} to {100 * bounds[1]:.1f}"


def p_value(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"
