"""The archive in SQL: the writing side, one transaction a call.

A call either is on disk as a whole when it returns or left nothing behind; calls that a resumed run
repeats are recognised by their keys. Reading is inherited from `reading`.
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from alma.archive.contract import RunStatus
from alma.archive.database import open_database, to_json
from alma.archive.ledger import SqlLedger
from alma.archive.reading import SqlView
from alma.archive.tables import (
    Collection,
    DesignEntry,
    EpisodeEntry,
    EvaluationEntry,
    EventEntry,
    Lineage,
    Pack,
    ProposalEntry,
    Run,
    Visit,
)
from alma.archive.trajectories import pack
from alma.records import ConfigError, Design, EpisodeRecord, Evaluation, Failure, Proposal, Trajectory, Usage


def open_archive(
    where: str | Path, run_id: str | None = None, *, create: bool = True, read_only: bool = False
) -> SqlArchive:
    """Open the archive at a path or SQLAlchemy URL; the caller closes it.

    Without `run_id` it shows the only run there, or waits for `start_run`. Raises ConfigError when the
    file is missing (and `create` is off), damaged, foreign or newer than this code, when `run_id` isn't
    in it, or when it holds several runs and none was named; ArchiveError when disk or server refuse.
    """
    database = open_database(where, create=create, read_only=read_only)
    try:
        with database.read() as connection:
            found = [str(one) for one in connection.execute(select(Run.id).order_by(Run.started)).scalars()]
        if run_id is None and len(found) > 1:
            raise ConfigError(f"{database.where} holds several runs; name one of: {', '.join(found)}")
        if run_id is not None and run_id not in found and (read_only or not create):
            raise ConfigError(f"no run {run_id!r} in {database.where}")
    except BaseException:
        database.close()
        raise
    return SqlArchive(database, run_id if run_id is not None else (found[0] if found else ""))


class SqlArchive(SqlView):
    """Writes one run (`Archive`). Owned by the run's process, used from one thread, closed by its opener."""

    def __enter__(self) -> SqlArchive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.database.close()

    def ledger(self) -> SqlLedger:
        """The ledger of this run, in the same database."""
        return SqlLedger(self.database, self.run_id)

    def start_run(self, run_id: str, config: Mapping[str, Any], seed: int) -> None:
        with self.database.write() as connection:
            known = connection.execute(select(Run.seed).where(Run.id == run_id)).scalar()
            if known is not None and int(known) != seed:
                raise ConfigError(
                    f"run {run_id} was started with seed {known}, not {seed}: use another folder"
                )
            if known is None:
                row = {"id": run_id, "seed": str(seed), "config": dict(config), "status": "running"}
                connection.execute(insert(Run).values(**row, started=time.time(), finished=None, summary={}))
            else:
                connection.execute(
                    update(Run).where(Run.id == run_id).values(status="running", finished=None)
                )
        self.run_id = run_id

    def finish_run(self, status: RunStatus, summary: Mapping[str, Any]) -> None:
        values = {"status": status, "summary": dict(summary), "finished": time.time()}
        with self.database.write() as connection:
            connection.execute(update(Run).where(Run.id == self.run_id).values(**values))

    def add_design(self, proposal: Proposal, design: Design, step: int, index: int) -> bool:
        parents = list(dict.fromkeys(proposal.parents))
        with self.database.write() as connection:
            generations = self._generations(connection, [*parents, design.id])
            unknown = [parent for parent in parents if parent not in generations and parent != design.id]
            if unknown:
                raise ValueError(f"parents not in the archive: {', '.join(unknown)}")
            new = design.id not in generations
            if new:
                older = [generations[parent] for parent in parents if parent in generations]
                row = _design_values(proposal, design, step, index, 1 + max(older) if older else 0)
                number = self._next(connection, DesignEntry)
                connection.execute(insert(DesignEntry).values(run_id=self.run_id, number=number, **row))
            self._add_proposal(connection, proposal, design.id, parents, step, index)
        return new

    def record_failure(self, design_id: str, failure: Failure) -> None:
        """Raises KeyError for an unknown design."""
        self._update_design(design_id, status="failed", failure=asdict(failure))

    def add_evaluation(self, evaluation: Evaluation, *, score: float | None = None) -> bool:
        if self.has_evaluation(evaluation.id):
            return False
        shown = evaluation.reward if score is None else score
        # SQLite would store NaN as NULL, and a broken score would read as a missing episode.
        if not all(
            math.isfinite(episode.reward or 0.0) for episode in evaluation.episodes
        ) or not math.isfinite(shown):
            raise ValueError(f"evaluation {evaluation.id} holds a score that is not finite")
        # Packed before the transaction begins: nobody waits for the database while zlib works.
        body = pack((one.trajectory, one.recall, one.step_recalls) for one in evaluation.episodes)
        key = {"run_id": self.run_id, "evaluation_id": evaluation.id}
        with self.database.write() as connection:
            number = self._next(connection, EvaluationEntry)
            values = _evaluation_values(evaluation, shown)
            connection.execute(insert(EvaluationEntry).values(run_id=self.run_id, number=number, **values))
            rows = [
                {**key, "place": place, **_episode_values(episode)}
                for place, episode in enumerate(evaluation.episodes)
            ]
            if rows:
                connection.execute(insert(EpisodeEntry), rows)
            connection.execute(insert(Pack).values(**key, body=body))
            self._score_design(connection, evaluation, shown)
        return True

    def count_visit(self, design_id: str, step: int, index: int = 0) -> None:
        key = {"run_id": self.run_id, "design_id": design_id, "step": step, "index": index}
        with self.database.write() as connection:
            if connection.execute(select(Visit.step).filter_by(**key)).first() is None:
                connection.execute(insert(Visit).values(**key))

    def add_collection(self, key: str, trajectories: Sequence[Trajectory]) -> bool:
        known = select(Collection.key).where(Collection.run_id == self.run_id, Collection.key == key)
        body = pack((trajectory, "", ()) for trajectory in trajectories)
        with self.database.write() as connection:
            if connection.execute(known).first() is not None:
                return False
            connection.execute(insert(Collection).values(run_id=self.run_id, key=key, body=body))
        return True

    def add_event(self, kind: str, payload: Mapping[str, Any]) -> int:
        with self.database.write() as connection:
            number = self._next(connection, EventEntry)
            row = {"run_id": self.run_id, "number": number, "kind": kind, "payload": dict(payload)}
            connection.execute(insert(EventEntry).values(**row, time=time.time()))
        return number

    def _add_proposal(
        self,
        connection: Connection,
        proposal: Proposal,
        design_id: str,
        parents: list[str],
        step: int,
        index: int,
    ) -> None:
        key = {"run_id": self.run_id, "design_id": design_id, "step": step, "index": index}
        if connection.execute(select(ProposalEntry.number).filter_by(**key)).first() is not None:
            return
        number = self._next(connection, ProposalEntry)
        body = zlib.compress(to_json(asdict(proposal)).encode(), 6)
        connection.execute(insert(ProposalEntry).values(**key, number=number, body=body))
        edges = {"run_id": self.run_id, "child": design_id, "step": step, "index": index}
        rows = [{**edges, "place": place, "parent": parent} for place, parent in enumerate(parents)]
        if rows:
            connection.execute(insert(Lineage), rows)

    def _score_design(self, connection: Connection, evaluation: Evaluation, score: float) -> None:
        """The first evaluation at a stage gives the design its score there; later ones are only kept."""
        if evaluation.stage not in ("search", "validation"):
            return
        values: dict[str, Any] = {"validation_score": score}
        column = DesignEntry.validation_score
        if evaluation.stage == "search":
            values = {"search_score": score, "success": evaluation.success, "status": "evaluated"}
            column = DesignEntry.search_score
        here = (DesignEntry.run_id == self.run_id, DesignEntry.id == evaluation.design_id, column.is_(None))
        connection.execute(update(DesignEntry).where(*here).values(**values))

    def _update_design(self, design_id: str, **values: Any) -> None:
        here = (DesignEntry.run_id == self.run_id, DesignEntry.id == design_id)
        with self.database.write() as connection:
            if connection.execute(update(DesignEntry).where(*here).values(**values)).rowcount == 0:
                raise KeyError(f"no design {design_id!r} in the archive")

    def _generations(self, connection: Connection, ids: list[str]) -> dict[str, int]:
        query = select(DesignEntry.id, DesignEntry.generation).where(DesignEntry.run_id == self.run_id)
        return {row.id: row.generation for row in connection.execute(query.where(DesignEntry.id.in_(ids)))}

    def _next(
        self,
        connection: Connection,
        table: type[DesignEntry] | type[ProposalEntry] | type[EvaluationEntry] | type[EventEntry],
    ) -> int:
        query = select(func.coalesce(func.max(table.number), 0) + 1).where(table.run_id == self.run_id)
        return int(connection.execute(query).scalar_one())


