"""Workers must find the players and domains of these tests."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True, scope="module")
def importable_in_workers():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        yield
