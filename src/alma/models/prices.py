"""What a call costs: list prices in US dollars, from a kept table, with one's own prices before it.

The table is that of the package genai-prices, as it was when that was released: nothing is fetched. A model
without a known price is an error and never free, unless it runs on one's own machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from alma.records import ConfigError

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars a million tokens; `cached` is for prompt tokens that the server had kept."""

    prompt: float = 0.0
    completion: float = 0.0
    cached: float | None = None

    def usd(self, prompt: int, completion: int, cached: int = 0) -> float:
        """The price of one call; `cached` tokens are part of `prompt`, reasoning is part of `completion`."""
        kept = self.prompt if self.cached is None else self.cached
        return ((prompt - cached) * self.prompt + cached * kept + completion * self.completion) / MILLION


FREE = Price()


def price_of(model: str, provider: str | None, own: Mapping[str, Price]) -> Price:
    """The price of a model at a provider (`None`: one's own machine, which is free).

    Raises ConfigError, with what to do, for a model whose price nobody knows.
    """
    if model in own:
        return own[model]
    if provider is None:
        return FREE
    # 0.2 s and a megabyte of table: only for runs that pay.
    from genai_prices import Usage, calc_price

    try:
        one = [
            float(calc_price(usage, model, provider_id=provider).total_price)
            for usage in (
                Usage(input_tokens=1000),
                Usage(input_tokens=0, output_tokens=1000),
                Usage(input_tokens=1000, cache_read_tokens=1000),
            )
        ]
    except LookupError:
        raise ConfigError(
            f"no price is known for {model}: give --set price.{model}=[PROMPT,COMPLETION], "
            "in US dollars a million tokens"
        ) from None
    # A thousand tokens: below every long-context tier, which list prices name apart.
    prompt, completion, cached = (value * 1000 for value in one)
    return Price(prompt, completion, cached)


def own_prices(given: Mapping[str, object]) -> dict[str, Price]:
    """Prices as a user writes them: {model: [prompt, completion] or [prompt, completion, cached]}."""
    prices = {}
    for model, value in given.items():
        numbers = value if isinstance(value, (list, tuple)) else [value]
        good = all(isinstance(n, (int, float)) and not isinstance(n, bool) and n >= 0 for n in numbers)
        if not good or len(numbers) not in (2, 3):
            raise ConfigError(
                f"price.{model} must be [PROMPT,COMPLETION] or [PROMPT,COMPLETION,CACHED], not {value!r}"
            )
        prices[model] = Price(*map(float, numbers))
    return prices
