"""Given designs: those that a search begins with (`--start-from`), and all of one that is replayed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from alma.archive.contract import ProposalRow
from alma.proposers.contract import Inspiration, Proposer
from alma.records import Design, Failure, Proposal


class GivenFirst:
    """The first children of the first step are these designs; all others are the proposer's."""

    def __init__(self, designs: Sequence[Design], proposer: Proposer) -> None:
        self._designs, self._proposer = designs, proposer

    @property
    def name(self) -> str:
        return self._proposer.name

    async def propose(self, inspiration: Inspiration) -> Proposal:
        if self._is_given(inspiration):
            design = self._designs[inspiration.index]
            return Proposal(design.source, "given at the start", name=design.name)
        return await self._proposer.propose(inspiration)

    async def repair(self, proposal: Proposal, failure: Failure, inspiration: Inspiration) -> Proposal:
        """A given design is nobody's to mend."""
        if self._is_given(inspiration):
            return replace(proposal, failure=failure)
        return await self._proposer.repair(proposal, failure, inspiration)

    def _is_given(self, inspiration: Inspiration) -> bool:
        return inspiration.step == 0 and inspiration.index < len(self._designs)


class GivenAgain:
    """The proposals of an earlier run, for a replay of what no code here can propose again."""

    name = "given again"

    def __init__(self, proposals: Sequence[ProposalRow]) -> None:
        self._given: dict[tuple[int, int], list[Proposal]] = {}
        for row in proposals:
            self._given.setdefault((row.step, row.index), []).append(row.proposal)

    async def propose(self, inspiration: Inspiration) -> Proposal:
        return self._given[inspiration.step, inspiration.index][0]

    async def repair(self, proposal: Proposal, failure: Failure, inspiration: Inspiration) -> Proposal:
        """What came next; after the last one, the same again."""
        given = self._given[inspiration.step, inspiration.index]
        place = next(number for number, one in enumerate(given) if one.source == proposal.source)
        return given[min(place + 1, len(given) - 1)]
