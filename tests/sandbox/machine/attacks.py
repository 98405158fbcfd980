"""Attacks on a sandbox, as a design could make them: each returns what it got, or raises what stopped it.

The file is read as text and run in a worker, and also without walls in a throw-away machine, which shows
that an attack can succeed. `world` names what was planted there. Nothing here may run outside of both.
"""

import ctypes
import errno
import mmap
import os
import resource
import signal
import socket
import struct
import sys
import threading
import time
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
ATTACKS = {}
CLAIMED = {}
NUMBERS = {
    "ptrace": 101, "process_vm_readv": 310, "pidfd_open": 434, "memfd_create": 319, "unshare": 272,
    "setns": 308, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "fsopen": 430,
    "open_tree": 428, "bpf": 321, "add_key": 248, "userfaultfd": 323, "io_uring_setup": 425,
    "perf_event_open": 298, "finit_module": 313, "kexec_load": 246, "acct": 163, "personality": 135,
    "modify_ldt": 154, "setuid": 105, "setgroups": 116, "shmget": 29, "mq_open": 240,
    "name_to_handle_at": 303, "open_by_handle_at": 304, "clone": 56, "clone3": 435, "init_module": 175,
    "swapon": 167, "quotactl": 179, "keyctl": 250, "sched_setscheduler": 144, "reboot_probe": 169,
    "inotify_init1": 294, "fanotify_init": 300, "capset": 126, "seccomp": 317, "msgget": 68, "semget": 64,
}  # fmt: skip


def attack(number, name, *, claimed=("namespaces", "landlock")):
    """Register an attack. `claimed`: the back-ends that promise to stop it."""

    def keep(function):
        key = f"{number:02} {name}"
        ATTACKS[key], CLAIMED[key] = function, claimed
        return function

    return keep


def call(name, *arguments):
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = LIBC.syscall(ctypes.c_long(NUMBERS[name]), *wide)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def first(*ways):
    """What the first way that works gives; else the last refusal."""
    for way in ways:
        try:
            return way()
        except OSError as error:
            refusal = error
    raise refusal


# Files


@attack(1, "read a file that everybody may read")
def _(world):
    return open(world["canary"]).read()


@attack(2, "read the password files")
def _(world):
    return first(lambda: open("/etc/shadow").read(), lambda: open("/etc/passwd").read())


@attack(3, "read a file by way of ..")
def _(world):
    return open("/tmp/../../../.." + world["canary"]).read()


@attack(4, "read a file by way of a link")
def _(world):
    os.symlink(world["canary"], "/tmp/link")
    try:
        return open("/tmp/link").read()
    finally:
        os.unlink("/tmp/link")


@attack(5, "list folders")
def _(world):
    return first(*(lambda f=f: (f, len(os.listdir(f))) for f in ("/root", "/home", "/etc", "/var")))


@attack(6, "take a file by a hard link")
def _(world):
    os.link(world["canary"], "/tmp/hard")
    os.unlink("/tmp/hard")
    return "linked"


@attack(7, "see whether a file exists", claimed=("namespaces",))
def _(world):
    return os.stat(world["canary"]).st_size


@attack(8, "open a file for its size alone", claimed=("namespaces",))
def _(world):
    fd = os.open(world["canary"], os.O_PATH)
    return os.fstat(fd).st_size


@attack(9, "write where code lies")
def _(world):
    places = [os.path.dirname(os.__file__), *(path for path in sys.path if os.path.isdir(path))]
    return first(*(lambda p=p: os.close(os.open(p, os.O_WRONLY | os.O_TMPFILE)) or p for p in places))


@attack(10, "write in system folders")
def _(world):
    return first(
        *(lambda p=p: open(p + "/alma_attack", "w").close() or p for p in ("/", "/usr", "/etc", "/var"))
    )


