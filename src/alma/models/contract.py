"""What a language model is to the rest of the house: it answers messages, and says what that cost.

A provider speaks to one server. It knows nothing of budgets, ledgers or replay: that is the gateway's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from alma.records import Usage

PAID = ("calls", "tokens", "usd")
"""The units of a budget that model calls are charged to."""


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """One call. `max_tokens` caps the answer, reasoning included."""

    messages: tuple[Message, ...]
    max_tokens: int = 1024
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer, what it truly cost, and why it ended."""

    text: str
    usage: Usage
    finish: Literal["stop", "length", "refusal"] = "stop"


class Provider(Protocol):
    @property
    def name(self) -> str:
        """The model and its effort, as evaluations' identities name it."""
        ...

    def worst_case(self, request: Request) -> Usage:
        """The most that this call can cost: every token of the prompt, `max_tokens` of answer, one call."""
        ...

    async def complete(self, request: Request) -> Reply:
        """Make the call. Raises ProviderError when the server failed; then it has cost nothing."""
        ...


class Recorded(Protocol):
    """Answers of an earlier run (a ledger that is only read)."""

    def recorded(self, key: str) -> tuple[str, Usage] | None: ...


class Gate(Protocol):
    """A model that whoever needs it takes a `Model` of, under a name of its own."""

    @property
    def name(self) -> str: ...

    def at(self, *place: str) -> Model: ...


class Model(Protocol):
    """What an executor, a proposer or a design's request holds: calls with a name of their own."""

    @property
    def name(self) -> str: ...

    @property
    def usage(self) -> Usage:
        """What the calls made through this object have cost."""
        ...

    async def complete(self, messages: Sequence[Message], *, key: str, max_tokens: int = 1024) -> str:
        """The answer. `key` names this call among those of its episode; a known call isn't made again.

        Raises ProviderError, and BudgetExceeded before a call that the budget can't hold.
        """
        ...
