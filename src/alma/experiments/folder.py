"""A run's folder: which run it holds, its `config.toml`, its designs as files, its `summary.json`.

The archive beside them is the truth; these are for people and programs that read files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alma.archive import Archive
from alma.learning.config import BUDGETS, RunConfig
from alma.records import JSON, ConfigError

SPEED = frozenset({"concurrency", "model_concurrency", "workers", *(f"budget_{unit}" for unit in BUDGETS)})
"""Options that change how fast and how far a run goes, not what it does: they may differ when it goes on."""


DEFAULTS = {name: value for name, value in RunConfig("").as_json().items() if name != "domain"}


def make_folder(run: Path) -> None:
    """Raises ConfigError when there can't be a folder of that name."""
    try:
        run.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ConfigError(f"--run {run} is a file, or under one; give a folder") from error


def check_same_run(archive: Archive, asked: Mapping[str, Any], run: Path) -> None:
    """Raise ConfigError when the folder holds a run that was started with another configuration."""
    try:
        stored = archive.run().config
    except KeyError:
        return
    # What an older version didn't know was as it is by default.
    before = {**DEFAULTS, **stored}
    changed = [
        f"{name} was {before.get(name)}, now {asked.get(name)}"
        for name in sorted({*stored, *asked} - SPEED)
        if before.get(name) != asked.get(name)
    ]
    if changed:
        raise ConfigError(
            f"{run} holds a run with another configuration ({'; '.join(changed)}): "
            "start it anew with --fresh, or give another folder with --run"
        )


def write_config(run: Path, config: RunConfig) -> None:
    """All options as they were given: `--config` of this file asks for the same run."""
    values = config.as_json()
    tables = {name: values.pop(name) for name in ("options", "agent_options", "prices")}
    lines = [f"{name} = {_toml(value)}" for name, value in values.items() if value is not None]
    for table, entries in tables.items():
        lines += ["", f"[{table}]", *(f"{_toml(name)} = {_toml(value)}" for name, value in entries.items())]
    _replace(run / "config.toml", "\n".join(lines) + "\n")


def write_designs(run: Path, archive: Archive) -> None:
    for row in archive.designs():
        folder = run / "designs" / row.id
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "memory.py").write_text(row.source, encoding="utf-8")
        parents = ", ".join(row.parents) or "none"
        failure = f"\nFailed in {row.failure.call}: {row.failure.message}\n" if row.failure else ""
        (folder / "notes.md").write_text(
            f"# {row.name or row.id}\n\nParents: {parents}. Search score: {row.search_score}. "
            f"Validation score: {row.validation_score}.\n\nPlan: {row.plan}\n{failure}",
            encoding="utf-8",
        )


def write_summary(run: Path, summary: Mapping[str, Any]) -> None:
    _replace(run / "summary.json", json.dumps(summary, indent=2) + "\n")


def _replace(path: Path, text: str) -> None:
    """In one move and onto the disk, so that neither a reader nor a power cut finds half of it."""
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _toml(value: JSON) -> str:
    """A value as TOML, which differs from JSON in tables only (a JSON string is a TOML string)."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(name)} = {_toml(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
