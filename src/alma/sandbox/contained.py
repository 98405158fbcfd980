"""What runs in a container of the `container` back-end: the worker behind the inner walls, and a pump.

An engine gives a container pipes, the worker talks over a socket; the pump stands between them, as the
container's first process, which no design can end. It ends when either side does.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import sys

from alma.sandbox import frames, worker
from alma.sandbox.walls import inner, landlock

CHUNK = 1 << 16


def main() -> None:
    settings = json.loads(sys.argv[1])
    for name in set(os.environ) - set(settings["environment"]):
        del os.environ[name]  # what the engine added: names of the machine and the terminal
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        _work(theirs, settings)
    theirs.close()
    _pump(ours)
    os.kill(child, signal.SIGKILL)
    os._exit(0)


def _work(channel: socket.socket, settings: dict[str, object]) -> None:
    try:
        inner.close_files(channel.detach(), os.dup(0))
        channel = socket.socket(fileno=3)
        os.close(4)
        amounts, read = settings["amounts"], settings["read"]
        assert isinstance(amounts, dict)
        assert isinstance(read, list)
        # gVisor has no Landlock; there the engine's own kernel is the wall.
        without = () if settings["landlock"] or landlock.version() else ("landlock",)
        inner.put_up(amounts, inner.Paths(read, write=["/tmp"]), own_processes=False, without=without)
        channel.send(b"ready")
        worker.run(channel)
    except Exception as error:
        channel.send(f"failed: {error}".encode()[:500])
    finally:
        os._exit(0)


def _pump(channel: socket.socket) -> None:
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ)
    selector.register(channel, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            data = os.read(key.fd, CHUNK)
            if not data:
                if key.fd != 0:
                    _write_all(frames.END)
                return
            if key.fd == 0:
                channel.sendall(data)
            else:
                _write_all(data)


def _write_all(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    main()
