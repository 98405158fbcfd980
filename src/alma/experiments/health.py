"""Whether a run's folder is sound: its database, every record in it, its lock and its files. Changes nothing."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

from alma.archive import SCHEMA, ArchiveError, examine, open_archive
from alma.experiments.lock import owner
from alma.experiments.record import Record
from alma.experiments.study import FILE, read_study
from alma.records import ConfigError

Finding = tuple[str, bool, str]
"""What was looked at, whether it is sound, and what was seen."""


def examine_run(run: Path) -> list[Finding]:
    """Findings in reading order. Raises ConfigError when the folder holds neither run nor study."""
    if (run / FILE).is_file():
        _, seeds = read_study(run)
        begun = [f"seed-{seed}" for seed in seeds if (run / f"seed-{seed}").is_dir()]
        return [(f"{name} {what}", ok, told) for name in begun for what, ok, told in examine_run(run / name)]
    if not (run / "archive.db").exists():
        raise ConfigError(f"{run} holds no run (no archive.db in it)")
    findings = [*_database(run / "archive.db")]
    # What a record or a file holds can't be compared with a database that can't be read.
    if all(ok for _, ok, _ in findings) and findings[0][2] == SCHEMA:
        findings += [_look("records", lambda: _records(run)), _look("designs", lambda: _designs(run))]
    findings.append(("lock", True, f"held by {holder}" if (holder := owner(run)) else "free"))
    findings.append(_look("config.toml", lambda: _read(tomllib.loads, run / "config.toml")))
    if (run / "summary.json").exists():
        findings.append(_look("summary.json", lambda: _read(json.loads, run / "summary.json")))
    return findings


def _database(path: Path) -> list[Finding]:
    try:
        schema, problems = examine(path)
    except (ConfigError, ArchiveError) as error:
        return [("archive", False, str(error))]
    told = schema
    if schema < SCHEMA:
        told += f", this ALMA has {SCHEMA}: it is brought up to date when it is next written"
    if schema > SCHEMA:
        told += f", newer than this ALMA's {SCHEMA}: upgrade alma-meta"
    shown = "; ".join(problems[:3]) + (f"; {len(problems) - 3} more" if len(problems) > 3 else "")
    cure = f"{shown}; put back a copy that works" if problems else "ok"
    return [("schema", schema <= SCHEMA, told), ("integrity check", not problems, cure)]


def _look(what: str, look: Callable[[], str]) -> Finding:
    try:
        return (what, True, look())
    except (ArchiveError, ConfigError, OSError, ValueError, KeyError) as error:
        return (what, False, " ".join(str(error).split()) or type(error).__name__)


def _records(run: Path) -> str:
    """Reads every trajectory of the run."""
    return f"{len(Record(run).history())} happenings can be read"


def _designs(run: Path) -> str:
    """Compares the files with the archive, where the run has written them."""
    with open_archive(run / "archive.db", "search", create=False, read_only=True) as archive:
        rows = archive.designs()
    if not (run / "designs").is_dir():
        return "not written yet"
    wrong = []
    for row in rows:
        path = run / "designs" / row.id / "memory.py"
        if not path.is_file() or path.read_text(encoding="utf-8") != row.source:
            wrong.append(str(path.relative_to(run)))
    if wrong:
        raise ValueError(f"not as in the archive: {', '.join(wrong[:3])}; `alma resume {run}` writes them anew")
    return f"{len(rows)} files as in the archive"


def _read(parse: Callable[[str], object], path: Path) -> str:
    parse(path.read_text(encoding="utf-8"))
    return "can be read"
