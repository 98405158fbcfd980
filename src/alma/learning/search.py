"""Search: the ring itself. Select parents, propose a child each, verify and repair, evaluate, archive.

Two schedules. Generational: all children of a step meet the same archive, so a counted budget gives the
same archive on every machine. Steady: a slot that is free takes the next child at once, which meets what is
known by then; so it depends on timing what is found, and what each child met is recorded. Either way a run
that was stopped goes on where it stood: draws are recorded before they are used, and what is in the archive
is not done again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from alma.archive.contract import DesignRow
from alma.learning.candidate import REPAIRS, Candidate, Candidates, Listener, seen_before
from alma.learning.collect import Collection
from alma.learning.evaluate import NOTHING, Evaluator
from alma.learning.steady import Child, Steady
from alma.learning.together import together
from alma.proposers.contract import Proposer
from alma.records import BudgetExceeded, DesignError, Evaluation, Level, Protocol, Stage, derive_seed
from alma.selectors.contract import Selector

STAGES: tuple[Stage, ...] = ("verify", "search")
"""What a search plays; finalists are validated on a budget of their own."""

NO_CHILD: Child = (-1, -1)
"""Where what was played without memory is booked."""


@dataclass(frozen=True, slots=True)
class Search:
    """One search. `children` parents are drawn a step; `concurrency` candidates are in flight at once.

    `racing` is the chance that a candidate that would be the best so far is stopped early; 0: none is.
    `met` says of a steady search that is played again what each child met (`started` events).
    """

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
    racing: float = 0.0
    steady: bool = False
    met: Mapping[Child, Mapping[str, Any]] = field(default_factory=dict)

    async def run(self) -> str:
        """Search to the end of the steps or of the budget; returns why it ended."""
        try:
            held = self._held()
            self.evaluator.budget.charge("episodes", held[NO_CHILD])
            nothing = await self.evaluator.evaluate(
                NOTHING, "search", self.protocol, self.collection, self.levels
            )
            self.listen("no_memory", {"score": self.evaluator.score(nothing)})
            if self.steady:
                steady = Steady(self._candidates(), self.selector, self.steps, self.children, held, self.met)
                await steady.run(self.concurrency)
            else:
                await self._by_generations(held)
        except BudgetExceeded as reached:
            return str(reached)
        return "all steps done"

    def _candidates(self) -> Candidates:
        """What the candidates of this search share."""
        return Candidates(
            self.evaluator,
            self.proposer,
            self.protocol,
            self.collection,
            self.levels,
            self.seed,
            self.listen,
            self.racing,
        )

    def _held(self) -> Counter[Child]:
        """Episodes that earlier sittings of this run have played, by child."""
        archive = self.evaluator.archive
        children = {row.id: (row.created_step, row.index) for row in archive.designs()}
        held: Counter[Child] = Counter()
        for stage in STAGES:
            for evaluation in archive.evaluations(stage=stage):
                held[children.get(evaluation.design_id, NO_CHILD)] += len(evaluation.episodes)
        return held

    async def _by_generations(self, held: Counter[Child]) -> None:
        archive, budget = self.evaluator.archive, self.evaluator.budget
        finished = {event.payload["step"] for event in archive.events("step_finished")}
        for step in range(self.steps):
            if step in finished:
                budget.charge("episodes", sum(n for (of, _), n in held.items() if of == step))
                budget.charge("candidates", self.children)
                continue
            await self._step(step, held)
            archive.add_event("step_finished", {"step": step})
            self.listen("step", {"step": step, "of": self.steps})

    async def _step(self, step: int, held: Counter[Child]) -> None:
        """All children of a step, in waves of as many as the budget surely holds."""
        budget, candidates = self.evaluator.budget, self._candidates()
        draws = self._draws(step)
        candidates.admitted(1)
        archive = seen_before(self.evaluator.archive, step)
        race = candidates.race(archive)
        first = await together(
            candidates.propose(step, index, draw, archive, race) for index, draw in enumerate(draws)
        )
        known = set(archive.ids)
        waiting = [await candidates.unlike(one, known) for one in first]
        while waiting:
            admitted = candidates.admitted(len(waiting))
            wave, waiting = waiting[:admitted], waiting[admitted:]
            budget.charge("candidates", admitted)
            budget.charge("episodes", sum(held[step, one.inspiration.index] for one in wave))
            await self._wave(candidates, wave)

    async def _wave(self, candidates: Candidates, tries: list[Candidate]) -> None:
        """Rounds of try and repair. Rows are given in the order of the children, so timing can't matter."""
        for one in tries:
            candidates.visit(one)
        slots = asyncio.Semaphore(self.concurrency)
        for attempt in range(REPAIRS + 1):
            entered = [one for one in tries if candidates.enter(one)]
            ends = await together(candidates.judge(one, slots) for one in entered)
            for end in ends:
                if end is not None:
                    raise end
            failed = [one for one in entered if one.failure is not None]
            tries = [one for one in failed if candidates.fail(one, final=attempt == REPAIRS)]
            tries = await together(candidates.repair(one) for one in tries)

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
