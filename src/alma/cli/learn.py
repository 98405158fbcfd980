"""`alma learn`: run a search and show what it found."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from alma.cli import options
from alma.cli.progress import Progress
from alma.cli.tables import console, print_summary
from alma.experiments.learn import learn as learn_job
from alma.experiments.lock import owner
from alma.experiments.status import run_status
from alma.learning.config import RunConfig
from alma.records import ConfigError
from alma.report import write_report


def add(app: typer.Typer) -> None:
    app.command("learn")(learn)
    app.command("resume")(resume)
    app.command("status")(status)
    app.command("report")(report)


def learn(
    domain: options.DomainName = None,
    agent: options.AgentName = None,
    proposer: Annotated[
        str | None,
        typer.Option(
            "--proposer", envvar="ALMA_PROPOSER", help="grammar (offline) or best-of-n (a control)."
        ),
    ] = None,
    selector: Annotated[
        str | None,
        typer.Option(
            "--selector", envvar="ALMA_SELECTOR", help="rank, alma (as published), greedy or random."
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", envvar="ALMA_STEPS", help="Search steps.")] = None,
    children: Annotated[
        int | None,
        typer.Option("--children", envvar="ALMA_CHILDREN", help="Parents drawn a step, one child each."),
    ] = None,
    mode: options.Mode = None,
    collect_size: options.CollectSize = None,
    deploy_size: Annotated[
        int | None,
        typer.Option("--deploy-size", envvar="ALMA_DEPLOY_SIZE", help="Levels each candidate is scored on."),
    ] = None,
    validation_size: Annotated[
        int | None,
        typer.Option("--validation-size", envvar="ALMA_VALIDATION_SIZE", help="Fresh levels for finalists."),
    ] = None,
    finalists: Annotated[
        int | None,
        typer.Option("--finalists", envvar="ALMA_FINALISTS", help="Designs that are validated."),
    ] = None,
    repeats: options.Repeats = None,
    held_out_size: Annotated[
        int | None,
        typer.Option(
            "--held-out-size",
            envvar="ALMA_HELD_OUT_SIZE",
            help="Levels a test split of the final tables; 0: none.",
        ),
    ] = None,
    held_out_repeats: Annotated[
        int | None,
        typer.Option(
            "--held-out-repeats", envvar="ALMA_HELD_OUT_REPEATS", help="Episodes on each test level."
        ),
    ] = None,
    collections: options.Collections = None,
    controls: Annotated[
        int | None,
        typer.Option(
            "--controls", envvar="ALMA_CONTROLS", help="Random designs in the tables; 0: no controls."
        ),
    ] = None,
    step_limit: options.StepLimit = None,
    recall_limit: options.RecallLimit = None,
    seed: options.Seed = None,
    concurrency: Annotated[
        int | None,
        typer.Option("--concurrency", envvar="ALMA_CONCURRENCY", help="Candidates in flight at once."),
    ] = None,
    workers: options.Workers = None,
    budget_episodes: Annotated[
        int | None,
        typer.Option(
            "--budget-episodes", envvar="ALMA_BUDGET_EPISODES", help="Episodes the search may play."
        ),
    ] = None,
    budget_minutes: Annotated[
        float | None,
        typer.Option("--budget-minutes", envvar="ALMA_BUDGET_MINUTES", help="Minutes the search may take."),
    ] = None,
    sandbox: options.Sandbox = None,
    preset: options.Preset = None,
    set_: options.Set = None,
    config: options.ConfigFile = None,
    run: Annotated[Path, typer.Option("--run", envvar="ALMA_RUN", help="The run's folder.")] = Path(
        "runs/learn"
    ),
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Delete an earlier run in that folder first.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Learn a memory design on a domain; the same command goes on with a run that was stopped.

    Example: alma learn --preset demo --run runs/demo
    """
    run_config = options.run_config(
        preset,
        config,
        set_,
        domain=domain,
        agent=agent,
        proposer=proposer,
        selector=selector,
        steps=steps,
        children=children,
        mode=mode,
        collect_size=collect_size,
        deploy_size=deploy_size,
        validation_size=validation_size,
        finalists=finalists,
        repeats=repeats,
        held_out_size=held_out_size,
        held_out_repeats=held_out_repeats,
        collections=collections,
        controls=controls,
        step_limit=step_limit,
        recall_limit=recall_limit,
        seed=seed,
        concurrency=concurrency,
        workers=workers,
        budget_episodes=budget_episodes,
        budget_minutes=budget_minutes,
        sandbox=sandbox,
    )
    _prepare(run, fresh)
    _learn(run_config, run, as_json)


def resume(
    run: Annotated[Path, typer.Argument(help="The run's folder.")],
    workers: options.Workers = None,
    as_json: options.AsJson = False,
) -> None:
    """Go on with a run that was stopped or killed; what is finished is not done again.

    Example: alma resume runs/demo
    """
    if not (run / "config.toml").is_file():
        raise ConfigError(f"{run} holds no run to go on with (no config.toml in it)")
    _learn(options.run_config(None, run / "config.toml", None, workers=workers), run, as_json)


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


def _learn(config: RunConfig, run: Path, as_json: bool) -> None:
    with Progress(quiet=as_json) as progress:
        summary = asyncio.run(learn_job(config, run, progress.listen))
    page = write_report(run)
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
    else:
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
