"""What attacks are made with, their register, and how one is run."""

import ctypes
import errno
import os
import time

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


def refuse(why):
    raise OSError(errno.ENOENT, why)


def child(pid):
    if pid == 0:
        os._exit(0)
    return "made"


def asked(way):
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
