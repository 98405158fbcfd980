"""`alma learn` and `alma study`: run a search, or several, and show what they found."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from alma.cli import options
from alma.cli.before import tell_and_ask
from alma.cli.loop import run_async
from alma.cli.progress import Events, Progress
from alma.cli.tables import console, print_study, print_summary
from alma.experiments import plug_ins
from alma.experiments.learn import learn as learn_job
from alma.experiments.lock import owner
from alma.experiments.study import FILE
from alma.experiments.study import study as study_job
from alma.learning.config import RunConfig
from alma.records import ConfigError, RunPaused
from alma.report import write_report

Listener = Callable[[str, Mapping[str, Any]], None]


def add(app: typer.Typer) -> None:
    app.command("learn")(learn)
    app.command("study")(study)


@options.settings(options.SEARCH)
def learn(
    given: dict[str, Any],
    run: Annotated[Path, typer.Option("--run", envvar="ALMA_RUN", help="The run's folder.")] = Path(
        "runs/learn"
    ),
    fresh: options.Fresh = False,
    yes: options.Yes = False,
    callback: options.Callbacks = None,
    as_json: options.AsEvents = False,
) -> None:
    """Learn a memory design on a domain; the same command goes on with a run that was stopped.

    Example: alma learn --preset demo --run runs/demo
    """
    config = options.run_config(given)
    hearing = listeners(callback)
    _prepare(run, fresh)
    if not as_json:
        tell_and_ask(config, run, yes=yes)
    run_search(config, run, as_json, hearing)


@options.settings({name: hint for name, hint in options.SEARCH.items() if name != "seed"})
def study(
    given: dict[str, Any],
    seeds: Annotated[
        str, typer.Option("--seeds", envvar="ALMA_SEEDS", help="Seeds of the searches, e.g. 0-4 or 0,3,7.")
    ] = "0-4",
    run: Annotated[Path, typer.Option("--run", envvar="ALMA_RUN", help="The study's folder.")] = Path(
        "runs/study"
    ),
    fresh: options.Fresh = False,
    yes: options.Yes = False,
    callback: options.Callbacks = None,
    as_json: options.AsEvents = False,
) -> None:
    """Run the same search with several seeds; intervals are across searches. Goes on where it stood.

    Example: alma study --preset smoke --seeds 0-2 --run runs/study
    """
    config = options.run_config(given)
    numbers = parse_seeds(seeds)
    hearing = listeners(callback)
    _prepare(run, fresh)
    if not as_json:
        tell_and_ask(config, run / f"seed-{numbers[0]}", yes=yes, searches=len(numbers))
    run_study(config, numbers, run, as_json, hearing)


def parse_seeds(text: str) -> list[int]:
    """`0-2,7` as [0, 1, 2, 7]. Raises ConfigError for anything else."""
    numbers: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if last < first or last - first >= 1000:
            raise ConfigError(f"--seeds must be like 0-4 or 0,3,7, not {text!r}")
        numbers += range(first, last + 1)
    if len(set(numbers)) < len(numbers):
        raise ConfigError(f"--seeds {text} names a seed twice")
    return numbers


def listeners(names: Sequence[str] | None) -> list[Listener]:
    """The callbacks of these names. Raises ConfigError for one that isn't there."""
    return [plug_ins.callback(name) for name in names or ()]


def run_search(config: RunConfig, run: Path, as_json: bool, hearing: Sequence[Listener] = ()) -> None:
    """Run or go on with a search, with its progress, and print what it found."""
    with resumable(run), Events() if as_json else Progress() as progress:
        summary = run_async(learn_job(config, run, plug_ins.all_of([progress.listen, *hearing])))
        page = write_report(run)
        if isinstance(progress, Events):
            progress.finish({"report": str(page), "summary": summary})
            return
    print_summary(summary, run)
    console().print(f"as a page: {page}")


@contextmanager
def resumable(run: Path) -> Iterator[None]:
    """Whatever pauses the run says how it goes on."""
    try:
        yield
    except RunPaused as paused:
        raise RunPaused(f"paused: {paused}; to try them again: alma resume {run}") from None


def run_study(
    config: RunConfig, seeds: Sequence[int], run: Path, as_json: bool, hearing: Sequence[Listener] = ()
) -> None:
    """Run or go on with a study, with its progress, and print what it found."""
    with resumable(run), Events() if as_json else Progress() as progress:
        summary = run_async(study_job(config, seeds, run, plug_ins.all_of([progress.listen, *hearing])))
        for seed in seeds:
            write_report(run / f"seed-{seed}")
        page = write_report(run)
        if isinstance(progress, Events):
            progress.finish({"report": str(page), "summary": summary})
            return
    print_study(summary, run)
    console().print(f"as a page: {page}")


def _prepare(run: Path, fresh: bool) -> None:
    if fresh and run.is_dir():
        holder = owner(run)
        if holder is not None:
            raise ConfigError(f"{run} is in use by {holder}; wait for it or stop it")
        if any(run.iterdir()) and not any((run / name).exists() for name in ("archive.db", FILE)):
            raise ConfigError(f"--fresh: {run} is not empty and holds no run, so it is left alone")
        shutil.rmtree(run)
