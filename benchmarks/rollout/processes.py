"""CPU seconds and resident memory of this process and its descendants, by what they do. Linux only."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from alma.records import Design
from alma.sandbox.contract import Limits, MemoryProcess, Sandbox, SandboxReport, Services

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
ROLES = {"alma.sandbox": "design", "alma.domains.zygote": "worker"}


def usage() -> dict[str, tuple[float, float]]:
    """By role (`host`, `worker`, `design`, `other`): CPU seconds, with ended children's, and MB resident."""
    found: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for pid, role in _family().items():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks = fields[11:13] if pid == os.getpid() else fields[11:15]
        found[role][0] += sum(map(int, ticks)) / TICK
        found[role][1] += int(fields[21]) * PAGE / 2**20
    return {role: (cpu, memory) for role, (cpu, memory) in found.items()}


class Watched:
    """A sandbox that adds up the CPU seconds of the design processes it has closed."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.name = sandbox.name
        self.seconds = 0.0

    async def self_check(self) -> SandboxReport:
        return await self._sandbox.self_check()

    @asynccontextmanager
    async def open(
        self, design: Design, services: Services, limits: Limits, *, seed: int
    ) -> AsyncIterator[MemoryProcess]:
        before = set(_family())
        async with self._sandbox.open(design, services, limits, seed=seed) as process:
            started = set(_family()) - before
            yield process
            self.seconds += sum(_cpu(pid) for pid in started)

    async def close(self) -> None:
        await self._sandbox.close()


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICK


def _family() -> dict[int, str]:
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children[parent].append(int(entry.name))
    roles = {os.getpid(): "host"}
    waiting = [(pid, "") for pid in children[os.getpid()]]
    while waiting:
        pid, above = waiting.pop()
        role = above or _role(pid)
        roles[pid] = role
        waiting += [(child, role) for child in children[pid]]
    return roles


def _role(pid: int) -> str:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return "other"
    return next((role for name, role in ROLES.items() if name in command), "other")
