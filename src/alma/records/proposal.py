"""A new design on its way into the archive, and why an earlier try failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from alma.records.play import JSON


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a proposal failed verification: the call, a one-line message, a short trace."""

    call: str
    message: str
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a proposer returns. `genome` is its own machine-readable notes, kept with the design.

    `failure` says that there is no design in it, after all tries: it is kept, with its transcripts, as a
    failed candidate.
    """

    source: str
    plan: str = ""
    reflection: str = ""
    name: str = ""
    parents: tuple[str, ...] = ()
    genome: Mapping[str, JSON] = field(default_factory=dict)
    transcripts: tuple[str, ...] = ()
    failure: Failure | None = None
