"""How results are printed: the held-out tables with intervals, and what was learned."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table

from alma.cli.screen import Screen
from alma.records import visible
from alma.report import LABELS
from alma.sandbox.contract import UNSAFE

WIDE = 160
"""Columns where the output is no terminal, so that tables stay whole in files."""


def console() -> Console:
    """Standard output; never cuts a table."""
    plain = Screen(highlight=False)
    return plain if plain.is_terminal else Screen(highlight=False, width=WIDE)


def print_code(text: str, language: str) -> None:
    """In colour in a terminal; elsewhere the text alone, fit to be kept in a file."""
    out = console()
    if out.is_terminal:
        out.print(Syntax(text, language))
    else:
        typer.echo(visible(text), nl=not text.endswith("\n"))


def executor(summary: Mapping[str, Any]) -> str:
    """How to call the executor; a simulated one is always called so."""
    name = f"{summary['agent']} {summary['agent_version']}"
    return f"simulated executor ({name}; not a language model)" if summary["simulated_executor"] else name


def print_summary(summary: Mapping[str, Any], run: Path) -> None:
    out = console()
    search, learned = summary["search"], summary["learned"]
    generated = " (generated games)" if summary["generated"] else ""
    out.print(f"\n{summary['domain']}{generated}, played by the {executor(summary)}")
    out.print(
        f"search: {search['candidates']} designs ({search['failed']} failed), {search['episodes']} episodes, "
        f"{search['seconds']:.0f} s; ended: {search['ended']}"
    )
    if learned is None:
        out.print("no design was evaluated, so none was learned")
    else:
        out.print(
            f"learned: {learned['id']} {escape(learned['name'])}: "
            f"search score {100 * learned['search_score']:.1f} %, "
            f"validation score {100 * learned['validation_score']:.1f} %, gap {100 * learned['gap']:+.1f}"
        )
        out.print(f"its code: {run / 'designs' / learned['id'] / 'memory.py'}")
    for table in summary["tables"]:
        print_table(table, out)
        print_sandbox(summary, out)
    if not summary["tables"]:
        print_sandbox(summary, out)
    print_empty(summary, out)
    print_faults(search.get("engine_faults", 0), out)
    out.print(f"\nall numbers: {run / 'summary.json'}; sandbox: {summary['sandbox']}")


def print_empty(summary: Mapping[str, Any], out: Console) -> None:
    """Say why there is no table of a test split, where the domain has no tasks in it."""
    for split in summary.get("empty_splits", ()):
        name = split.replace("_", " ")
        out.print(
            f"\nheld-out {name}: {summary['domain']} has no tasks in this split, so no table", soft_wrap=True
        )


def print_faults(faults: int, out: Console) -> None:
    """Say that engines failed, where any did; a failed episode was played once more on a fresh worker."""
    if faults:
        out.print(f"note: a game engine crashed or hung {faults} times; those episodes were played again")


def print_study(summary: Mapping[str, Any], folder: Path) -> None:
    """A study's searches, and its tables across them."""
    out = console()
    generated = " (generated games)" if summary["generated"] else ""
    out.print(f"\n{summary['domain']}{generated}, played by the {executor(summary)}")
    out.print(f"{len(summary['searches'])} of {summary['of']} searches, one a seed")
    grid = Table(box=None, pad_edge=False)
    for heading in ("seed", "search %", "validation %", "gap", "episodes", "learned design"):
        grid.add_column(heading, justify="left" if heading == "learned design" else "right", no_wrap=True)
    for row in summary["searches"]:
        learned = row["learned"]
        cells = ["–", "–", "–", str(row["episodes"]), "none"]
        if learned is not None:
            scores = [_percent(learned[key]) for key in ("search_score", "validation_score")]
            name = f"{learned['id']} {escape(learned['name'])}"
            cells = [*scores, f"{100 * learned['gap']:+.1f}", str(row["episodes"]), name]
        grid.add_row(str(row["seed"]), *cells)
    out.print(grid)
    for table in summary["tables"]:
        out.print(f"\n[bold]held-out {table['split'].replace('_', ' ')}[/bold], mean over searches in %")
        grid = Table(box=None, pad_edge=False)
        grid.add_column("design", no_wrap=True)
        for heading in (table["primary"], "95 % across searches", "learned minus it", "p", "p < 0.05 in"):
            grid.add_column(heading, justify="right", no_wrap=True)
        leads = {c["b"]: c for c in table["comparisons"]}
        for row in table["designs"]:
            cells = [escape(LABELS.get(row["name"], row["name"])), _percent(row["mean"]), _mean_span(row)]
            if (lead := leads.get(row["name"])) is not None:
                share = f"{lead['significant']} of {lead['n']}"
                cells += [f"{100 * lead['mean']:+.1f} {_mean_span(lead)}", _p(lead["p"]), share]
            grid.add_row(*cells)
        out.print(grid)
        print_sandbox(summary, out)
    print_empty(summary, out)
    out.print(f"\nall numbers: {folder / 'summary.json'}; sandbox: {summary['sandbox']}")


