"""The socket between an environment pool and a worker: pickled messages behind their sizes, by turns.

One message there, one back. The host's end never blocks its event loop; the worker's has nothing to do but
wait. Both read into a buffer that they keep: asyncio makes a new one of 256 kB for each reading of a plain
protocol, which takes longer than the message. What the messages are is the pool's affair; host and worker
trust each other.
"""

from __future__ import annotations

import asyncio
import pickle
import socket
import struct
from typing import Any

SIZE = struct.Struct(">Q")
ROOM = 1 << 16
"""Bytes of a buffer; it grows for a longer message only."""


def frame(message: Any) -> bytes:
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return SIZE.pack(len(data)) + data


class _Buffer:
    """What has come of a message. Whoever reads the socket fills `free` and says how much it was."""

    def __init__(self) -> None:
        self._kept = self._room = memoryview(bytearray(ROOM))
        self._filled = 0

    @property
    def free(self) -> memoryview:
        return self._room[self._filled :]

    def whole(self, more: int) -> memoryview | None:
        """The message, once these bytes complete it; it stays where it is until the next reading."""
        self._filled += more
        if self._filled < SIZE.size:
            return None
        end = SIZE.size + SIZE.unpack_from(self._room)[0]
        if self._filled < end:
            if len(self._room) < end:
                longer = memoryview(bytearray(end))
                longer[: self._filled] = self._room[: self._filled]
                self._room = longer
            return None
        message = self._room[SIZE.size : end]
        self._room, self._filled = self._kept, 0
        return message


class WorkerLine:
    """The worker's end, blocking. Raises EOFError or OSError when the host's end is closed."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._buffer = _Buffer()

    def say(self, framed: bytes) -> None:
        self._link.sendall(framed)

    def hear(self) -> Any:
        while True:
            more = self._link.recv_into(self._buffer.free)
            if more == 0:
                raise EOFError
            message = self._buffer.whole(more)
            if message is not None:
                return pickle.loads(message)


class HostLine(asyncio.BufferedProtocol):
    """The host's end."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._buffer = _Buffer()
        self._reply: asyncio.Future[Any] | None = None
        self._late: asyncio.TimerHandle | None = None

    def exchange(self, framed: bytes, timeout_seconds: float) -> asyncio.Future[Any]:
        """The next message. Raises TimeoutError, or OSError when the worker is gone."""
        reply = self._reply = self._loop.create_future()
        if self._transport.is_closing():
            self._settle(ConnectionResetError())
        else:
            self._late = self._loop.call_later(timeout_seconds, self._settle, TimeoutError())
            self._transport.write(framed)
        return reply

    def close(self) -> None:
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer.free

    def buffer_updated(self, nbytes: int) -> None:
        message = self._buffer.whole(nbytes)
        if message is not None:
            self._settle(None, message)

    def connection_lost(self, error: Exception | None) -> None:
        self._settle(ConnectionResetError())

    def _settle(self, error: Exception | None, message: memoryview | bytes = b"") -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
        reply, self._reply = self._reply, None
        if reply is None or reply.done():
            return
        try:
            if error is not None:
                raise error
            reply.set_result(pickle.loads(message))
        except Exception as failure:
            reply.set_exception(failure)
