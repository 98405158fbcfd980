"""Commands on a run that is there: go on with it, replay it, ask how far it is, write its page."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from alma.cli import options
from alma.cli.learn import listeners, run_search, run_study
from alma.cli.loop import run_async
from alma.cli.progress import Progress
from alma.cli.tables import console
from alma.experiments.replay import replay as replay_job
from alma.experiments.status import run_status, study_status
from alma.experiments.study import FILE, read_study
from alma.learning.config import RunConfig
from alma.records import ConfigError, visible
from alma.report import write_report


def add(app: typer.Typer) -> None:
    app.command("resume")(resume)
    app.command("replay")(replay)
    app.command("status")(status)
    app.command("report")(report)


@options.settings(options.PACE, sources={})
def resume(
    given: dict[str, Any],
    run: Annotated[Path, typer.Argument(help="The run's folder.")],
    callback: options.Callbacks = None,
    as_json: options.AsEvents = False,
) -> None:
    """Go on with a run or study that was stopped or killed; what is finished is not done again.

    Example: alma resume runs/demo
    """
    if (run / FILE).is_file():
        settings, seeds = read_study(run)
        settings |= {name: value for name, value in given.items() if value is not None}
        run_study(RunConfig(**settings), seeds, run, as_json, listeners(callback))
    else:
        run_search(_config_of(run, given), run, as_json, listeners(callback))


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
    config = _config_of(run, {"workers": workers})
    with (
        tempfile.TemporaryDirectory(prefix="alma-replay-") as scratch,
        Progress(quiet=as_json) as progress,
    ):
        found = run_async(replay_job(config, run, keep or Path(scratch), progress.listen))
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=2))
    elif found.difference is None:
        console().print(
            f"{run} replays: {found.events} events are the same; archive hash {found.archive_hash}"
        )
    else:
        typer.echo(visible(f"alma: {run} does not replay: {found.difference}"), err=True)
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


def status(
    run: Annotated[Path, typer.Argument(help="The run's folder.")], as_json: options.AsJson = False
) -> None:
    """Say how far a run is, whether it is running, and what it has found so far.

    Example: alma status runs/demo
    """
    found = study_status(run) if (run / FILE).is_file() else run_status(run)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        console().print(f"{name.replace('_', ' '):18} {escape(str(value))}")


def _config_of(run: Path, given: Mapping[str, Any]) -> RunConfig:
    """What the run in this folder was asked to do."""
    if not (run / "config.toml").is_file():
        raise ConfigError(f"{run} holds no run (no config.toml in it)")
    return options.run_config({**given, "config": run / "config.toml"})
