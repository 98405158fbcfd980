"""Designs that a search begins with: one's own, hand-made ones, or those of another run (`--start-from`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

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
