"""Lets the tests import the simulated world of `benchmarks.stats`, which lies beside `src`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
