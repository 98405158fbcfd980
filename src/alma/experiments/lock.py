"""One writer a run: a lock that the kernel drops when its owner ends, however it ends.

The file `lock` names the owner's process and host, for the message to whoever comes second. A file
that nobody holds is stale and means nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alma.records import ConfigError


@contextmanager
def run_lock(run: Path) -> Iterator[None]:
    """Hold the run's folder for writing. Raises ConfigError when another process holds it."""
    path = run / "lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"{run} is in use by {_owner(path)}; wait for it or stop it") from None
        os.ftruncate(handle, 0)
        os.write(handle, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode())
        yield
    finally:
        os.close(handle)


def owner(run: Path) -> str | None:
    """Who holds the run's folder now ("process 12 on name"), or None."""
    path = run / "lock"
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _owner(path)
    finally:
        os.close(handle)
    return None


def _owner(path: Path) -> str:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return f"process {told['pid']} on {told['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
