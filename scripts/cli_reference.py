"""The command line's reference as a page, written from the Typer app itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from alma.cli.main import app

HEAD = """# Command line

Written by `python -m scripts.generate_docs` from the code; `alma COMMAND --help` says the same.

Settings come from, weakest first: the preset, the file given with `--config`, the environment
(`ALMA_*`), flags. An option without a default here has the preset's: see the table at the end.

Exit codes: 0 done or budget reached, 1 the run failed, 2 usage or bad input (one line on stderr),
3 paused (`alma resume` goes on), 130 interrupted.
"""
PRESETS = """
## Presets

--8<-- "docs/generated/presets.md"
"""


def cli_reference() -> str:
    root = typer.main.get_command(app)
    return HEAD + "".join(_pages(root, typer.Context(root, info_name="alma"), 2)) + PRESETS


def _pages(command: Any, context: Any, depth: int) -> Iterator[str]:
    for name, child in command.commands.items():
        below = typer.Context(child, info_name=name, parent=context)
        yield f"\n{'#' * depth} {below.command_path}\n\n{_about(child)}"
        if hasattr(child, "commands"):
            yield from _pages(child, below, depth + 1)
        else:
            usage = child.get_usage(below).removeprefix("Usage: ")
            yield f"\n```text\n{' '.join(usage.split())}\n```\n{_options(child, below)}"


def _about(command: Any) -> str:
    """The help text; its example becomes a block."""
    text, _, example = (command.help or "").partition("Example: ")
    about = " ".join(text.split()) + "\n"
    return about + (f"\n```text\n$ {example.strip()}\n```\n" if example else "")


def _options(command: Any, context: Any) -> str:
    rows = []
    for parameter in command.get_params(context):
        names, told = parameter.get_help_record(context)
        if names == "--help":
            continue
        extras = dict(re.findall(r"\[?(env var|default): ([^;\]]+)", told))
        about = re.sub(r"\s+\[(?:env var|default|required)[^\]]*\]$", "", told)
        if "required]" in told or "required;" in told:
            about += " Required."
        cells = (_code(names), about, _code(extras.get("default", "")), _code(extras.get("env var", "")))
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    if not rows:
        return ""
    head = ["", "| option | meaning | default | environment |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *rows, ""])


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
