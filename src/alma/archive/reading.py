"""The reading side of the SQL archive: what selectors, proposers, reports and frames see.

Each method is one short read, so a reader in another process sees the run grow. Between calls only
evaluations are kept: a finished one never changes. Writing is in `sql`.
"""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, select

from alma.archive.contract import NO_MEMORY, ArchiveError, DesignRow, Event, ProposalRow, RunRow
from alma.archive.database import Database
from alma.archive.digest import digest
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
from alma.archive.trajectories import Item, unpack
from alma.records import (
    EpisodeRecord,
    Evaluation,
    Failure,
    Phase,
    Proposal,
    Protocol,
    Stage,
    Trajectory,
    Usage,
)

KEPT = 200
"""Evaluations kept in memory, the last read ones, without their trajectories."""


class SqlView:
    """Reads one run of a database that its opener owns (`ArchiveView`)."""

    def __init__(self, database: Database, run_id: str) -> None:
        self.database = database
        self.run_id = run_id
        self._kept: dict[tuple[str, str], Evaluation] = {}

    def run(self) -> RunRow:
        """Raises KeyError before `start_run`."""
        with self.database.read() as connection:
            row = connection.execute(select(Run.__table__).where(Run.id == self.run_id)).mappings().first()
        if row is None:
            raise KeyError(f"no run {self.run_id!r} in {self.database.where}")
        return RunRow(**{**row, "seed": int(row["seed"])})

    def designs(self) -> list[DesignRow]:
        with self.database.read() as connection:
            query = select(DesignEntry.__table__).where(DesignEntry.run_id == self.run_id)
            rows = connection.execute(query.order_by(DesignEntry.number)).mappings().all()
            parents, visits = self._parents(connection), self._visits(connection)
        return [_design(row, parents.get(row["id"], ()), visits.get(row["id"], 0)) for row in rows]

    def design(self, design_id: str) -> DesignRow:
        """Raises KeyError for an unknown id."""
        with self.database.read() as connection:
            query = select(DesignEntry.__table__).where(
                DesignEntry.run_id == self.run_id, DesignEntry.id == design_id
            )
            row = connection.execute(query).mappings().first()
            if row is None:
                raise KeyError(f"no design {design_id!r} in the archive")
            parents = self._parents(connection, design_id).get(design_id, ())
            visits = self._visits(connection, design_id).get(design_id, 0)
        return _design(row, parents, visits)

    def proposals(self, design_id: str | None = None) -> list[ProposalRow]:
        query = select(ProposalEntry.__table__).where(ProposalEntry.run_id == self.run_id)
        if design_id is not None:
            query = query.where(ProposalEntry.design_id == design_id)
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(ProposalEntry.number)).mappings().all()
        return [
            ProposalRow(row["design_id"], row["step"], row["index"], read_proposal(row["body"]))
            for row in rows
        ]

    def evaluation(self, design_id: str, stage: Stage, *, trajectories: bool = False) -> Evaluation | None:
        query = self._evaluations().where(
            EvaluationEntry.design_id == design_id, EvaluationEntry.stage == stage
        )
        return next(iter(self._load(query.limit(1), trajectories)), None)

    def evaluations(
        self, design_id: str | None = None, stage: Stage | None = None, *, trajectories: bool = False
    ) -> list[Evaluation]:
        query = self._evaluations()
        if design_id is not None:
            query = query.where(EvaluationEntry.design_id == design_id)
        if stage is not None:
            query = query.where(EvaluationEntry.stage == stage)
        return self._load(query, trajectories)

    def no_memory(self, stage: Stage = "search") -> Evaluation | None:
        return self.evaluation(NO_MEMORY, stage)

    def has_evaluation(self, evaluation_id: str) -> bool:
        query = select(EvaluationEntry.id).where(
            EvaluationEntry.run_id == self.run_id, EvaluationEntry.id == evaluation_id
        )
        with self.database.read() as connection:
            return connection.execute(query).first() is not None

    def get_evaluation(self, evaluation_id: str, *, trajectories: bool = False) -> Evaluation | None:
        query = self._evaluations().where(EvaluationEntry.id == evaluation_id)
        return next(iter(self._load(query, trajectories)), None)

    def steps_taken(self) -> dict[str, float]:
        query = select(EpisodeEntry.level_key, func.avg(EpisodeEntry.steps))
        played = EpisodeEntry.reward.is_not(None)
        query = query.where(EpisodeEntry.run_id == self.run_id, played).group_by(EpisodeEntry.level_key)
        with self.database.read() as connection:
            return {key: float(steps) for key, steps in connection.execute(query)}

    def get_collection(self, key: str) -> list[Trajectory] | None:
        query = select(Collection.body).where(Collection.run_id == self.run_id, Collection.key == key)
        with self.database.read() as connection:
            body = connection.execute(query).scalar()
        return None if body is None else [item for item, *_ in self._unpack(body) if item is not None]

    def events(self, kind: str | None = None, after: int = 0) -> list[Event]:
        query = select(EventEntry.number, EventEntry.kind, EventEntry.payload, EventEntry.time)
        query = query.where(EventEntry.run_id == self.run_id, EventEntry.number > after)
        if kind is not None:
            query = query.where(EventEntry.kind == kind)
        with self.database.read() as connection:
            return [Event(*row) for row in connection.execute(query.order_by(EventEntry.number))]

    def archive_hash(self) -> str:
        with self.database.read() as connection:
            return digest(connection, self.run_id)

    def _evaluations(self) -> Select[Any]:
        return (
            select(EvaluationEntry.__table__)
            .where(EvaluationEntry.run_id == self.run_id)
            .order_by(EvaluationEntry.number)
        )

    def _load(self, query: Select[Any], trajectories: bool) -> list[Evaluation]:
        with self.database.read() as connection:
            rows = connection.execute(query).mappings().all()
            if trajectories:
                return [self._evaluation(connection, row, trajectories) for row in rows]
            return [self._light(connection, row) for row in rows]

    def _light(self, connection: Connection, row: RowMapping) -> Evaluation:
        """One without trajectories, read once."""
        key = (self.run_id, row["id"])
        kept = self._kept.pop(key, None) or self._evaluation(connection, row, False)
        self._kept[key] = kept
        if len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        return kept

    def _evaluation(self, connection: Connection, row: RowMapping, trajectories: bool) -> Evaluation:
        query = select(EpisodeEntry.__table__).where(
            EpisodeEntry.run_id == self.run_id, EpisodeEntry.evaluation_id == row["id"]
        )
        episodes = connection.execute(query.order_by(EpisodeEntry.place)).mappings().all()
        packed: list[Item] = [(None, "", ())] * len(episodes)
        if trajectories:
            body = select(Pack.body).where(Pack.run_id == self.run_id, Pack.evaluation_id == row["id"])
            packed = self._unpack(connection.execute(body).scalar_one())
        return Evaluation(
            id=row["id"],
            design_id=row["design_id"],
            stage=row["stage"],
            protocol=_protocol(row["protocol"]),
            episodes=[_episode(one, *item) for one, item in zip(episodes, packed, strict=True)],
            seconds=row["seconds"],
            note=row["note"],
            usage=_usage(row["usage"]),
            log=tuple(row["log"] or ()),
        )

    def _unpack(self, body: bytes) -> list[Item]:
        try:
            return unpack(body)
        except ValueError as error:
            raise ArchiveError(f"archive {self.database.where}: {error}") from error

    def _parents(self, connection: Connection, child: str | None = None) -> dict[str, tuple[str, ...]]:
        query = select(Lineage.child, Lineage.parent).where(Lineage.run_id == self.run_id)
        if child is not None:
            query = query.where(Lineage.child == child)
        found: dict[str, dict[str, None]] = defaultdict(dict)
        for design, parent in connection.execute(query.order_by(Lineage.step, Lineage.index, Lineage.place)):
            found[design][parent] = None
        return {design: tuple(parents) for design, parents in found.items()}

    def _visits(self, connection: Connection, design_id: str | None = None) -> dict[str, int]:
        query = select(Visit.design_id, func.count()).where(Visit.run_id == self.run_id)
        if design_id is not None:
            query = query.where(Visit.design_id == design_id)
        return {str(row[0]): int(row[1]) for row in connection.execute(query.group_by(Visit.design_id))}


