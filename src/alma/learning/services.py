"""What a design may ask of the host: completions by role and embeddings, within the limits of an evaluation.

A design's identical requests get one answer: in all evaluations of the design, so that a memory which
learned from the same episodes is the same memory again and is paid for once. A server's failure is never
held against the design: it ends the evaluation, which leaves no score. Not for the sandbox's own limits.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from alma.models.contract import Embedder, Gate, Message, Model, Request
from alma.records import JSON, BudgetExceeded, DesignError, ProviderError, Usage, content_hash, visible

MOST_PROMPT = 200_000
"""Characters of one request."""
MOST_TOKENS = 4096
"""Tokens of one answer."""
TOKENS = 1024
"""Tokens of an answer where the design doesn't say."""
MOST_TEXTS, MOST_TEXT = 256, 20_000
"""Texts of one embedding call, and characters of each."""
TEXTS_AN_EPISODE = 100
"""Different texts that an evaluation may have embedded, on average."""
MOST_LINES = 40
"""Different lines of a design's log that an evaluation keeps."""

_EMBEDS = re.compile(r"embed|vectors")
"""A design that says neither can't reach the embedder, so it is the same design with any."""


@dataclass(frozen=True, slots=True)
class DesignModels:
    """The models that a run offers to designs. `calls_an_episode` limits an evaluation's calls on average."""

    roles: Mapping[str, Gate] = field(default_factory=dict)
    embedder: Embedder | None = None
    calls_an_episode: int = 4

    def name_for(self, source: str) -> str:
        """What may change that design's answers; part of its evaluations' identity where there is any."""
        named = [f"{role}={gate.name}" for role, gate in sorted(self.roles.items())]
        if self.embedder is not None and _EMBEDS.search(source):
            named.append(f"embedder={self.embedder.name}")
        return " ".join(named)

    @asynccontextmanager
    async def at(self, design_id: str, episodes: int) -> AsyncIterator[DesignServices]:
        """The services of one evaluation with that many episodes, collected ones too.

        Raises the ProviderError or BudgetExceeded that a call of the design met, once the evaluation is over.
        """
        models = {role: gate.at(design_id) for role, gate in self.roles.items()}
        services = DesignServices(
            models, self.embedder, self.calls_an_episode * episodes, TEXTS_AN_EPISODE * episodes
        )
        try:
            yield services
        except DesignError:
            services.check()
            raise
        finally:
            await services.close()
        services.check()


