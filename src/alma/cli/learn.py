"""`alma learn`: run a search and show what it found."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from alma.cli import options
from alma.cli.progress import Events, Progress
from alma.cli.tables import console, print_summary
from alma.experiments.learn import learn as learn_job
from alma.experiments.lock import owner
from alma.experiments.replay import replay as replay_job
from alma.experiments.status import run_status
from alma.learning.config import RunConfig
from alma.records import ConfigError
from alma.report import write_report


def add(app: typer.Typer) -> None:
    app.command("learn")(learn)
    app.command("resume")(resume)
    app.command("replay")(replay)
    app.command("status")(status)
    app.command("report")(report)


@options.settings(options.SEARCH)
def learn(
    given: dict[str, Any],
    run: Annotated[Path, typer.Option("--run", envvar="ALMA_RUN", help="The run's folder.")] = Path(
        "runs/learn"
    ),
    fresh: options.Fresh = False,
    as_json: options.AsEvents = False,
) -> None:
    """Learn a memory design on a domain; the same command goes on with a run that was stopped.

    Example: alma learn --preset demo --run runs/demo
    """
    config = options.run_config(given)
    _prepare(run, fresh)
    _learn(config, run, as_json)


def resume(
    run: Annotated[Path, typer.Argument(help="The run's folder.")],
    workers: options.Workers = None,
    as_json: options.AsEvents = False,
) -> None:
    """Go on with a run that was stopped or killed; what is finished is not done again.

    Example: alma resume runs/demo
    """
    _learn(_config_of(run, workers), run, as_json)


def replay(
    run: Annotated[Path, typer.Argument(help="The run's folder.")],
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Keep the replayed run in this new folder.")
    ] = None,
    workers: options.Workers = None,
    as_json: options.AsJson = False,
) -> None:
    """Play a run once more from its record and compare all of it; exit code 1 at a difference.

    Example: alma replay runs/demo
    """
    config = _config_of(run, workers)
    with (
        tempfile.TemporaryDirectory(prefix="alma-replay-") as scratch,
        Progress(quiet=as_json) as progress,
    ):
        found = asyncio.run(replay_job(config, run, keep or Path(scratch), progress.listen))
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=2))
    elif found.difference is None:
        console().print(
            f"{run} replays: {found.events} events are the same; archive hash {found.archive_hash}"
        )
    else:
        typer.echo(f"alma: {run} does not replay: {found.difference}", err=True)
    if found.difference is not None:
        raise typer.Exit(1)


def report(
    run: Annotated[Path, typer.Argument(help="The run's folder.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write the page; RUN/report.html by default.")
    ] = None,
) -> None:
    """Write a run as one HTML page that opens from disk.

    Example: alma report runs/demo
    """
    console().print(str(write_report(run, out)))


def _config_of(run: Path, workers: int | None) -> RunConfig:
    """What the run in this folder was asked to do."""
    if not (run / "config.toml").is_file():
        raise ConfigError(f"{run} holds no run (no config.toml in it)")
    return options.run_config({"config": run / "config.toml", "workers": workers})


def _learn(config: RunConfig, run: Path, as_json: bool) -> None:
    with Events() if as_json else Progress() as progress:
        summary = asyncio.run(learn_job(config, run, progress.listen))
        page = write_report(run)
        if isinstance(progress, Events):
            progress.write("finished", {"report": str(page), "summary": summary})
            return
    print_summary(summary, run)
    console().print(f"as a page: {page}")


def status(
    run: Annotated[Path, typer.Argument(help="The run's folder.")], as_json: options.AsJson = False
) -> None:
    """Say how far a run is, whether it is running, and what it has found so far.

    Example: alma status runs/demo
    """
    found = run_status(run)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        console().print(f"{name.replace('_', ' '):18} {escape(str(value))}")


def _prepare(run: Path, fresh: bool) -> None:
    if fresh and run.is_dir():
        holder = owner(run)
        if holder is not None:
            raise ConfigError(f"{run} is in use by {holder}; wait for it or stop it")
        if any(run.iterdir()) and not (run / "archive.db").exists():
            raise ConfigError(f"--fresh: {run} is not empty and holds no run, so it is left alone")
        shutil.rmtree(run)
