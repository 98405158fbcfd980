"""A process that has a domain loaded and forks environment workers: the next one costs milliseconds.

Interpreter, domain and what its engine imports are loaded once and their memory is shared. It never opens
an environment itself: an open one is not to be forked. Started by `alma.domains.nursery`; its arguments are
the numbers of the control socket and of a file with the domain. Requests are JSON; only questions are
answered. When the host's end of the control socket closes, all workers end and their folders go.
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
from typing import NoReturn

from alma.domains import worker

MOST_REQUEST_BYTES = 1 << 16


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=int(sys.argv[1]))
    with open(int(sys.argv[2]), "rb") as file:
        domain = pickle.load(file)
    _load(getattr(domain, "imports", ()))
    pids: dict[int, int] = {}
    folders: dict[int, str] = {}
    while True:
        try:
            data, sockets, _, _ = socket.recv_fds(control, MOST_REQUEST_BYTES, 1)
        except ConnectionResetError:
            data = b""
        if not data:
            _end_all(pids.values(), folders.values())
        request = json.loads(data)
        number = request["worker"]
        if request["do"] == "start":
            _load(request["modules"])
            pids[number], folders[number] = os.fork(), request["folder"]
            if pids[number] == 0:
                control.close()
                worker.run(domain, socket.socket(fileno=sockets[0]), folders[number])
            os.close(sockets[0])
            continue
        if request["do"] == "end":
            # Until it is waited for, its pid is no other process's.
            os.kill(pids[number], signal.SIGKILL)
        ended, status = os.waitpid(pids[number], os.WNOHANG if request["do"] == "look" else 0)
        control.send(json.dumps(os.waitstatus_to_exitcode(status) if ended else None).encode())
        if ended:
            del pids[number], folders[number]


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


def _end_all(pids: Iterable[int], folders: Iterable[str]) -> NoReturn:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    for pid in pids:
        os.waitpid(pid, 0)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    main()
