"""`alma eval` and `alma bench`: measure designs side by side, without a search."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from alma.cli import options
from alma.cli.progress import Progress
from alma.cli.tables import console, executor, print_table
from alma.experiments import plug_ins
from alma.experiments.bench import bench as bench_job
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


def add(app: typer.Typer) -> None:
    app.command("eval")(evaluate)
    app.command("bench")(bench)


def evaluate(
    design: Annotated[list[str], typer.Argument(help="Built-in name, .py file, RUN:ID or RUN:best.")],
    domain: options.DomainName = None,
    split: SplitName = None,
    size: Size = None,
    agent: options.AgentName = None,
    mode: options.Mode = None,
    collect_size: options.CollectSize = None,
    repeats: options.Repeats = None,
    collections: options.Collections = None,
    step_limit: options.StepLimit = None,
    recall_limit: options.RecallLimit = None,
    seed: options.Seed = None,
    workers: options.Workers = None,
    sandbox: options.Sandbox = None,
    preset: options.Preset = None,
    set_: options.Set = None,
    config: options.ConfigFile = None,
    run: RunFolder = Path("runs/eval"),
    out: Out = None,
    as_json: options.AsJson = False,
) -> None:
    """Measure designs against playing without memory; the last one is compared with each other.

    Example: alma eval my_memory.py --domain alfworld:households --size 60
    """
    names = ["no_memory", *(name for name in design if name != "no_memory")]
    _bench(names, locals(), {"held_out_size": 60, "collections": 1})


def bench(
    designs: Annotated[
        str, typer.Option("--designs", help="Comma-separated: baselines, built-in names, files, RUN:best.")
    ] = "baselines",
    domain: options.DomainName = None,
    split: SplitName = None,
    size: Size = None,
    agent: options.AgentName = None,
    mode: options.Mode = None,
    collect_size: options.CollectSize = None,
    repeats: options.Repeats = None,
    collections: options.Collections = None,
    step_limit: options.StepLimit = None,
    recall_limit: options.RecallLimit = None,
    seed: options.Seed = None,
    workers: options.Workers = None,
    sandbox: options.Sandbox = None,
    preset: options.Preset = None,
    set_: options.Set = None,
    config: options.ConfigFile = None,
    run: RunFolder = Path("runs/bench"),
    out: Out = None,
    as_json: options.AsJson = False,
) -> None:
    """Measure the hand-made baselines, and any other designs, on a domain's test splits.

    Example: alma bench --domain alfworld:households --designs baselines,runs/demo:best
    """
    names: list[str] = []
    for name in designs.split(","):
        names += plug_ins.BUILT_IN_DESIGNS if name.strip() == "baselines" else [name.strip()]
    _bench(names, locals(), {"held_out_size": 120})


def _bench(names: list[str], given: dict[str, Any], defaults: dict[str, Any]) -> None:
    flags = ("domain", "agent", "mode", "collect_size", "collections", "step_limit", "recall_limit")
    config = options.run_config(
        given["preset"],
        given["config"],
        given["set_"],
        defaults,
        held_out_size=given["size"],
        held_out_repeats=given["repeats"],
        **{name: given[name] for name in (*flags, "seed", "workers", "sandbox")},
    )
    if config.held_out_size < 1:
        raise ConfigError(f"--size must be at least 1, not {config.held_out_size}")
    for split in given["split"] or []:
        if split not in SPLITS:
            raise ConfigError(f"unknown split {split!r}; known: {', '.join(SPLITS)}")
    domain = plug_ins.domain(config.domain, config.options)
    splits = given["split"] or [s for s in SPLITS[2:] if domain.tasks(s)]
    named = [(Path(name).stem if name.endswith(".py") else name, plug_ins.design(name)) for name in names]
    with Progress(quiet=given["as_json"]) as progress:
        result = asyncio.run(
            bench_job(config, named, [cast(Split, s) for s in splits], given["run"], progress.listen)
        )
    if given["out"] is not None:
        given["out"].write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if given["as_json"]:
        typer.echo(json.dumps(result, indent=2))
        return
    screen = console()
    generated = " (generated games)" if result["generated"] else ""
    screen.print(f"{result['domain']}{generated}, played by the {executor(result)}")
    for table in result["tables"]:
        print_table(table, screen)
