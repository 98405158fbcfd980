"""The `auto` back-end: the strongest that holds on this system; where none does, it says why and what to do.

Never `unsafe`. Inside a container `landlock` is enough, since the container is the outer wall; elsewhere
it leaks what files exist, so it is taken by name only.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from alma.records import Design, SandboxError
from alma.sandbox import cures
from alma.sandbox.contract import Limits, MemoryProcess, Sandbox, SandboxReport, Services


class AutoSandbox:
    """Owns the back-end that it chose; its name is that one's, once `self_check` has chosen."""

    def __init__(self, candidates: Sequence[Callable[[], Sandbox]]) -> None:
        self._candidates = candidates
        self._chosen: Sandbox | None = None
        self._choosing = asyncio.Lock()
        self.name = "auto"

    async def self_check(self) -> SandboxReport:
        """Try the candidates in order; the report is that of the first that holds."""
        async with self._choosing:
            if self._chosen is not None:
                return await self._chosen.self_check()
            if sys.platform != "linux":
                reason = f"there is none for {sys.platform}"
                return SandboxReport("auto", False, False, reason, cure=cures.cure("auto", reason))
            reports = []
            for make in self._candidates:
                sandbox = make()
                report = await sandbox.self_check()
                if report.ok:
                    self._chosen, self.name = sandbox, sandbox.name
                    return report
                await sandbox.close()
                reports.append(report)
            detail = "; ".join(f"{report.backend}: {report.detail}" for report in reports)
            return SandboxReport("auto", False, False, detail, cure=reports[0].cure)

    @asynccontextmanager
    async def open(
        self, design: Design, services: Services, limits: Limits, *, seed: int
    ) -> AsyncIterator[MemoryProcess]:
        if self._chosen is None:
            report = await self.self_check()
            if not report.ok:
                raise SandboxError(f"no sandbox works here: {report.detail}; {report.cure}")
        assert self._chosen is not None
        async with self._chosen.open(design, services, limits, seed=seed) as process:
            yield process

    async def close(self) -> None:
        if self._chosen is not None:
            await self._chosen.close()
