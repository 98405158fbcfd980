"""What a design may use besides the standard library: models by role, embeddings, and small stores.

Completions and embeddings are calls to the host, which pays, limits and records them; a design holds
no key and names no vendor. Stores belong to the memory and are copied with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal, Protocol

from alma.records.play import JSON

if TYPE_CHECKING:
    import networkx
    import numpy

Message = Mapping[str, str]


class Host(Protocol):
    """The other end of a toolkit: answers completions and embeddings, takes log lines."""

    async def call(self, method: str, arguments: dict[str, JSON]) -> Any: ...


class Toolkit:
    """Given to a design's `__init__`. Every model and embedding call is awaited."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._vectors: dict[str, Vectors] = {}
        self._graphs: dict[str, networkx.Graph[Any]] = {}
        self._stores: dict[str, Store] = {}

    async def llm(
        self,
        prompt: str | Sequence[Message],
        *,
        role: Literal["small", "strong"] = "small",
        schema: Mapping[str, JSON] | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
    ) -> Any:
        """A completion: text, or JSON that fits `schema` when one is given.

        The same request of the same design has the same answer, so it is paid for once.
        Raises RuntimeError with the host's reason when the call was refused or its budget is used up.
        """
        messages = (
            [{"role": "user", "content": prompt}] if isinstance(prompt, str) else [dict(m) for m in prompt]
        )
        return await self._host.call(
            "llm",
            {
                "messages": messages,
                "role": role,
                "schema": dict(schema) if schema else None,
                "temperature": temperature,
                "max_tokens": max_tokens,
            },
        )

    async def embed(self, texts: Sequence[str]) -> numpy.ndarray[Any, Any]:
        """Unit vectors of `texts`: float array of shape (len(texts), dimension)."""
        import numpy

        if not texts:
            return numpy.empty((0, 0))
        rows = await self._host.call("embed", {"texts": list(texts)})
        return numpy.asarray(rows, dtype=float).reshape(len(texts), -1)

    def vectors(self, name: str) -> Vectors:
        """The vector store of that name, empty at first; searched by cosine similarity."""
        return self._vectors.setdefault(name, Vectors(self))

    def graph(self, name: str) -> networkx.Graph[Any]:
        """The networkx graph of that name, empty at first."""
        if name not in self._graphs:
            import networkx

            self._graphs[name] = networkx.Graph()
        return self._graphs[name]

    def store(self, name: str) -> Store:
        """The dictionary of that name, empty at first."""
        return self._stores.setdefault(name, Store())

    @property
    def rng(self) -> numpy.random.Generator:
        """The numpy generator of the running call, seeded when the call began: same call, same numbers."""
        import numpy

        chance = _CHANCE.get(None)
        if chance is None:
            chance = begin_call(0)
        if chance.generator is None:
            chance.generator = numpy.random.default_rng(chance.seed)
        return chance.generator

    def log(self, text: str) -> None:
        """Leave a line for whoever studies this design or improves on it; never shown to the agent.

        Log little: of all the lines of an evaluation 40 different ones are kept, drawn by chance, with 500
        characters each, of which the next author sees 120.
        """
        notify: Callable[[str], None] | None = getattr(self._host, "log", None)
        if notify is not None:
            notify(str(text)[:500])


def begin_call(seed: int) -> _Chance:
    """Seed `Toolkit.rng` for the call that this task now makes; the sandbox does it, no design."""
    chance = _Chance(seed)
    _CHANCE.set(chance)
    return chance


class _Chance:
    """The random numbers of one call of a design."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.generator: numpy.random.Generator | None = None


_CHANCE: ContextVar[_Chance] = ContextVar("alma_chance")
"""Belongs to the call, not to the toolkit, so that interleaved calls and copies can't mix their numbers."""


class Store(MutableMapping[str, Any]):
    """A dictionary that belongs to the memory."""

    def __init__(self) -> None:
        self._items: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._items[key] = value

    def __delitem__(self, key: str) -> None:
        del self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


Graph = Any
"""A networkx graph, as `Toolkit.graph` returns it."""


class Vectors:
    """Texts with data, found again by similarity of meaning. Each text is embedded once and kept."""

    def __init__(self, kit: Toolkit) -> None:
        self._kit = kit
        self._rows: dict[str, tuple[str, list[float], JSON]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    async def add(self, key: str, text: str, data: JSON = None) -> None:
        """Store or replace the row `key`."""
        known = self._rows.get(key)
        vector = known[1] if known and known[0] == text else (await self._kit.embed([text]))[0].tolist()
        self._rows[key] = (text, vector, data)

    async def search(
        self, text: str, k: int = 5, where: Callable[[JSON], bool] | None = None
    ) -> list[tuple[float, str, JSON]]:
        """The `k` rows nearest to `text` as (cosine similarity, key, data), best first."""
        if not self._rows:
            return []
        query = (await self._kit.embed([text]))[0].tolist()
        hits = [
            (_cosine(query, vector), key, data)
            for key, (_, vector, data) in self._rows.items()
            if where is None or where(data)
        ]
        return sorted(hits, key=lambda hit: (-hit[0], hit[1]))[:k]

    def get(self, key: str) -> JSON:
        """The data of row `key`; KeyError when it isn't there."""
        return self._rows[key][2]

    def delete(self, key: str) -> None:
        """Forget row `key`; unknown keys are ignored."""
        self._rows.pop(key, None)


def _cosine(a: Sequence[float], b: Sequence[float]) -> float:
    norm = math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / norm if norm else 0.0
