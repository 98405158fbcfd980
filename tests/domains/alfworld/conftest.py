"""Where the tests of this room find official games."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

ARCHIVE = Path(__file__).parents[3].parent / "shared/data/alfworld/official_valid.tar.gz"


@pytest.fixture(scope="session")
def official_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the official validation games, or a skip that says what is missing."""
    if not ARCHIVE.is_file():
        pytest.skip(f"official games are not here: no {ARCHIVE.name} in ../shared/data/alfworld")
    folder = tmp_path_factory.mktemp("alfworld")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder
