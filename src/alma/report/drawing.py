"""The learning curve, and a study's differences, as SVG text.

Colours are CSS classes of the page, so that both follow light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape as _escaped
from typing import Any

from alma.records import visible
from alma.report.facts import Point

WIDTH, HEIGHT = 760, 300
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 40


def learning_curve(points: Sequence[Point], base: tuple[float, float, float] | None) -> str:
    """Every candidate's search score, the best so far with its interval, and no memory; in per cent."""
    if not points:
        return ""
    ceiling: float = max([0.1, *(p.high for p in points), *(p.score for p in points), *(base or ())])
    top = min(1.0, math.ceil(ceiling * 10) / 10)

    def x(number: float) -> float:
        return LEFT + (number - 0.5) / len(points) * (WIDTH - LEFT - RIGHT)

    def y(score: float) -> float:
        return TOP + (1 - score / top) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg class="curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-labelledby="curve-title curve-text">',
        "<title id='curve-title'>Learning curve</title>",
        f"<desc id='curve-text'>{escape(_words(points, base))}</desc>",
    ]
    for tenth in range(round(top * 10) + 1):
        level = y(tenth / 10)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{level:.1f}" y2="{level:.1f}"/>'
        )
        parts.append(f'<text x="{LEFT - 6}" y="{level + 4:.1f}" text-anchor="end">{tenth * 10}</text>')
    if base is not None:
        mean, low, high = base
        parts.append(_band([(LEFT, low, high), (WIDTH - RIGHT, low, high)], y, "base-band"))
        parts.append(
            f'<line class="base" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(mean):.1f}" y2="{y(mean):.1f}"/>'
        )
    parts.append(_band([(x(p.number), p.low, p.high) for p in points], y, "best-band"))
    for p in points:
        label = escape(f"candidate {p.number}: {p.name} {p.design_id}, {100 * p.score:.1f} %")
        parts.append(
            f'<circle class="candidate" cx="{x(p.number):.1f}" cy="{y(p.score):.1f}" r="3">'
            f"<title>{label}</title></circle>"
        )
    steps = " ".join(f"{x(p.number):.1f},{y(p.best):.1f}" for p in points)
    parts.append(f'<polyline class="best" points="{steps}"/>')
    parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 8}" text-anchor="middle">candidates, in order</text>')
    return "".join([*parts, "</svg>"])


def leads(comparisons: Sequence[Mapping[str, Any]], labels: Mapping[str, str]) -> str:
    """A row for each design: the learned one's lead over it in each search, the mean and its interval."""
    values: list[float] = [v for c in comparisons for v in (*c["differences"].values(), *(c["ci95"] or ()))]
    if not values:
        return ""
    low: float = min(0.0, math.floor(min(values) * 10) / 10)
    high: float = max(0.1, math.ceil(max(values) * 10) / 10)
    height, left = 44 * len(comparisons) + BOTTOM, 200

    def x(value: float) -> float:
        return left + (value - low) / (high - low) * (WIDTH - RIGHT - left)

    def dot(kind: str, value: float, y: float, label: str) -> str:
        title = f"<title>{escape(label)}</title>"
        return f'<circle class="{kind}" cx="{x(value):.1f}" cy="{y}" r="4">{title}</circle>'

    told = "; ".join(
        f"{labels.get(c['b'], c['b'])}: mean {100 * c['mean']:+.1f} points in {c['n']} searches"
        for c in comparisons
    )
    parts = [
        f'<svg class="curve" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>Learned design minus each other: {escape(told)}</title>",
    ]
    for tenth in range(round(low * 10), round(high * 10) + 1):
        place = x(tenth / 10)
        kind = "zero" if tenth == 0 else "grid"
        parts.append(
            f'<line class="{kind}" x1="{place:.1f}" x2="{place:.1f}" y1="4" y2="{height - BOTTOM}"/>'
        )
        told = f"{tenth * 10:+d}" if tenth else "0"
        parts.append(f'<text x="{place:.1f}" y="{height - BOTTOM + 16}" text-anchor="middle">{told}</text>')
    for number, c in enumerate(comparisons):
        y = 44 * number + 24
        name = escape(labels.get(c["b"], c["b"]))
        parts.append(f'<text x="{left - 10}" y="{y + 4}" text-anchor="end">{name}</text>')
        for seed, value in c["differences"].items():
            parts.append(dot("candidate", value, y - 8, f"seed {seed}: {100 * value:+.1f}"))
        if c["ci95"]:
            ends = [x(end) for end in c["ci95"]]
            parts.append(
                f'<line class="mean" x1="{ends[0]:.1f}" x2="{ends[1]:.1f}" y1="{y + 8}" y2="{y + 8}"/>'
            )
        parts.append(dot("mean-dot", c["mean"], y + 8, f"mean {100 * c['mean']:+.1f}"))
    middle = (left + WIDTH - RIGHT) / 2
    parts.append(
        f'<text x="{middle}" y="{height - 6}" text-anchor="middle">learned design minus it, in points</text>'
    )
    return "".join([*parts, "</svg>"])


def _band(edges: Sequence[tuple[float, float, float]], y: Callable[[float], float], name: str) -> str:
    upper = [f"{x:.1f},{y(high):.1f}" for x, _, high in edges]
    lower = [f"{x:.1f},{y(low):.1f}" for x, low, _ in reversed(edges)]
    return f'<polygon class="{name}" points="{" ".join([*upper, *lower])}"/>'


def _words(points: Sequence[Point], base: tuple[float, float, float] | None) -> str:
    last = points[-1]
    rise = f"from {100 * points[0].best:.1f} to {100 * last.best:.1f} %"
    told = f"{len(points)} candidates; the best search score rises {rise}"
    return told + (f"; no memory scores {100 * base[0]:.1f} %." if base else ".")


def escape(text: str) -> str:
    """Foreign text as XML, without what isn't seen."""
    return _escaped(visible(text))
