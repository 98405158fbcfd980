"""Reads the docs as a user does: which commands they tell, and which files they have one write.

A fenced `console` or `sh` block holds commands on lines that begin with "$ ". A comment before it says how
the tests take it: `<!-- run: slow -->`, `<!-- run: exit 2 -->`, `<!-- run: never: why -->`; without one it
is run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if path.parent.name != "generated"),
)
FENCE = re.compile(r"^```(\w*)(.*)$")
RUN = re.compile(r"^<!-- run: (slow|exit (\d+)|never: .+) -->$")


@dataclass(frozen=True, slots=True)
class Block:
    """Commands that a page tells one to give, one after the other. `mode` is quick, slow or never."""

    page: str
    line: int
    mode: str
    exit_code: int
    commands: tuple[tuple[str, ...], ...]

    @property
    def name(self) -> str:
        return f"{self.page}:{self.line}"


def blocks() -> Iterator[Block]:
    for path in PAGES:
        mode, code = "quick", 0
        for line, kind, _, body in _parts(path):
            if kind == "comment":
                found = RUN.match(body[0])
                if found:
                    mode = "quick" if found[2] else found[1].partition(":")[0]
                    code = int(found[2] or 0)
                continue
            if kind in ("console", "sh"):
                text = "\n".join(body).replace("\\\n", " ")
                commands = [shlex.split(row[2:]) for row in text.splitlines() if row.startswith("$ ")]
                if commands:
                    page = str(path.relative_to(ROOT))
                    yield Block(page, line, mode, code, tuple(map(tuple, commands)))
            mode, code = "quick", 0


def files() -> dict[str, str]:
    """What the docs have one write: Python blocks with a title."""
    found = {}
    for path in PAGES:
        for _, kind, rest, body in _parts(path):
            title = re.search(r'title="([\w.]+)"', rest)
            if kind == "python" and title:
                assert found.setdefault(title[1], "\n".join(body) + "\n") == "\n".join(body) + "\n", title[1]
    return found


def _parts(path: Path) -> Iterator[tuple[int, str, str, list[str]]]:
    """(line, kind, rest of the fence's line, body) of each fenced block and each comment line."""
    inside: tuple[int, str, str] | None = None
    body: list[str] = []
    for number, row in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        fence = FENCE.match(row)
        if inside and fence and not fence[1]:
            yield *inside, body
            inside = None
        elif inside:
            body.append(row)
        elif fence:
            inside, body = (number, fence[1], fence[2]), []
        elif row.startswith("<!--"):
            yield number, "comment", "", [row.strip()]
    assert inside is None, f"{path}: a block that begins in line {inside} isn't closed"
