"""A small process that forks design workers: interpreter and SDK are loaded once, a worker costs little.

Started as `python -s -P -m alma.sandbox.zygote FD` with an empty environment. The host sends a limit
and a socket per worker; the zygote answers with the worker's pid. When the host's end closes, the
zygote and all its workers end.
"""

from __future__ import annotations

import array
import asyncio  # noqa: F401  loaded here so that no worker pays for it
import gc
import os
import resource
import signal
import socket
import struct
import sys

import numpy.random  # noqa: F401  likewise; and a call's numbers are seeded from the first one on

from alma.sandbox import worker

REQUEST = struct.Struct(">Q")
ANSWER = struct.Struct(">i")


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    os.setpgid(0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    while True:
        data, channel = _receive(control)
        if not data:
            os.killpg(0, signal.SIGKILL)
        if channel is None:
            continue
        pid = os.fork()
        if pid == 0:
            control.close()
            _become_worker(channel, REQUEST.unpack(data)[0])
        channel.close()
        control.sendall(ANSWER.pack(pid))


def _become_worker(channel: socket.socket, address_space_bytes: int) -> None:
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_AS, (address_space_bytes, address_space_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os.close(null)
        worker.run(channel)
    finally:
        os._exit(0)


def _receive(control: socket.socket) -> tuple[bytes, socket.socket | None]:
    fds = array.array("i")
    data, ancillary, _, _ = control.recvmsg(REQUEST.size, socket.CMSG_LEN(fds.itemsize))
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(payload[: fds.itemsize])
    return data, socket.socket(fileno=fds[0]) if fds else None


if __name__ == "__main__":
    main()
