"""Attacks on what the machine has: memory, threads, disk, handles. Each takes enough to show that it can."""

import errno
import mmap
import os
import resource
import struct
import threading

from .tools import attack, call, first


@attack(33, "fork")
def _(world):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return "forked"


@attack(34, "start very many threads", claimed=("namespaces",))
def _(world):
    threading.stack_size(64 << 10)
    stop, threads = threading.Event(), []
    try:
        while len(threads) < 400:
            threads.append(threading.Thread(target=stop.wait, daemon=True))
            threads[-1].start()
    except RuntimeError as error:
        if len(threads) < 300:
            raise OSError(errno.EAGAIN, f"{len(threads)} threads, then: {error}") from None
    finally:
        stop.set()
    return f"{len(threads)} threads"


@attack(35, "take 8 GiB at once")
def _(world):
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000  # not reserved, so that nothing is really taken
    return len(mmap.mmap(-1, 8 << 30, flags=flags))


@attack(37, "take memory by shared maps")
def _(world):
    maps = [mmap.mmap(-1, 1 << 30, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS) for _ in range(8)]
    return f"{len(maps)} GiB"


@attack(38, "take memory by a file in memory")
def _(world):
    return call("memfd_create", b"x", 0)


@attack(39, "fill the disk")
def _(world):
    taken = 0
    while taken < 48 << 20:
        with open(f"/tmp/fill{taken}", "wb") as file:
            os.posix_fallocate(file.fileno(), 0, 8 << 20)
        taken += 8 << 20
    return f"{taken} bytes"


@attack(40, "make very many files")
def _(world):
    for n in range(3000):
        open(f"/tmp/inode{n}", "w").close()
    return "3000 files"


@attack(41, "make a very long file")
def _(world):
    with open("/tmp/long", "wb") as file:
        file.truncate(1 << 30)
    os.unlink("/tmp/long")
    return "1 GiB"


@attack(42, "use shared memory in /dev/shm")
def _(world):
    open("/dev/shm/alma_attack", "w").close()
    return "written"


@attack(43, "take every handle")
def _(world):
    taken = []
    try:
        while len(taken) < 800:
            taken.append(os.dup(0))
    finally:
        for fd in taken:
            os.close(fd)
    return f"{len(taken)} handles"


@attack(44, "raise its limits or priority")
def _(world):
    return first(
        lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32)) or "limits",
        lambda: os.setpriority(os.PRIO_PROCESS, 0, 5) or "nice",
        lambda: call("sched_setscheduler", 0, 1, struct.pack("i", 1)) and "real time",
    )
