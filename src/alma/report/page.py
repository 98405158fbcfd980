"""Writes `report.html`: a Jinja template with everything escaped, filled with a run's facts."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from alma.report.drawing import learning_curve
from alma.report.facts import gather

LABELS = {
    "no_memory": "no memory",
    "trajectory_retrieval": "trajectory retrieval",
    "random_design": "random design (mean)",
    "best_of_n": "best of N random designs",
    "learned": "learned design",
}


def write_report(run: Path, out: Path | None = None) -> Path:
    """Write the page of a run (to `RUN/report.html` by default) and return where it is.

    Raises ConfigError when the run's search hasn't finished.
    """
    facts = gather(run)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"percent": percent, "span": span, "p": p_value}
    template = environment.from_string(
        resources.files(__package__).joinpath("report.html.jinja").read_text(encoding="utf-8")
    )
    text = template.render(
        f=facts,
        labels=LABELS,
        # Not escaped again: the drawing escapes every name that it takes in.
        curve=Markup(learning_curve(facts.curve, facts.base)),
    )
    path = out or run / "report.html"
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    return path


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def span(bounds: list[float]) -> str:
    return f"{100 * bounds[0]:.1f} to {100 * bounds[1]:.1f}"


def p_value(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"