def _design_values(
    proposal: Proposal, design: Design, step: int, index: int, generation: int
) -> dict[str, Any]:
    return {
        "id": design.id,
        "name": design.name or proposal.name,
        "source": design.source,
        "plan": proposal.plan,
        "reflection": proposal.reflection,
        "genome": dict(proposal.genome),
        "generation": generation,
        "created_step": step,
        "created_index": index,
        "status": "pending",
    }


def _evaluation_values(evaluation: Evaluation, score: float) -> dict[str, Any]:
    return {
        "id": evaluation.id,
        "design_id": evaluation.design_id,
        "stage": evaluation.stage,
        "protocol": evaluation.protocol.as_json(),
        "score": score,
        "seconds": evaluation.seconds,
        "note": evaluation.note,
        "usage": _usage_values(evaluation.usage),
        "log": list(evaluation.log) or None,
        "finished": time.time(),
    }


def _episode_values(episode: EpisodeRecord) -> dict[str, Any]:
    return {
        "level_key": episode.level_key,
        "cluster": episode.cluster,
        "repeat": episode.repeat,
        "reward": episode.reward,
        "success": episode.success,
        "steps": episode.steps,
        "fault": episode.fault,
        "message": episode.message,
        "recall_cut": episode.recall_cut,
        "usage": _usage_values(episode.usage),
    }


def _usage_values(usage: Usage) -> dict[str, Any] | None:
    """Nothing for no usage: an offline run has thousands of such episodes."""
    return None if usage == Usage() else asdict(usage)
