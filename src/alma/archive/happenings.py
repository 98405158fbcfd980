"""A run's history in one fixed order, however parallel work happened to finish: what a replay compares.

Times and costs are left out. Of an evaluation the score is told, and all that was seen, recalled and done
is held by a hash.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from sqlalchemy import select

from alma.archive.contract import NO_MEMORY, ProposalRow
from alma.archive.reading import SqlView
from alma.archive.tables import Collection, Pack
from alma.archive.trajectories import pack_digest
from alma.records import Evaluation, content_hash


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened: where in the search, what in words, and a hash of all of it."""

    where: str
    what: str
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" ({self.digest[:12]})" if self.digest else "")


def history(view: SqlView) -> list[Happening]:
    """All that happened in a run, in the order of the search. Reads every pack; may raise ArchiveError."""
    told = [*_collections(view)]
    evaluations = view.evaluations()
    in_search = [e for e in evaluations if e.stage in ("verify", "search")]
    later = [e for e in evaluations if e.stage not in ("verify", "search")]
    told += [_evaluation(view, "without memory", e) for e in in_search if e.design_id == NO_MEMORY]
    draws = {event.payload["step"]: event.payload["parents"] for event in view.events("draws")}
    designs = {row.id: row for row in view.designs()}
    by_step: dict[int, dict[int, list[ProposalRow]]] = {}
    for proposal in view.proposals():
        by_step.setdefault(proposal.step, {}).setdefault(proposal.index, []).append(proposal)
    for step, children in sorted(by_step.items()):
        if step in draws:
            parents = "; ".join(", ".join(drawn) or "none" for drawn in draws[step])
            told.append(Happening(f"step {step}", f"parents {parents}"))
        for index, tries in sorted(children.items()):
            where = f"step {step}, child {index}"
            for one in tries:
                told.append(Happening(where, f"proposes {one.design_id}", _proposed(one)))
                row = designs[one.design_id]
                if (row.created_step, row.index) != (step, index):
                    continue
                told += [_evaluation(view, where, e) for e in in_search if e.design_id == one.design_id]
                if row.failure is not None:
                    told.append(Happening(where, f"{row.id} fails in {row.failure.call}"))
    return [*told, *(_evaluation(view, e.stage.replace("_", " "), e) for e in later)]


def _collections(view: SqlView) -> Iterator[Happening]:
    query = select(Collection.key, Collection.body).where(Collection.run_id == view.run_id)
    with view.database.read() as connection:
        for key, body in connection.execute(query.order_by(Collection.key)):
            yield Happening("collection", key, pack_digest(body))


def _proposed(row: ProposalRow) -> str:
    told = {k: v for k, v in asdict(row.proposal).items() if k in ("source", "parents", "plan", "genome")}
    return content_hash(told)


def _evaluation(view: SqlView, where: str, evaluation: Evaluation) -> Happening:
    here = (Pack.run_id == view.run_id, Pack.evaluation_id == evaluation.id)
    with view.database.read() as connection:
        body = connection.execute(select(Pack.body).where(*here)).scalar_one()
    scores = [
        [e.level_key, e.repeat, e.reward, e.success, e.steps, e.fault, e.recall_cut]
        for e in evaluation.episodes
    ]
    score = f"mean reward {evaluation.reward:.4f} in {len(evaluation.played)} episodes"
    return Happening(
        where,
        f"{evaluation.design_id} at {evaluation.stage} [{evaluation.id[:12]}]: {score}",
        content_hash([scores, pack_digest(body)]),
    )
