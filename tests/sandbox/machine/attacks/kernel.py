"""Attacks on the kernel's own doors: namespaces, mounts, devices, rare calls."""

import ctypes
import errno
import mmap
import os
import struct

from .tools import LIBC, asked, attack, call, child, first


@attack(52, "make a namespace")
def _(world):
    return first(
        lambda: call("unshare", 0x10000000) or "unshare",
        lambda: child(call("clone", 0x10000000 | 17, 0, 0, 0, 0)),
        lambda: child(call("clone3", struct.pack("=8Q", 0x10000000, 0, 0, 0, 17, 0, 0, 0), 64)),
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
        lambda: asked(lambda: call("finit_module", -1, b"", 0)),
        lambda: asked(lambda: call("acct", b"/no/such/file")),
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
