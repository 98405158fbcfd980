"""`alma models check`: one small call to a model, and what it shows of server, key, price and abilities."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from alma.experiments import plug_ins
from alma.models.contract import Message, Request
from alma.records import JSON, AlmaError

QUESTION = 'Answer with a JSON object: {"colour": one of "red", "green" or "blue"}. Nothing else.'
SCHEMA: Mapping[str, JSON] = {
    "type": "object",
    "properties": {"colour": {"type": "string", "enum": ["red", "green", "blue"]}},
    "required": ["colour"],
    "additionalProperties": False,
}
MOST_TOKENS = 2000


async def check_model(name: str, base_url: str | None, prices: Mapping[str, JSON]) -> dict[str, Any]:
    """What one call shows. Raises ConfigError and ProviderError as the model does."""
    settings = plug_ins.model_settings(base_url, prices, 1)
    provider = plug_ins.provider(name, settings, lambda kind, payload: None)
    began = time.monotonic()
    try:
        request = Request((Message("user", QUESTION),), MOST_TOKENS, schema=SCHEMA)
        most = provider.worst_case(request)
        reply = await provider.complete(request)
    finally:
        await plug_ins.close_provider(provider)
    usage = reply.usage
    return {
        "model": provider.name,
        "answer": reply.text[:200],
        "ended": reply.finish,
        "held_to_the_schema": _fits(reply.text),
        "seconds": round(time.monotonic() - began, 2),
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "tokens_counted_by_the_server": not getattr(provider, "estimated", 0),
        "usd": usage.usd,
        "worst_case_usd": most.usd,
        "tries_made_again": getattr(provider, "retries", 0),
    }


def price_rows(names: list[str], prices: Mapping[str, JSON]) -> list[dict[str, Any]]:
    """US dollars a million tokens for each model; an `error` where no price is known."""
    rows: list[dict[str, Any]] = []
    for name in names:
        try:
            price = plug_ins.price(name, prices)
        except AlmaError as error:
            rows.append({"model": name, "error": str(error)})
        else:
            rows.append(
                {
                    "model": name,
                    "prompt": price.prompt,
                    "completion": price.completion,
                    "cached": price.cached,
                }
            )
    return rows


def _fits(text: str) -> bool:
    try:
        return set(json.loads(text)) == {"colour"}
    except (ValueError, TypeError):
        return False
