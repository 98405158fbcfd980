"""`local:smollm2`, or `local:FILE.gguf`: a model on this machine, free of charge and without a key.

A request with choices is answered by the one of them that is likeliest to follow the conversation, told as a
plain transcript (`local:smollm2/mean`: likeliest by the token, which favours long ones); any other goes
through the model's chat template. Good for end-to-end proof: 135 million parameters show that calls, memory
and books work, and say nothing about designs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from alma.models.contract import Message, Reply, Request
from alma.models.process import Helper
from alma.models.weights import INSTALL, WEIGHTS
from alma.records import ConfigError, Finish, ProviderError, Usage, content_hash

BINDING = "xllamacpp"
DEFAULT = "smollm2"
MEAN = "/mean"
MESSAGE_TOKENS = 16
"""For the worst case: tokens around each message; and each byte of a text may be a token."""
HASHED_BYTES = 1 << 20


class LocalModel:
    """A model in a process of its own (`alma.models.contract.Provider`). Owns the process; close it."""

    def __init__(self, path: Path, name: str, *, mean: bool = False) -> None:
        self.name, self._mean = name + MEAN * mean, mean
        self._helper = Helper(name, "alma.models.local.llama", str(path))

    @classmethod
    def named(cls, model: str) -> LocalModel:
        """The model of that name or in that file. Raises ConfigError, with what to do, if it isn't here."""
        mean, model = model.endswith(MEAN), model.removesuffix(MEAN)
        try:
            binding = f"{BINDING} {metadata.version(BINDING)}"
        except metadata.PackageNotFoundError:
            raise ConfigError(
                f"local:{model} needs {BINDING}: pip install 'alma-meta[local]', then {INSTALL}"
            ) from None
        if model.endswith(".gguf"):
            path = Path(model)
            return cls(path, f"local:{path.name} {_print_of(path)} {binding}", mean=mean)
        weights = WEIGHTS.get(model) if model == DEFAULT else None
        if weights is None:
            raise ConfigError(f"unknown model local:{model}: write local:{DEFAULT}, or local:FILE.gguf")
        found = weights.find()
        if found is None:
            raise ConfigError(f"the weights of local:{model} are not installed; get them with: {INSTALL}")
        return cls(found[0], f"local:{model} {found[1]} {binding}", mean=mean)

    def worst_case(self, request: Request) -> Usage:
        texts = [message.content for message in request.messages]
        prompt = sum(map(_bytes, (*texts, *request.choices))) + MESSAGE_TOKENS * (
            len(texts) + len(request.choices)
        )
        return Usage(1, prompt, max([request.max_tokens, *map(_bytes, request.choices)]))

    async def complete(self, request: Request) -> Reply:
        """Raises ProviderError when llama.cpp fails or its process dies."""
        if request.choices:
            return await self._chosen(request)
        answer = await self._helper.ask(_fields(request))
        if "error" in answer:
            return self._without(answer)
        choice, usage = answer["choices"][0], answer["usage"]
        finish: Finish = "length" if choice["finish_reason"] == "length" else "stop"
        cached = usage["prompt_tokens_details"]["cached_tokens"]
        counted = Usage(1, usage["prompt_tokens"], usage["completion_tokens"], cached)
        return Reply(choice["message"]["content"] or "", counted, finish)

    async def close(self) -> None:
        await self._helper.close()

    async def _chosen(self, request: Request) -> Reply:
        texts = [f" {choice}\n" for choice in request.choices]
        found = await self._helper.ask(
            {"prompt": transcript(request.messages), "texts": texts, "mean": self._mean}
        )
        if "error" in found:
            return self._without(found)
        usage = Usage(1, found["prompt_tokens"], found["length"], found["cached_tokens"])
        return Reply(request.choices[found["best"]], usage)

    def _without(self, answer: Mapping[str, Any]) -> Reply:
        """What becomes of an error: a full context is an answer."""
        error = answer["error"]
        if error.get("type") == "exceed_context_size_error":
            return Reply("", Usage(), "overflow")
        raise ProviderError(f"{self.name}: {' '.join(str(error.get('message', error)).split())}")


def transcript(messages: Sequence[Message]) -> str:
    """The conversation as the log of a text game: what was answered stands after `>`, as the answer will."""
    told = [f"> {one.content}" if one.role == "assistant" else one.content.strip() for one in messages]
    return "\n".join([*told, ">"])


def _fields(request: Request) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature or 0.0,
        # The same request has the same answer, whatever its temperature.
        "seed": int(content_hash([[m.role, m.content] for m in request.messages], 7), 16),
    }
    if request.schema is not None:
        form = {"name": "answer", "schema": dict(request.schema), "strict": True}
        fields["response_format"] = {"type": "json_schema", "json_schema": form}
    return fields


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _print_of(path: Path) -> str:
    """A hash of the file's size and beginning, in which its shapes and settings stand."""
    try:
        with path.open("rb") as file:
            return content_hash([os.fstat(file.fileno()).st_size, file.read(HASHED_BYTES).hex()], 8)
    except OSError as error:
        raise ConfigError(f"can't read {path}: {error.strerror}") from error
