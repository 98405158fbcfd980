"""The archive's tables. A change here needs a migration beside it in `migrations/versions/`.

Every table is keyed by run, so a database server can hold many runs; a run's own SQLite file holds
one. Times are Unix seconds. Large texts lie compressed in `packs`, `collections` and `proposals`, away
from the rows that the search reads at each step.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class SafeText(TypeDecorator[str]):
    """Text of a model or game may hold half a surrogate pair, which no database takes; it becomes "?"."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or value.isascii():
            return value
        return value.encode("utf-8", "replace").decode("utf-8")


class Base(DeclarativeBase):
    # Names for constraints: a migration can only drop what has a name.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own declaration style
        str: SafeText,
        bytes: LargeBinary,
        float: Float(53),
        dict[str, Any]: JSON(none_as_null=True),
    }


class Run(Base):
    __tablename__ = "runs"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    seed: Mapped[str] = mapped_column(String(40))  # text: a seed may pass 64 bits
    config: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(String(16))
    started: Mapped[float]
    finished: Mapped[float | None]
    summary: Mapped[dict[str, Any]]


class DesignEntry(Base):
    __tablename__ = "designs"
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int]
    name: Mapped[str]
    source: Mapped[str]
    plan: Mapped[str]
    reflection: Mapped[str]
    genome: Mapped[dict[str, Any]]
    generation: Mapped[int]
    created_step: Mapped[int]
    created_index: Mapped[int]
    status: Mapped[str] = mapped_column(String(16))
    failure: Mapped[dict[str, Any] | None]
    search_score: Mapped[float | None]
    validation_score: Mapped[float | None]
    success: Mapped[float | None]
    __table_args__ = (Index(None, "run_id", "number", unique=True),)


class Lineage(Base):
    """One edge for each parent of each proposal; `place` is the parent's place in its proposal."""

    __tablename__ = "lineage"
    run_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    child: Mapped[str] = mapped_column(String(64), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    index: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    parent: Mapped[str] = mapped_column(String(64))
    __table_args__ = (
        ForeignKeyConstraint(["run_id", "child"], ["designs.run_id", "designs.id"]),
        ForeignKeyConstraint(["run_id", "parent"], ["designs.run_id", "designs.id"]),
    )


class Visit(Base):
    """The design was drawn as a parent for child `index` of `step`."""

    __tablename__ = "visits"
    run_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    design_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    index: Mapped[int] = mapped_column(primary_key=True)
    __table_args__ = (ForeignKeyConstraint(["run_id", "design_id"], ["designs.run_id", "designs.id"]),)


class ProposalEntry(Base):
    __tablename__ = "proposals"
    run_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    design_id: Mapped[str] = mapped_column(String(64))
    step: Mapped[int]
    index: Mapped[int]
    body: Mapped[bytes]
    __table_args__ = (
        ForeignKeyConstraint(["run_id", "design_id"], ["designs.run_id", "designs.id"]),
        Index(None, "run_id", "design_id", "step", "index", unique=True),
    )


class EvaluationEntry(Base):
    """`design_id` is no foreign key: playing without memory and hand-made designs are evaluated too."""

    __tablename__ = "evaluations"
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int]
    design_id: Mapped[str] = mapped_column(String(64))
    stage: Mapped[str] = mapped_column(String(16))
    protocol: Mapped[dict[str, Any]]
    score: Mapped[float]
    seconds: Mapped[float]
    note: Mapped[str]
    usage: Mapped[dict[str, Any] | None]
    log: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    finished: Mapped[float]
    __table_args__ = (
        Index(None, "run_id", "number", unique=True),
        Index(None, "run_id", "design_id", "stage"),
    )


class EpisodeEntry(Base):
    __tablename__ = "episodes"
    run_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    evaluation_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    level_key: Mapped[str]
    cluster: Mapped[str]
    repeat: Mapped[int]
    reward: Mapped[float | None]
    success: Mapped[bool | None]
    steps: Mapped[int]
    fault: Mapped[str | None] = mapped_column(String(16))
    message: Mapped[str]
    recall_cut: Mapped[bool]
    usage: Mapped[dict[str, Any] | None]
    __table_args__ = (
        ForeignKeyConstraint(["run_id", "evaluation_id"], ["evaluations.run_id", "evaluations.id"]),
    )


class Pack(Base):
    """Trajectories and recalls of one evaluation's episodes, in their order (`alma.archive.trajectories`)."""

    __tablename__ = "packs"
    run_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    evaluation_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    body: Mapped[bytes]
    __table_args__ = (
        ForeignKeyConstraint(["run_id", "evaluation_id"], ["evaluations.run_id", "evaluations.id"]),
    )


class Collection(Base):
    __tablename__ = "collections"
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    body: Mapped[bytes]


class Call(Base):
    """One paid call. `state` is reserved, settled, released (cost nothing) or lost (in flight at a crash)."""

    __tablename__ = "calls"
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]
    role: Mapped[str]
    model: Mapped[str]
    state: Mapped[str] = mapped_column(String(16))
    worst_case_usd: Mapped[float]
    calls: Mapped[int]
    prompt_tokens: Mapped[int]
    completion_tokens: Mapped[int]
    cached_tokens: Mapped[int]
    reasoning_tokens: Mapped[int]
    usd: Mapped[float]
    answer: Mapped[bytes | None]
    finish: Mapped[str | None] = mapped_column(String(16))
    reserved: Mapped[float]
    settled: Mapped[float | None]
    __table_args__ = (Index(None, "run_id", "key"), Index(None, "run_id", "state"))


class EventEntry(Base):
    __tablename__ = "events"
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(64))
    payload: Mapped[dict[str, Any]]
    time: Mapped[float]
