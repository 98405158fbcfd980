"""The steady schedule: a slot that is free takes the next child at once, with no barrier between steps.

A child meets the designs that have ended by then. That is recorded when it starts, so a run that goes on,
and a replay, gives it the same parents and the same evidence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from alma.archive.contract import DesignRow
from alma.learning.candidate import REPAIRS, Candidates, Ended
from alma.learning.snapshot import Snapshot
from alma.learning.together import together
from alma.records import BudgetExceeded, derive_seed
from alma.selectors.contract import Selector

Child = tuple[int, int]
"""A step and an index in it: the place of a candidate in the search."""


@dataclass(slots=True)
class Steady:
    """`held` counts the episodes that earlier sittings played, by child; `met` holds the `started` events of
    a run that is played again."""

    candidates: Candidates
    selector: Selector
    steps: int
    children: int
    held: Mapping[Child, int]
    met: Mapping[Child, Mapping[str, Any]]
    _flying: int = 0
    _landed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def run(self, slots: int) -> None:
        """All children. Raises BudgetExceeded or RunPaused when every slot has come to its end."""
        order = iter([(step, index) for step in range(self.steps) for index in range(self.children)])

        async def slot() -> Ended | None:
            for child in order:
                ended = await self._child(child)
                if ended is not None:
                    return ended
            return None

        for end in await together(slot() for _ in range(slots)):
            if end is not None:
                raise end

    async def _child(self, child: Child) -> Ended | None:
        archive, budget = self.candidates.evaluator.archive, self.candidates.evaluator.budget
        try:
            if child in self._events("ended"):
                budget.charge("episodes", self.held.get(child, 0))
                budget.charge("candidates", 1)
                return None
            met = self._met(child)
            seen = Snapshot(archive, met["seen"])
            async with self._landed:
                await self._landed.wait_for(lambda: seen.ids <= self._ended() and self._holds_one_more())
            self.candidates.admitted(1)
            budget.charge("candidates", 1)
            budget.charge("episodes", self.held.get(child, 0))
        except BudgetExceeded as reached:
            return reached
        self._flying += 1
        try:
            ended = await self._fly(child, tuple(archive.design(one) for one in met["parents"]), seen)
        finally:
            self._flying -= 1
        if ended is None:
            archive.add_event("ended", {"child": child})
            step, rest = divmod(len(self._events("ended")), self.children)
            if not rest:
                self.candidates.listen("step", {"step": step - 1, "of": self.steps})
        async with self._landed:
            self._landed.notify_all()
        return ended

    async def _fly(self, child: Child, parents: tuple[DesignRow, ...], seen: Snapshot) -> Ended | None:
        candidates, free = self.candidates, asyncio.Semaphore(1)
        one = await candidates.propose(*child, parents, seen, candidates.race(seen))
        one = await candidates.unlike(one, set(seen.ids))
        candidates.visit(one)
        for attempt in range(REPAIRS + 1):
            if not candidates.enter(one):
                break
            ended = await candidates.judge(one, free)
            if ended is not None:
                return ended
            if one.failure is None or not candidates.fail(one, final=attempt == REPAIRS):
                break
            one = await candidates.repair(one)
        return None

    def _met(self, child: Child) -> Mapping[str, Any]:
        """Its parents and the designs it may know, by id; drawn once and recorded."""
        started = self._events("started").get(child)
        if started is None:
            started = self.met.get(child) or self._drawn(*child)
            self.candidates.evaluator.archive.add_event("started", started)
        return started

    def _drawn(self, step: int, index: int) -> Mapping[str, Any]:
        seen = Snapshot(self.candidates.evaluator.archive, self._ended())
        rng = np.random.default_rng(derive_seed(self.candidates.seed, "parents", step, index))
        drawn = self.selector.select(seen, 1, rng) if step else []
        parents = [row.id for row in drawn[0]] if drawn else []
        return {"child": [step, index], "parents": parents, "seen": sorted(seen.ids)}

    def _events(self, kind: str) -> dict[Child, Mapping[str, Any]]:
        events = self.candidates.evaluator.archive.events(kind)
        return {(event.payload["child"][0], event.payload["child"][1]): event.payload for event in events}

    def _ended(self) -> frozenset[str]:
        rows = self.candidates.evaluator.archive.designs()
        ended = self._events("ended")
        return frozenset(row.id for row in rows if (row.created_step, row.index) in ended)

    def _holds_one_more(self) -> bool:
        """Whether the budget surely holds a further child beside those under way, or none is under way."""
        left = self.candidates.evaluator.budget.remaining("episodes")
        return not self._flying or left is None or left >= (self._flying + 1) * self.candidates.most()
