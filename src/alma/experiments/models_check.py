"""One small call to a model, and what it shows: of server, key, price and abilities, or of what runs here."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from alma.experiments import plug_ins
from alma.experiments.health import Finding
from alma.models.contract import Message, Request
from alma.records import JSON, AlmaError, ConfigError

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


async def check_local() -> list[Finding]:
    """What `--embedder auto` means here, and whether the local model works, with what to do if not."""
    return [await _embedder(), await _local_model()]


async def _embedder() -> Finding:
    chosen = plug_ins.embedder("auto")
    assert chosen is not None
    what = f"embedder {chosen.name}"
    try:
        (made,) = await chosen.embed(["a hot apple"])
    except AlmaError as error:
        return what, False, plug_ins.blame(error)
    finally:
        await plug_ins.close_provider(chosen)
    if chosen.name.startswith("minilm"):
        return what, True, f"in use; {len(made.vector)} numbers a text, by meaning"
    return what, False, "in use; finds shared words only; for meaning: alma models install local"


async def _local_model() -> Finding:
    what = "model local"
    try:
        model = plug_ins.provider("local:", plug_ins.model_settings(None, {}, 1), lambda kind, payload: None)
    except ConfigError as error:
        return what, False, plug_ins.blame(error)
    try:
        began = time.monotonic()
        await model.complete(Request((Message("user", "Say yes."),), 1))
    except AlmaError as error:
        return what, False, plug_ins.blame(error)
    finally:
        await plug_ins.close_provider(model)
    return (
        what,
        True,
        f"{model.name}; answered after {time.monotonic() - began:.1f} s; for proofs, not claims",
    )


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
