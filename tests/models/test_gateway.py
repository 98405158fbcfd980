"""What the gateway promises: no call is made twice, none passes a budget, none is hidden."""

import asyncio
from dataclasses import replace

import pytest

from alma.archive import open_archive
from alma.learning.budget import RunBudget
from alma.models.contract import PAID, Message, Reply, Request
from alma.models.gateway import Gateway
from alma.records import BudgetExceeded, ProviderError, Usage
from alma.testing.loop import in_loop

ASK = Request((Message("user", "one two three"),))
MOST = Usage(1, 3, 100, usd=1.0)
TRUE = Usage(1, 3, 7, usd=0.25)


class Counting:
    """Answers with the number of the call, or fails when told to."""

    name = "counting"

    def __init__(self):
        self.calls = 0
        self.failing = False
        self.gate = None

    def worst_case(self, request: Request) -> Usage:
        return MOST

    async def complete(self, request: Request) -> Reply:
        self.calls += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.failing:
            raise ProviderError("the server said 503")
        return Reply(f"answer {self.calls}", TRUE, "length")


@pytest.fixture
def archive(tmp_path):
    with open_archive(tmp_path / "archive.db", "search") as opened:
        opened.start_run("search", {}, 1)
        yield opened


def gateway(archive, provider, *, record=None, **limits):
    heard = []
    made = Gateway(
        provider, "executor", archive.ledger(), RunBudget(limits), record, lambda *event: heard.append(event)
    )
    return made, heard


@in_loop
async def test_a_settled_call_is_never_made_again(archive):
    provider = Counting()
    gate, heard = gateway(archive, provider)
    model = gate.at("evaluation", "level", "0")
    assert (await model.ask(ASK, key="0")).text == "answer 1"
    assert model.usage == TRUE
    again, _ = gateway(archive, provider)
    later = again.at("evaluation", "level", "0")
    assert (await later.ask(ASK, key="0")).text == "answer 1"
    assert (provider.calls, later.usage) == (1, TRUE)
    assert heard == [("spend", {"calls": 1, "tokens": 10, "usd": 0.25})]


@in_loop
async def test_another_place_key_question_or_role_is_another_call(archive):
    provider = Counting()
    gate, _ = gateway(archive, provider)
    await gate.at("e", "l", "0").ask(ASK, key="0")
    await gate.at("e", "l", "1").ask(ASK, key="0")
    await gate.at("e", "l", "0").ask(ASK, key="1")
    await gate.at("e", "l", "0").ask(Request((Message("user", "four"),)), key="0")
    await gate.at("e", "l", "0").ask(replace(ASK, max_tokens=5), key="0")
    meta = Gateway(provider, "meta", archive.ledger(), RunBudget({}))
    await meta.at("e", "l", "0").ask(ASK, key="0")
    assert provider.calls == 6
    assert archive.ledger().spent("executor").calls == 5


@pytest.mark.parametrize(("unit", "limit", "fit"), [("calls", 2, 2), ("tokens", 120, 2), ("usd", 1.6, 3)])
@in_loop
async def test_no_budget_is_ever_passed(archive, unit, limit, fit):
    provider = Counting()
    gate, _ = gateway(archive, provider, **{unit: limit})
    made = 0
    for number in range(fit):
        await gate.at(str(number)).ask(ASK, key="0")
        made += 1
    with pytest.raises(BudgetExceeded, match=f"budget of {limit:g} {unit}"):
        await gate.at("more").ask(ASK, key="0")
    assert made == provider.calls == fit
    spent = archive.ledger().spent()
    assert {"calls": spent.calls, "tokens": spent.tokens, "usd": spent.usd}[unit] <= limit
    assert gate.budget.spent == pytest.approx({"calls": made, "tokens": 10 * made, "usd": 0.25 * made})


@in_loop
async def test_a_failed_call_costs_nothing_and_is_made_again(archive):
    provider = Counting()
    gate, heard = gateway(archive, provider, usd=1.0)
    provider.failing = True
    with pytest.raises(ProviderError, match="503"):
        await gate.at("e").ask(ASK, key="0")
    assert archive.ledger().spent() == Usage()
    assert all(gate.budget.spent[unit] == 0 for unit in PAID)
    provider.failing = False
    assert (await gate.at("e").ask(ASK, key="0")).text == "answer 2"
    assert len(heard) == 1


@in_loop
async def test_a_call_that_is_cut_off_counts_in_full(archive):
    provider = Counting()
    provider.gate = asyncio.Event()
    gate, _ = gateway(archive, provider)
    task = asyncio.create_task(gate.at("e").ask(ASK, key="0"))
    while not provider.calls:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    ledger = archive.ledger()
    assert ledger.spent().usd == gate.budget.spent["usd"] == MOST.usd
    assert ledger.book_lost() == 1
    assert ledger.lost() == Usage(calls=1, usd=MOST.usd)
    provider.gate.set()
    assert (await gate.at("e").ask(ASK, key="0")).text == "answer 2"


@in_loop
async def test_a_replay_answers_from_the_record_alone(tmp_path, archive):
    provider = Counting()
    first, _ = gateway(archive, provider)
    await first.at("e").ask(ASK, key="0")
    with open_archive(tmp_path / "again.db", "search") as other:
        other.start_run("search", {}, 1)
        replay, _ = gateway(other, provider, record=archive.ledger())
        model = replay.at("e")
        reply = await model.ask(ASK, key="0")
        assert (reply.text, reply.finish) == ("answer 1", "length")
        assert model.usage == TRUE
        with pytest.raises(BudgetExceeded, match="the record holds no such model call"):
            await model.ask(ASK, key="1")
        assert other.ledger().spent() == TRUE
    assert provider.calls == 1
