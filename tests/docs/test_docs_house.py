"""The docs and the house's own files agree with the code."""

from __future__ import annotations

import configparser
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from pages import ROOT
from scripts import generate_docs, keep, tree

from alma.archive import open_archive


@pytest.mark.parametrize("name", generate_docs.PAGES)
def test_generated_pages_are_up_to_date(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    made = generate_docs.PAGES[name]()
    assert Path(name).read_text(encoding="utf-8") == made, f"{name} is out of date; run: make docs"


def test_the_architecture_page_has_the_rows_that_the_contracts_hold() -> None:
    contracts = configparser.RawConfigParser()
    contracts.read(ROOT / ".importlinter")
    held = dict(
        contracts[section]["name"].split(": ", 1)
        for section in contracts.sections()
        if ": " in contracts[section].get("name", "") and not section.endswith(("parts", "order"))
    )
    page = (ROOT / "docs/architecture.md").read_text()
    told = dict(re.findall(r"^\| `(\w+)` \| .+? \| (.+) \|$", page.partition("## Rooms")[2], re.MULTILINE))
    assert {room: told.get(room) for room in held} == held
    folders = {path.name for path in (ROOT / "src/alma").iterdir() if (path / "__init__.py").exists()}
    folders |= {path.stem for path in (ROOT / "src/alma").glob("[a-z]*.py")}
    assert set(told) == folders, f"rooms in the table: {sorted(told)}; rooms: {sorted(folders)}"


def test_the_run_folder_page_names_every_table(tmp_path: Path) -> None:
    with open_archive(tmp_path / "archive.db", "search") as archive:
        archive.start_run("search", {}, 0)
    with sqlite3.connect(tmp_path / "archive.db") as database:
        rows = database.execute("select name from sqlite_master where type = 'table'").fetchall()
    tables = {name for (name,) in rows} - {"alembic_version"}
    page = (ROOT / "docs/reference/run-folder.md").read_text()
    told = set(re.findall(r"^\| `(\w+)` \|", page.partition("## The archive")[2], re.MULTILINE))
    assert told == tables


def test_importing_alma_loads_nothing_heavy() -> None:
    code = "import sys, alma; print(*(m for m in sys.modules if m.split('.')[0] in sys.argv[1:]))"
    heavy = ["numpy", "scipy", "networkx", "sqlalchemy", "typer", "rich", "pydantic"]
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_pins_cover_what_the_project_asks_for_and_nothing_local() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [
        *project["dependencies"],
        *(r for extra in project["optional-dependencies"].values() for r in extra),
    ]
    pins = (ROOT / "constraints.txt").read_text().splitlines()[1:]
    assert all(re.fullmatch(r"[\w.-]+==[\w.+!-]+", pin) for pin in pins)
    pinned = {normal(pin.partition("==")[0]) for pin in pins}
    assert {normal(re.split(r"[\[<>=!~ ;]", name)[0]) for name in asked} <= pinned


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize(
    "line",
    [
        "pip install --index-" + "url https://packages.example/x",
        "find-" + "links = /srv/wheels",
        "see https://packages.example/" + "simple/ for more",
        "data = '/ho" + "me/someone/data'",
        "dir=fi" + "le:///srv",
        "mirror.example.net",
    ],
)
def test_addresses_of_a_machine_are_found(line: str) -> None:
    assert list(tree.look(f"first\n{line}\n".encode(), {"mirror.example.net"}))


def test_plain_text_holds_no_address() -> None:
    text = b"runs/demo:best, ../shared/data, /tmp, https://semver.org/spec/v2.0.0.html, docs/home/x"
    assert not list(tree.look(text, {"mirror.example.net"}))


def test_a_kept_result_names_the_command_that_printed_it() -> None:
    page = keep.page("python -m benchmarks.stats", "size 0.05\n")
    assert "`python -m benchmarks.stats`" in page
    assert "```text\nsize 0.05\n```" in page
    assert "```" not in keep.page("x", "a\n| b |\n| --- |\n| c |\n")
