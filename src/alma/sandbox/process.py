"""The `process` back-end: each design in a process of its own, with caps and deadlines.

It keeps a design that raises, hangs, floods or returns nonsense from harming anything but itself. It
is not a security boundary: the process shares the user's files and network.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from alma.records import Design, DesignError, SandboxError
from alma.sandbox import zygote
from alma.sandbox.contract import Limits, MemoryProcess, SandboxReport, Services
from alma.sandbox.design_process import DesignProcess


class ProcessSandbox:
    """Owns the zygote; `close` (or the end of this process) ends it and every worker."""

    name = "process"

    def __init__(self) -> None:
        self._zygote: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._lock = threading.Lock()

    async def self_check(self) -> SandboxReport:
        """Start a worker, load a design that raises and see that the host only hears of it."""
        probe = "from alma.memory import Memory\nclass Probe(Memory):\n    def __init__(self, kit): 1 / 0\n"
        detail = "separate process with resource limits; not a security boundary"
        try:
            async with self.open(Design("probe", probe), NoServices(), Limits(), seed=0):
                return SandboxReport(self.name, False, False, "a failing design was not noticed")
        except DesignError as error:
            noticed = "ZeroDivisionError" in str(error)
            return SandboxReport(self.name, noticed, False, detail if noticed else str(error))
        except (SandboxError, OSError) as error:
            return SandboxReport(self.name, False, False, str(error))

    @asynccontextmanager
    async def open(
        self, design: Design, services: Services, limits: Limits, *, seed: int
    ) -> AsyncIterator[MemoryProcess]:
        spawning = asyncio.ensure_future(asyncio.to_thread(self._spawn, limits))
        try:
            channel, pid = await asyncio.shield(spawning)
        except asyncio.CancelledError:
            spawning.add_done_callback(_discard)
            raise
        reader, writer = await asyncio.open_connection(sock=channel, limit=1 << 20)
        try:
            process = DesignProcess(reader, writer, pid, services, limits, seed)
        except ProcessLookupError as error:
            writer.close()
            raise SandboxError("the design's process ended before it was used") from error
        try:
            await process.load(design)
            yield process
        finally:
            await process.close()

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._lock:
            self._end_zygote()

    def _spawn(self, limits: Limits) -> tuple[socket.socket, int]:
        """In a thread, which holds the lock to the end even when the task that waits for it is cancelled."""
        with self._lock:
            for _ in range(2):
                try:
                    return self._request(limits)
                except OSError as error:
                    failure = error
                    self._end_zygote()
        raise SandboxError(f"the sandbox's zygote does not answer: {failure}")

    def _request(self, limits: Limits) -> tuple[socket.socket, int]:
        control = self._control or self._start_zygote()
        ours, theirs = socket.socketpair()
        request = zygote.REQUEST.pack(limits.address_space_bytes)
        try:
            socket.send_fds(control, [request], [theirs.fileno()])
            answer = control.recv(zygote.ANSWER.size, socket.MSG_WAITALL)
            if len(answer) < zygote.ANSWER.size:
                raise OSError("it has ended")
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        return ours, zygote.ANSWER.unpack(answer)[0]

    def _start_zygote(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        environment = {"PYTHONHASHSEED": "0", "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}
        self._zygote = subprocess.Popen(
            [sys.executable, "-s", "-P", "-m", "alma.sandbox.zygote", str(theirs.fileno())],
            env=environment,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        theirs.close()
        ours.settimeout(30)
        self._control = ours
        return ours

    def _end_zygote(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._zygote is not None:
            try:
                self._zygote.wait(5)
            except subprocess.TimeoutExpired:
                self._zygote.kill()
                self._zygote.wait()
            self._zygote = None


def _discard(spawning: asyncio.Future[tuple[socket.socket, int]]) -> None:
    """Close the channel of a process that nobody waits for any more; the process then ends."""
    if not spawning.cancelled() and spawning.exception() is None:
        spawning.result()[0].close()


class NoServices:
    """Services of a run without a model: completions and embeddings are refused with the reason."""

    async def llm(self, arguments: dict[str, Any]) -> Any:
        raise DesignError("this run has no model for a design's own calls (kit.llm)")

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        raise DesignError("this run has no embedder (kit.embed)")

    def log(self, text: str) -> None:
        pass
