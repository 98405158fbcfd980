"""The Python API: run a search and read a run, without the command line.

    import alma

    run = alma.learn("alfworld:households", "runs/mine", steps=2, children=3)
    print(run.learned["id"], run.designs()[0]["search_score"])

Both functions are plain calls; `learn` runs an event loop of its own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alma.archive import design_frame, episode_frame, open_archive
from alma.experiments.learn import learn as learn_job
from alma.learning.config import RunConfig
from alma.records import ConfigError, Stage

Callback = Callable[[str, Mapping[str, Any]], None]
"""Hears what happens in a search: the kind of event ("evaluated", "failed", "stage", …) and its data."""


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run. `summary` is what `summary.json` holds."""

    path: Path
    summary: Mapping[str, Any]

    @property
    def learned(self) -> Mapping[str, Any] | None:
        """The learned design's id, name, scores and gap; None when no design was evaluated."""
        found: Mapping[str, Any] | None = self.summary["learned"]
        return found

    def source(self, design_id: str) -> str:
        """The code of a design. Raises KeyError for an unknown id."""
        with open_archive(self.path / "archive.db", "search", create=False, read_only=True) as archive:
            return archive.design(design_id).source

    def designs(self) -> list[dict[str, Any]]:
        """One row a design: ready for a data frame."""
        with open_archive(self.path / "archive.db", "search", create=False, read_only=True) as archive:
            return design_frame(archive)

    def episodes(self, stage: Stage | None = None) -> list[dict[str, Any]]:
        """One row a deployed episode of the search, of one stage or of all: ready for a data frame."""
        with open_archive(self.path / "archive.db", "search", create=False, read_only=True) as archive:
            return [row for row in episode_frame(archive) if stage in (None, row["stage"])]


def learn(
    domain: str, run: str | Path, *, callback: Callback = lambda kind, payload: None, **settings: Any
) -> Run:
    """Learn a design on a domain in the folder `run`; goes on with a run that was stopped.

    `settings` are the fields of `alma.learning.config.RunConfig` (seed, steps, children, collect_size, …).
    Raises ConfigError for bad input.
    """
    try:
        config = RunConfig(domain=domain, **settings)
    except TypeError as error:
        raise ConfigError(f"alma.learn: {error}") from error
    folder = Path(run)
    return Run(folder, asyncio.run(learn_job(config, folder, callback)))


def load_run(run: str | Path) -> Run:
    """Open a run that `alma learn` or `alma.learn` made. Raises ConfigError when there is none."""
    folder = Path(run)
    try:
        return Run(folder, json.loads((folder / "summary.json").read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"{folder} holds no finished run (no summary.json in it)") from error
    except ValueError as error:
        raise ConfigError(f"{folder / 'summary.json'} is damaged: {error}") from error
