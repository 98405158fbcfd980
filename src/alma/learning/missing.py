"""Episodes that went missing through nobody's play: a few are left out and counted, many pause the run.

What a provider or an engine loses is never a score. Where more than `MOST_MISSING` of the episodes are
gone nothing is kept of them, so a run that goes on plays them again; its settled model calls are paid for
already and are answered from the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence

from alma.records import RunPaused

MOST_MISSING = 0.02
"""The share of its episodes that an evaluation may miss and still be compared with others."""


def comparable(missing: int, episodes: int) -> bool:
    return missing <= MOST_MISSING * episodes


def pause_if_many(what: str, reasons: Sequence[str], episodes: int) -> None:
    """Raise RunPaused when so many of the episodes are missing; `reasons` has one for each."""
    if not comparable(len(reasons), episodes):
        raise RunPaused(f"{len(reasons)} of {episodes} episodes of {what} went missing: {reasons[0]}")
