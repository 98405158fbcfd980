"""A live memory as the ring uses it: fed once, asked often, rebuilt by replaying its updates when it dies.

It stands between an evaluation and the sandbox. What a design's death costs is decided here: the call
that killed it fails, the next one meets a rebuilt memory, and after a few deaths it stays dead. What the
sandbox itself loses costs the design nothing: the memory is rebuilt and the call made again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import TypeVar

from alma.memory import Recall, Situation, Step
from alma.records import Design, DesignError, SandboxError
from alma.sandbox.contract import Limits, MemoryProcess, Sandbox, Services

MOST_DEATHS = 3
MOST_LOSSES = 2
"""How often one call is made again because the sandbox lost it."""

Answer = TypeVar("Answer")


class LiveMemory:
    """Owns one design process at a time; use as an async context manager."""

    def __init__(
        self,
        sandbox: Sandbox,
        design: Design,
        services: Services,
        limits: Limits,
        *,
        episodes: Sequence[bytes],
        frozen: bool,
        seed: int,
    ) -> None:
        self._sandbox, self._design = sandbox, design
        self._services, self._limits, self._seed = services, limits, seed
        self._episodes = list(episodes)
        self._frozen = frozen
        self._stack = AsyncExitStack()
        self._process: MemoryProcess | None = None
        self._deaths = 0
        self._building = asyncio.Lock()
        self.copies = "none"
        self.has_on_step = False

    async def __aenter__(self) -> LiveMemory:
        """Load the design and feed it. Raises DesignError when either fails."""
        await self._build()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def retrieve(self, situation: Situation, *, seed: int) -> Recall:
        return await self._ask(lambda one: one.retrieve(situation, frozen=self._frozen, seed=seed))

    async def on_step(self, situation: Situation, history: Sequence[Step], *, seed: int) -> Recall | None:
        return await self._ask(lambda one: one.on_step(situation, history, frozen=self._frozen, seed=seed))

    async def end(self, token: str) -> None:
        if self._process is not None and self.has_on_step:
            with suppress(DesignError, SandboxError):
                await self._process.end(token)

    async def update(self, episode: bytes) -> None:
        """Online mode: learn from a deployed episode. Raises DesignError when the design fails at it."""
        await self._ask(lambda one: one.update(episode))
        self._episodes.append(episode)

    async def _ask(self, call: Callable[[MemoryProcess], Awaitable[Answer]]) -> Answer:
        """A call's answer. A call that the sandbox itself lost is made again, of a rebuilt memory."""
        for attempt in range(MOST_LOSSES + 1):
            process = await self._alive()
            try:
                return await call(process)
            except DesignError:
                await self._check(process)
                raise
            except SandboxError:
                await self._check(process, blame=False)
                if attempt == MOST_LOSSES:
                    raise
        raise AssertionError("not reached")

    async def _build(self) -> None:
        """Start a process and replay the updates in it; once more when the sandbox itself fails."""
        for attempt in (1, 2):
            await self._stack.aclose()
            try:
                opened = self._sandbox.open(self._design, self._services, self._limits, seed=self._seed)
                process = await self._stack.enter_async_context(opened)
                for episode in self._episodes:
                    await process.update(episode)
                self.copies = await process.freeze() if self._frozen else "live"
                self.has_on_step = process.has_on_step
                self._process = process
                return
            except SandboxError:
                if attempt == 2:
                    raise
            except BaseException:
                await self._stack.aclose()
                raise

    async def _alive(self) -> MemoryProcess:
        async with self._building:
            if self._process is None:
                if self._deaths >= MOST_DEATHS:
                    raise DesignError(f"the design's process ended {self._deaths} times", call="retrieve")
                try:
                    await self._build()
                except DesignError:
                    self._deaths += 1
                    raise
            assert self._process is not None
            return self._process

    async def _check(self, process: MemoryProcess, *, blame: bool = True) -> None:
        """After a failed call: notice whether the process is gone; `blame` counts it against the design."""
        async with self._building:
            if self._process is process and process.broken:
                self._process = None
                self._deaths += blame
