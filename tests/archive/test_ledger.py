"""What the ledger promises about money."""

import pytest

from alma.archive import open_archive
from alma.records import Usage

USED = Usage(1, 100, 20, 10, 5, 0.02)


def test_a_settled_call_is_answered_from_the_ledger(archive):
    ledger = archive.ledger()
    call = ledger.reserve("key", "small", "model/low", 0.5)
    assert ledger.recorded("key") is None
    ledger.settle(call, USED, "an answer \ud800")
    assert ledger.recorded("key").text == "an answer \ud800"
    assert ledger.spent() == USED


def test_an_open_call_counts_at_its_worst_price(archive):
    ledger = archive.ledger()
    ledger.settle(ledger.reserve("a", "small", "m", 0.5), USED, "")
    ledger.reserve("b", "strong", "m", 0.25)
    assert ledger.spent().usd == pytest.approx(0.27)
    assert ledger.spent("strong") == Usage(calls=1, usd=0.25)


def test_a_released_call_costs_nothing(archive):
    ledger = archive.ledger()
    ledger.release(ledger.reserve("a", "small", "m", 0.5))
    assert ledger.spent() == Usage()
    assert ledger.recorded("a") is None


def test_calls_in_flight_at_a_crash_are_booked_as_lost(path, archive):
    ledger = archive.ledger()
    ledger.settle(ledger.reserve("a", "small", "m", 0.5), USED, "done")
    ledger.reserve("b", "small", "m", 0.25)
    with open_archive(path) as later:
        resumed = later.ledger()
        assert resumed.book_lost() == 1
        assert resumed.book_lost() == 0
        assert resumed.lost() == Usage(calls=1, usd=0.25)
        assert resumed.spent() == USED + Usage(calls=1, usd=0.25)
        assert resumed.recorded("b") is None
        again = resumed.reserve("b", "small", "m", 0.25)
        resumed.settle(again, USED, "second try")
        assert resumed.recorded("b").text == "second try"


@pytest.mark.parametrize("close", ["settle", "release"])
def test_a_call_is_closed_once(archive, close):
    ledger = archive.ledger()
    call = ledger.reserve("a", "small", "m", 0.5)
    ledger.settle(call, USED, "")
    with pytest.raises(ValueError, match="not open"):
        ledger.settle(call, USED, "") if close == "settle" else ledger.release(call)
    with pytest.raises(ValueError, match="call 99 is not open"):
        ledger.release(99)


def test_the_first_answer_stays(archive):
    ledger = archive.ledger()
    for answer in ("one", "two"):
        ledger.settle(ledger.reserve("a", "small", "m", 0.5), USED, answer)
    assert ledger.recorded("a").text == "one"
