"""Builds the throw-away machine around this process, and becomes `driver` in it."""

import fcntl
import json
import os
import resource
import socket
import struct
import sys

from alma.sandbox.walls import kernel, outer

ORDINARY = 12345


def main() -> None:
    order = json.loads(sys.argv[1])
    uid, gid = os.getuid(), os.getgid()
    inside = 0 if order["user"] == "root" or order["walls"] == "none" else ORDINARY
    proc = os.open("/proc", os.O_PATH)
    # Without walls always in a user namespace: there root is root of nothing but this machine.
    if uid != 0 or order["walls"] == "none":
        kernel.unshare(kernel.NEWUSER, "user namespace")
        kernel.map_ids(proc, inside, uid, gid)
    kernel.unshare(kernel.NEWNS | kernel.NEWPID | kernel.NEWIPC | kernel.NEWUTS | kernel.NEWNET, "namespaces")
    kernel.mount("", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    child = os.fork()
    if child:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
    build(order)
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 0x41))
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if uid == 0 and order["walls"] != "none" and order["user"] == "ordinary":
        os.setgroups([])
        os.setresgid(ORDINARY, ORDINARY, ORDINARY)
        os.setresuid(ORDINARY, ORDINARY, ORDINARY)
    if os.getuid() != 0 or order["walls"] == "none":
        resource.setrlimit(resource.RLIMIT_NPROC, (2500, 2500))
    environment = {**order["environment"], "ALMA_CANARY": "canary"}
    os.execve(
        order["program"],
        [order["program"], "-s", "-P", "/python/machine/driver.py", json.dumps(order)],
        environment,
    )


def build(order) -> None:
    """A root in memory that looks like a small machine: system folders, accounts, a home, /proc and /tmp."""
    opened = [(os.open(source, os.O_PATH), target) for source, target in order["binds"]]
    devices = [(os.open(f"/dev/{name}", os.O_PATH), f"/dev/{name}") for name in outer.DEVICES]
    place = "/tmp"
    kernel.mount("tmpfs", place, "tmpfs", kernel.MS_NOSUID, "size=256m,mode=0755")
    for folder in ("etc", "root", "home/someone", "var/log", "usr", "srv", "proc", "tmp", "dev/shm", "run"):
        os.makedirs(f"{place}/{folder}", exist_ok=True)
    for folder in ("tmp", "dev/shm", "srv"):
        os.chmod(f"{place}/{folder}", 0o1777)
    files = {
        "etc/passwd": "root:x:0:0",
        "root/key": "canary",
        "home/someone/key": "canary",
        "srv/canary": "canary",
    }
    for name, text in files.items():
        with open(f"{place}/{name}", "w") as file:
            file.write(text)
        os.chmod(f"{place}/{name}", 0o644)
    for fd, target in [*opened, *devices]:
        source, where = f"/proc/self/fd/{fd}", place + target
        if os.path.isdir(source):
            os.makedirs(where, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(where), exist_ok=True)
            with open(where, "w"):
                pass
        kernel.mount(source, where, "", kernel.MS_BIND | kernel.MS_REC)
        if target not in [t for _, t in devices]:
            flags = sum(v for k, v in outer.KEPT.items() if os.statvfs(where).f_flag & k)
            kernel.mount("", where, "", kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | flags)
        os.close(fd)
    kernel.mount("proc", f"{place}/proc", "proc", kernel.MS_NOSUID)
    os.chdir(place)
    kernel.syscall("pivot_root", b".", b".")
    kernel.unmount(".")
    os.chdir("/")
    os.makedirs("/python/free", exist_ok=True)
    os.chmod("/python/free", 0o777)


main()
