"""The Python API runs a search, reads it back, and costs nothing until it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import alma

SMALL = {
    "steps": 1,
    "children": 2,
    "collect_size": 6,
    "deploy_size": 3,
    "validation_size": 3,
    "finalists": 1,
    "repeats": 1,
    "workers": 1,
    "step_limit": 10,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    heard = []
    folder = tmp_path_factory.mktemp("api") / "run"
    made = alma.learn("alfworld:households", folder, callback=lambda kind, data: heard.append(kind), **SMALL)
    return made, heard


def test_learn_runs_a_search_and_tells_its_callback(run):
    made, heard = run
    assert made.summary["search"]["candidates"] == 2
    assert heard.count("evaluated") == 2
    assert "class " in made.source(made.learned["id"])


def test_a_run_is_read_back_as_rows(run):
    made, _ = run
    again = alma.load_run(made.path)
    assert again.summary == made.summary
    assert {row["id"] for row in again.designs()} >= {made.learned["id"]}
    assert {row["stage"] for row in again.episodes("validation")} == {"validation"}
    assert len(again.episodes()) > len(again.episodes("validation"))


def test_bad_input_is_a_config_error(tmp_path):
    with pytest.raises(alma.ConfigError, match="stepz"):
        alma.learn("alfworld:households", tmp_path, stepz=1)
    with pytest.raises(alma.ConfigError, match="no summary"):
        alma.load_run(tmp_path)


def test_every_public_name_is_there_and_import_alma_loads_nothing():
    assert all(getattr(alma, name) for name in alma.__all__)
    code = "import alma, sys; print([m for m in sys.modules if m.startswith('alma.') or m == 'numpy'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
