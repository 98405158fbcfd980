"""Landlock: which files a process may read and write, held by the kernel without any privilege.

It doesn't hide that a file exists, nor its size: that is the mount namespace's work.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Sequence
from contextlib import suppress

from alma.sandbox.walls import kernel

READ_FILE, READ_DIR = 1 << 2, 1 << 3
_FILE_RIGHTS = (1 << 0) | (1 << 1) | READ_FILE | (1 << 14) | (1 << 15)
_IOCTL_DEV = 1 << 15
_BY_VERSION = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_TCP = 0b11
_SCOPES = 0b11


def version() -> int:
    """The kernel's Landlock version; 0 where it has none."""
    try:
        return kernel.syscall("landlock_create_ruleset", 0, 0, 1)
    except OSError:
        return 0


def handled(abi: int) -> int:
    """Every right over files that this version knows."""
    return max((rights for since, rights in _BY_VERSION.items() if since <= abi), default=0)


def restrict(read: Sequence[str], folders: Sequence[str] = (), write: Sequence[str] = ()) -> int:
    """Leave this thread only these: `read` below, listing of `folders`, all but programs in `write`.

    Also no TCP, and no abstract socket or signal across its border, where the kernel knows that. Returns the
    version.
    """
    abi = version()
    if abi < 1:
        raise OSError("this kernel has no Landlock (5.13 or newer has it, unless it is switched off)")
    rights = handled(abi)
    attributes = struct.pack("=Q", rights)
    if abi >= 4:
        attributes += struct.pack("=Q", _TCP)
    if abi >= 6:
        attributes += struct.pack("=Q", _SCOPES)
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    ruleset = kernel.syscall("landlock_create_ruleset", ctypes.byref(buffer), len(attributes), 0)
    try:
        for paths, allowed in (
            (read, READ_FILE | READ_DIR),
            (folders, READ_DIR),
            (write, rights & ~(1 | _IOCTL_DEV)),
        ):
            for path in paths:
                with suppress(FileNotFoundError):
                    _allow(ruleset, path, allowed)
        kernel.syscall("landlock_restrict_self", ruleset, 0)
    finally:
        os.close(ruleset)
    return abi


def _allow(ruleset: int, path: str, rights: int) -> None:
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _FILE_RIGHTS
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, fd), 12)
        # LANDLOCK_RULE_PATH_BENEATH
        kernel.syscall("landlock_add_rule", ruleset, 1, ctypes.byref(rule), 0)
    finally:
        os.close(fd)
