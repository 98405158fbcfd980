"""Search: the ring itself. Select parents, propose a child each, verify and repair, evaluate, archive.

Generational: all children of a step meet the same archive, so a counted budget gives the same archive
on every machine, and a run that was stopped goes on where it stood: draws are recorded before they
are used, and what is in the archive is not done again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alma.archive.contract import DesignRow
from alma.learning.collect import Collection
from alma.learning.evaluate import NOTHING, Evaluator
from alma.learning.together import together
from alma.learning.verify import FEW_LEVELS, verify
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
    RunPaused,
    Stage,
    content_hash,
    derive_seed,
)
from alma.selectors.contract import Selector

Listener = Callable[[str, Mapping[str, Any]], None]
"""Hears what happens: kind and payload. Raising in it ends the run."""

STAGES: tuple[Stage, ...] = ("verify", "search")
"""What a search plays; finalists are validated on a budget of their own."""

Child = tuple[int, int]
"""A step and an index in it: the place of a candidate in the search."""

NO_CHILD: Child = (-1, -1)
"""Where what was played without memory is booked."""

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
        archive, budget = self.evaluator.archive, self.evaluator.budget
        finished = {event.payload["step"] for event in archive.events("step_finished")}
        try:
            held = self._held()
            budget.charge("episodes", held[NO_CHILD])
            nothing = await self.evaluator.evaluate(
                NOTHING, "search", self.protocol, self.collection, self.levels
            )
            self.listen("no_memory", {"score": self.evaluator.score(nothing)})
            for step in range(self.steps):
                if step in finished:
                    budget.charge("episodes", sum(n for (of, _), n in held.items() if of == step))
                    budget.charge("candidates", self.children)
                    continue
                await self._step(step, held)
                archive.add_event("step_finished", {"step": step})
                self.listen("step", {"step": step, "of": self.steps})
        except BudgetExceeded as reached:
            return str(reached)
        return "all steps done"

    def _held(self) -> Counter[Child]:
        """Episodes that earlier sittings of this run have played, by child."""
        archive = self.evaluator.archive
        children = {row.id: (row.created_step, row.index) for row in archive.designs()}
        held: Counter[Child] = Counter()
        for stage in STAGES:
            for evaluation in archive.evaluations(stage=stage):
                held[children.get(evaluation.design_id, NO_CHILD)] += len(evaluation.episodes)
        return held

    async def _step(self, step: int, held: Counter[Child]) -> None:
        """All children of a step, in waves of as many as the budget surely holds."""
        budget = self.evaluator.budget
        draws = self._draws(step)
        self._admitted(1)
        waiting = [_Try(index, *pair) for index, pair in enumerate(await self._propose(step, draws))]
        while waiting:
            admitted = self._admitted(len(waiting))
            wave, waiting = waiting[:admitted], waiting[admitted:]
            budget.charge("candidates", admitted)
            budget.charge("episodes", sum(held[step, one.index] for one in wave))
            await self._wave(step, wave)

    async def _wave(self, step: int, tries: list[_Try]) -> None:
        """Rounds of try and repair. Rows are given in the order of the children, so timing can't matter."""
        for one in tries:
            for parent in one.proposal.parents:
                self.evaluator.archive.count_visit(parent, step, one.index)
        slots = asyncio.Semaphore(self.concurrency)
        for attempt in range(REPAIRS + 1):
            entered = [one for one in tries if self._enter(step, one)]
            ends = await together(self._judge(step, one, slots) for one in entered)
            for end in ends:
                if end is not None:
                    raise end
            tries = [one for one in entered if one.failure is not None]
            for one in tries:
                self._fail(step, one, final=attempt == REPAIRS or one.proposal.failure is not None)
            tries = [one for one in tries if one.proposal.failure is None]
            if attempt < REPAIRS:
                tries = await together(self._repair(one) for one in tries)

    def _most(self) -> int:
        """The most episodes that one child can take, with all its repairs."""
        few, whole = min(FEW_LEVELS, len(self.levels)), len(self.levels) * self.protocol.repeats
        if self.protocol.mode == "frozen":
            return (REPAIRS + 1) * few + whole
        return (REPAIRS + 1) * (few + whole)

    def _admitted(self, children: int) -> int:
        """How many of these may begin: decided before any does, so that timing can't matter."""
        for unit, most in (("episodes", self._most()), ("candidates", 1)):
            left = self.evaluator.budget.remaining(unit)
            if left is not None:
                children = min(children, int(left // most))
            if children < 1:
                raise BudgetExceeded(f"the budget of {unit} holds no more candidates ({left:g} left)")
        return children

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

        first = await together(self.proposer.propose(inspiration(index, 0)) for index in range(len(draws)))
        known = {row.id for row in archive.designs() if row.created_step < step}
        chosen: list[tuple[Inspiration, Proposal]] = []
        for index, proposal in enumerate(first):
            attempt = 0
            while _designed(proposal)[0].id in known and attempt < REDRAWS:
                attempt += 1
                proposal = await self.proposer.propose(inspiration(index, attempt))
            known.add(_designed(proposal)[0].id)
            chosen.append((inspiration(index, attempt), proposal))
        return chosen

    def _enter(self, step: int, one: _Try) -> bool:
        """Give the design its row, in the order of the children; False when its code has one already."""
        archive = self.evaluator.archive
        one.design, one.failure = _designed(one.proposal)
        row = next((row for row in archive.designs() if row.id == one.design.id), None)
        archive.add_design(one.proposal, one.design, step, one.index)
        if row is None or (row.created_step, row.index) == (step, one.index):
            one.failure = one.failure or (row.failure if row else None)
            return True
        self.listen("duplicate", one.told(step))
        return False

    async def _judge(
        self, step: int, one: _Try, slots: asyncio.Semaphore
    ) -> BudgetExceeded | RunPaused | None:
        """Verify and evaluate, unless it is known to fail. What ends the search stops no other child."""
        async with slots:
            if one.failure is not None:
                return None
            try:
                self.listen("verify", one.told(step))
                one.failure = await verify(
                    self.evaluator, one.design, self.protocol, self.collection, self.levels
                ) or await self._evaluate(step, one)
            except (BudgetExceeded, RunPaused) as ended:
                return ended
        return None

    def _fail(self, step: int, one: _Try, *, final: bool) -> None:
        assert one.failure is not None
        self.evaluator.archive.record_failure(one.design.id, one.failure)
        told = {**one.told(step), "call": one.failure.call, "message": one.failure.message}
        self.listen("failed" if final else "repair", told)

    async def _repair(self, one: _Try) -> _Try:
        assert one.failure is not None
        mended = await self.proposer.repair(one.proposal, one.failure, one.inspiration)
        return _Try(one.index, one.inspiration, mended)

    async def _evaluate(self, step: int, one: _Try) -> Failure | None:
        self.listen("evaluate", one.told(step))
        try:
            evaluation = await self.evaluator.evaluate(
                one.design, "search", self.protocol, self.collection, self.levels
            )
        except DesignError as error:
            return Failure(error.call, str(error), error.trace)
        self.listen("evaluated", {**one.told(step), "score": self.evaluator.score(evaluation)})
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

    None when no design was evaluated. Ties go to the better search score, then to the smaller id. A budget
    that is reached ends it with the best so far.
    """
    best: tuple[DesignRow, Evaluation] | None = None
    for row in different(evaluator, finalists):
        try:
            evaluation = await evaluator.evaluate(row.design, "validation", protocol, collection, levels)
        except DesignError:
            continue
        except BudgetExceeded:
            break
        listen("validated", {"design": row.id, "name": row.name, "score": evaluator.score(evaluation)})
        if best is None or evaluator.score(evaluation) > evaluator.score(best[1]):
            best = (row, evaluation)
    return best


@dataclass(slots=True)
class _Try:
    """One child's current design on its way through verification and evaluation."""

    index: int
    inspiration: Inspiration
    proposal: Proposal
    design: Design = NOTHING
    failure: Failure | None = None

    def told(self, step: int) -> dict[str, Any]:
        """How events name this candidate."""
        return {"design": self.design.id, "name": self.design.name, "step": step, "index": self.index}


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


def different(evaluator: Evaluator, count: int) -> list[DesignRow]:
    """The top designs by search score; of those with the same score in every episode only the shortest."""
    archive = evaluator.archive
    rows = [row for row in archive.designs() if row.search_score is not None]
    rows.sort(key=lambda row: (-(row.search_score or 0.0), len(row.source), row.id))
    chosen: list[DesignRow] = []
    seen: set[tuple[tuple[str, int, float | None], ...]] = set()
    for row in rows:
        evaluation = archive.evaluation(row.id, "search")
        assert evaluation is not None
        behaviour = tuple(sorted((e.level_key, e.repeat, e.reward) for e in evaluation.episodes))
        if behaviour not in seen:
            seen.add(behaviour)
            chosen.append(row)
        if len(chosen) == count:
            break
    return chosen
