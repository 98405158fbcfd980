"""Every command in the docs is one that exists, and does what the page says it does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer
from pages import ROOT, Block, blocks, files

from alma.cli.main import app

BLOCKS = list(blocks())
SMALL_RUN = "--preset smoke --held-out-size 12 --held-out-repeats 1 --collections 2 --controls 2"


def named(chosen: Sequence[Block]) -> list[object]:
    return [pytest.param(block, id=block.name) for block in chosen]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder: a small run in runs/demo, and the files that the docs have one write."""
    folder = tmp_path_factory.mktemp("desk")
    for name, text in files().items():
        (folder / name).write_text(text, encoding="utf-8")
    done = run(folder, ["-m", "alma.cli.main", "learn", *SMALL_RUN.split(), "--run", "runs/demo"])
    assert done.returncode == 0, done.stderr
    return folder


def run(folder: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ALMA_", "ALFWORLD_"))}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def run_block(block: Block, desk: Path) -> None:
    summary = json.loads((desk / "runs/demo/summary.json").read_text())
    for program, *arguments in block.commands:
        assert program in ("alma", "python"), f"{block.name}: mark this block `run: never`"
        filled = [re.sub(r"\bID\b", summary["learned"]["id"], argument) for argument in arguments]
        done = run(desk, filled if program == "python" else ["-m", "alma.cli.main", *filled])
        told = f"{block.name}: {program} {' '.join(filled)}\n{done.stdout}{done.stderr}"
        assert done.returncode == block.exit_code, told
        assert "Traceback" not in done.stderr, told
        if block.exit_code:
            assert len(done.stderr.strip().splitlines()) == 1, told
        else:
            assert done.stdout.strip(), told


def test_the_docs_hold_commands_of_each_kind() -> None:
    assert len(BLOCKS) > 12
    assert {block.mode for block in BLOCKS} == {"quick", "slow", "never"}


@pytest.mark.parametrize("block", named(BLOCKS))
def test_each_command_exists_with_its_options(block: Block) -> None:
    for program, *arguments in block.commands:
        if program.removeprefix(".venv/bin/") == "alma":
            parse(block, arguments)
        elif program == "make":
            targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            assert arguments[0] in targets, f"{block.name}: the Makefile has no {arguments[0]}"
        elif program == "python":
            if arguments[0] != "-m":
                assert arguments[0] in files(), f"{block.name}: no page has one write {arguments[0]}"
                continue
            assert find_spec(arguments[1]), f"{block.name}: there is no {arguments[1]}"
        else:
            assert program in ("source", "export", "pip"), f"{block.name}: what is {program}?"
            assert block.mode == "never"


def parse(block: Block, arguments: list[str]) -> None:
    """Let the command line's own parser read the arguments, without running anything."""
    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="alma")
    while hasattr(command, "commands"):
        name = arguments.pop(0)
        assert name in command.commands, f"{block.name}: there is no alma {name}"
        command = command.commands[name]
    try:
        command.make_context(command.name, arguments, parent=context)
    except Exception as error:
        pytest.fail(f"{block.name}: {getattr(error, 'message', error)}")


@pytest.mark.parametrize("block", named([block for block in BLOCKS if block.mode == "quick"]))
def test_commands_in_the_docs_run(block: Block, desk: Path) -> None:
    run_block(block, desk)


@pytest.mark.system
@pytest.mark.parametrize("block", named([block for block in BLOCKS if block.mode == "slow"]))
def test_slow_commands_in_the_docs_run(block: Block, desk: Path) -> None:
    run_block(block, desk)


def test_summary_json_is_documented_field_by_field(desk: Path) -> None:
    page = (ROOT / "docs/reference/summary.md").read_text()
    summary = json.loads((desk / "runs/demo/summary.json").read_text())
    told = {
        name for row in page.splitlines() if row.startswith("| `") for name in re.findall(r"`(\w+)`", row)
    }
    table = summary["tables"][0]
    for where in (
        summary,
        summary["search"],
        summary["learned"],
        table,
        table["protocol"],
        *table["designs"],
        *table["comparisons"],
    ):
        assert set(where) <= told, f"not in docs/reference/summary.md: {sorted(set(where) - told)}"


def test_a_runs_folder_holds_what_the_page_says(desk: Path) -> None:
    run = desk / "runs/demo"
    there = {path.name for path in run.iterdir()} | {
        path.name for path in next((run / "designs").iterdir()).iterdir()
    }
    page = (ROOT / "docs/reference/run-folder.md").read_text()
    table = page.partition("| --- |")[2].partition("\n\n")[0]
    told = {Path(name).name for name in re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)}
    assert told <= there, f"told but not there: {sorted(told - there)}"
    assert there - told <= {"designs", "archive.db-wal", "archive.db-shm"}, (
        f"not told: {sorted(there - told)}"
    )