@attack(11, "change a file's mode, times, attributes or length")
def _(world):
    path = world["canary"]
    return first(
        lambda: os.chmod(path, 0o600) or "mode",
        lambda: os.utime(path) or "times",
        lambda: os.setxattr(path, "user.alma", b"x") or "attributes",
        lambda: os.truncate(path, 0) or "length",
    )


@attack(12, "open a file by its handle")
def _(world):
    handle = ctypes.create_string_buffer(struct.pack("=Ii", 128, 0) + bytes(128))
    mount = ctypes.c_int()
    call("name_to_handle_at", -100, b"/", ctypes.byref(handle), ctypes.byref(mount), 0)
    fd = os.open("/", os.O_RDONLY)
    return call("open_by_handle_at", fd, ctypes.byref(handle), 0)


@attack(12, "go to another folder")
def _(world):
    os.chdir(os.path.dirname(world["canary"]))
    return os.getcwd()


@attack(12, "watch files")
def _(world):
    return first(lambda: call("inotify_init1", 0), lambda: call("fanotify_init", 0, 0))


# Environment, processes


@attack(13, "find a secret in the environment")
def _(world):
    LIBC.getenv.restype = ctypes.c_char_p
    return os.environ.get("ALMA_CANARY") or LIBC.getenv(b"ALMA_CANARY") or _refuse("no such variable")


@attack(14, "read another process's environment")
def _(world):
    found = [Path(f"/proc/{pid}/environ").read_text() for pid in (1, os.getppid(), world["victim"])]
    return next((text for text in found if "ALMA_CANARY" in text), None) or _refuse("not in there")


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
    return _refuse("none is open")


@attack(18, "signal a process")
def _(world):
    os.kill(world["victim"], signal.SIGUSR1)
    return "sent"


@attack(18, "signal its parent")
def _(world):
    if os.getppid() == 0:
        _refuse("it has none")
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


# Network


@attack(25, "connect to this machine")
def _(world):
    with socket.socket() as one:
        one.settimeout(1)
        one.connect(("127.0.0.1", world["port"]))
    return "connected"


@attack(26, "reach for another machine")
def _(world):
    with socket.socket() as one:
        one.setblocking(False)
        try:
            one.connect(("192.0.2.1", 80))
        except BlockingIOError:
            return "on its way"
    return "connected"


@attack(27, "send a datagram")
def _(world):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        return one.sendto(b"hello", ("127.0.0.1", 53))


@attack(28, "listen")
def _(world):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        return one.getsockname()


@attack(29, "connect to a service by its abstract name")
def _(world):
    with socket.socket(socket.AF_UNIX) as one:
        one.connect("\0" + world["name"])
    return "connected"


@attack(30, "connect to a service by its path")
def _(world):
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(world["path"])
    return "connected"


@attack(30, "send to a service's path from a pair of sockets")
def _(world):
    one, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return one.sendto(b"hello", world["datagram"])


@attack(31, "talk to the kernel by sockets")
def _(world):
    families = (16, 17, 38, 40)
    return first(
        *(
            lambda f=f: socket.socket(f, socket.SOCK_RAW if f < 20 else socket.SOCK_SEQPACKET).family
            for f in families
        )
    )


# Resources


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


# Kernel


@attack(52, "make a namespace")
def _(world):
    return first(
        lambda: call("unshare", 0x10000000) or "unshare",
        lambda: _child(call("clone", 0x10000000 | 17, 0, 0, 0, 0)),
        lambda: _child(call("clone3", struct.pack("=8Q", 0x10000000, 0, 0, 0, 17, 0, 0, 0), 64)),
    )


@attack(53, "enter a namespace")
def _(world):
    fd = os.open(f"/proc/{os.getpid()}/ns/uts", os.O_RDONLY)
    return call("setns", fd, 0) or "entered"


@attack(54, "mount")
def _(world):
    return call("mount", b"tmpfs", b"/tmp", b"tmpfs", 0, None) or "mounted"


