"""Prints the held-out tables of a demo run as Markdown: `python -m benchmarks.demo_table [RUN]`."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.summaries import markdown, read


def main() -> None:
    run = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/demo")
    print(markdown(read(run)))


if __name__ == "__main__":
    main()
