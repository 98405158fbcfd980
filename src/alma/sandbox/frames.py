"""The channel's frames: the lengths of head and body (four bytes each), a JSON head in UTF-8, the body.

Both ends use this module. Raw parts (an encoded episode) ride behind the JSON head, so the host
encodes an episode once for all candidates.
"""

from __future__ import annotations

import asyncio
import json
import math
import struct
from typing import Any

HEAD = struct.Struct(">II")


def pack(message: dict[str, Any], body: bytes = b"") -> bytes:
    """A frame: lengths of head and body, the head, the body."""
    head = json.dumps(message, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    raw = head.encode("utf-8", "surrogatepass")
    return HEAD.pack(len(raw), len(body)) + raw + body


async def read(reader: asyncio.StreamReader, limit: int) -> tuple[dict[str, Any], bytes]:
    """The next frame. Raises ValueError for a malformed or oversize one, IncompleteReadError at the end."""
    head_bytes, body_bytes = HEAD.unpack(await reader.readexactly(HEAD.size))
    if head_bytes + body_bytes > limit:
        raise ValueError(f"a message of {head_bytes + body_bytes} bytes is over the limit of {limit}")
    head = await reader.readexactly(head_bytes)
    body = await reader.readexactly(body_bytes) if body_bytes else b""
    try:
        message = json.loads(head.decode("utf-8", "surrogatepass"), parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("a message is nested too deeply") from error
    if not isinstance(message, dict):
        raise ValueError("a message is not an object")
    return message, body


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
