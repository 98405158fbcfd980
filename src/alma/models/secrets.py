"""A provider that tells no secrets: what it raises is cleaned before anyone logs, stores or prints it.

A server's refusal often quotes the key it was given. Every provider is wrapped in this by whoever puts the
gateway together, plug-ins too; one may also call `alma.records.scrub` itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alma.models.contract import Provider, Reply, Request
from alma.records import AlmaError, ProviderError, Usage, scrub


class Discreet:
    """A provider like the one inside. `environment` names the secrets that its errors may quote."""

    def __init__(self, provider: Provider, environment: Mapping[str, str]) -> None:
        self._provider, self._environment = provider, dict(environment)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    @property
    def name(self) -> str:
        return self._provider.name

    def worst_case(self, request: Request) -> Usage:
        return self._provider.worst_case(request)

    async def complete(self, request: Request) -> Reply:
        """Raises what the provider raises, cleaned; what it raises by mistake is a ProviderError."""
        try:
            return await self._provider.complete(request)
        except AlmaError as error:
            # `from None`, and no reference to the first error: a traceback would print what it quotes.
            raise type(error)(scrub(str(error), self._environment)) from None
        except Exception as error:
            told = scrub(f"{type(error).__name__}: {error}", self._environment)
            raise ProviderError(f"the provider {self.name} failed: {told}") from None
