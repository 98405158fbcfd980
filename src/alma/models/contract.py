"""What a language model is to the rest of the house: it answers messages, and says what that cost.

A provider speaks to one server. It knows nothing of budgets, ledgers or replay: that is the gateway's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from alma.records import JSON, Finish, Settled, Usage

PAID = ("calls", "tokens", "usd")
"""The units of a budget that model calls are charged to."""


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """One call. `max_tokens` caps the answer, reasoning included.

    `schema` asks for JSON of that shape, `choices` for one of these texts; a provider that can't hold a
    model to them ignores them, so whoever asks must read the answer with care.
    """

    messages: tuple[Message, ...]
    max_tokens: int = 1024
    temperature: float | None = None
    schema: Mapping[str, JSON] | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer, what it truly cost, and why it ended.

    `refusal`: the model or its server would not answer; `overflow`: the prompt did not fit its context.
    Both are answers, not failures: asking again would bring the same.
    """

    text: str
    usage: Usage
    finish: Finish = "stop"


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


@dataclass(frozen=True, slots=True)
class Embedded:
    """A text as a unit vector, and what that took: tokens, and a call where it was one."""

    vector: tuple[float, ...]
    usage: Usage


class Embedder(Protocol):
    """Texts to unit vectors of one length. A text's vector does not depend on the texts beside it."""

    @property
    def name(self) -> str:
        """What it is and in which version, as evaluations' identities name it."""
        ...

    async def embed(self, texts: Sequence[str]) -> list[Embedded]:
        """In the order of the texts. Raises ProviderError, and BudgetExceeded as a model does."""
        ...


class Recorded(Protocol):
    """Answers of an earlier run (a ledger that is only read)."""

    def recorded(self, key: str) -> Settled | None: ...


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

    async def ask(self, request: Request, *, key: str) -> Reply:
        """The answer. `key` names this call among those of its place; a known call isn't made again.

        Raises ProviderError, and BudgetExceeded before a call that the budget can't hold.
        """
        ...
