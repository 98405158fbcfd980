"""An embedder that computes no text twice while it is remembered, and none twice at once."""

from __future__ import annotations

import asyncio
from array import array
from collections import OrderedDict
from collections.abc import Sequence

from alma.models.contract import Embedded, Embedder
from alma.records import Usage

KEPT_TEXTS = 20_000


class Kept:
    """An embedder (`alma.models.contract.Embedder`) around another one."""

    def __init__(self, inner: Embedder, most: int = KEPT_TEXTS) -> None:
        self._inner, self._most = inner, most
        self._known: OrderedDict[str, tuple[array[float], Usage]] = OrderedDict()
        self._coming: dict[str, asyncio.Task[dict[str, Embedded]]] = {}

    @property
    def name(self) -> str:
        return self._inner.name

    async def embed(self, texts: Sequence[str]) -> list[Embedded]:
        found: dict[str, Embedded] = {}
        for text in texts:
            if text in self._known:
                self._known.move_to_end(text)
                numbers, usage = self._known[text]
                found[text] = Embedded(tuple(numbers), usage)
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        new = [text for text in missing if text not in self._coming]
        if new:
            self._coming |= dict.fromkeys(new, asyncio.create_task(self._compute(new)))
        for task in {self._coming[text] for text in missing}:
            # Shielded: who gives up must not take the vectors from others that wait for them.
            found |= await asyncio.shield(task)
        return [found[text] for text in texts]

    async def close(self) -> None:
        """Give back what the inner one holds, where it holds anything."""
        close = getattr(self._inner, "close", None)
        if close is not None:
            await close()

    async def _compute(self, texts: list[str]) -> dict[str, Embedded]:
        try:
            made = dict(zip(texts, await self._inner.embed(texts), strict=True))
        finally:
            for text in texts:
                del self._coming[text]
        self._known |= {text: (array("d", one.vector), one.usage) for text, one in made.items()}
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return made
