"""Keys from a file `.env`: for names that the environment lacks, and for this process alone."""

import os
import subprocess
import sys

import pytest

from alma.experiments import plug_ins
from alma.experiments.environment import environment
from alma.records import ConfigError

FILE = """# keys
OPENAI_API_KEY="sk-from-the-file-1234"
export GEMINI_API_KEY=plain-value-1234  # mine
ANTHROPIC_API_KEY='with # inside'

EMPTY=
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "GEMINI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_names_that_are_not_set_come_from_the_file_and_reach_no_child(folder, monkeypatch):
    (folder / ".env").write_text(FILE)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "set")
    keys = plug_ins.model_settings(None, {}, 1).keys
    assert keys["OPENAI_API_KEY"] == "sk-from-the-file-1234"
    assert keys["GEMINI_API_KEY"] == "plain-value-1234"
    assert keys["ANTHROPIC_API_KEY"] == "set", "the environment goes first"
    assert environment()["EMPTY"] == ""
    rows = {row["name"]: row["key"] for row in plug_ins.servers()}
    assert rows["openai"] == "OPENAI_API_KEY is set"
    assert "OPENAI_API_KEY" not in os.environ
    child = [sys.executable, "-c", "import os; print(dict(os.environ))"]
    assert "from-the-file" not in subprocess.run(child, capture_output=True, text=True, check=True).stdout


def test_quotes_hold_what_would_be_a_comment(folder):
    (folder / ".env").write_text(FILE)
    assert environment()["ANTHROPIC_API_KEY"] == "with # inside"


def test_a_line_that_is_none_is_named_and_not_quoted(folder):
    (folder / ".env").write_text("OPENAI_API_KEY=x\nsk-canary-1234567890\n")
    with pytest.raises(ConfigError, match=r"\.env, line 2: write it as NAME=value") as error:
        environment()
    assert "canary" not in str(error.value)


def test_without_a_file_there_is_the_environment(folder):
    assert environment() == dict(os.environ)
