"""`alma archive`: look into a run's archive."""

from __future__ import annotations

import difflib
import json
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from alma.archive import DesignRow, SqlArchive, episode_frame, open_archive
from alma.cli.options import AsJson
from alma.cli.tables import console, print_code
from alma.experiments.record import PARTS
from alma.records import ConfigError

app = typer.Typer(help="Look into a run's archive.", no_args_is_help=True, rich_markup_mode=None)
Run = Annotated[Path, typer.Argument(help="The run's folder.")]


def open_run(run: Path, name: str = "search") -> SqlArchive:
    """The archive of a run, read-only. Raises ConfigError when there is none."""
    if not (run / "archive.db").is_file():
        raise ConfigError(f"{run} holds no run (no archive.db in it)")
    return open_archive(run / "archive.db", name, create=False, read_only=True)


def find(rows: list[DesignRow], design_id: str, run: Path) -> DesignRow:
    matches = [row for row in rows if row.id.startswith(design_id)]
    if len(matches) != 1:
        what = "no design" if not matches else f"{len(matches)} designs whose ids begin with"
        raise ConfigError(f"{what} {design_id} in {run}; see: alma archive list {run}")
    return matches[0]


@app.command("list")
def list_(run: Run, as_json: AsJson = False) -> None:
    """List the designs of a run, best first.

    Example: alma archive list runs/demo
    """
    with open_run(run) as archive:
        rows = archive.designs()
    rows.sort(key=lambda row: (-(row.search_score if row.search_score is not None else -1.0), row.id))
    if as_json:
        typer.echo(json.dumps([_as_json(row) for row in rows], indent=2))
        return
    grid = Table(box=None, pad_edge=False)
    for heading in ("id", "name", "step", "search %", "validation %", "visits", "status"):
        grid.add_column(heading, no_wrap=True, justify="right" if "%" in heading else "left")
    for row in rows:
        status = row.status if row.failure is None else f"failed in {row.failure.call}"
        grid.add_row(
            row.id,
            escape(row.name),
            str(row.created_step),
            _score(row.search_score),
            _score(row.validation_score),
            str(row.visits),
            escape(status),
        )
    console().print(grid)


@app.command()
def show(
    run: Run, design: Annotated[str, typer.Argument(help="Id, or its beginning.")], as_json: AsJson = False
) -> None:
    """Show one design: where it comes from, how it did, and its code.

    Example: alma archive show runs/demo 3f2a
    """
    with open_run(run) as archive:
        row = find(archive.designs(), design, run)
        found = archive.evaluation(row.id, "search")
    log = [] if found is None else list(found.log)
    if as_json:
        typer.echo(json.dumps({**_as_json(row), "source": row.source, "log": log}, indent=2))
        return
    out = console()
    out.print(f"[bold]{row.id}[/bold] {escape(row.name)}: {row.status}, step {row.created_step}")
    out.print(f"parents: {', '.join(row.parents) or 'none'}; plan: {escape(row.plan) or 'none'}")
    out.print(f"search {_score(row.search_score)} %, validation {_score(row.validation_score)} %")
    if row.failure is not None:
        out.print(f"failed in {escape(row.failure.call)}: {escape(row.failure.message)}")
        out.print(escape(row.failure.trace))
    for line in log:
        out.print(f"logged: {escape(line)}")
    print_code(row.source, "python")


@app.command()
def diff(
    run: Run,
    design: Annotated[str, typer.Argument(help="Id, or its beginning.")],
    other: Annotated[str, typer.Argument(help="Another id; its first parent when left out.")] = "",
) -> None:
    """Show how a design's code differs from its parent's, or from another's.

    Example: alma archive diff runs/demo 3f2a
    """
    with open_run(run) as archive:
        rows = archive.designs()
    row = find(rows, design, run)
    if not other and not row.parents:
        raise ConfigError(f"design {row.id} has no parent; name another design to compare with")
    base = find(rows, other or row.parents[0], run)
    lines = difflib.unified_diff(
        base.source.splitlines(),
        row.source.splitlines(),
        f"{base.id} {base.name}",
        f"{row.id} {row.name}",
        lineterm="",
    )
    print_code("\n".join(lines), "diff")


@app.command()
def tree(run: Run) -> None:
    """Show who descends from whom.

    Example: alma archive tree runs/demo
    """
    with open_run(run) as archive:
        rows = archive.designs()
    root = Tree(escape(str(run)))
    branches: dict[str, Tree] = {}
    for row in sorted(rows, key=lambda r: (r.created_step, r.index)):
        above = next((branches[parent] for parent in row.parents if parent in branches), root)
        branches[row.id] = above.add(f"{_score(row.search_score):>5} % {row.id} {escape(row.name)}")
    console().print(root)


@app.command()
def episodes(
    run: Run,
    design: Annotated[str, typer.Argument(help="Id, or its beginning; no_memory; all when left out.")] = "",
    as_json: AsJson = False,
) -> None:
    """List recorded episodes with the names that `alma domains play --replay RUN:EPISODE` takes.

    Example: alma archive episodes runs/demo 3f2a
    """
    rows: list[dict[str, Any]] = []
    for part in PARTS:
        with suppress(ConfigError), open_run(run, part) as archive:
            rows += episode_frame(archive)
    rows = [row for row in rows if row["design_id"].startswith(design)]
    if not rows:
        raise ConfigError(f"no episodes of {design or 'any design'} in {run}; see: alma archive list {run}")
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    grid = Table(box=None, pad_edge=False)
    for heading in ("episode", "design", "stage", "level", "repeat", "reward", "steps", "fault"):
        grid.add_column(heading, no_wrap=True, justify="right" if heading in ("reward", "steps") else "left")
    for row in rows:
        grid.add_row(
            f"{row['evaluation_id'][:12]}/{row['place']}",
            escape(row["design_id"]),
            row["stage"],
            escape(row["level_key"]),
            str(row["repeat"]),
            "–" if row["reward"] is None else f"{row['reward']:.2f}",
            str(row["steps"]),
            row["fault"] or "",
        )
    console().print(grid)


def _score(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _as_json(row: DesignRow) -> dict[str, object]:
    return {
        "id": row.id,
        "name": row.name,
        "parents": list(row.parents),
        "plan": row.plan,
        "step": row.created_step,
        "status": row.status,
        "search_score": row.search_score,
        "validation_score": row.validation_score,
        "visits": row.visits,
        "failure": None if row.failure is None else row.failure.message,
    }
