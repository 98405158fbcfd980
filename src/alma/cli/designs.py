"""`alma designs`: built-in designs, and checks of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from alma.cli.loop import run_async
from alma.cli.options import AsJson, Set, domain_options
from alma.cli.tables import console, print_code
from alma.experiments import named, plug_ins
from alma.experiments.check import check_design
from alma.records import ConfigError

app = typer.Typer(help="See, show and check designs.", no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(help="Built-in name, .py file, RUN:ID or RUN:best.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the built-in designs.

    Example: alma designs list
    """
    rows = [
        {
            "name": name,
            "about": (named.design(name).source.strip().splitlines() or ['"""Plays without memory.'])[0],
        }
        for name in named.BUILT_IN_DESIGNS
    ]
    for row in rows:
        row["about"] = row["about"].strip('"')
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        console().print(f"{row['name']:22} {escape(row['about'])}")


@app.command()
def show(
    design: Name,
    prompts: Annotated[
        bool, typer.Option("--prompts", help="Print what its author was asked and answered instead.")
    ] = False,
) -> None:
    """Print a design's code, or the conversation it came from.

    Example: alma designs show trajectory_retrieval
    """
    if not prompts:
        print_code(named.design(design).source, "python")
        return
    for number, (who, text) in enumerate(plug_ins.conversation(design)):
        console().rule(f"{number} {escape(who)}")
        print_code(text, "markdown")


@app.command()
def check(
    design: Name,
    domain: Annotated[
        str, typer.Option(help="Domain whose training tasks it is tried on.")
    ] = "alfworld:households",
    settings: Set = None,
    as_json: AsJson = False,
) -> None:
    """Check a design: static look, then load, update, retrieve in the sandbox on a few real episodes.

    Example: alma designs check my_memory.py --domain babaisai
    """
    if design.endswith(".py") and not Path(design).is_file():
        raise ConfigError(f"can't read {design}: no such file")
    failure = run_async(check_design(named.design(design), domain, domain_options(domain, settings or [])))
    if as_json:
        found = (
            None
            if failure is None
            else {"call": failure.call, "message": failure.message, "trace": failure.trace}
        )
        typer.echo(json.dumps({"design": design, "ok": failure is None, "failure": found}, indent=2))
        if failure is not None:
            raise typer.Exit(2)
        return
    if failure is not None:
        raise ConfigError(f"{design} fails in {failure.call}: {failure.message}")
    console().print(f"{escape(design)} is fine: it loads, learns and recalls")