@attack(54, "mount the newer way")
def _(world):
    return first(lambda: call("fsopen", b"tmpfs", 0), lambda: call("open_tree", -100, b"/", 1))


@attack(54, "unmount")
def _(world):
    return call("umount2", b"/tmp", 2) or "unmounted"


@attack(54, "make a file system writable again")
def _(world):
    return call("mount", None, b"/", None, 32 | 0x1000, None) or "remounted"


@attack(54, "change the root")
def _(world):
    return first(lambda: call("chroot", b"/tmp") or "chroot", lambda: call("pivot_root", b"/tmp", b"/tmp"))


@attack(55, "make a device")
def _(world):
    return first(
        lambda: os.mknod("/tmp/disk", 0o60600, os.makedev(8, 0)) or "block device",
        lambda: os.mknod("/tmp/fifo", 0o10600) or "fifo",
    )


@attack(56, "load a BPF program")
def _(world):
    return call("bpf", 0, struct.pack("=IIIII", 2, 4, 4, 1, 0) + bytes(100), 120)


@attack(57, "use the kernel's keys")
def _(world):
    return call("add_key", b"user", b"alma", b"x", 1, -3)


@attack(58, "handle its own page faults")
def _(world):
    return call("userfaultfd", 1)


@attack(59, "use io_uring")
def _(world):
    return call("io_uring_setup", 4, ctypes.byref(ctypes.create_string_buffer(256)))


@attack(60, "measure performance")
def _(world):
    event = ctypes.create_string_buffer(struct.pack("=IIQ", 1, 112, 0) + bytes(96), 112)
    return call("perf_event_open", ctypes.byref(event), 0, -1, -1, 0)


@attack(61, "load a module or a kernel")
def _(world):
    return first(
        lambda: _asked(lambda: call("finit_module", -1, b"", 0)),
        lambda: _asked(lambda: call("acct", b"/no/such/file")),
    )


@attack(62, "change what it is")
def _(world):
    return first(lambda: call("personality", 0x0040000), lambda: call("modify_ldt", 0, b"", 0))


@attack(63, "call the kernel as a 32-bit program")
def _(world):
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # mov eax, 20 (getpid); int 0x80; ret
    place = ctypes.addressof(ctypes.c_char.from_buffer(code))
    return ctypes.CFUNCTYPE(ctypes.c_int)(place)()


@attack(63, "call the kernel by its other 32-bit numbers")
def _(world):
    if LIBC.syscall(ctypes.c_long(0x40000000 | 39)) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return "called"


@attack(64, "change its user")
def _(world):
    return first(
        lambda: call("setgroups", 0, None) or "groups",
        lambda: call("setuid", os.getuid()) or "user",
    )


@attack(65, "use System V memory")
def _(world):
    return call("shmget", 0x414C4D, 4096, 0o1600)


@attack(65, "use message queues")
def _(world):
    return first(lambda: call("msgget", 1, 0o1600), lambda: call("semget", 1, 1, 0o1600))


@attack(66, "type into a terminal")
def _(world):
    import fcntl

    for fd in range(3):
        try:
            fcntl.ioctl(fd, 0x5412, b"x")
        except OSError as error:
            refusal = error
            if error.errno in (errno.ENOTTY, errno.EIO):
                return "asked the device"
    raise refusal


# What stops them


def _refuse(why):
    raise OSError(errno.ENOENT, why)


def _child(pid):
    if pid == 0:
        os._exit(0)
    return "made"


def _asked(way):
    """Whether a call is looked at, whatever its arguments are worth."""
    try:
        way()
    except OSError as error:
        if error.errno not in (errno.EBADF, errno.ENOENT, errno.EINVAL):
            raise
    return "looked at"


def run(name, world):
    """[whether it was stopped, how]."""
    time.sleep(0)
    try:
        return [False, str(ATTACKS[name](world))[:100]]
    except (OSError, MemoryError, OverflowError) as error:
        return [True, (" ".join(str(error).split()) or type(error).__name__)[:100]]
