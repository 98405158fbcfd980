"""How many calls may be in flight to one model at once: it learns from the server's refusals.

The window halves when the server says that it is too much (once a burst), and grows by one for each window of
answers, up to what was asked for. While the server wants to be left alone, nothing is sent. Not a retry.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Throttle:
    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.most, self.window = most, float(most)
        self.in_flight = 0
        self._clock = clock
        self._quiet_until = self._cut = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a place in the window, and hold it."""
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        self._hand_out()
        try:
            await place
            while (left := self._quiet_until - self._clock()) > 0:
                await asyncio.sleep(left)
            yield
        finally:
            if place.done() and not place.cancelled():
                self.in_flight -= 1
                self._hand_out()

    def _hand_out(self) -> None:
        """A place that is given back goes to who waits in the same moment; none is idle for a while."""
        while self._waiting and self.in_flight < int(self.window):
            place = self._waiting.popleft()
            if not place.cancelled():
                self.in_flight += 1
                place.set_result(None)

    def answered(self) -> None:
        self.window = min(float(self.most), self.window + 1.0 / max(1.0, self.window))

    def refused(self, wait: float, sent: float) -> None:
        """A call sent at `sent` was told that it is too much, and to come back in `wait` seconds."""
        now = self._clock()
        self._quiet_until = max(self._quiet_until, now + wait)
        if sent >= self._cut:
            self.window = max(1.0, self.window / 2)
            self._cut = now

    def now(self) -> float:
        return self._clock()
