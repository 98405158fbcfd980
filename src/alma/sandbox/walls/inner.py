"""The inner walls, the same in every back-end: limits, no privileges, Landlock, the call filter.

Put up by a worker around itself, in this order, before it reads a line of a design. None can be taken
down again.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from alma.sandbox.walls import kernel, landlock, seccomp

Amounts = Mapping[str, int]
"""Limits on one process as the host sends them: `address_space_bytes`, `cpu_seconds` and so on."""


@dataclass(frozen=True, slots=True)
class Paths:
    """What stays in reach: files to read, folders whose names may be listed, folders to write in."""

    read: Sequence[str]
    folders: Sequence[str] = ()
    write: Sequence[str] = ()


WALLS = ("limits", "capabilities", "landlock", "filter")


def put_up(
    amounts: Amounts, paths: Paths, *, own_processes: bool, without: Collection[str] = frozenset()
) -> None:
    """All inner walls. `own_processes`: threads may be limited by their count.

    `without` leaves some of `WALLS` out: where a kernel of the engine's own stands in for one, and in tests
    that show what each is for.
    """
    if "limits" not in without:
        limit(amounts, own_processes=own_processes)
    if "capabilities" not in without:
        kernel.drop_capabilities()
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1, "no new privileges")
    if "landlock" not in without:
        landlock.restrict(paths.read, paths.folders, paths.write)
    if "filter" not in without:
        seccomp.install(os.getpid())


def limit(amounts: Amounts, *, own_processes: bool) -> None:
    """Resource limits, soft and hard alike."""
    wanted = {
        resource.RLIMIT_AS: amounts["address_space_bytes"],
        resource.RLIMIT_CPU: amounts["cpu_seconds"],
        resource.RLIMIT_FSIZE: amounts["file_bytes"],
        resource.RLIMIT_NOFILE: amounts["open_files"],
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_NICE: 0,
        resource.RLIMIT_RTPRIO: 0,
    }
    if own_processes:
        wanted[resource.RLIMIT_NPROC] = amounts["threads"]
    for what, value in wanted.items():
        _, hard = resource.getrlimit(what)
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        # One second of CPU between the signal, which a design may ignore, and the kill.
        soft = max(1, value - 1) if what == resource.RLIMIT_CPU else value
        resource.setrlimit(what, (soft, value))


def close_files(channel: int, process: int) -> None:
    """Leave three handles on nothing, the channel as number 3 and the worker's own process as 4."""
    null = os.open(os.devnull, os.O_RDWR)
    high = [os.dup2(fd, 210 + n) for n, fd in enumerate((null, null, null, channel, process))]
    for number, fd in enumerate(high):
        os.dup2(fd, number, inheritable=False)
    os.closerange(len(high), 1 << 16)
