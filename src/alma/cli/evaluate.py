"""`alma eval` and `alma bench`: measure designs side by side, without a search."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from alma.cli import options
from alma.cli.loop import run_async
from alma.cli.progress import Progress
from alma.cli.tables import console, executor, print_empty, print_faults, print_sandbox, print_table
from alma.experiments import named, plug_ins
from alma.experiments.bench import bench as bench_job
from alma.learning.config import RunConfig
from alma.records import SPLITS, ConfigError, Split

SplitName = Annotated[
    list[str] | None,
    typer.Option("--split", help="Split to deploy on; repeatable. Default: both test splits."),
]
Size = Annotated[int | None, typer.Option("--size", envvar="ALMA_SIZE", help="Levels a split.")]
Out = Annotated[Path | None, typer.Option("--out", help="Also write the tables as JSON to this file.")]
RunFolder = Annotated[
    Path, typer.Option("--run", envvar="ALMA_RUN", help="Folder that keeps the evaluations.")
]


SETTINGS = {
    name: options.SEARCH[name]
    for name in (
        "domain",
        "agent",
        "collect_agent",
        "execution_model",
        "small_model",
        "strong_model",
        "base_url",
        "model_concurrency",
        "embedder",
        "mode",
        "collect_size",
        "repeats",
        "collections",
        "step_limit",
        "recall_limit",
        "seed",
        "workers",
        "sandbox",
    )
}


def add(app: typer.Typer) -> None:
    app.command("eval")(evaluate)
    app.command("bench")(bench)


@options.settings(SETTINGS)
def evaluate(
    given: dict[str, Any],
    design: Annotated[list[str], typer.Argument(help="Built-in name, .py file, RUN:ID or RUN:best.")],
    splits: SplitName = None,
    size: Size = None,
    run: RunFolder = Path("runs/eval"),
    out: Out = None,
    as_json: options.AsJson = False,
) -> None:
    """Measure designs against playing without memory; the last one is compared with each other.

    Example: alma eval my_memory.py --domain alfworld:households --size 60
    """
    names = ["no_memory", *(name for name in design if name != "no_memory")]
    defaults = {"held_out_size": 60, "collections": 1}
    _bench(names, options.run_config(_held_out(given, size), defaults), splits, run, out, as_json)


@options.settings(SETTINGS)
def bench(
    given: dict[str, Any],
    designs: Annotated[
        str, typer.Option("--designs", help="Comma-separated: baselines, built-in names, files, RUN:best.")
    ] = "baselines",
    splits: SplitName = None,
    size: Size = None,
    run: RunFolder = Path("runs/bench"),
    out: Out = None,
    as_json: options.AsJson = False,
) -> None:
    """Measure the hand-made baselines, and any other designs, on a domain's test splits.

    Example: alma bench --domain alfworld:households --designs baselines,runs/demo:best
    """
    names: list[str] = []
    for name in designs.split(","):
        names += named.BUILT_IN_DESIGNS if name.strip() == "baselines" else [name.strip()]
    config = options.run_config(_held_out(given, size), {"held_out_size": 120})
    _bench(names, config, splits, run, out, as_json)


def _held_out(given: dict[str, Any], size: int | None) -> dict[str, Any]:
    """These commands play held-out levels only, so `--repeats` means theirs."""
    return {**given, "repeats": None, "held_out_repeats": given["repeats"], "held_out_size": size}


def _bench(
    names: list[str],
    config: RunConfig,
    splits: list[str] | None,
    run: Path,
    out: Path | None,
    as_json: bool,
) -> None:
    if config.held_out_size < 1:
        raise ConfigError(f"--size must be at least 1, not {config.held_out_size}")
    for split in splits or []:
        if split not in SPLITS:
            raise ConfigError(f"unknown split {split!r}; known: {', '.join(SPLITS)}")
    domain = plug_ins.domain(config.domain, config.options)
    chosen = splits or [s for s in SPLITS[2:] if domain.tasks(s)]
    designs = [(Path(name).stem if name.endswith(".py") else name, named.design(name)) for name in names]
    with Progress(quiet=as_json) as progress:
        result = run_async(bench_job(config, designs, [cast(Split, s) for s in chosen], run, progress.listen))
    if out is not None:
        out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(result, indent=2))
        return
    screen = console()
    generated = " (generated games)" if result["generated"] else ""
    screen.print(f"{result['domain']}{generated}, played by the {executor(result)}")
    for table in result["tables"]:
        print_table(table, screen)
        print_sandbox(result, screen)
    print_empty(result, screen)
    print_faults(result["engine_faults"], screen)
