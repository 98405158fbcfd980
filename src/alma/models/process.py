"""A process of its own for what computes on this machine: it answers one JSON line by another.

Native code that crashes there is a ProviderError here, and no run's end; threads that would fight for the
cores are kept to one. The other side calls `serve`. Not for designs: those have the sandbox.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any

from alma.records import ConfigError, ProviderError, without_secrets

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
LONGEST_LINE = 64 << 20


class Helper:
    """Owns a process that runs `python -m module`; starts it when asked, anew when it died. Close it."""

    def __init__(self, name: str, module: str, *arguments: str) -> None:
        self.name = name
        self._command = [sys.executable, "-m", module, *arguments]
        self._process: asyncio.subprocess.Process | None = None
        self._said: IO[bytes] | None = None
        self._turn = asyncio.Lock()
        self._asked = 0

    async def ask(self, message: dict[str, Any]) -> Any:
        """The answer; one question at a time. Raises ProviderError when the process fails or dies."""
        async with self._turn:
            process = await self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            self._asked += 1
            number = self._asked
            try:
                process.stdin.write(json.dumps([number, message]).encode() + b"\n")
                await process.stdin.drain()
                # Answers to questions whose asker gave up may still come before.
                while (answer := json.loads(await process.stdout.readline() or "null")) and answer[
                    0
                ] != number:
                    pass
            except (OSError, ValueError) as error:
                raise ProviderError(f"{self.name}: {error}") from error
            if answer is None:
                raise ProviderError(f"{self.name}: its process ended{await self._ending(process)}")
            if (trouble := answer[1].get("trouble")) is not None:
                kind = ConfigError if answer[1].get("hopeless") else ProviderError
                raise kind(f"{self.name}: {trouble}")
            return answer[1]["value"]

    async def close(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if self._said is not None:
            self._said.close()
            self._said = None

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            await self.close()
            self._said = tempfile.TemporaryFile()  # noqa: SIM115
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=self._said,
                limit=LONGEST_LINE,
                env=without_secrets(os.environ) | ONE_THREAD,
                # An interrupt from the terminal is the run's to handle; it closes its helpers.
                start_new_session=True,
            )
        return self._process

    async def _ending(self, process: asyncio.subprocess.Process) -> str:
        code = await process.wait()
        how = f" by signal {-code}" if code < 0 else f" with exit code {code}"
        if self._said is None:
            return how
        self._said.seek(0)
        lines = self._said.read().decode("utf-8", "replace").strip().splitlines()
        return how + (f" ({lines[-1][:200]})" if lines and code > 0 else "")


def serve(answer: Callable[[dict[str, Any]], Any]) -> None:
    """Answer the questions on standard input until it ends. What libraries print goes to standard error.

    An exception is an answer; a ConfigError one that asking again can't change.
    """
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        for line in sys.stdin:
            number, message = json.loads(line)
            told: dict[str, Any]
            try:
                told = {"value": answer(message)}
            except Exception as error:
                told = {
                    "trouble": f"{error}" or type(error).__name__,
                    "hopeless": isinstance(error, ConfigError),
                }
            out.write(json.dumps([number, told]) + "\n")
            out.flush()
