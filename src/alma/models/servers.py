"""Which server a model's name means, and what that server's dialect of the OpenAI protocol is.

`gpt-5-nano/low` is a model and an effort at OpenAI; `vllm:NAME`, `openrouter:NAME` name the server. What a
server really takes is found out by asking it (`alma.models.openai`); here is only what must be known before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from alma.models.prices import Price
from alma.records import ConfigError

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")


@dataclass(frozen=True, slots=True)
class Server:
    """A place that speaks the protocol. `prices` is its name in the price table; None: nothing to pay."""

    name: str
    base_url: str
    key_variable: str = ""
    prices: str | None = None
    token_cap: str = "max_tokens"
    """What the cap on an answer's tokens is called there."""
    effort: str = "reasoning_effort"
    """How an effort is asked for: this parameter, or `reasoning` with an object in it."""
    choices: bool = False
    """Whether it can hold a model to one of several texts (vLLM's structured outputs)."""


SERVERS: Mapping[str, Server] = {
    server.name: server
    for server in (
        Server(
            "openai",
            "https://api.openai.com/v1",
            "OPENAI_API_KEY",
            "openai",
            token_cap="max_completion_tokens",
        ),
        Server(
            "openrouter",
            "https://openrouter.ai/api/v1",
            "OPENROUTER_API_KEY",
            "openrouter",
            effort="reasoning",
        ),
        Server("anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", "anthropic"),
        Server(
            "gemini", "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY", "google"
        ),
        Server("vllm", "http://localhost:8000/v1", choices=True),
        Server("ollama", "http://localhost:11434/v1"),
        Server("llamacpp", "http://localhost:8080/v1"),
    )
}


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What a user says about servers beside a model's name. `most` is calls in flight to one model."""

    base_url: str | None = None
    """In place of the server's own address."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """By the environment variable that they came from."""
    prices: Mapping[str, Price] = field(default_factory=dict)
    most: int = 50
    seconds: float = 300.0
    """Seconds without a sign from the server: then the call has failed and is made again."""
    patience: float = 900.0
    """Seconds for all tries of one call together."""


@dataclass(frozen=True, slots=True)
class ModelName:
    """`SERVER:MODEL/EFFORT`, read. `responses` asks for OpenAI's newer endpoint."""

    server: Server
    model: str
    effort: str | None = None
    responses: bool = False

    @classmethod
    def read(cls, name: str) -> ModelName:
        """Raises ConfigError for a name that means no server's model."""
        prefix, colon, rest = name.partition(":")
        responses = prefix == "responses"
        known = prefix in SERVERS or responses
        if colon and not known and not re.search(r"[./-]", prefix):
            raise ConfigError(
                f"unknown model {name!r}: servers are {', '.join(SERVERS)}, responses, inbox and local"
            )
        server = SERVERS[prefix] if prefix in SERVERS else SERVERS["openai"]
        model = rest if known else name
        head, slash, effort = model.rpartition("/")
        if slash and effort in EFFORTS:
            model = head
        else:
            effort = ""
        if not model or model != model.strip() or any(c.isspace() for c in model):
            raise ConfigError(f"{name!r} is no model's name: write it like gpt-5-nano/low or vllm:NAME")
        return cls(server, model, effort or None, responses)

    def __str__(self) -> str:
        place = (
            "responses:" if self.responses else "" if self.server.name == "openai" else f"{self.server.name}:"
        )
        return place + self.model + (f"/{self.effort}" if self.effort else "")
