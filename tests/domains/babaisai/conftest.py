"""Where the tests of this room find records of the original engine."""

from __future__ import annotations

from pathlib import Path

import pytest

RECORDS = Path(__file__).parents[3].parent / "shared/data/baba"


@pytest.fixture(scope="session")
def records() -> Path:
    """The folder with all recorded traces, or a skip that says what is missing."""
    if not (RECORDS / "custom.jsonl.gz").is_file():
        pytest.skip("records of the original Baba Is AI are not here: no ../shared/data/baba")
    return RECORDS
