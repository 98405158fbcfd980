"""The host's side of where environment workers come from: one zygote that forks them and sees them end."""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from typing import Any

from alma.domains.contract import Domain
from alma.records import without_secrets

PATIENCE_SECONDS = 5.0
"""How long the zygote may take to answer, or to end; it answers at once, but loads modules before."""

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""A worker plays one game; and a process with threads is not to be forked."""


class Nursery:
    """Owns one zygote and its workers. Safe to use from several threads; nothing waits for a start."""

    def __init__(self, domain: Domain) -> None:
        """Raises OSError when no process can be started."""
        self._turn = threading.Lock()
        self._count = 0
        self.ended = False
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ExitStack() as until_started, theirs, tempfile.TemporaryFile() as file:
            until_started.enter_context(ours)
            pickle.dump(domain, file, pickle.HIGHEST_PROTOCOL)
            file.seek(0)
            numbers = [theirs.fileno(), file.fileno()]
            self._process = subprocess.Popen(
                [sys.executable, "-m", "alma.domains.zygote", *map(str, numbers)],
                env={**ONE_THREAD, **without_secrets(os.environ)},
                pass_fds=numbers,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
            until_started.pop_all()
        self._control = ours
        self._control.settimeout(PATIENCE_SECONDS)

    def start(self, folder: str, modules: Iterable[str]) -> tuple[int, socket.socket]:
        """A new worker's number and our end of its socket; the modules are loaded for all that follow."""
        ours, theirs = socket.socketpair()
        with theirs, self._turn:
            self._count += 1
            request = {"do": "start", "worker": self._count, "folder": folder, "modules": [*modules]}
            # A zygote that is gone shows at once: the worker's socket is closed at the other end.
            with suppress(OSError):
                socket.send_fds(self._control, [json.dumps(request).encode()], [theirs.fileno()])
            return self._count, ours

    def end(self, worker: int) -> None:
        """Kill the worker; it is gone then."""
        self._ask("end", worker)

    def look(self, worker: int) -> int | None:
        """How it ended, as `subprocess` codes it; None while it runs."""
        code: int | None = self._ask("look", worker)
        return code

    def close(self) -> None:
        """End zygote and workers."""
        with self._turn:
            self.ended = True
            self._control.close()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(PATIENCE_SECONDS)
            if self._process.returncode != 0:
                self._kill()

    def _ask(self, what: str, worker: int) -> Any:
        with self._turn:
            if not self.ended:
                try:
                    self._control.send(json.dumps({"do": what, "worker": worker}).encode())
                    if answer := self._control.recv(64):
                        return json.loads(answer)
                except OSError:
                    pass
                # Whatever became of it, it is no use without its answers, nor are its workers.
                self.ended = True
                self._kill()
            return self._process.returncode

    def _kill(self) -> None:
        """Zygote and workers are a process group, whose number lasts as long as any of them."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
