"""The toy domain as an installed plug-in: `--domain toy`."""

import pytest

from alma.testing.plug_in import install_toy


@pytest.fixture(autouse=True)
def toy(tmp_path_factory, monkeypatch):
    folder = install_toy(tmp_path_factory.mktemp("plug-in"))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
