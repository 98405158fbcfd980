"""One client for every OpenAI-compatible server, on the official SDK: chat completions and responses.

It retries what may pass (429, 5xx, time-outs, cut or senseless answers), tells refusals and full contexts
from failures, and leaves out what a server says it doesn't know. Books and budgets are the gateway's.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Mapping
from typing import Any

import httpx2
import openai
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from alma.models.contract import Reply, Request
from alma.models.prices import price_of
from alma.models.servers import ModelName, ModelSettings
from alma.models.throttle import Throttle
from alma.records import ConfigError, Finish, ProviderError, Usage

FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0
BYTES_A_TOKEN, MESSAGE_TOKENS = 2, 16
"""For the worst case: at least so many bytes a token, and so many tokens around each message."""
CHARACTERS_A_TOKEN = 4
"""For an estimate where a server counts nothing."""
PASSING = (408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529)
"""Statuses after which the same call may succeed."""
TOO_MUCH = (429, 503, 529)

_OVERFLOW = re.compile(
    r"context.{0,20}(length|window|size)|maximum context|too (long|many tokens)|exceeds? .{0,30}context", re.I
)
_REFUSED = re.compile(r"content.?(policy|filter)|safety|moderation", re.I)


class OpenAIModel:
    """A model at a server (`alma.models.contract.Provider`). Owns its connections; close it."""

    def __init__(self, name: ModelName, settings: ModelSettings) -> None:
        server = name.server
        self._name, self._settings = name, settings
        self._price = price_of(name.model, server.prices, settings.prices)
        key = settings.keys.get(server.key_variable, "") if server.key_variable else "none"
        if not key and settings.base_url is None:
            raise ConfigError(f"{name} needs a key: set {server.key_variable} in the environment or in .env")
        self._client = AsyncOpenAI(
            api_key=key or "none",
            base_url=settings.base_url or server.base_url,
            max_retries=0,
            timeout=openai.Timeout(settings.seconds, connect=10.0),
            http_client=openai.DefaultAsyncHttpxClient(
                limits=httpx2.Limits(max_connections=settings.most, max_keepalive_connections=settings.most)
            ),
        )
        self._throttle = Throttle(settings.most)
        self._unknown: set[str] = set()
        self._random = random.Random(str(name))
        self.retries = self.estimated = 0
        """Tries that failed and were made again; answers whose tokens the server did not count."""

    @property
    def name(self) -> str:
        return str(self._name)

    def worst_case(self, request: Request) -> Usage:
        texts = [message.content for message in request.messages] + (
            [str(request.schema)] if request.schema else []
        )
        prompt = sum(len(text.encode("utf-8", "replace")) for text in texts) // BYTES_A_TOKEN
        prompt += MESSAGE_TOKENS * (len(texts) + 1)
        return Usage(1, prompt, request.max_tokens, usd=self._price.usd(prompt, request.max_tokens))

    async def close(self) -> None:
        await self._client.close()

    async def complete(self, request: Request) -> Reply:
        """Raises ProviderError when our patience is at an end, ConfigError for a bad key or model."""
        began, wait = self._throttle.now(), FIRST_WAIT
        while True:
            async with self._throttle.slot():
                sent = self._throttle.now()
                try:
                    reply = await self._once(request)
                except openai.APIStatusError as error:
                    answer = self._answer_to(error, request)
                    if isinstance(answer, Reply):
                        return answer
                    if answer:
                        continue
                    failure, asked = _said(error), _retry_after(error)
                    if error.status_code in TOO_MUCH:
                        self._throttle.refused(asked if asked is not None else wait, sent)
                except (openai.APIError, httpx2.HTTPError, ValueError) as error:
                    failure, asked = _said(error), None
                else:
                    self._throttle.answered()
                    return reply
            pause = asked if asked is not None else wait * self._random.uniform(0.75, 1.25)
            if self._throttle.now() + pause - began > self._settings.patience:
                raise ProviderError(
                    f"{self.name}: {failure}; gave up after {self._throttle.now() - began:.0f} s"
                )
            self.retries += 1
            await asyncio.sleep(pause)
            wait = min(LONGEST_WAIT, wait * 2)

    async def _once(self, request: Request) -> Reply:
        # The SDK's own methods walk every message for types to convert, of which we send none: a third of
        # what a call cost.
        if self._name.responses:
            body = self._response_fields(request)
            return self._from_response(
                await self._client.post("/responses", cast_to=Response, body=body), request
            )
        body = self._chat_fields(request)
        return self._from_chat(
            await self._client.post("/chat/completions", cast_to=ChatCompletion, body=body), request
        )

    def _chat_fields(self, request: Request) -> dict[str, Any]:
        server = self._name.server
        cap = "max_tokens" if "max_completion_tokens" in self._unknown else server.token_cap
        if "max_tokens" in self._unknown:
            cap = "max_completion_tokens"
        optional: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        if request.temperature is not None:
            optional["temperature"] = request.temperature
        if request.schema is not None:
            optional["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": dict(request.schema), "strict": True},
            }
        elif request.choices and server.choices:
            extra["structured_outputs"] = {"choice": list(request.choices)}
        if self._name.effort is not None:
            if server.effort == "reasoning":
                extra["reasoning"] = {"effort": self._name.effort}
            else:
                optional["reasoning_effort"] = self._name.effort
        fields = {
            "model": self._name.model,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            cap: request.max_tokens,
            **{name: value for name, value in optional.items() if name not in self._unknown},
        }
        return fields | {name: value for name, value in extra.items() if name not in self._unknown}

    def _response_fields(self, request: Request) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "model": self._name.model,
            "input": [{"role": message.role, "content": message.content} for message in request.messages],
            "max_output_tokens": max(16, request.max_tokens),
            "store": False,
        }
        if request.temperature is not None and "temperature" not in self._unknown:
            fields["temperature"] = request.temperature
        if request.schema is not None and "text" not in self._unknown:
            form = {"type": "json_schema", "name": "answer", "schema": dict(request.schema), "strict": True}
            fields["text"] = {"format": form}
        if self._name.effort is not None and "reasoning" not in self._unknown:
            fields["reasoning"] = {"effort": self._name.effort}
        return fields

    def _from_chat(self, answer: Any, request: Request) -> Reply:
        """Raises ValueError for an answer in which there is none."""
        choices = getattr(answer, "choices", None) or []
        message = choices[0].message if choices else None
        if message is None:
            raise ValueError("an answer without a choice")
        refusal = getattr(message, "refusal", None)
        text = message.content or refusal or ""
        ends: dict[str | None, Finish] = {"length": "length", "content_filter": "refusal"}
        finish: Finish = "refusal" if refusal else ends.get(choices[0].finish_reason, "stop")
        if not text and finish == "stop" and not getattr(message, "tool_calls", None):
            raise ValueError("an empty answer")
        counted = answer.usage
        details = (
            getattr(counted, "prompt_tokens_details", None),
            getattr(counted, "completion_tokens_details", None),
        )
        cached = getattr(details[0], "cached_tokens", None) or 0
        reasoning = getattr(details[1], "reasoning_tokens", None) or 0
        tokens = getattr(counted, "prompt_tokens", None), getattr(counted, "completion_tokens", None)
        return Reply(text, self._usage(request, text, *tokens, cached, reasoning), finish)

    def _from_response(self, answer: Any, request: Request) -> Reply:
        text = getattr(answer, "output_text", "") or ""
        parts = [part for item in answer.output or () for part in getattr(item, "content", None) or ()]
        refusal = next((part.refusal for part in parts if getattr(part, "type", "") == "refusal"), None)
        why = getattr(getattr(answer, "incomplete_details", None), "reason", None)
        if answer.status == "failed":
            raise ValueError(str(getattr(answer.error, "message", "a failed response")))
        finish: Finish = "stop"
        if refusal or why == "content_filter":
            finish = "refusal"
        elif answer.status == "incomplete":
            finish = "length"
        if not text and not refusal and finish == "stop":
            raise ValueError("an empty answer")
        counted = answer.usage
        cached = getattr(getattr(counted, "input_tokens_details", None), "cached_tokens", None) or 0
        reasoning = getattr(getattr(counted, "output_tokens_details", None), "reasoning_tokens", None) or 0
        tokens = getattr(counted, "input_tokens", None), getattr(counted, "output_tokens", None)
        return Reply(text or refusal or "", self._usage(request, text, *tokens, cached, reasoning), finish)

    def _usage(
        self,
        request: Request,
        text: str,
        prompt: int | None,
        completion: int | None,
        cached: int,
        reasoning: int,
    ) -> Usage:
        if prompt is None or completion is None:
            self.estimated += 1
            prompt = sum(len(message.content) for message in request.messages) // CHARACTERS_A_TOKEN + 1
            completion = len(text) // CHARACTERS_A_TOKEN + 1
        return Usage(1, prompt, completion, cached, reasoning, self._price.usd(prompt, completion, cached))

    def _answer_to(self, error: openai.APIStatusError, request: Request) -> Reply | bool:
        """A refusal or a full context as an answer; True to ask again at once; False to wait and ask again.

        Raises ConfigError or ProviderError where asking again is of no use.
        """
        said, status = _said(error), error.status_code
        code = str(getattr(error, "code", "") or "")
        if status in (401, 403):
            raise ConfigError(f"{self.name}: the server refuses the key ({said})")
        if status == 404:
            raise ConfigError(f"{self.name}: the server knows no such model or address ({said})")
        if status == 402 or code == "insufficient_quota":
            raise ProviderError(f"{self.name}: {said}; top up the account, then `alma resume`")
        if status in PASSING:
            return False
        if code == "context_length_exceeded" or _OVERFLOW.search(said):
            return Reply("", Usage(), "overflow")
        if _REFUSED.search(f"{code} {said}"):
            return Reply("", Usage(1), "refusal")
        dropped = self._leave_out(str(getattr(error, "param", "") or ""), said, request)
        if dropped:
            return True
        raise ProviderError(f"{self.name}: {said}")

    def _leave_out(self, parameter: str, said: str, request: Request) -> bool:
        """Remember a parameter that the server doesn't know; False when it names none that was sent."""
        fields = self._response_fields(request) if self._name.responses else self._chat_fields(request)
        sent = {*fields} - {"model", "messages", "input"}
        for name in sorted(sent, key=len, reverse=True):
            if (
                parameter.split(".")[0] == name or re.search(rf"\b{name}\b", said)
            ) and name not in self._unknown:
                if name in ("max_tokens", "max_completion_tokens") and self._unknown & {
                    "max_tokens",
                    "max_completion_tokens",
                }:
                    return False
                self._unknown.add(name)
                return True
        return False


def _said(error: Exception) -> str:
    """What a server or the way to it said, in one line."""
    if isinstance(error, openai.APIStatusError):
        body = error.body
        message = body.get("message") if isinstance(body, Mapping) else None
        return f"{error.status_code}: {_line(message or error.message)}"
    if isinstance(error, openai.APITimeoutError):
        return "no answer in time"
    if isinstance(error, openai.APIConnectionError):
        return f"no connection ({_line(error.__cause__ or error)})"
    return _line(error)


def _line(value: object) -> str:
    return " ".join(str(value).split())[:300]


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Seconds, from either header; None where the server doesn't say (dates are not understood)."""
    headers = error.response.headers
    for name, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) / scale)
        except (KeyError, ValueError):
            continue
    return None
