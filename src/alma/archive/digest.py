"""One hash for all that a search found, to tell whether two runs found the same.

Times, costs, row numbers and the order in which parallel work happened to finish don't count.
Trajectories are left out too: their outcome is in the scores, and reading them all would be slow.
"""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import Connection, select

from alma.archive.tables import Collection, DesignEntry, EpisodeEntry, EvaluationEntry, Lineage, Visit
from alma.records import canonical_json


def digest(connection: Connection, run_id: str) -> str:
    """SHA-256 (32 hexadecimal digits) over designs, lineage, visits, collections and every episode's score.

    Of a failed design the call counts and not the message, which may hold an address or a duration.
    """
    designs = select(
        DesignEntry.id,
        DesignEntry.status,
        DesignEntry.generation,
        DesignEntry.created_step,
        DesignEntry.created_index,
        DesignEntry.failure,
    ).where(DesignEntry.run_id == run_id)
    lineage = select(Lineage.child, Lineage.parent, Lineage.step, Lineage.index, Lineage.place)
    visits = select(Visit.design_id, Visit.step, Visit.index)
    evaluations = select(EvaluationEntry.id, EvaluationEntry.design_id, EvaluationEntry.stage)
    episodes = select(
        EpisodeEntry.evaluation_id,
        EpisodeEntry.place,
        EpisodeEntry.level_key,
        EpisodeEntry.repeat,
        EpisodeEntry.reward,
        EpisodeEntry.success,
        EpisodeEntry.steps,
        EpisodeEntry.fault,
    )
    parts: list[tuple[str, Any]] = [
        ("designs", designs.order_by(DesignEntry.id)),
        ("lineage", lineage.where(Lineage.run_id == run_id).order_by(*lineage.selected_columns)),
        ("visits", visits.where(Visit.run_id == run_id).order_by(*visits.selected_columns)),
        ("collections", select(Collection.key).where(Collection.run_id == run_id).order_by(Collection.key)),
        ("evaluations", evaluations.where(EvaluationEntry.run_id == run_id).order_by(EvaluationEntry.id)),
        (
            "episodes",
            episodes.where(EpisodeEntry.run_id == run_id).order_by(
                EpisodeEntry.evaluation_id, EpisodeEntry.place
            ),
        ),
    ]
    running = hashlib.sha256()
    for name, query in parts:
        running.update(f"{name}\n".encode())
        for row in connection.execute(query):
            values = [value["call"] if isinstance(value, dict) else value for value in row]
            running.update(canonical_json(values).encode("utf-8", "replace") + b"\n")
    return running.hexdigest()[:32]
