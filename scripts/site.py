"""Checks that the built site reads offline: no page or style fetches anything from elsewhere.

    python -m scripts.site

Links that a reader may follow are fine; what a browser loads by itself is not.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

SITE = Path("site")
ELSEWHERE = r"""["']?(?:https?:)?//[^"'\s>)]+"""
LOADED = {
    "*.html": re.compile(
        rf"<(?:script|img|iframe|source|audio|video)\b[^>]*\bsrc={ELSEWHERE}"
        rf"""|<link\b(?=[^>]*\brel=["']?(?:stylesheet|preconnect|preload|icon))[^>]*\bhref={ELSEWHERE}"""
    ),
    "*.css": re.compile(rf"url\({ELSEWHERE}|@import\s+{ELSEWHERE}"),
}


def main() -> int:
    if not (SITE / "index.html").is_file():
        print("no site here; run: make docs")
        return 2
    problems = [
        f"{path}: loads {found[0]}"
        for pattern, loaded in LOADED.items()
        for path in sorted(SITE.rglob(pattern))
        for found in loaded.finditer(path.read_text(encoding="utf-8"))
    ]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
