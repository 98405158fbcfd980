"""Prints the held-out tables of demo runs as Markdown: `python -m benchmarks.demo_table [RUN...]`."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.summaries import markdown, read


def main() -> None:
    print("\n\n".join(markdown(read(Path(run))).strip() for run in sys.argv[1:] or ["runs/demo"]))


if __name__ == "__main__":
    main()
