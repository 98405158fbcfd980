"""The archive as plain lists of dicts, one a row, for tables, notebooks and data frames.

Only scores and names: no trajectories. Columns keep their names across versions.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from alma.archive.reading import SqlView
from alma.archive.tables import EpisodeEntry, EvaluationEntry


def episode_frame(view: SqlView) -> list[dict[str, Any]]:
    """One dict for each episode, in order of addition; `reward` is None where it's missing."""
    query = (
        select(
            EvaluationEntry.id.label("evaluation_id"),
            EvaluationEntry.design_id,
            EvaluationEntry.stage,
            EpisodeEntry.place,
            EpisodeEntry.level_key,
            EpisodeEntry.cluster,
            EpisodeEntry.repeat,
            EpisodeEntry.reward,
            EpisodeEntry.success,
            EpisodeEntry.steps,
            EpisodeEntry.fault,
            EpisodeEntry.message,
        )
        .join(
            EpisodeEntry,
            (EpisodeEntry.run_id == EvaluationEntry.run_id)
            & (EpisodeEntry.evaluation_id == EvaluationEntry.id),
        )
        .where(EvaluationEntry.run_id == view.run_id)
        .order_by(EvaluationEntry.number, EpisodeEntry.place)
    )
    with view.database.read() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def design_frame(view: SqlView) -> list[dict[str, Any]]:
    """One dict for each design, in order of addition, without its source."""
    columns = ("id", "name", "status", "generation", "created_step", "index", "visits")
    scores = ("search_score", "validation_score", "success")
    return [
        {name: getattr(row, name) for name in (*columns, *scores)} | {"parents": list(row.parents)}
        for row in view.designs()
    ]
