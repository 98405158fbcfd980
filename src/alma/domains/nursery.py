"""The host's side of where environment workers come from: one zygote that forks them and sees them end."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from typing import Any, NamedTuple

from alma.domains.contract import Domain
from alma.records import without_secrets

CLOSING_SECONDS = 5.0
"""How long the zygote may take to end by itself; it may just be loading modules."""

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""A worker plays one game; and a process with threads is not to be forked."""

MOST_BYTES = 1 << 16


class Born(NamedTuple):
    """A new worker: its number, our end of its socket, and how it will have ended."""

    number: int
    link: socket.socket
    end: asyncio.Future[str]


class Nursery:
    """Owns one zygote and its workers; for one event loop, which it never holds up.

    When `ended` is true the zygote is gone, and all its workers with it.
    """

    def __init__(self, domain: Domain) -> None:
        """Raises OSError when no process can be started."""
        self.ended = False
        self._count = 0
        self._unsent: deque[tuple[bytes, socket.socket | None]] = deque()
        self._running: dict[int, tuple[asyncio.Future[str], str]] = {}
        """Until it is told how they ended: where that is waited for, and folders."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ExitStack() as until_started, theirs, tempfile.TemporaryFile() as file:
            until_started.enter_context(ours)
            pickle.dump(domain, file, pickle.HIGHEST_PROTOCOL)
            file.seek(0)
            numbers = [theirs.fileno(), file.fileno()]
            self._process = subprocess.Popen(
                [sys.executable, "-m", "alma.domains.zygote", *map(str, numbers)],
                env=without_secrets(os.environ) | ONE_THREAD,
                pass_fds=numbers,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
            until_started.pop_all()
        self._loop = asyncio.get_running_loop()
        self._control = ours
        self._control.setblocking(False)
        self._loop.add_reader(self._control, self._hear)

    def start(self, folder: str, modules: Iterable[str]) -> Born:
        """A new worker; the modules are loaded for it and all that follow.

        Its temporary files go to `folder`, which is deleted when it has ended.
        """
        ours, theirs = socket.socketpair()
        self._count += 1
        born = Born(self._count, ours, self._loop.create_future())
        self._running[born.number] = born.end, folder
        request = {"do": "start", "worker": born.number, "folder": folder, "modules": [*modules]}
        self._say(request, theirs)
        return born

    def end(self, worker: int) -> None:
        """Kill the worker, if it still runs. What is started later is started when it is gone."""
        self._say({"do": "end", "worker": worker})

    async def close(self) -> None:
        """End zygote and workers."""
        if not self.ended:
            self._leave()
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self._process.wait, CLOSING_SECONDS)
            self._kill()

    def _say(self, request: dict[str, Any], handed: socket.socket | None = None) -> None:
        self._unsent.append((json.dumps(request).encode(), handed))
        self._send()

    def _send(self) -> None:
        """As much as the zygote takes now; it doesn't while it loads modules."""
        while self._unsent and not self.ended:
            data, handed = self._unsent[0]
            try:
                socket.send_fds(self._control, [data], [] if handed is None else [handed.fileno()])
            except BlockingIOError:
                self._loop.add_writer(self._control, self._send)
                return
            except OSError:
                self._lost()
                return
            self._unsent.popleft()
            if handed is not None:
                handed.close()
        if not self.ended:
            self._loop.remove_writer(self._control)

    def _hear(self) -> None:
        """Who has ended, and how."""
        try:
            data = self._control.recv(MOST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lost()
            return
        told = json.loads(data)
        end, _ = self._running.pop(told["worker"])
        end.set_result(told["end"])

    def _lost(self) -> None:
        """The zygote is gone, whatever became of it: its workers are not to outlive it."""
        self._leave()
        self._kill()
        for end, _ in self._running.values():
            end.set_result(f"the workers' zygote ended with {self._process.returncode}")
        self._running.clear()

    def _leave(self) -> None:
        self.ended = True
        self._loop.remove_reader(self._control)
        self._loop.remove_writer(self._control)
        self._control.close()
        while self._unsent:
            _, handed = self._unsent.popleft()
            if handed is not None:
                handed.close()

    def _kill(self) -> None:
        """Unless it has ended by itself: then so have its workers, and their group's number is free."""
        if self._process.poll() != 0:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            for _, folder in self._running.values():
                shutil.rmtree(folder, ignore_errors=True)
