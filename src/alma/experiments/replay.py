"""Replay: play a run once more from its record, in another folder, and tell the first difference.

Draws, proposals, episodes and scores are made again by this code from the run's configuration and seeds.
Only what the record says was finished is played, so a run that a clock or a kill ended replays too.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from alma.archive import Happening
from alma.experiments.learn import learn
from alma.experiments.record import Record
from alma.learning.candidate import Listener
from alma.learning.config import RunConfig
from alma.records import BudgetExceeded, ConfigError


@dataclass(frozen=True, slots=True)
class Difference:
    """The first happening that isn't the same; None where one history ends."""

    number: int
    recorded: Happening | None
    replayed: Happening | None

    def __str__(self) -> str:
        told = [("recorded", self.recorded), ("replayed", self.replayed)]
        return f"event {self.number} differs; " + "; ".join(
            f"{who}: {what or 'nothing more'}" for who, what in told
        )


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found: how many events were compared, the archive hash, and the first difference."""

    events: int
    archive_hash: str
    difference: Difference | None


async def replay(
    config: RunConfig, run: Path, scratch: Path, listen: Listener = lambda kind, payload: None
) -> Replayed:
    """Replay `run`, which `config` asked for, into the empty folder `scratch`.

    Raises ConfigError when there is no run to replay, or when the scratch folder isn't empty.
    """
    if not (run / "archive.db").is_file():
        raise ConfigError(f"{run} holds no run (no archive.db in it)")
    if scratch.is_dir() and any(scratch.iterdir()):
        raise ConfigError(f"{scratch} is not empty; give another folder with --keep")
    record = Record(run)
    recorded = record.history()
    # A record that ends before the job does ends it there, and what it holds is compared.
    with suppress(BudgetExceeded):
        await learn(config, scratch, listen, record)
    again = Record(scratch)
    return Replayed(len(recorded), again.hash(), first_difference(recorded, again.history()))


def first_difference(recorded: list[Happening], replayed: list[Happening]) -> Difference | None:
    """Where two histories part, counted from 1; None when they are the same."""
    for number, (one, other) in enumerate(zip_longest(recorded, replayed), 1):
        if one != other:
            return Difference(number, one, other)
    return None
