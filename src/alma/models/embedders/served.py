"""Embeddings from an OpenAI-compatible server: each text is a call, booked, retried and priced as any other.

The vector is the call's answer, so that a run that goes on or is replayed finds it in the ledger. Which
server a name means is as for models (`alma.models.servers`).
"""

from __future__ import annotations

import asyncio
import base64
import math
from array import array
from collections.abc import Sequence

from alma.models.contract import Embedded, Message, Model, Reply, Request
from alma.models.openai import BYTES_A_TOKEN, MESSAGE_TOKENS, OpenAIModel
from alma.records import DesignError, Usage


class OpenAIEmbeddings(OpenAIModel):
    """A model whose answer is its one message's vector (`alma.models.contract.Provider`)."""

    def worst_case(self, request: Request) -> Usage:
        length = len(request.messages[0].content.encode("utf-8", "replace"))
        prompt = length // BYTES_A_TOKEN + MESSAGE_TOKENS
        return Usage(1, prompt, usd=self._price.usd(prompt, 0))

    async def _once(self, request: Request) -> Reply:
        text = request.messages[0].content
        answer = await self._client.embeddings.create(
            # An empty text is an error at some servers.
            model=self._name.model,
            input=text or " ",
            encoding_format="float",
        )
        vector = answer.data[0].embedding if answer.data else []
        norm = math.sqrt(sum(x * x for x in vector))
        if not norm:
            raise ValueError("an answer without a vector")
        counted = getattr(answer, "usage", None)
        prompt = None if counted is None else counted.prompt_tokens
        unit = array("f", (x / norm for x in vector))
        return Reply(
            base64.b64encode(unit.tobytes()).decode(),
            self._usage(request, "", prompt, None if prompt is None else 0, 0, 0),
        )


class Served:
    """An embedder (`alma.models.contract.Embedder`) whose calls go through a gateway's model."""

    def __init__(self, model: Model) -> None:
        self._model = model

    @property
    def name(self) -> str:
        return self._model.name

    async def embed(self, texts: Sequence[str]) -> list[Embedded]:
        """Raises DesignError for a text that is too long for the server's model."""
        made = await asyncio.gather(*map(self._one, texts), return_exceptions=True)
        for one in made:
            if isinstance(one, BaseException):
                raise one
        return [one for one in made if isinstance(one, Embedded)]

    async def _one(self, text: str) -> Embedded:
        reply = await self._model.ask(Request((Message("user", text),), 1), key="embedding")
        if reply.finish in ("refusal", "overflow"):
            raise DesignError(f"kit.embed: the embedder takes no such text ({reply.finish}): {text[:60]!r}")
        vector = array("f", base64.b64decode(reply.text))
        return Embedded(tuple(round(x, 6) for x in vector), reply.usage)
