"""all-MiniLM-L6-v2 as an embedder: where its weights are installed, in a process of its own.

The weights come as a package (`alma.models.weights`); the arithmetic is `alma.models.embedders.bert`.
"""

from __future__ import annotations

from collections.abc import Sequence

from alma.models.contract import Embedded
from alma.models.process import Helper
from alma.models.weights import INSTALL, WEIGHTS
from alma.records import ConfigError, Usage


class MiniLM:
    """An embedder (`alma.models.contract.Embedder`). Owns its process; close it."""

    def __init__(self) -> None:
        found = WEIGHTS["minilm"].find()
        if found is None:
            raise ConfigError(f"the embedder minilm is not installed; get it with: {INSTALL}")
        path, version = found
        self.name = f"minilm@{version}"
        self._helper = Helper(f"embedder {self.name}", "alma.models.embedders.bert", str(path))

    async def embed(self, texts: Sequence[str]) -> list[Embedded]:
        rows = await self._helper.ask({"texts": list(texts)})
        return [Embedded(tuple(vector), Usage(prompt_tokens=pieces)) for vector, pieces in rows]

    async def close(self) -> None:
        await self._helper.close()
