"""The contracts for money: a ledger that books each paid call, and a budget that may refuse one."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from alma.records.usage import Usage

Finish = Literal["stop", "length", "refusal", "overflow"]
"""Why a model's answer ended; `overflow`: the prompt did not fit its context, so there is none."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A paid call as the ledger keeps it: the answer, its true cost, and why it ended."""

    text: str
    usage: Usage
    finish: Finish = "stop"


class Budget(Protocol):
    """Counts what is spent and stops a run before a limit is passed."""

    def charge(self, unit: str, amount: float) -> None:
        """Book `amount` of `unit` ("episodes", "calls", "tokens", "usd", "candidates").

        Raises BudgetExceeded, and books nothing, when the limit of that unit would be passed.
        """
        ...

    def book(self, unit: str, amount: float) -> None:
        """Add what was truly spent, past a limit too: money that is gone is never hidden."""
        ...

    def remaining(self, unit: str) -> float | None:
        """What is left of `unit`, or None where it has no limit."""
        ...


class Ledger(Protocol):
    """Books paid calls: reserved at worst-case price before, settled at true price after."""

    def together(self) -> AbstractContextManager[None]:
        """All that is booked inside is on disk when the block ends, or none of it is."""
        ...

    def reserve(self, key: str, role: str, model: str, worst_case_usd: float) -> int: ...

    def settle(self, call_id: int, usage: Usage, answer: str, finish: Finish = "stop") -> None: ...

    def release(self, call_id: int) -> None:
        """The call cost nothing: never sent, or refused."""
        ...

    def recorded(self, key: str) -> Settled | None:
        """The settled call under `key`, for resume and replay."""
        ...
