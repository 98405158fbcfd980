"""`alma doctor`: does this machine have what a run needs, or is this run's folder sound?"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from alma import __version__
from alma.cli import options
from alma.cli.tables import console
from alma.experiments import plug_ins
from alma.experiments.health import Finding, examine_run
from alma.experiments.models_check import check_local
from alma.records import ConfigError
from alma.sandbox.contract import SandboxReport


def add(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor(
    run: Annotated[
        Path | None, typer.Argument(help="A run's or study's folder: check that one, not the machine.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Check this installation and say what is missing; or check a run, exit code 1 when it is damaged.

    Example: alma doctor runs/demo
    """
    rows = _machine() if run is None else examine_run(run)
    if as_json:
        typer.echo(json.dumps([{"what": w, "ok": ok, "detail": d} for w, ok, d in rows], indent=2))
    else:
        _show(rows)
    if run is not None and not all(ok for _, ok, _ in rows):
        raise typer.Exit(1)


def _machine() -> list[Finding]:
    rows: list[Finding] = [
        ("alma", True, __version__),
        ("python", sys.version_info >= (3, 11), platform.python_version()),
        ("cores", True, str(len(os.sched_getaffinity(0)))),
    ]
    rows += [(name, True, value) for name, value in plug_ins.system_features().items()]
    report = asyncio.run(_sandbox())
    cure = "" if report.ok else f"; {report.cure}"
    rows.append((f"sandbox {report.backend}", report.ok, f"{report.grade}: {report.detail}{cure}"))
    rows += asyncio.run(check_local())
    rows += [(f"attack: {probe.name}", probe.held, probe.note) for probe in report.probes]
    for name in plug_ins.domain_names():
        try:
            tasks = len(plug_ins.domain(name, options.domain_options(name, [])).tasks("train"))
            rows.append((f"domain {name}", True, f"{tasks} training tasks"))
        except ConfigError as error:
            rows.append((f"domain {name}", False, str(error)))
    return rows


def _show(rows: Sequence[Finding]) -> None:
    for what, ok, detail in rows:
        console().print(
            f"{'[green]ok[/green]  ' if ok else '[yellow]–[/yellow]   '}{escape(what):40} {escape(detail)}"
        )


async def _sandbox() -> SandboxReport:
    sandbox = plug_ins.sandbox("auto")
    try:
        return await sandbox.self_check()
    finally:
        await sandbox.close()
