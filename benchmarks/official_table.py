"""Prints the tables of runs on official ALFWorld games: `python -m benchmarks.official_table [RUN...]`.

The runs are made by:

    alma learn --preset demo --domain alfworld --step-limit 50 --run runs/official-50
    alma learn --preset demo --domain alfworld --step-limit 30 --run runs/official-30
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.summaries import markdown, read


def main() -> None:
    runs = sys.argv[1:] or ["runs/official-50", "runs/official-30"]
    print("\n\n".join(markdown(read(Path(run))) for run in runs))


if __name__ == "__main__":
    main()
