"""Writes the pages and pictures that come from the code, so that they can't lie.

    python -m scripts.generate_docs [--check]

`--check` writes nothing and fails when a committed page differs from what the code says. Result tables are
not written here: each is the output of a benchmark, kept in docs/generated/ and copied into README.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from scripts.cli_reference import cli_reference
from scripts.ring import ring
from scripts.tables import baba_solvability, grammar_parts, households, presets, textworld

PAGES: Mapping[str, Callable[[], str]] = {
    "docs/reference/cli.md": cli_reference,
    "docs/generated/baba_solvability.md": baba_solvability,
    "docs/generated/grammar_parts.md": grammar_parts,
    "docs/generated/households.md": households,
    "docs/generated/presets.md": presets,
    "docs/generated/textworld.md": textworld,
    "docs/assets/ring.svg": ring,
    "README.md": lambda: filled(Path("README.md").read_text(encoding="utf-8")),
}
BLOCK = re.compile(r"(<!-- begin (docs/generated/[\w.]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.generate_docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page is stale")
    check = parser.parse_args().check
    stale = [name for name, make in PAGES.items() if not _up_to_date(Path(name), make(), check)]
    if stale and check:
        print("out of date; run: make docs", file=sys.stderr)
        return 1
    return 0


def filled(text: str) -> str:
    """`text` with each marked block replaced by the generated page that its mark names."""
    return BLOCK.sub(lambda m: m[1] + Path(m[2]).read_text(encoding="utf-8").strip() + "\n" + m[3], text)


def _up_to_date(path: Path, wanted: str, check: bool) -> bool:
    there = path.read_text(encoding="utf-8") if path.exists() else ""
    if there == wanted:
        return True
    if check:
        lines = difflib.unified_diff(there.splitlines(), wanted.splitlines(), str(path), "from the code", n=0)
        print("\n".join(list(lines)[:20]))
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted, encoding="utf-8")
        print(f"wrote {path}")
    return False


if __name__ == "__main__":
    sys.exit(main())
