"""A small process that forks design workers: interpreter and SDK are loaded once, a worker costs little.

Started in a fresh interpreter with an almost empty environment; its arguments are the number of the
control socket and settings in JSON. For each
worker the host sends its limits and a socket; the worker itself answers on that socket, with a handle of
its process, when its walls stand. It never runs a line of a design before. When the host's end of
the control socket closes, the zygote and all its workers end.
"""

from __future__ import annotations

import asyncio  # noqa: F401  loaded here so that no worker pays for it
import gc
import json
import os
import re
import signal
import socket
import sys
from importlib import import_module
from typing import Any

import numpy.random  # noqa: F401  likewise; and a call's numbers are seeded from the first one on

from alma.sandbox import frames, worker
from alma.sandbox.walls import inner, kernel, outer

OWN = "from alma.memory import Memory\nclass Own(Memory):\n    pass\n"
READY, FAILED = b"ready", b"failed: "
MOST_REQUEST_BYTES = 1 << 16
PROMISED = frozenset({"alma", "numpy", "scipy", "networkx"})
MORE_THREADS = 1024
"""Where the user's other processes count too: what all workers together may have on top of them."""
_MAY_LOAD = re.compile(r"(numpy|scipy|networkx)(\.\w+)*")


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    settings = json.loads(sys.argv[2])
    if os.getpid() != 1:
        os.setpgid(0, 0)
    if settings["walls"] == "landlock":
        settings["threads"] = _threads_of_user() + MORE_THREADS
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.meta_path.insert(0, _Promised())
    _warm_up()
    _tidy()
    control.send(READY)
    while True:
        data, fds, _, _ = socket.recv_fds(control, MOST_REQUEST_BYTES, 1)
        if not data:
            if os.getpid() != 1:
                os.killpg(0, signal.SIGKILL)
            os._exit(0)
        channel = socket.socket(fileno=fds[0])
        request = json.loads(data)
        _load(request["modules"])
        try:
            if os.fork() == 0:
                control.close()
                _become_worker(channel, request["amounts"], settings)
        except OSError as error:
            channel.send(FAILED + str(error).encode())
        channel.close()


class _Promised:
    """Lets the packages be found that designs are promised, whatever else is installed beside them.

    Where a back-end has no root of its own, others would be found and then not be readable.
    """

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        root = name.partition(".")[0]
        known = root in sys.stdlib_module_names or root.startswith("_sysconfigdata")
        if path is None and not known and root not in PROMISED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def _load(names: list[str]) -> None:
    """Load what a design is going to import, so that it and all later ones find it loaded."""
    wanted = [name for name in names if name not in sys.modules and _MAY_LOAD.fullmatch(name)]
    for name in wanted:
        try:
            import_module(name)
        except Exception:  # The design finds out by itself.
            continue
    if wanted:
        _tidy()


def _warm_up() -> None:
    """Serve a design of our own once: what first calls make and fill in is then shared by all workers."""
    ours, theirs = socket.socketpair()
    head = {"situation": {"goal": "", "observation": "", "admissible": None, "domain": "", "token": ""}}
    calls: list[tuple[dict[str, Any], bytes]] = [({"call": "load", "seed": 0}, OWN.encode())]
    calls += [({"call": "freeze"}, b"")]
    for frozen in (True, False) * 8:
        calls.append(({"call": "retrieve", "frozen": frozen, "keep_copy": False, "seed": 0, **head}, b""))
    for number, (message, body) in enumerate(calls):
        ours.sendall(frames.pack({"id": number, **message}, body))
    ours.shutdown(socket.SHUT_WR)
    worker.run(theirs)
    ours.close()


def _tidy() -> None:
    """Keep the collector from touching, and so copying, what workers share with the zygote."""
    gc.collect()
    gc.freeze()


def _become_worker(channel: socket.socket, amounts: inner.Amounts, settings: dict[str, Any]) -> None:
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        kind = settings["walls"]
        if kind == "namespaces":
            outer.separate(settings["proc"], amounts["tmp_bytes"], amounts["tmp_files"])
        elif os.getpid() != 1:
            kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        inner.close_files(channel.detach(), os.pidfd_open(os.getpid()))
        channel = socket.socket(fileno=3)
        os.chdir("/")
        if kind == "none":
            inner.limit(amounts, own_processes=False)
        elif kind == "namespaces":
            paths = inner.Paths(["/"], write=["/tmp"])
            inner.put_up(amounts, paths, own_processes=True, without=settings["without"])
        else:
            own = {**amounts, "threads": settings["threads"]}
            paths = inner.Paths(settings["read"], settings["folders"])
            inner.put_up(own, paths, own_processes=True, without=settings["without"])
        socket.send_fds(channel, [READY], [4])
        os.close(4)
    except BaseException as error:
        text = error.strerror if isinstance(error, OSError) and error.strerror else repr(error)
        try:
            channel.send(FAILED + text.encode())
        finally:
            os._exit(1)
    try:
        worker.run(channel)
    finally:
        os._exit(0)


def _threads_of_user() -> int:
    """How many threads this user has, as the kernel counts them against the limit."""
    count = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{pid}").st_uid == os.getuid():
                count += len(os.listdir(f"/proc/{pid}/task"))
        except OSError:
            continue
    return count


if __name__ == "__main__":
    main()
