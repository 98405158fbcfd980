"""A candidate's way through the ring: proposed, verified, repaired, evaluated, and its row in the archive.

When which candidate goes which way is the schedule's business (`alma.learning.search`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alma.archive.contract import ArchiveView, DesignRow
from alma.learning.collect import Collection
from alma.learning.evaluate import NOTHING, Evaluator
from alma.learning.racing import Race
from alma.learning.snapshot import Snapshot
from alma.learning.verify import FEW_LEVELS, verify
from alma.proposers.contract import Inspiration, Proposer
from alma.records import (
    BudgetExceeded,
    Design,
    DesignError,
    Failure,
    Level,
    Proposal,
    Protocol,
    RunPaused,
    content_hash,
    derive_seed,
)

Listener = Callable[[str, Mapping[str, Any]], None]
"""Hears what happens: kind and payload. Raising in it ends the run."""

Ended = BudgetExceeded | RunPaused
"""What ends a search, but no other candidate."""

REPAIRS = 3
REDRAWS = 8


@dataclass(slots=True)
class Candidate:
    """One child's current design on its way through verification and evaluation."""

    inspiration: Inspiration
    proposal: Proposal
    race: Race | None = None
    design: Design = NOTHING
    failure: Failure | None = None

    @property
    def told(self) -> dict[str, Any]:
        """How events name this candidate."""
        step, index = self.inspiration.step, self.inspiration.index
        return {"design": self.design.id, "name": self.design.name, "step": step, "index": index}


@dataclass(frozen=True, slots=True)
class Candidates:
    """What all candidates of a search share. `racing` is the chance of error of their races; 0: none."""

    evaluator: Evaluator
    proposer: Proposer
    protocol: Protocol
    collection: Collection
    levels: Sequence[Level]
    seed: int
    listen: Listener
    racing: float = 0.0

    def most(self) -> int:
        """The most episodes that one can take, with all its repairs."""
        few, whole = min(FEW_LEVELS, len(self.levels)), len(self.levels) * self.protocol.repeats
        if self.protocol.mode == "frozen":
            return (REPAIRS + 1) * few + whole
        return (REPAIRS + 1) * (few + whole)

    def admitted(self, count: int) -> int:
        """How many of these may begin: decided before any does. Raises BudgetExceeded for none."""
        for unit, most in (("episodes", self.most()), ("candidates", 1)):
            left = self.evaluator.budget.remaining(unit)
            if left is not None:
                count = min(count, int(left // most))
            if count < 1:
                raise BudgetExceeded(f"the budget of {unit} holds no more candidates ({left:g} left)")
        return count

    async def propose(
        self,
        step: int,
        index: int,
        parents: Sequence[DesignRow],
        archive: ArchiveView,
        race: Race | None,
        attempt: int = 0,
    ) -> Candidate:
        """A child of these parents, as the archive stood then."""
        brief = self.evaluator.pool.domain.brief().proposer
        seed = derive_seed(self.seed, "propose", step, index, attempt)
        inspiration = Inspiration(parents, archive, brief, step, index, seed)
        return Candidate(inspiration, await self.proposer.propose(inspiration), race)

    async def unlike(self, one: Candidate, known: set[str]) -> Candidate:
        """The candidate, proposed anew as long as its code is among the known, a few times."""
        for attempt in range(1, REDRAWS + 1):
            if _designed(one.proposal)[0].id not in known:
                break
            asked = one.inspiration
            one = await self.propose(asked.step, asked.index, asked.parents, asked.archive, one.race, attempt)
        known.add(_designed(one.proposal)[0].id)
        return one

    def visit(self, one: Candidate) -> None:
        """Count the draws of its parents."""
        for parent in one.proposal.parents:
            self.evaluator.archive.count_visit(parent, one.inspiration.step, one.inspiration.index)

    def enter(self, one: Candidate) -> bool:
        """Give the design its row; False when its code has another candidate's."""
        archive = self.evaluator.archive
        step, index = one.inspiration.step, one.inspiration.index
        one.design, one.failure = _designed(one.proposal)
        row = next((row for row in archive.designs() if row.id == one.design.id), None)
        archive.add_design(one.proposal, one.design, step, index)
        if row is None or (row.created_step, row.index) == (step, index):
            one.failure = one.failure or (row.failure if row else None)
            return True
        self.listen("duplicate", one.told)
        return False

    async def judge(self, one: Candidate, slots: asyncio.Semaphore) -> Ended | None:
        """Verify and evaluate, unless it is known to fail. What ends the search stops no other child."""
        async with slots:
            if one.failure is not None:
                return None
            try:
                self.listen("verify", one.told)
                one.failure = await verify(
                    self.evaluator, one.design, self.protocol, self.collection, self.levels
                ) or await self._evaluate(one)
            except (BudgetExceeded, RunPaused) as ended:
                return ended
        return None

    def fail(self, one: Candidate, *, final: bool) -> bool:
        """Record its failure; whether it may be mended."""
        assert one.failure is not None
        final = final or one.proposal.failure is not None
        self.evaluator.archive.record_failure(one.design.id, one.failure)
        told = {**one.told, "call": one.failure.call, "message": one.failure.message}
        self.listen("failed" if final else "repair", told)
        return not final

    async def repair(self, one: Candidate) -> Candidate:
        assert one.failure is not None
        mended = await self.proposer.repair(one.proposal, one.failure, one.inspiration)
        return Candidate(one.inspiration, mended, one.race)

    async def _evaluate(self, one: Candidate) -> Failure | None:
        evaluator = self.evaluator
        self.listen("evaluate", one.told)
        try:
            evaluation = await evaluator.evaluate(
                one.design, "search", self.protocol, self.collection, self.levels, one.race
            )
        except DesignError as error:
            return Failure(error.call, str(error), error.trace)
        stopped = len(self.levels) * self.protocol.repeats - len(evaluation.episodes)
        told = {"score": evaluator.archive.design(one.design.id).search_score, "spared": stopped}
        self.listen("evaluated", {**one.told, **told})
        return None

    def race(self, archive: ArchiveView) -> Race | None:
        """The race of who meets this archive: against its best score, playing without memory included."""
        if not self.racing:
            return None
        scores = {row.id: row.search_score for row in archive.designs() if row.search_score is not None}
        played = [
            one
            for one in archive.evaluations(stage="search")
            if len(one.episodes) == len(self.levels) * self.protocol.repeats
        ]
        rated = [(scores.get(one.design_id, self.evaluator.score(one)), one.design_id) for one in played]
        target, rival = max(rated)
        primary = self.evaluator.pool.domain.primary
        return Race.against(rival, target, [one.episodes for one in played], primary, self.racing)


def _designed(proposal: Proposal) -> tuple[Design, Failure | None]:
    """The proposal as a design; one that is no Python is known by its text, one without code by its talk."""
    if proposal.failure is not None:
        identity = content_hash([proposal.source, *proposal.transcripts], 12)
        return Design(identity, proposal.source, proposal.name), proposal.failure
    try:
        return Design.from_source(proposal.source, proposal.name), None
    except DesignError as error:
        source = proposal.source.encode("utf-8", "replace").decode()
        failure = Failure(error.call, str(error), error.trace)
        return Design(content_hash(source, 12), source, proposal.name), failure


def seen_before(archive: ArchiveView, step: int) -> Snapshot:
    """The archive as it stood before a step."""
    return Snapshot(archive, (row.id for row in archive.designs() if row.created_step < step))