def _mean_span(row: Mapping[str, Any]) -> str:
    return "" if row["ci95"] is None else _span(row["ci95"])


def print_sandbox(summary: Mapping[str, Any], out: Console) -> None:
    """Under a table: the warning that its designs were not walled in, where that is so."""
    if summary["sandbox"] == UNSAFE:
        out.print("[red]unsafe sandbox[/red]: these designs could read your files and use your network")


def print_table(table: Mapping[str, Any], out: Console) -> None:
    protocol = table["protocol"]
    out.print(
        f"\n[bold]held-out {table['split'].replace('_', ' ')}[/bold]: {table['primary']} in %, "
        f"{protocol['collect']['size']} collected episodes, {protocol['mode']}, "
        f"at most {protocol['step_limit']} steps"
    )
    compared = {c["b"]: c for c in table["comparisons"]}
    leader = table["comparisons"][0]["a"] if table["comparisons"] else ""
    grid = Table(box=None, pad_edge=False)
    # Where tables lead with the reward, how many tasks were solved is another question.
    also = ("success",) if table["primary"] == "reward" else ()
    for heading in ("design", table["primary"], "95 % interval", *also):
        grid.add_column(heading, justify="left" if heading == "design" else "right", no_wrap=True)
    if compared:
        for heading in (f"{LABELS.get(leader, leader)} minus it", "p", "p (Holm)", "p (new collections)"):
            grid.add_column(heading, justify="right", no_wrap=True)
    grid.add_column("episodes", justify="right", no_wrap=True)
    grid.add_column("missing", justify="right", no_wrap=True)
    for row in table["designs"]:
        name = escape(LABELS.get(row["name"], row["name"]))
        if "failed" in row:
            grid.add_row(name, "failed", escape(row["failed"][:60]))
            continue
        cells = [name, _percent(row[table["primary"]]), _span(row["ci95"])]
        cells += [_percent(row[other]) for other in also]
        if compared:
            c = compared.get(row["name"])
            if c is None:
                cells += ["", "", "", ""]
            else:
                cells += [
                    f"{100 * c['difference']:+.1f} {_span(c['ci95'])}",
                    *(_p(c[key]) for key in ("p", "p_holm", "p_interval")),
                ]
        grid.add_row(*cells, str(row["episodes"]), str(row["missing"]))
    out.print(grid)
    for warning in dict.fromkeys(
        item.get("warning", "") for item in [*table["designs"], *table["comparisons"]]
    ):
        if warning:
            out.print(f"note: {warning}")


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _span(bounds: list[float]) -> str:
    return f"({100 * bounds[0]:.1f}, {100 * bounds[1]:.1f})"


def _p(value: float) -> str:
    return "<0.0001" if value < 0.0001 else f"{value:.4f}"
