"""Search: the ring itself. Select parents, propose a child each, verify and repair, evaluate, archive.

Generational: all children of a step meet the same archive, so a counted budget gives the same archive
on every machine, and a run that was stopped goes on where it stood: draws are recorded before they
are used, and what is in the archive is not done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alma.archive.contract import DesignRow
from alma.learning.collect import Collection
from alma.learning.evaluate import NOTHING, Evaluator
from alma.learning.verify import verify
from alma.proposers.contract import Inspiration, Proposer
from alma.records import (
    BudgetExceeded,
    Design,
    DesignError,
    Evaluation,
    Failure,
    Level,
    Proposal,
    Protocol,
    content_hash,
    derive_seed,
)
from alma.selectors.contract import Selector

Listener = Callable[[str, Mapping[str, Any]], None]
"""Hears what happens: kind and payload. Raising in it ends the run."""

REPAIRS = 3
REDRAWS = 8


@dataclass(frozen=True, slots=True)
class Search:
    """One search. `children` parents are drawn a step; `concurrency` candidates are in flight at once."""

    evaluator: Evaluator
    proposer: Proposer
    selector: Selector
    protocol: Protocol
    collection: Collection
    levels: Sequence[Level]
    steps: int
    children: int
    seed: int
    concurrency: int = 3
    listen: Listener = lambda kind, payload: None

    async def run(self) -> str:
        """Search to the end of the steps or of the budget; returns why it ended."""
        archive = self.evaluator.archive
        try:
            nothing = await self.evaluator.evaluate(
                NOTHING, "search", self.protocol, self.collection, self.levels
            )
            self.listen("no_memory", {"score": self.evaluator.score(nothing)})
            for step in range(self.steps):
                if archive_has_finished(archive.events("step_finished"), step):
                    continue
                await self._step(step)
                archive.add_event("step_finished", {"step": step})
        except BudgetExceeded as reached:
            return str(reached)
        return "all steps done"

    async def _step(self, step: int) -> None:
        archive = self.evaluator.archive
        draws = self._draws(step)
        proposals = await self._propose(step, draws)
        for index, (_, proposal) in enumerate(proposals):
            for parent in proposal.parents:
                archive.count_visit(parent, step, index)
        slots = asyncio.Semaphore(self.concurrency)

        async def child(index: int, inspiration: Inspiration, proposal: Proposal) -> BaseException | None:
            async with slots:
                try:
                    await self._child(step, index, inspiration, proposal)
                except BudgetExceeded as reached:
                    return reached
            return None

        ends = await asyncio.gather(*(child(i, *pair) for i, pair in enumerate(proposals)))
        for end in ends:
            if end is not None:
                raise end

    def _draws(self, step: int) -> list[tuple[DesignRow, ...]]:
        """The parents of each child of this step; drawn once and recorded."""
        archive = self.evaluator.archive
        for event in archive.events("draws"):
            if event.payload["step"] == step:
                return [tuple(archive.design(i) for i in ids) for ids in event.payload["parents"]]
        rng = np.random.default_rng(derive_seed(self.seed, "parents", step))
        draws = self.selector.select(archive, self.children, rng) if step else []
        draws += [()] * (self.children - len(draws))
        archive.add_event("draws", {"step": step, "parents": [[row.id for row in draw] for draw in draws]})
        return draws

    async def _propose(
        self, step: int, draws: Sequence[tuple[DesignRow, ...]]
    ) -> list[tuple[Inspiration, Proposal]]:
        """A proposal a draw, all at once; one whose code is known already is drawn again."""
        archive = self.evaluator.archive
        brief = self.evaluator.pool.domain.brief().proposer

        def inspiration(index: int, attempt: int) -> Inspiration:
            seed = derive_seed(self.seed, "propose", step, index, attempt)
            return Inspiration(draws[index], archive, brief, step, index, seed)

        first = await asyncio.gather(
            *(self.proposer.propose(inspiration(index, 0)) for index in range(len(draws)))
        )
        places = {row.id: (row.created_step, row.index) for row in archive.designs()}
        known = {design for design, place in places.items() if place[0] < step}
        chosen: list[tuple[Inspiration, Proposal]] = []
        for index, proposal in enumerate(first):
            attempt = 0
            while _code(proposal) in known and attempt < REDRAWS:
                attempt += 1
                proposal = await self.proposer.propose(inspiration(index, attempt))
            known.add(_code(proposal))
            chosen.append((inspiration(index, attempt), proposal))
        return chosen

    async def _child(self, step: int, index: int, inspiration: Inspiration, proposal: Proposal) -> None:
        """Verify, repair at most REPAIRS times, evaluate; a design that stays broken is kept with its failure."""
        archive = self.evaluator.archive
        for attempt in range(REPAIRS + 1):
            try:
                design = Design.from_source(proposal.source, proposal.name)
                failure = None
            except DesignError as error:
                design = Design(content_hash(proposal.source, 12), proposal.source, proposal.name)
                failure = Failure(error.call, str(error), error.trace)
            if attempt == 0:
                self.evaluator.budget.charge("candidates", 1)
            row = {row.id: row for row in archive.designs()}.get(design.id)
            if row is not None and (row.created_step, row.index) != (step, index):
                archive.add_design(proposal, design, step, index)
                self.listen("duplicate", {"design": design.id, "step": step, "index": index})
                return
            archive.add_design(proposal, design, step, index)
            self.listen("verify", {"design": design.id, "name": design.name, "step": step, "index": index})
            failure = failure or await verify(
                self.evaluator, design, self.protocol, self.collection, self.levels
            )
            if failure is None:
                failure = await self._evaluate(design, step, index)
            if failure is None:
                return
            archive.record_failure(design.id, failure)
            self.listen("failed", {"design": design.id, "call": failure.call, "message": failure.message})
            if attempt < REPAIRS:
                proposal = await self.proposer.repair(proposal, failure, inspiration)

    async def _evaluate(self, design: Design, step: int, index: int) -> Failure | None:
        try:
            evaluation = await self.evaluator.evaluate(
                design, "search", self.protocol, self.collection, self.levels
            )
        except DesignError as error:
            return Failure(error.call, str(error), error.trace)
        score = self.evaluator.score(evaluation)
        self.listen(
            "evaluated",
            {"design": design.id, "name": design.name, "step": step, "index": index, "score": score},
        )
        return None


async def validate(
    evaluator: Evaluator,
    finalists: int,
    protocol: Protocol,
    collection: Collection,
    levels: Sequence[Level],
    listen: Listener = lambda kind, payload: None,
) -> tuple[DesignRow, Evaluation] | None:
    """The learned design: the best of the top `finalists` on validation levels that the search never used.

    None when no design was evaluated. Ties go to the better search score, then to the smaller id.
    """
    archive = evaluator.archive
    rows = [row for row in archive.designs() if row.search_score is not None]
    rows.sort(key=lambda row: (-(row.search_score or 0.0), row.id))
    best: tuple[DesignRow, Evaluation] | None = None
    for row in rows[:finalists]:
        try:
            evaluation = await evaluator.evaluate(row.design, "validation", protocol, collection, levels)
        except DesignError:
            continue
        listen("validated", {"design": row.id, "name": row.name, "score": evaluator.score(evaluation)})
        if best is None or evaluator.score(evaluation) > evaluator.score(best[1]):
            best = (row, evaluation)
    return best


def archive_has_finished(events: Sequence[Any], step: int) -> bool:
    return any(event.payload["step"] == step for event in events)


def _code(proposal: Proposal) -> str:
    try:
        return Design.from_source(proposal.source).id
    except DesignError:
        return content_hash(proposal.source, 12)
