"""The channel's frames: the lengths of head and body (four bytes each), a JSON head in UTF-8, the body.

Both ends use this module, and trust nothing that they read. Raw parts (an encoded episode) ride behind the
JSON head, so the host encodes an episode once for all candidates.
"""

from __future__ import annotations

import asyncio
import json
import math
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

Take = Callable[[dict[str, Any], bytes], None]
"""Hears a frame's head and body."""

Lose = Callable[[Exception | None], None]
"""Hears of the end, with what was wrong with a frame."""

HEAD = struct.Struct(">II")
END = HEAD.pack(0, 0)
"""Says that the other end is gone, where the line between them may outlive it."""


def pack(message: dict[str, Any], body: bytes = b"") -> bytes:
    """A frame: lengths of head and body, the head, the body."""
    raw = _ENCODER.encode(message).encode("utf-8", "surrogatepass")
    return HEAD.pack(len(raw), len(body)) + raw + body


ROOM = 1 << 15
"""Bytes that are read at once. The host's end keeps its room: a plain protocol has asyncio make 256 kB of it
anew each time, which takes longer than a message.
"""


class _Frames:
    """Cuts what is heard into frames. They go to `take`; a broken frame or the end goes to `lose`, once."""

    def __init__(self, limit: int, take: Take, lose: Lose) -> None:
        self._limit, self._take, self._lose = limit, take, lose
        self._buffer = bytearray()
        self._lost = False

    def _hear(self, data: bytes) -> None:
        try:
            if not self._buffer and self._is_one(data):
                self._take(parse(data[HEAD.size :]), b"")
                return
            self._buffer += data
            while not self._lost and (frame := self._next()) is not None:
                self._take(*frame)
        except EOFError:
            self._end(None)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            self._end(error)

    def _is_one(self, data: bytes) -> bool:
        """Whether these bytes are just one frame without a body, as most are: then nothing is copied."""
        size = len(data) - HEAD.size
        return 0 < size <= self._limit and HEAD.unpack_from(data) == (size, 0)

    def _next(self) -> tuple[dict[str, Any], bytes] | None:
        """The next whole frame of the buffer. Raises ValueError for a malformed or oversize one."""
        if len(self._buffer) < HEAD.size:
            return None
        head_bytes, body_bytes = HEAD.unpack_from(self._buffer)
        if head_bytes + body_bytes > self._limit:
            size = head_bytes + body_bytes
            raise ValueError(f"a message of {size} bytes is over the limit of {self._limit}")
        if head_bytes == 0:
            raise EOFError
        middle = HEAD.size + head_bytes
        end = middle + body_bytes
        if len(self._buffer) < end:
            return None
        head, body = bytes(self._buffer[HEAD.size : middle]), bytes(self._buffer[middle:end])
        del self._buffer[:end]
        return parse(head), body

    def _end(self, error: Exception | None) -> None:
        if not self._lost:
            self._lost = True
            self._lose(error)


class Channel(_Frames, asyncio.BufferedProtocol):
    """The host's end, which never waits for the other one."""

    def __init__(self, limit: int, take: Take, lose: Lose) -> None:
        super().__init__(limit, take, lose)
        self._room = memoryview(bytearray(ROOM))
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def over(cls, link: socket.socket, limit: int, take: Take, lose: Lose) -> Channel:
        """A channel over a connected socket, which it owns from now on."""
        loop = asyncio.get_running_loop()
        _, channel = await loop.create_connection(lambda: cls(limit, take, lose), sock=link)
        return channel

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        self._hear(bytes(self._room[:nbytes]))

    def connection_lost(self, error: Exception | None) -> None:
        self._end(None)

    def send(self, frame: bytes) -> int:
        """Send a frame, if there is still someone to take it; returns how many bytes wait unread."""
        if self._lost or self._transport is None or self._transport.is_closing():
            return 0
        self._transport.write(frame)
        return self._transport.get_write_buffer_size()

    def close(self) -> None:
        self._lost = True
        if self._transport is not None:
            self._transport.abort()


class WorkerChannel(_Frames):
    """The design's end. It waits until the host, which always reads, has taken what it sends.

    A transport of asyncio would cost each worker a third of a megabyte of its own.
    """

    def __init__(self, link: socket.socket, limit: int, take: Take, lose: Lose) -> None:
        super().__init__(limit, take, lose)
        self._link = link
        asyncio.get_running_loop().add_reader(link, self._read)

    def send(self, frame: bytes) -> None:
        with suppress(OSError):
            self._link.sendall(frame)

    def _read(self) -> None:
        try:
            data = self._link.recv(ROOM)
        except OSError:
            data = b""
        if data:
            self._hear(data)
        else:
            self._end(None)


def parse(head: bytes) -> dict[str, Any]:
    """A frame's head. Raises ValueError when it is no JSON object."""
    try:
        message = _DECODER.decode(head.decode("utf-8", "surrogatepass"))
    except RecursionError as error:
        raise ValueError("a message is nested too deeply") from error
    if not isinstance(message, dict):
        raise ValueError("a message is not an object")
    return message


def check_json(value: Any, depth: int = 0) -> None:
    """Raise ValueError or TypeError unless `value` is finite JSON of a sane depth in encodable text."""
    if depth > 40:
        raise ValueError("nested too deeply (over 40 levels)")
    if value is None or isinstance(value, (bool, int)):
        return
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("holds NaN or infinity")
    elif isinstance(value, str):
        value.encode("utf-8")
    elif isinstance(value, (list, tuple)):
        for item in value:
            check_json(item, depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"has a key of type {type(key).__name__}; JSON keys are strings")
            check_json(key)
            check_json(item, depth + 1)
    else:
        raise TypeError(f"holds a {type(value).__name__}, which is not JSON")


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


# Made once: `json.dumps` and `json.loads` with such options make one anew at every call.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_DECODER = json.JSONDecoder(parse_constant=_refuse)
