"""The archive: every design, evaluation, episode, paid call and event of a run, kept for good.

`contract` says what the search may ask of it; `open_archive` opens the SQL implementation. Nothing here
decides anything: selection is in `selectors`, budgets are in `learning`.
"""

from alma.archive.contract import (
    NO_MEMORY,
    Archive,
    ArchiveError,
    ArchiveView,
    DesignRow,
    Event,
    ProposalRow,
    RunRow,
    RunStatus,
    Status,
)
from alma.archive.database import SCHEMA, examine
from alma.archive.frames import design_frame, episode_frame
from alma.archive.happenings import Happening, history
from alma.archive.ledger import SqlLedger
from alma.archive.reading import SqlView
from alma.archive.sql import SqlArchive, open_archive

__all__ = [
    "NO_MEMORY",
    "SCHEMA",
    "Archive",
    "ArchiveError",
    "ArchiveView",
    "DesignRow",
    "Event",
    "Happening",
    "ProposalRow",
    "RunRow",
    "RunStatus",
    "SqlArchive",
    "SqlLedger",
    "SqlView",
    "Status",
    "design_frame",
    "episode_frame",
    "examine",
    "history",
    "open_archive",
]
