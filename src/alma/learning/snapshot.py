"""The archive as it stood at a moment: what a candidate was drawn and written from, whenever it is asked."""

from __future__ import annotations

from collections.abc import Iterable

from alma.archive.contract import NO_MEMORY, ArchiveView, DesignRow, ProposalRow
from alma.records import Evaluation, Stage


class Snapshot:
    """A view of some of an archive's designs (`alma.archive.contract.ArchiveView`); rows stay up to date."""

    def __init__(self, archive: ArchiveView, ids: Iterable[str]) -> None:
        self._archive, self.ids = archive, frozenset(ids)

    def designs(self) -> list[DesignRow]:
        return [row for row in self._archive.designs() if row.id in self.ids]

    def design(self, design_id: str) -> DesignRow:
        if design_id not in self.ids:
            raise KeyError(design_id)
        return self._archive.design(design_id)

    def proposals(self, design_id: str | None = None) -> list[ProposalRow]:
        return [row for row in self._archive.proposals(design_id) if row.design_id in self.ids]

    def evaluation(self, design_id: str, stage: Stage, *, trajectories: bool = False) -> Evaluation | None:
        if design_id not in self.ids and design_id != NO_MEMORY:
            return None
        return self._archive.evaluation(design_id, stage, trajectories=trajectories)

    def evaluations(
        self, design_id: str | None = None, stage: Stage | None = None, *, trajectories: bool = False
    ) -> list[Evaluation]:
        found = self._archive.evaluations(design_id, stage, trajectories=trajectories)
        return [one for one in found if one.design_id in self.ids or one.design_id == NO_MEMORY]

    def no_memory(self, stage: Stage = "search") -> Evaluation | None:
        return self._archive.no_memory(stage)
