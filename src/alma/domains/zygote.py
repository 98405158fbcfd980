"""A process that has a domain loaded and forks environment workers: the next one costs milliseconds.

Interpreter, domain and what its engine imports are loaded once and their memory is shared. It never opens
an environment itself: an open one is not to be forked. Started by `alma.domains.nursery`; its arguments are
the numbers of the control socket and of a file with the domain. On the socket it is told in JSON which
workers to start and to end, and tells how each ended. A worker's folder goes when the worker has ended; when
the host's end of the socket closes, all of them do.
"""

from __future__ import annotations

import gc
import json
import os
import pickle
import shutil
import signal
import socket
import sys
import warnings
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from select import select
from typing import Any, NoReturn

from alma.domains import worker
from alma.domains.contract import Domain

MOST_BYTES = 1 << 16


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=int(sys.argv[1]))
    with open(int(sys.argv[2]), "rb") as file:
        domain = pickle.load(file)
    _load(getattr(domain, "imports", ()))
    zygote = Zygote(domain, control)
    try:
        zygote.serve()
    except OSError:
        pass  # The host is gone.
    finally:
        zygote.end_all()


class Zygote:
    """The workers that run, by number."""

    def __init__(self, domain: Domain, control: socket.socket) -> None:
        self._domain, self._control = domain, control
        self._running: dict[int, tuple[int, str]] = {}
        """Process and folder."""
        self._woken, self._wakes = socket.socketpair()
        self._wakes.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)

    def serve(self) -> None:
        """Until the host's end closes. Raises OSError when it is gone."""
        while True:
            ready, _, _ = select([self._control, self._woken], [], [])
            if self._woken in ready:
                self._woken.recv(MOST_BYTES)
                for number in list(self._running):
                    self._reap(number, os.WNOHANG)
            if self._control in ready:
                data, sockets, _, _ = socket.recv_fds(self._control, MOST_BYTES, 1)
                if not data:
                    return
                request = json.loads(data)
                if request["do"] == "start":
                    self._start(request, sockets[0])
                elif request["worker"] in self._running:
                    os.kill(self._running[request["worker"]][0], signal.SIGKILL)
                    self._reap(request["worker"], 0)

    def end_all(self) -> None:
        for process, _ in self._running.values():
            os.kill(process, signal.SIGKILL)
        for process, folder in self._running.values():
            os.waitpid(process, 0)
            shutil.rmtree(folder, ignore_errors=True)

    def _start(self, request: dict[str, Any], channel: int) -> None:
        _load(request["modules"])
        number, folder = request["worker"], request["folder"]
        try:
            process = os.fork()
        except OSError as error:
            self._tell(number, f"not started: {error.strerror}")
        else:
            if process == 0:
                self._become_worker(channel, folder)
            self._running[number] = process, folder
        os.close(channel)

    def _become_worker(self, channel: int, folder: str) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for own in (self._control, self._woken, self._wakes):
                own.close()
            worker.run(self._domain, socket.socket(fileno=channel), folder)
        finally:
            os._exit(1)

    def _reap(self, number: int, how: int) -> None:
        """If it has ended. Until then its process number is no other's."""
        process, folder = self._running[number]
        ended, status = os.waitpid(process, how)
        if ended:
            del self._running[number]
            shutil.rmtree(folder, ignore_errors=True)
            code = os.waitstatus_to_exitcode(status)
            self._tell(
                number, f"killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
            )

    def _tell(self, number: int, end: str) -> None:
        self._control.send(json.dumps({"worker": number, "end": f"worker {end}"}).encode())


def _load(names: Iterable[str]) -> None:
    """Load modules, and keep the collector from touching, and so copying, what workers share."""
    wanted = [name for name in names if name not in sys.modules]
    for name in wanted:
        # Who needs it finds out by itself, and says it better.
        with suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import_module(name)
    if wanted:
        gc.collect()
        gc.freeze()


if __name__ == "__main__":
    main()
