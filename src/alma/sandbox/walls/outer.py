"""The outer walls of the `namespaces` back-end: a zygote in a root of its own, each worker in its own space.

`settle` is the zygote's: network, processes and files of the machine go out of sight. `separate` is each
worker's: own user, process, mount, message and name spaces and a small /tmp. Neither needs root.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from alma.sandbox.walls import kernel

NOBODY = 65534
INSIDE = 1000
"""The user that a worker believes to be."""
DEVICES = ("null", "zero", "random", "urandom")
KEPT = {1: 1, 2: 2, 4: 4, 8: 8, 1024: 1024, 2048: 2048, 4096: kernel.MS_RELATIME}
"""Flags of a file system as statvfs tells them (ST_RDONLY and so on), and as mount takes them."""


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or folder of the machine, and where the new root shows it, read-only."""

    source: str
    target: str


def settle(binds: Sequence[Bind], masks: Sequence[str]) -> int:
    """Leave the machine: returns in a new process, the first of its space, with nothing but `binds` in sight.

    The caller's process waits for it and never returns. `masks` are folders of the new root to show empty.
    Returns an open /proc of the machine, which `separate` needs and closes for its worker.
    """
    uid, gid = os.getuid(), os.getgid()
    proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY)
    root = uid == 0 and _knows(NOBODY)
    if not root:
        kernel.unshare(kernel.NEWUSER, "user namespace")
        kernel.map_ids(proc, INSIDE, uid, gid)
    spaces = kernel.NEWNS | kernel.NEWPID | kernel.NEWIPC | kernel.NEWUTS | kernel.NEWNET
    kernel.unshare(spaces, "namespaces")
    kernel.mount("", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    child = os.fork()
    if child:
        _wait(child)
    _build(binds, masks)
    socket.sethostname("alma")
    if root:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1, "no new privileges")
    return proc


def separate(proc: int, tmp_bytes: int, tmp_files: int) -> None:
    """Leave the zygote's space: returns in a new process, the first of its own. The caller's process ends."""
    uid, gid = os.getuid(), os.getgid()
    kernel.unshare(kernel.NEWUSER, "user namespace")
    kernel.map_ids(proc, INSIDE, uid, gid)
    kernel.unshare(kernel.NEWNS | kernel.NEWPID | kernel.NEWIPC | kernel.NEWUTS, "namespaces")
    if os.fork():
        os._exit(0)
    flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    kernel.mount("tmpfs", "/tmp", "tmpfs", flags, f"size={tmp_bytes},nr_inodes={tmp_files},mode=0700")


def _build(binds: Sequence[Bind], masks: Sequence[str]) -> None:
    """Assemble the new root and move into it."""
    # Opened first: the new root may be built over the folder that they are in.
    opened = [(os.open(bind.source, os.O_PATH), bind) for bind in binds]
    opened += [(os.open(f"/dev/{name}", os.O_PATH), Bind("", f"/dev/{name}")) for name in DEVICES]
    place = next(path for path in ("/tmp", "/mnt", "/run", "/var/tmp") if os.path.isdir(path))
    flags = kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("tmpfs", place, "tmpfs", flags, "size=1m,nr_inodes=4k,mode=0755")
    os.makedirs(place + "/tmp", 0o755)
    for fd, bind in opened:
        _show(f"/proc/self/fd/{fd}", place + bind.target, device=bind.target.startswith("/dev/"))
        os.close(fd)
    for mask in masks:
        if os.path.isdir(place + mask):
            kernel.mount("tmpfs", place + mask, "tmpfs", flags | kernel.MS_RDONLY, "size=4k,nr_inodes=1")
    os.chdir(place)
    kernel.syscall("pivot_root", b".", b".")
    kernel.unmount(".")
    os.chdir("/")
    kernel.mount("", "/", "", kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | flags)


def _show(source: str, target: str, *, device: bool) -> None:
    """Bind `source` at `target`, read-only; a device keeps being one."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    kernel.mount(source, target, "", kernel.MS_BIND | kernel.MS_REC)
    found = os.statvfs(target).f_flag
    flags = kernel.MS_NOSUID | kernel.MS_RDONLY | (0 if device else kernel.MS_NODEV)
    # Flags that the machine has on the file system may not be taken off in a user namespace.
    flags |= sum(ours for theirs, ours in KEPT.items() if found & theirs and not flags & ours)
    kernel.mount("", target, "", kernel.MS_REMOUNT | kernel.MS_BIND | flags)


def _knows(uid: int) -> bool:
    """Whether this user namespace has that user; root of a small one has nobody to become."""
    with open("/proc/self/uid_map") as file:
        ranges = [[int(number) for number in line.split()] for line in file]
    return any(start <= uid < start + count for start, _, count in ranges)


def _wait(child: int) -> None:
    """Hold no handle and end with the child."""
    os.closerange(3, 1 << 16)
    _, status = os.waitpid(child, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
