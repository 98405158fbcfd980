"""What an earlier run did, as a replay needs it: how much it played, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from alma.archive import Happening, SqlArchive, history, open_archive
from alma.archive.contract import ProposalRow
from alma.learning.budget import RunBudget
from alma.models.contract import Recorded
from alma.records import ConfigError, Settled

T = TypeVar("T")

PARTS = ("search", "control", "held_out")
"""What one database holds of a run: its search, the best-of-n control, and the tables."""


@dataclass(frozen=True, slots=True)
class Record:
    """A run's folder, read only."""

    run: Path

    def budget(self, part: str) -> RunBudget:
        """As many candidates as that search began."""
        return RunBudget({"candidates": len({(one.step, one.index) for one in self.proposals(part)})})

    def admits(self, part: str) -> Callable[[str], bool]:
        """Whether an evaluation of that id was finished, or a design of that id failed."""
        finished = {evaluation.id for evaluation in self._read(part, lambda archive: archive.evaluations())}
        failed = {row.id for row in self._read(part, lambda archive: archive.designs()) if row.failure}
        return (finished | failed).__contains__

    def logged(self, part: str) -> Callable[[str], tuple[str, ...] | None]:
        """What was logged in an evaluation, by its id."""
        evaluations = self._read(part, lambda archive: archive.evaluations())
        return {evaluation.id: evaluation.log for evaluation in evaluations}.get

    def started(self, part: str) -> dict[tuple[int, int], Mapping[str, Any]]:
        """What each child of a steady search met when it started."""
        events = self._read(part, lambda archive: archive.events("started"))
        return {(event.payload["child"][0], event.payload["child"][1]): event.payload for event in events}

    def proposals(self, part: str) -> list[ProposalRow]:
        """All proposals of a part, in order."""
        return self._read(part, lambda archive: archive.proposals())

    def answers(self, stack: ExitStack, part: str) -> Recorded:
        """The model calls of a part, open as long as the stack is."""
        try:
            return stack.enter_context(self._open(part)).ledger()
        except ConfigError:
            return _Nothing()

    def history(self) -> list[Happening]:
        """All that happened, part by part."""
        return [happening for part in PARTS for happening in self._read(part, history)]

    def hash(self) -> str:
        """The archive hash of the search."""
        with self._open("search") as archive:
            return archive.archive_hash()

    def _read(self, part: str, what: Callable[[SqlArchive], list[T]]) -> list[T]:
        """Nothing of a part that the run never reached."""
        try:
            with self._open(part) as archive:
                return what(archive)
        except ConfigError:
            if part == "search":
                raise
            return []

    def _open(self, part: str) -> SqlArchive:
        return open_archive(self.run / "archive.db", part, create=False, read_only=True)


class _Nothing:
    """The model calls of a part that the run never reached."""

    def recorded(self, key: str) -> Settled | None:
        return None