class DesignServices:
    """One evaluation's calls (`alma.sandbox.contract.Services`)."""

    def __init__(
        self, roles: Mapping[str, Model], embedder: Embedder | None, most_calls: int, most_texts: int
    ) -> None:
        self._roles, self._embedder = roles, embedder
        self._most, self._most_texts = most_calls, most_texts
        self._answers: dict[str, asyncio.Task[JSON]] = {}
        self._fault: ProviderError | BudgetExceeded | None = None
        self._embedded: dict[str, Usage] = {}
        self._logged: dict[str, str] = {}

    @property
    def usage(self) -> Usage:
        """What completions and embeddings have taken; the same however much of it was known already."""
        return sum((model.usage for model in self._roles.values()), sum(self._embedded.values(), Usage()))

    def check(self) -> None:
        """Raise what ended a call through no fault of the design."""
        if self._fault is not None:
            raise self._fault

    async def close(self) -> None:
        for task in self._answers.values():
            task.cancel()
        await asyncio.gather(*self._answers.values(), return_exceptions=True)

    async def llm(self, arguments: dict[str, JSON]) -> JSON:
        """Raises DesignError for a request that the design got wrong, and for one over its limits."""
        role, request = _request(arguments, self._roles)
        key = content_hash([role, asdict(request)])
        if key not in self._answers:
            if len(self._answers) >= self._most:
                raise DesignError(f"the design's {self._most} model calls of this evaluation are used up")
            self._answers[key] = asyncio.create_task(self._ask(self._roles[role], request, key))
        return await asyncio.shield(self._answers[key])

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Raises DesignError over its limits."""
        if self._embedder is None:
            raise DesignError("this run has no embedder (kit.embed)")
        if len(texts) > MOST_TEXTS:
            raise DesignError(f"kit.embed: {len(texts)} texts at once; at most {MOST_TEXTS}")
        if any(len(text) > MOST_TEXT for text in texts):
            raise DesignError(f"kit.embed: a text has over {MOST_TEXT} characters")
        new = set(texts) - self._embedded.keys()
        if len(self._embedded) + len(new) > self._most_texts:
            raise DesignError(
                f"the design's {self._most_texts} embedded texts of this evaluation are used up"
            )
        # Counted before they are there, so that calls in flight share the limit.
        self._embedded |= dict.fromkeys(new, Usage())
        try:
            made = await self._embedder.embed(texts)
        except (ProviderError, BudgetExceeded) as error:
            self._fault = error
            raise
        self._embedded |= {text: one.usage for text, one in zip(texts, made, strict=True)}
        return [list(one.vector) for one in made]

    def log(self, text: str) -> None:
        """Keep the line if it is among the first by hash: the same ones in whatever order they come."""
        text = visible(" ".join(text.split()))
        if not text:
            return
        self._logged.setdefault(content_hash(text), text)
        if len(self._logged) > MOST_LINES:
            del self._logged[max(self._logged)]

    @property
    def logged(self) -> tuple[str, ...]:
        """The lines that are kept, in alphabetical order."""
        return tuple(sorted(self._logged.values()))

    async def _ask(self, model: Model, request: Request, key: str) -> JSON:
        try:
            reply = await model.ask(request, key=key)
        except (ProviderError, BudgetExceeded) as error:
            self._fault = error
            raise
        if reply.finish in ("refusal", "overflow"):
            raise DesignError(
                "the model refused to answer" if reply.finish == "refusal" else "the prompt is too long"
            )
        if request.schema is None:
            return reply.text
        return _json(reply.text)


def _request(arguments: Mapping[str, JSON], roles: Mapping[str, Any]) -> tuple[str, Request]:
    """The request that a design asks for. Raises DesignError with what is wrong with it."""
    if not roles:
        raise DesignError("this run has no model for a design's own calls (kit.llm)")
    role, schema = arguments.get("role"), arguments.get("schema")
    if not isinstance(role, str) or role not in roles:
        raise DesignError(f"kit.llm: role must be {' or '.join(map(repr, roles))}, not {role!r}")
    messages = arguments.get("messages")
    if not isinstance(messages, list) or not messages:
        raise DesignError("kit.llm: messages must be a text or a list of messages")
    asked: list[Message] = []
    for message in messages:
        who = message.get("role") if isinstance(message, dict) else None
        text = message.get("content") if isinstance(message, dict) else None
        if who not in ("system", "user", "assistant") or not isinstance(text, str):
            raise DesignError(
                "kit.llm: a message is {'role': 'system' | 'user' | 'assistant', 'content': text}"
            )
        asked.append(Message(who, text))
    if sum(len(message.content) for message in asked) > MOST_PROMPT:
        raise DesignError(f"kit.llm: the messages have over {MOST_PROMPT} characters")
    temperature, tokens = arguments.get("temperature"), arguments.get("max_tokens")
    if temperature is not None and not (isinstance(temperature, (int, float)) and 0 <= temperature <= 2):
        raise DesignError(f"kit.llm: temperature must be from 0 to 2, not {temperature!r}")
    if tokens is not None and not (isinstance(tokens, int) and 1 <= tokens <= MOST_TOKENS):
        raise DesignError(f"kit.llm: max_tokens must be from 1 to {MOST_TOKENS}, not {tokens!r}")
    if schema is not None and not isinstance(schema, dict):
        raise DesignError("kit.llm: schema must be a JSON schema, as a dictionary")
    return role, Request(tuple(asked), tokens or TOKENS, temperature, schema)


def _json(text: str) -> JSON:
    """The JSON in an answer, in a fence or between other words. Raises DesignError when there is none."""
    start = min((place for place in map(text.find, "{[") if place >= 0), default=-1)
    if start >= 0:
        try:
            value: JSON = json.JSONDecoder().raw_decode(text, start)[0]
            return value
        except ValueError:
            pass
    raise DesignError("kit.llm: the model's answer holds no JSON")
