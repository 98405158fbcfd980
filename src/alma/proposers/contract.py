"""What a proposer is: given parents and what is known of them, it writes a new design, and repairs it.

A proposer never runs a design and never sees held-out data. All its chance comes from `seed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from alma.archive.contract import ArchiveView, DesignRow
from alma.models.contract import Gate
from alma.records import Failure, Proposal


@dataclass(frozen=True, slots=True)
class Inspiration:
    """What a proposal starts from: `parents` (none for a first design), the archive as it stood, and what
    may be told about the domain."""

    parents: Sequence[DesignRow]
    archive: ArchiveView
    brief: str
    step: int
    index: int
    seed: int


@dataclass(frozen=True, slots=True)
class Means:
    """What a proposer is given for a whole run: a model where there is one, and what its author must know.

    `agent` says how the executor uses a recall, `facts` are limits (a line each), `hint` is a user's advice,
    `folder` is where a proposer that needs files may keep them.
    """

    model: Gate | None = None
    agent: str = ""
    facts: tuple[str, ...] = ()
    hint: str = ""
    folder: Path | None = None


class Proposer(Protocol):
    @property
    def name(self) -> str: ...

    async def propose(self, inspiration: Inspiration) -> Proposal:
        """A new design. It need not be new to the archive nor valid: the ring checks both."""
        ...

    async def repair(self, proposal: Proposal, failure: Failure, inspiration: Inspiration) -> Proposal:
        """The proposal mended in the light of its failure."""
        ...
