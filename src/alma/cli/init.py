"""`alma init`: a working package or file to begin with: a domain, an agent or a design of one's own."""

from __future__ import annotations

import keyword
import re
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from alma.cli.tables import console
from alma.records import ConfigError

app = typer.Typer(help="Begin a plug-in or a design.", no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(help="A Python name in small letters, e.g. my_shop.")]
To = Annotated[Path | None, typer.Option("--to", help="Folder to make it in; here by default.")]


@app.command()
def domain(name: Name, to: To = None) -> None:
    """Write a package with a working domain and its conformance test.

    Example: alma init domain my_shop
    """
    folder = _write("domain", name, to, name)
    _tell(folder, f"pip install -e {folder}", f"alma domains check {name}")


@app.command()
def agent(name: Name, to: To = None) -> None:
    """Write a package with a working agent: a model that calls tools.

    Example: alma init agent my_agent
    """
    folder = _write("agent", name, to, name)
    _tell(
        folder, f"pip install -e {folder}", f"alma eval empty_memory --agent {name} --execution-model MODEL"
    )


@app.command()
def design(name: Name, to: To = None) -> None:
    """Write a file with a working memory design.

    Example: alma init design my_memory
    """
    folder = _write("design", name, to, "")
    _tell(folder / f"{name}.py", f"alma designs check {folder / name}.py")


def _tell(what: Path, *commands: str) -> None:
    console().print(f"wrote {what}; next:", soft_wrap=True)
    for command in commands:
        console().print(f"  {command}", soft_wrap=True, markup=False)


def _write(kind: str, name: str, to: Path | None, inside: str) -> Path:
    """Copy the templates of a kind with the name filled in; nothing that is there is overwritten."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise ConfigError(f"{name!r} can't be a package: use small letters, digits and underscores")
    folder = (to or Path()) / inside
    template = resources.files("alma.cli").joinpath("templates", kind)
    files = {path: _filled(text.read_text(encoding="utf-8"), name) for path, text in _files(template, name)}
    there = [str(folder / path) for path in files if (folder / path).exists()]
    if there:
        raise ConfigError(f"{there[0]} is there already: nothing was written")
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def _files(folder: Traversable, name: str, above: str = "") -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for entry in folder.iterdir():
        path = above + _filled(entry.name, name)
        if entry.is_dir():
            found += _files(entry, name, f"{path}/")
        else:
            found.append((path.removesuffix(".txt"), entry))
    return found


def _filled(text: str, name: str) -> str:
    return text.replace("__name__", name).replace("__Class__", name.title().replace("_", ""))
