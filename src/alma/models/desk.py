"""The booking desk: what falls due in a moment is booked in one transaction.

So fifty calls at once wait for the disk once, and each still waits until its own booking is there. One that
comes alone is booked at once; after a turn with several the next one waits a little, so that it has several.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from alma.records import Ledger

T = TypeVar("T")
GATHER = 0.006
"""Seconds between turns while bookings come close together."""


class Desk:
    """For one ledger; safe to use from one event loop."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: list[tuple[Callable[[], Any], asyncio.Future[Any], bool]] = []
        self._next = 0.0
        """When the next turn may begin, by the event loop's clock."""

    async def book(self, job: Callable[[], T], *, anyway: bool = False) -> T:
        """What `job` returns once it is on disk; raises what the ledger raises.

        A job whose caller is cancelled before its turn is dropped, unless it is to be done `anyway`.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if not self._waiting:
            loop.call_at(self._next, self._turn)
        self._waiting.append((job, future, anyway))
        return await future

    def _turn(self) -> None:
        due = [one for one in self._waiting if one[2] or not one[1].cancelled()]
        self._waiting = []
        self._next = asyncio.get_running_loop().time() + GATHER if len(due) > 1 else 0.0
        try:
            with self._ledger.together():
                results = [job() for job, _, _ in due]
        except Exception as error:
            for _, future, _ in due:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future, _), result in zip(due, results, strict=True):
            if not future.done():
                future.set_result(result)
