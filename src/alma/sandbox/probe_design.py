"""A hostile design: each method of `Attacks` tries to get past one wall. `self_check` runs it in a worker.

A file as any design is, read as text. Each attack returns what it got hold of, or raises what stopped it;
what it would do on a machine without walls is harmless.
"""

import contextlib
import ctypes
import json
import os
import socket
import sys

from alma.memory import JSON, Memory, Situation

FORBIDDEN = ("/root", "/home", "/etc", "/var", "/proc", "/sys")
ENVIRONMENT = {"PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE", "LANG", "LC_CTYPE", "OMP_NUM_THREADS"}
NEUTRAL = {"PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH"}


class Attacks:
    def __init__(self, canary: str, port: int, name: str, victim: int) -> None:
        self.canary, self.port, self.name, self.victim = canary, port, name, victim

    def read_a_file(self) -> object:
        return open(self.canary).read()

    def list_folders(self) -> object:
        seen = []
        for folder in FORBIDDEN:
            try:
                seen.append(f"{folder}: {len(os.listdir(folder))} names")
            except OSError as error:
                reason = error
        if not seen:
            raise reason
        return seen

    def write_where_code_lies(self) -> object:
        places = [os.path.dirname(json.__file__), *sys.path, "/", "/usr", "/dev/shm", "/var/tmp"]
        written = []
        for place in places:
            try:
                # A file without a name: gone as soon as it is closed.
                os.close(os.open(place, os.O_WRONLY | os.O_TMPFILE))
                written.append(place)
            except OSError as error:
                reason = error
        if not written:
            raise reason
        return written

    def find_a_secret_in_the_environment(self) -> object:
        libc = ctypes.CDLL(None)
        libc.getenv.restype = ctypes.c_char_p
        pointers = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, "environ")
        names, n = set(os.environ), 0
        while pointers[n]:
            names.add(pointers[n].decode(errors="replace").partition("=")[0])
            n += 1
        extra = names - ENVIRONMENT - (NEUTRAL if sys.prefix == "/python" else set())
        if not extra:
            raise PermissionError("no variable beyond the fixed ones")
        return sorted(extra)

    def use_an_inherited_handle(self) -> object:
        found = []
        for fd in range(4, 1024):
            try:
                mode = os.fstat(fd).st_mode
                # The event loop has a poll and a pair of sockets of its own.
                if mode & 0o170000 not in (0, 0o140000):
                    found.append(f"handle {fd}")
            except OSError as error:
                reason = error
        if not found:
            raise reason
        return found

    def signal_a_process(self) -> object:
        os.kill(self.victim, 0)
        return "may signal a process of the host"

    def connect_to_this_machine(self) -> object:
        with socket.socket() as connection:
            connection.settimeout(0.2)
            connection.connect(("127.0.0.1", self.port))
        return "connected"

    def connect_to_a_local_service(self) -> object:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect("\0" + self.name)
        return "connected"

    def start_a_process(self) -> object:
        if os.fork() == 0:
            os._exit(0)
        return "forked"

    def fill_the_disk(self) -> object:
        with contextlib.ExitStack() as files:
            for _ in range(8):
                fd = os.open("/tmp", os.O_WRONLY | os.O_TMPFILE)
                files.callback(os.close, fd)
                os.posix_fallocate(fd, 0, 8 << 20)
        return "took 64 MiB"

    def make_a_namespace(self) -> object:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(0x10000000) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return "made one"

    def mount_something(self) -> object:
        libc = ctypes.CDLL(None, use_errno=True)
        # fsopen: asks for the right to mount, and mounts nothing.
        if libc.syscall(430, b"tmpfs", 0) < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return "may mount"


class Prober(Memory):
    async def retrieve(self, situation: Situation) -> JSON:
        attacks = Attacks(**json.loads(situation.goal))
        results: dict[str, JSON] = {}
        for name in [name for name in vars(Attacks) if not name.startswith("_")]:
            try:
                results[name] = [False, str(getattr(attacks, name)())]
            except (OSError, MemoryError) as error:
                results[name] = [True, " ".join(str(error).split()) or type(error).__name__]
        return results