def read_proposal(body: bytes) -> Proposal:
    fields = json.loads(zlib.decompress(body))
    return Proposal(
        **{
            **fields,
            "parents": tuple(fields["parents"]),
            "transcripts": tuple(fields["transcripts"]),
            "failure": Failure(**fields["failure"]) if fields.get("failure") else None,
        }
    )


def _design(row: RowMapping, parents: tuple[str, ...], visits: int) -> DesignRow:
    return DesignRow(
        id=row["id"],
        name=row["name"],
        source=row["source"],
        plan=row["plan"],
        reflection=row["reflection"],
        parents=parents,
        generation=row["generation"],
        created_step=row["created_step"],
        index=row["created_index"],
        status=row["status"],
        failure=None if row["failure"] is None else Failure(**row["failure"]),
        genome=row["genome"],
        visits=visits,
        search_score=row["search_score"],
        validation_score=row["validation_score"],
        success=row["success"],
    )


def _episode(
    row: RowMapping, trajectory: Trajectory | None, recall: str, step_recalls: tuple[str | None, ...]
) -> EpisodeRecord:
    return EpisodeRecord(
        level_key=row["level_key"],
        cluster=row["cluster"],
        repeat=row["repeat"],
        reward=row["reward"],
        success=row["success"],
        steps=row["steps"],
        fault=row["fault"],
        message=row["message"],
        recall=recall,
        recall_cut=row["recall_cut"],
        step_recalls=step_recalls,
        trajectory=trajectory,
        usage=_usage(row["usage"]),
    )


def _protocol(fields: Mapping[str, Any]) -> Protocol:
    return Protocol(**{**fields, "collect": Phase(**fields["collect"]), "deploy": Phase(**fields["deploy"])})


def _usage(fields: Mapping[str, Any] | None) -> Usage:
    return Usage(**fields) if fields else Usage()
