"""The call filter: which system calls a design's process may make, as a BPF program.

An allow-list: what isn't named in `syscalls` is refused with EPERM. A process of another architecture or
x32 is killed. It is put on last, when all that needs other calls has been done.
"""

from __future__ import annotations

import ctypes
import errno
import struct
import sys

from alma.sandbox.walls import kernel, syscalls

KILL, ALLOW, ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
AUDIT = (0xC000003E, 0xC00000B7)
X32 = 0x40000000
LAST_KNOWN = 462
"""Calls with a higher number are newer than this list: answered as by a kernel that lacks them."""

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _MASK, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_NUMBER, _ARCHITECTURE = 0, 4
_CLONE_THREAD, _CLONE_NEW = 0x00010000, 0x7E020080
_FIONREAD, _FIONBIO, _FIOCLEX, _FIONCLEX = 0x541B, 0x5421, 0x5451, 0x5450
_PR_SET_NAME, _PR_GET_NAME, _PR_SET_VMA = 15, 16, 0x53564D41
_AF_UNIX, _SOCK_STREAM = 1, 1

Instruction = tuple[int, int, int, int]


def install(pid: int) -> None:
    """Put the filter on this thread, for good. `pid` is the process's own id: it may signal no other."""
    data = b"".join(struct.pack("=HBBI", *one) for one in program(pid))
    buffer = ctypes.create_string_buffer(data, len(data))
    header = struct.pack("@HP", len(data) // 8, ctypes.addressof(buffer))
    # SECCOMP_SET_MODE_FILTER
    kernel.syscall("seccomp", 1, 0, ctypes.create_string_buffer(header, len(header)))


def program(pid: int) -> list[Instruction]:
    """The filter for this machine."""
    column = kernel.architecture()
    out: list[Instruction] = [
        _load(_ARCHITECTURE),
        (_EQUAL, 1, 0, AUDIT[column]),
        (_RETURN, 0, 0, KILL),
        _load(_NUMBER),
    ]
    if column == 0:
        out += [(_AT_LEAST, 0, 1, X32), (_RETURN, 0, 0, KILL)]
    for numbers in syscalls.ALLOWED.values():
        out += _on(numbers[column], [(_RETURN, 0, 0, ALLOW)])
    for numbers in syscalls.ABSENT.values():
        out += _on(numbers[column], [(_RETURN, 0, 0, ERRNO | errno.ENOSYS)])
    for name, rule in _rules(pid).items():
        out += _on(syscalls.RULED[name][column], rule)
    out += [(_AT_LEAST, 0, 1, LAST_KNOWN + 1), (_RETURN, 0, 0, ERRNO | errno.ENOSYS)]
    return [*out, (_RETURN, 0, 0, ERRNO | errno.EPERM)]


def _rules(pid: int) -> dict[str, list[Instruction]]:
    """What the arguments must be. Each rule ends in a return: allowed, or refused."""
    ioctls = (_FIONREAD, _FIONBIO, _FIOCLEX, _FIONCLEX)
    names = (_PR_SET_NAME, _PR_GET_NAME, _PR_SET_VMA)
    return {
        # Threads only: no process, no namespace.
        "clone": [
            _argument(0),
            (_ANY_BIT, 0, 2, _CLONE_THREAD),
            (_ANY_BIT, 1, 0, _CLONE_NEW),
            (_RETURN, 0, 0, ALLOW),
            (_RETURN, 0, 0, ERRNO | errno.EPERM),
        ],
        # Its own limits may be read.
        "prlimit64": _all([(0, 0), (2, 0)]),
        "prctl": _one_of(0, names),
        "ioctl": _one_of(1, ioctls),
        "tgkill": _all([(0, pid)]),
        # A pair of streams, as asyncio needs; a datagram socket could write to a path's or name's listener.
        "socketpair": [
            _argument(0),
            (_EQUAL, 0, 4, _AF_UNIX),
            _argument(1),
            (_MASK, 0, 0, 0xF),
            (_EQUAL, 0, 1, _SOCK_STREAM),
            (_RETURN, 0, 0, ALLOW),
            (_RETURN, 0, 0, ERRNO | errno.EPERM),
        ],
        "sendto": _all([(4, 0)]),
    }


def _all(wanted: list[tuple[int, int]]) -> list[Instruction]:
    """Allowed when each argument has the value, in all of its 64 bits."""
    tests = [(position, high, value) for position, value in wanted for high in (False, True)]
    out: list[Instruction] = []
    for left, (position, high, value) in enumerate(tests):
        out += [_argument(position, high), (_EQUAL, 0, 2 * (len(tests) - left) - 1, 0 if high else value)]
    return [*out, (_RETURN, 0, 0, ALLOW), (_RETURN, 0, 0, ERRNO | errno.EPERM)]


def _one_of(position: int, values: tuple[int, ...]) -> list[Instruction]:
    """Allowed when the argument is one of these."""
    out = [_argument(position)]
    for left, value in enumerate(values):
        out.append((_EQUAL, len(values) - left, 0, value))
    return [*out, (_RETURN, 0, 0, ERRNO | errno.EPERM), (_RETURN, 0, 0, ALLOW)]


def _on(number: int | None, then: list[Instruction]) -> list[Instruction]:
    """`then`, which must return, when the call has this number."""
    return [] if number is None else [(_EQUAL, 0, len(then), number), *then]


def _load(offset: int) -> Instruction:
    return (_LOAD, 0, 0, offset)


def _argument(position: int, high: bool = False) -> Instruction:
    """One half of an argument."""
    return _load(16 + 8 * position + (4 if high == (sys.byteorder == "little") else 0))
