"""The host's side of a zygote: start it, ask it for workers, replace it when it is gone.

Shared by the back-ends that fork their workers; each says how its zygote is started and what it promises.
"""

from __future__ import annotations

import ast
import asyncio
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from typing import IO, Any

from alma.records import Design, SandboxError
from alma.sandbox.contract import Limits, MemoryProcess, SandboxReport, Services
from alma.sandbox.design_process import DesignProcess
from alma.sandbox.plan import packages_folders

SECONDS_TO_START = 60
SECONDS_TO_SPAWN = 30
MOST_SPAWNS = 5000
"""A zygote is replaced after so many workers, so that nothing can pile up in it."""
PRELOADED = ("numpy", "scipy", "networkx")


class ZygoteSandbox(ABC):
    """Owns the zygote; `close` (or the end of this process) ends it and every worker."""

    name = "zygote"

    def __init__(self) -> None:
        self._zygote: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._said: IO[bytes] | None = None
        self._spawned = 0
        self._retired: list[tuple[subprocess.Popen[bytes], socket.socket]] = []
        self._lock = threading.Lock()

    @abstractmethod
    def _command(self, control: int) -> tuple[list[str], Mapping[str, str]]:
        """What starts the zygote, which finds the control socket at that number, and its environment."""

    @abstractmethod
    async def self_check(self) -> SandboxReport:
        """What holds here."""

    @asynccontextmanager
    async def open(
        self, design: Design, services: Services, limits: Limits, *, seed: int
    ) -> AsyncIterator[MemoryProcess]:
        spawning = asyncio.ensure_future(asyncio.to_thread(self._spawn, limits, imports(design.source)))
        try:
            channel, pidfd, control = await asyncio.shield(spawning)
        except asyncio.CancelledError:
            spawning.add_done_callback(_discard)
            raise
        process = DesignProcess(pidfd, services, limits, seed, lambda: has_ended(control))
        await process.connect(channel)
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
            for process, control in self._retired:
                _end(process, control)
            self._retired = []

    def _spawn(self, limits: Limits, modules: list[str]) -> tuple[socket.socket, int, socket.socket]:
        """In a thread, which holds the lock to the end even when the task that waits for it is cancelled."""
        with self._lock:
            if self._spawned >= MOST_SPAWNS:
                self._retire()
            for _ in range(2):
                try:
                    return self._request(limits, modules)
                except OSError as error:
                    failure = error
                    self._end_zygote()
        raise SandboxError(f"the sandbox's zygote does not answer: {failure}")

    def _request(self, limits: Limits, modules: list[str]) -> tuple[socket.socket, int, socket.socket]:
        control = self._control or self._start_zygote()
        ours, theirs = socket.socketpair()
        request = json.dumps({"amounts": amounts(limits), "modules": modules}).encode()
        try:
            socket.send_fds(control, [request], [theirs.fileno()])
            theirs.close()
            ours.settimeout(SECONDS_TO_SPAWN)
            answer, fds, _, _ = socket.recv_fds(ours, 1000, 1)
            if not fds:
                said = answer.decode("utf-8", "replace").removeprefix("failed: ")
                if answer:
                    raise SandboxError(f"a worker could not be walled in: {said}")
                raise OSError("it has ended")
        except (OSError, SandboxError):
            ours.close()
            raise
        finally:
            theirs.close()
        self._spawned += 1
        return ours, fds[0], control

    def _start_zygote(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command, environment = self._command(theirs.fileno())
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  closed with the zygote
        self._zygote = subprocess.Popen(
            command,
            env=dict(environment),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            cwd="/",
        )
        theirs.close()
        ours.settimeout(SECONDS_TO_START)
        self._control = ours
        self._spawned = 0
        answer = ours.recv(1000).decode("utf-8", "replace")
        if answer != "ready":
            reason = answer.removeprefix("failed: ") or self._last_words()
            self._end_zygote()
            raise SandboxError(reason)
        return ours

    def _last_words(self) -> str:
        """The last line that a zygote wrote before it ended without a word on the control socket."""
        assert self._said is not None
        self._said.seek(0)
        lines = self._said.read()[-2000:].decode("utf-8", "replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "its zygote ended at once")

    def _retire(self) -> None:
        """Let the zygote be, with its live workers, and start anew; ended ones go."""
        if self._zygote is not None and self._control is not None:
            self._retired.append((self._zygote, self._control))
        self._zygote = self._control = None
        self._spawned = 0

    def _end_zygote(self) -> None:
        if self._zygote is not None and self._control is not None:
            _end(self._zygote, self._control)
        if self._said is not None:
            self._said.close()
        self._zygote = self._control = self._said = None


def amounts(limits: Limits) -> dict[str, int]:
    """The limits that the kernel holds, as the zygote gets them."""
    return {name: value for name, value in asdict(limits).items() if isinstance(value, int)}


def imports(source: str) -> list[str]:
    """Which modules of numpy, scipy and networkx a design is going to import; the rest is its own affair."""
    found: set[str] = {"networkx"} if ".graph(" in source else set()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return sorted(name for name in found if name.split(".")[0] in PRELOADED)[:16]


def has_ended(control: socket.socket) -> bool:
    """Whether the zygote at the other end is gone. It ends before its workers do."""
    if control.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(control, select.POLLHUP)
    return bool(poll.poll(0))


def interpreter(module: str, *arguments: str) -> list[str]:
    """A fresh interpreter that runs `module` of ours. It finds it however this one did."""
    script = f"import sys; sys.path += {packages_folders()!r}; from {module} import main; main()"
    return [os.path.abspath(sys.executable), "-s", "-P", "-c", script, *arguments]


def _end(process: subprocess.Popen[Any], control: socket.socket) -> None:
    with suppress(OSError):
        control.shutdown(socket.SHUT_RDWR)
    control.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _discard(spawning: asyncio.Future[tuple[socket.socket, int, socket.socket]]) -> None:
    """Close the channel of a process that nobody waits for any more; the process then ends."""
    if not spawning.cancelled() and spawning.exception() is None:
        channel, pidfd, _ = spawning.result()
        channel.close()
        os.close(pidfd)
