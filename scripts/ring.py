"""Draws the ring of a search as an SVG that reads in light and dark: `docs/assets/ring.svg`."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 820, 470
STYLE = """
  text { font: 14px system-ui, "DejaVu Sans", sans-serif; fill: #1f2933; text-anchor: middle; }
  .small { font-size: 12px; fill: #52606d; }
  .box { fill: #f0f4f8; stroke: #829ab1; stroke-width: 1.5; }
  .design { fill: #fff7e0; stroke: #c99a2e; }
  .arrow { fill: none; stroke: #52606d; stroke-width: 1.8; marker-end: url(#tip); }
  .tip { fill: #52606d; }
  .field { fill: none; stroke: #829ab1; stroke-dasharray: 5 4; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e4e7eb; }
    .small { fill: #9aa5b1; }
    .box { fill: #243b53; stroke: #829ab1; }
    .design { fill: #4a3b12; stroke: #c99a2e; }
    .arrow { stroke: #9aa5b1; }
    .tip { fill: #9aa5b1; }
  }
"""


@dataclass(frozen=True, slots=True)
class Box:
    """A stage: its centre, its width, and its lines, of which the first is its name."""

    x: int
    y: int
    width: int
    lines: tuple[str, ...]
    kind: str = ""

    @property
    def height(self) -> int:
        return 22 + 18 * len(self.lines)


ARCHIVE = Box(120, 135, 180, ("archive", "every design, score,", "episode and failure"))
SELECT = Box(120, 37, 180, ("select parents", "weak ones keep a chance"))
PROPOSE = Box(410, 37, 200, ("propose", "reflect, plan, write code"))
VERIFY = Box(700, 37, 190, ("verify, repair", "a few tasks, 3 repairs"))
COLLECT = Box(165, 300, 180, ("collect, once", "play without memory"))
UPDATE = Box(410, 300, 190, ("update", "the design learns", "from each episode"), "design")
DEPLOY = Box(680, 300, 200, ("deploy", "retrieve, act, score", "on other tasks"), "design")
FINAL = Box(
    410, 432, 760, ("finalists on fresh validation tasks, then the learned design on held-out tasks",)
)
BOXES = (ARCHIVE, SELECT, PROPOSE, VERIFY, COLLECT, UPDATE, DEPLOY, FINAL)
ARROWS = (
    "M120 97 V70",
    "M212 37 H306",
    "M512 37 H601",
    "M700 68 V216",
    "M257 300 H311",
    "M507 300 H576",
    "M640 216 V135 H216",
    "M48 175 V408",
)
NOTES = (
    (430, 128, "scores per task and repeat"),
    (760, 150, "new design"),
    (410, 236, "evaluation: the same episodes and tasks for every design"),
)


def ring() -> str:
    shapes = ['<rect class="field" x="20" y="216" width="780" height="150" rx="10"/>']
    shapes += [f'<path class="arrow" d="{path}"/>' for path in ARROWS]
    shapes += [_box(box) for box in BOXES]
    shapes += [f'<text class="small" x="{x}" y="{y}">{escape(note)}</text>' for x, y, note in NOTES]
    inner = "\n".join(shapes)
    view = f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="title"'
    return f"""<svg xmlns="http://www.w3.org/2000/svg" {view}>
<title id="title">The ring of a search: archive, select parents, propose, verify, evaluate, archive</title>
<style>{STYLE}</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
<path class="tip" d="M0 0 L8 4 L0 8 z"/></marker></defs>
{inner}
</svg>
"""


def _box(box: Box) -> str:
    left, top = box.x - box.width // 2, box.y - box.height // 2
    kind = f"box {box.kind}".strip()
    parts = [f'<rect class="{kind}" x="{left}" y="{top}" width="{box.width}" height="{box.height}" rx="8"/>']
    for number, line in enumerate(box.lines):
        small = ' class="small"' if number else ""
        parts.append(f'<text{small} x="{box.x}" y="{top + 25 + 18 * number}">{escape(line)}</text>')
    return "".join(parts)
