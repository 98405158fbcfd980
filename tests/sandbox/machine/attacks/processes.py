"""Attacks on other processes and on secrets in environments."""

import ctypes
import errno
import os
import signal
import struct
import sys
from pathlib import Path

from .tools import LIBC, attack, call, first, refuse


@attack(13, "find a secret in the environment")
def _(world):
    LIBC.getenv.restype = ctypes.c_char_p
    return os.environ.get("ALMA_CANARY") or LIBC.getenv(b"ALMA_CANARY") or refuse("no such variable")


@attack(14, "read another process's environment")
def _(world):
    found = [Path(f"/proc/{pid}/environ").read_text() for pid in (1, os.getppid(), world["victim"])]
    return next((text for text in found if "ALMA_CANARY" in text), None) or refuse("not in there")


@attack(15, "list processes")
def _(world):
    return [name for name in os.listdir("/proc") if name.isdigit()]


@attack(16, "open its own handles and memory anew")
def _(world):
    return first(
        *(lambda n=n: os.close(os.open(f"/proc/self/{n}", os.O_RDONLY)) or n for n in ("mem", "maps", "exe"))
    )


@attack(17, "use an inherited handle")
def _(world):
    for fd in range(4, 1024):
        try:
            if b"canary" in os.pread(fd, 100, 0):
                return f"handle {fd}"
        except OSError:
            continue
    return refuse("none is open")


@attack(18, "signal a process")
def _(world):
    os.kill(world["victim"], signal.SIGUSR1)
    return "sent"


@attack(18, "signal its parent")
def _(world):
    if os.getppid() == 0:
        refuse("it has none")
    os.kill(os.getppid(), 0)
    return "may"


@attack(18, "signal everybody")
def _(world):
    os.kill(-1, 0)
    return "may"


@attack(19, "signal a thread of another process")
def _(world):
    LIBC.syscall.restype = ctypes.c_long
    if LIBC.syscall(234, world["victim"], world["victim"], 0) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return "may"


@attack(20, "trace a process")
def _(world):
    call("ptrace", 0x4206, world["victim"], 0, 0)  # PTRACE_SEIZE
    return "traced"


@attack(21, "read a process's memory")
def _(world):
    local = ctypes.create_string_buffer(8)
    here = struct.pack("PN", ctypes.addressof(local), 8)
    there = struct.pack("PN", ctypes.addressof(local), 8)
    target = world["victim"]
    try:
        call("process_vm_readv", target, here, 1, there, 1, 0)
    except OSError as error:
        if error.errno != errno.EFAULT:
            raise
    return "may"


@attack(22, "take a handle of a process")
def _(world):
    return call("pidfd_open", world["victim"], 0)


@attack(23, "run a program")
def _(world):
    os.execv(sys.executable, [sys.executable, "-c", f"import os; os.write({world.get('out', 1)}, b'ran')"])


@attack(24, "open the kernel's switches for writing")
def _(world):
    places = ("/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname")
    return first(*(lambda p=p: os.close(os.open(p, os.O_WRONLY)) or p for p in places))
