"""Bookings that come close together share a transaction, and one that comes alone doesn't wait."""

import asyncio
from contextlib import contextmanager

import pytest

from alma.models import desk
from alma.models.desk import Desk
from alma.testing.loop import in_loop


class Ledger:
    """Counts its transactions; the jobs are booked in `booked`."""

    def __init__(self, broken=False):
        self.broken, self.booked, self.transactions = broken, [], 0

    @contextmanager
    def together(self):
        self.transactions += 1
        yield
        if self.broken:
            raise OSError("disk full")

    def job(self, number):
        def book():
            self.booked.append(number)
            return number

        return book


@in_loop
async def test_one_at_a_time_waits_for_nothing(monkeypatch):
    monkeypatch.setattr(desk, "GATHER", 3600.0)
    ledger = Ledger()
    one = Desk(ledger)
    assert [await one.book(ledger.job(n)) for n in range(5)] == list(range(5))
    assert ledger.transactions == 5


@in_loop
async def test_after_several_at_once_the_next_are_gathered(monkeypatch):
    monkeypatch.setattr(desk, "GATHER", 0.3)
    ledger = Ledger()
    one = Desk(ledger)

    async def later(number):
        await asyncio.sleep(0.01 * number)
        return await one.book(ledger.job(number))

    assert await asyncio.gather(*(one.book(ledger.job(n)) for n in range(3))) == [0, 1, 2]
    assert await asyncio.gather(*map(later, range(3, 9))) == list(range(3, 9))
    assert ledger.transactions == 2
    assert ledger.booked == list(range(9))


@in_loop
async def test_what_is_cancelled_before_its_turn_is_dropped_unless_it_must_be_booked(monkeypatch):
    monkeypatch.setattr(desk, "GATHER", 0.1)
    ledger = Ledger()
    one = Desk(ledger)
    await asyncio.gather(one.book(ledger.job(0)), one.book(ledger.job(1)))
    tasks = [asyncio.create_task(one.book(ledger.job(n), anyway=n == 3)) for n in (2, 3, 4)]
    await asyncio.sleep(0)
    for task in tasks[:2]:
        task.cancel()
    assert await tasks[2] == 4
    assert ledger.booked == [0, 1, 3, 4]


@in_loop
async def test_everybody_in_a_turn_hears_that_the_disk_is_full():
    one = Desk(Ledger(broken=True))
    found = await asyncio.gather(one.book(lambda: 1), one.book(lambda: 2), return_exceptions=True)
    assert [str(error) for error in found] == ["disk full", "disk full"]
    with pytest.raises(OSError, match="disk full"):
        await one.book(lambda: 3)
