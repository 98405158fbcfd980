"""The gateway: every model call passes here. Booked before, settled after, never made twice.

A call's name is the place it is made at and its content. One that the ledger has settled is answered
from there, so a run that goes on, or is replayed, pays for nothing again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from alma.models.contract import PAID, Model, Provider, Recorded, Reply, Request
from alma.models.desk import Desk
from alma.records import AlmaError, Budget, BudgetExceeded, Ledger, Settled, Usage, content_hash


@dataclass(frozen=True, slots=True)
class Gateway:
    """One model in one role. With a `record` it makes no call: what the record lacks ends the replay."""

    provider: Provider
    role: str
    ledger: Ledger
    budget: Budget
    record: Recorded | None = None
    listen: Callable[[str, Mapping[str, Any]], None] = lambda kind, payload: None
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "desk", Desk(self.ledger))

    @property
    def name(self) -> str:
        return self.provider.name

    def at(self, *place: str) -> Model:
        """The model as one episode or proposal uses it; `place` names it among all others."""
        return ModelAt(self, place)

    async def call(self, place: Sequence[str], key: str, request: Request) -> Reply:
        """The answer. Raises ProviderError, and BudgetExceeded before a call that the budget can't hold."""
        name = content_hash([self.role, self.name, list(place), key, asdict(request)])
        known = self.ledger.recorded(name)
        if known is not None:
            return _reply(known)
        if self.record is not None:
            return self._from_record(self.record, name)
        most = self.provider.worst_case(request)
        self._charge(most, 1)
        try:
            number = await self.desk.book(lambda: self.ledger.reserve(name, self.role, self.name, most.usd))
        except BaseException:
            self._charge(most, -1)
            raise
        try:
            reply = await self.provider.complete(request)
        except AlmaError:
            await self.desk.book(lambda: self.ledger.release(number), anyway=True)
            self._charge(most, -1)
            raise
        # A call that is cut off here stays reserved: nobody knows what it cost, so it counts in full.
        settle = partial(self.ledger.settle, number, reply.usage, reply.text, reply.finish)
        await self.desk.book(settle, anyway=True)
        self._charge(most, -1)
        self._book(reply.usage)
        return reply

    def _from_record(self, record: Recorded, name: str) -> Reply:
        known = record.recorded(name)
        if known is None:
            raise BudgetExceeded("the record holds no such model call")
        with self.ledger.together():
            number = self.ledger.reserve(name, self.role, self.name, known.usage.usd)
            self.ledger.settle(number, known.usage, known.text, known.finish)
        return _reply(known)

    def _charge(self, usage: Usage, sign: int) -> None:
        """Book or give back a call's worst case; all units or none."""
        amounts = {"calls": usage.calls, "tokens": usage.tokens, "usd": usage.usd}
        done: list[str] = []
        try:
            for unit in PAID:
                self.budget.charge(unit, sign * amounts[unit])
                done.append(unit)
        except BudgetExceeded:
            for unit in done:
                self.budget.charge(unit, -amounts[unit])
            raise

    def _book(self, usage: Usage) -> None:
        """What the call truly cost. It was held by its worst case, so it fits; if not, that is still paid."""
        for unit, amount in (("calls", usage.calls), ("tokens", usage.tokens), ("usd", usage.usd)):
            self.budget.book(unit, amount)
        self.listen("spend", {"calls": usage.calls, "tokens": usage.tokens, "usd": usage.usd})


@dataclass(slots=True)
class ModelAt:
    """A model at one place (`alma.models.contract.Model`): adds up what is used there."""

    gateway: Gateway
    place: tuple[str, ...]
    usage: Usage = field(default_factory=Usage)

    @property
    def name(self) -> str:
        return self.gateway.name

    async def ask(self, request: Request, *, key: str) -> Reply:
        reply = await self.gateway.call(self.place, key, request)
        self.usage = self.usage + reply.usage
        return reply


def _reply(known: Settled) -> Reply:
    return Reply(known.text, known.usage, known.finish)
