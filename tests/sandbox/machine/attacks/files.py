"""Attacks on files: read, write, change, find."""

import ctypes
import os
import struct
import sys

from .tools import attack, call, first


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
