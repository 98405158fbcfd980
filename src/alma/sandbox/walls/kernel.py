"""The kernel's calls that the standard library lacks, by ctypes. It decides nothing.

`os.unshare` and friends came with Python 3.12; this serves 3.11 too. Each function raises OSError with
the name of what failed, so that a refusal can be told to the user.
"""

from __future__ import annotations

import ctypes
import os
import platform
from contextlib import suppress
from typing import Any

from alma.sandbox.walls import syscalls

NEWNS, NEWUTS, NEWIPC = 0x00020000, 0x04000000, 0x08000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE, MS_RELATIME = 0x1000, 0x4000, 1 << 18, 1 << 21
MNT_DETACH = 2

PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 24, 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
CAPABILITY_VERSION_3 = 0x20080522

ARCHITECTURES = {"x86_64": 0, "aarch64": 1}
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long


def architecture() -> int:
    """The column of `syscalls` for this machine; raises OSError for one that has none."""
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        raise OSError(f"no table of system calls for {machine} (known: {', '.join(ARCHITECTURES)})")
    return ARCHITECTURES[machine]


def number(name: str, table: syscalls.Numbers = syscalls.SETUP) -> int:
    found = table[name][architecture()]
    if found is None:
        raise OSError(f"this architecture has no system call {name}")
    return found


def syscall(name: str, *arguments: Any) -> int:
    """A call from `syscalls.SETUP`; returns what it returned."""
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result: int = _LIBC.syscall(ctypes.c_long(number(name)), *wide)
    return _checked(result, name)


def unshare(flags: int, what: str) -> None:
    _checked(_LIBC.unshare(ctypes.c_int(flags)), f"new {what}")


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    result = _LIBC.mount(
        source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode()
    )
    _checked(result, f"mount of {kind or 'a folder'} at {target}")


def unmount(target: str) -> None:
    _checked(_LIBC.umount2(target.encode(), ctypes.c_int(MNT_DETACH)), "umount")


def prctl(option: int, value: int = 0, what: str = "prctl", second: int = 0) -> None:
    zero = ctypes.c_ulong(0)
    arguments = (ctypes.c_int(option), ctypes.c_ulong(value), ctypes.c_ulong(second), zero, zero)
    _checked(_LIBC.prctl(*arguments), what)


def map_ids(proc: int, inside: int, uid: int, gid: int) -> None:
    """In a new user namespace: the one user and group that it knows. `proc` is an open /proc."""
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{inside} {uid} 1"),
        ("gid_map", f"{inside} {gid} 1"),
    ):
        try:
            fd = os.open(f"self/{name}", os.O_WRONLY, dir_fd=proc)
            try:
                os.write(fd, text.encode())
            finally:
                os.close(fd)
        except OSError as error:
            raise OSError(error.errno, f"setting {name}: {error.strerror}") from error


def drop_capabilities() -> None:
    """Every capability, for good: bounding, ambient, effective, permitted and inheritable."""
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, capability, "capabilities")
        except PermissionError:
            break  # Not ours to drop from the bounding set; NO_NEW_PRIVS makes that set worthless.
        except OSError:
            break  # Beyond the last one that this kernel knows.
    with suppress(OSError):
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, "capabilities")
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    syscall("capset", ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)()))


def _checked(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result
