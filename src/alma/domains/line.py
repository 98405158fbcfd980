"""The socket between an environment pool and a worker: pickled messages behind their sizes, by turns.

One message there, one back. A worker's last word in a job is marked, so that the host knows it before it
unpickles it and can give the worker more to do meanwhile. The host's end never blocks its event loop; the
worker's has nothing to do but wait. What the messages are is the pool's affair; host and worker trust each
other.
"""

from __future__ import annotations

import asyncio
import pickle
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

HEAD = struct.Struct(">Q?")
"""Bytes that follow, and whether a job ends with this message."""

ROOM = 1 << 16
"""Bytes of a buffer; it grows for a longer message only."""


LOOKS_SECONDS = 0.0002
"""How long a worker looks for the next message before it sleeps."""


def frame(message: Any, *, last: bool = False) -> bytes:
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return HEAD.pack(len(data), last) + data


class _Buffer:
    """What has come of a message. Whoever reads the socket fills `free` and says how much it was."""

    def __init__(self) -> None:
        self._kept = self._room = memoryview(bytearray(ROOM))
        self._filled = 0

    @property
    def free(self) -> memoryview:
        return self._room[self._filled :]

    def whole(self, more: int) -> tuple[memoryview, bool] | None:
        """The message, once these bytes complete it; it stays where it is until the next reading."""
        self._filled += more
        if self._filled < HEAD.size:
            return None
        size, last = HEAD.unpack_from(self._room)
        end = HEAD.size + size
        if self._filled < end:
            if len(self._room) < end:
                longer = memoryview(bytearray(end))
                longer[: self._filled] = self._room[: self._filled]
                self._room = longer
            return None
        message = self._room[HEAD.size : end]
        self._room, self._filled = self._kept, 0
        return message, last


class WorkerLine:
    """The worker's end, blocking. Raises EOFError or OSError when the host's end is closed."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._buffer = _Buffer()

    def say(self, framed: bytes) -> None:
        self._link.sendall(framed)

    def hear(self) -> Any:
        while True:
            more = self._received()
            if more == 0:
                raise EOFError
            heard = self._buffer.whole(more)
            if heard is not None:
                return pickle.loads(heard[0])

    def _received(self) -> int:
        """Bytes that came. The next action mostly comes at once, so a look or two is cheaper than to sleep
        and be woken with cold caches; who waits for a language model sleeps."""
        until = time.perf_counter() + LOOKS_SECONDS
        while time.perf_counter() < until:
            with suppress(BlockingIOError):
                return self._link.recv_into(self._buffer.free, 0, socket.MSG_DONTWAIT)
        return self._link.recv_into(self._buffer.free)


class HostLine:
    """The host's end."""

    def __init__(self, link: socket.socket) -> None:
        link.setblocking(False)
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(link, self._read)
        self._buffer = _Buffer()
        self._unsent = memoryview(b"")
        self._writing = False
        self._reply: asyncio.Future[Any] | None = None
        self._ended: Callable[[], None]
        self._late: asyncio.TimerHandle
        self._gone: OSError | None = None

    def exchange(
        self, framed: bytes, timeout_seconds: float, ended: Callable[[], None]
    ) -> asyncio.Future[Any]:
        """The next message. Raises TimeoutError, or OSError when the worker is gone.

        When it is a job's last, `ended` is called before it is unpickled.
        """
        reply = self._reply = self._loop.create_future()
        self._ended = ended
        self._late = self._loop.call_later(timeout_seconds, self._fail, TimeoutError())
        self._unsent = memoryview(framed)
        self._write()
        return reply

    @property
    def gone(self) -> bool:
        """Whether the worker is known to be gone."""
        return self._gone is not None

    def close(self) -> None:
        self._lose(ConnectionResetError())
        self._link.close()

    def _write(self) -> None:
        try:
            sent = 0 if self._gone is not None else self._link.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lose(error)
        if self._gone is not None:
            self._fail(self._gone)
            return
        self._unsent = self._unsent[sent:]
        if self._unsent:
            self._loop.add_writer(self._link, self._write)
            self._writing = True
        elif self._writing:
            self._loop.remove_writer(self._link)
            self._writing = False

    def _read(self) -> None:
        try:
            more = self._link.recv_into(self._buffer.free)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error)
            return
        if more == 0:
            self._lose(ConnectionResetError())
            return
        heard = self._buffer.whole(more)
        if heard is None or self._reply is None:
            return
        message, last = heard
        reply, self._reply = self._reply, None
        self._late.cancel()
        if last:
            self._ended()
        if not reply.done():
            try:
                reply.set_result(pickle.loads(message))
            except Exception as failure:
                reply.set_exception(failure)

    def _lose(self, error: OSError) -> None:
        """The worker is gone: whoever waits for it hears so, and whoever talks to it later."""
        if self._gone is None:
            self._gone = error
            self._loop.remove_reader(self._link)
            self._loop.remove_writer(self._link)
        self._fail(error)

    def _fail(self, error: Exception) -> None:
        reply, self._reply = self._reply, None
        if reply is not None:
            self._late.cancel()
            if not reply.done():
                reply.set_exception(error)
