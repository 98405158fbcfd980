"""What goes wrong and when, and the places in this process where it is made to."""

from __future__ import annotations

import asyncio
import atexit
import importlib.metadata
import json
import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alma.models.contract import Provider, Reply, Request
from alma.records import ProviderError, Usage
from alma.testing.faults.processes import descendants

AT_COMMIT = {
    "kill-before": "SIGKILL to the program before commit N is on disk",
    "kill-after": "SIGKILL to the program right after commit N",
    "full": "the disk is full at commit N",
    "io": "the disk fails (EIO) at commit N",
    "slow": "each commit from N on takes VALUE seconds more",
    "clock": "the wall clock jumps by VALUE seconds at commit N",
    "sandbox": "SIGKILL to the design workers' zygote at commit N, and so to all of them",
    "design": "SIGKILL to one design worker at commit N",
    "environment": "SIGKILL to one environment worker at commit N",
}
AT_CALL = {
    "drop": "the connection to the model breaks in call N, after it was sent",
    "hang": "the model never answers call N",
    "wait": "each call of a model from N on takes VALUE seconds more",
}
KINDS = {
    **AT_COMMIT,
    **AT_CALL,
    "count": "writes the numbers of commits and calls to the file VALUE at the end",
}
DEFAULTS = {"slow": "0.05", "clock": "-86400", "wait": "0.005"}


@dataclass(frozen=True, slots=True)
class Fault:
    """`kind` of KINDS, the number of the commit or call `at` which it comes, counted from 1, and a value."""

    kind: str
    at: int = 1
    value: str = ""

    def __str__(self) -> str:
        return f"{self.kind}@{self.at}" + (f"={self.value}" if self.value else "")


def parse(text: str) -> Fault:
    """`KIND`, `KIND@N` or `KIND@N=VALUE`. Raises ValueError for anything else."""
    name, _, value = text.partition("=")
    kind, _, at = name.partition("@")
    if kind not in KINDS:
        raise ValueError(f"unknown fault {kind!r}; known: {', '.join(KINDS)}")
    return Fault(kind, int(at or 1), value or DEFAULTS.get(kind, ""))


def install(faults: Sequence[Fault]) -> None:
    """Let these faults happen in this process from now on."""
    plan = _Plan(faults)
    connect = sqlite3.connect

    def connected(*arguments: Any, **named: Any) -> sqlite3.Connection:
        made: sqlite3.Connection = connect(*arguments, **{"factory": plan.connection(), **named})
        return made

    load = importlib.metadata.EntryPoint.load

    def loaded(point: importlib.metadata.EntryPoint) -> Any:
        made = load(point)
        if point.group != "alma.models":
            return made
        return lambda *arguments: Unreliable(made(*arguments), plan)

    sqlite3.connect = connected  # type: ignore[assignment]
    importlib.metadata.EntryPoint.load = loaded  # type: ignore[method-assign,assignment]
    if any(fault.kind == "clock" for fault in faults):
        now = time.time
        time.time = lambda: now() + plan.jumped
    atexit.register(plan.tell)


class _Plan:
    """Counts commits and calls of this process, and says what is due."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._faults = faults
        self.counts: Counter[str] = Counter()
        self.jumped = 0.0

    def due(self, number: int, *kinds: str) -> list[Fault]:
        lasting = ("slow", "wait")
        return [
            fault
            for fault in self._faults
            if fault.kind in kinds and (number == fault.at or (number > fault.at and fault.kind in lasting))
        ]

    def before_commit(self) -> None:
        """Raises what SQLite raises on a bad disk."""
        self.counts["commits"] += 1
        for fault in self.due(self.counts["commits"], *AT_COMMIT):
            if fault.kind == "kill-before":
                os.kill(os.getpid(), signal.SIGKILL)
            elif fault.kind == "full":
                raise sqlite3.OperationalError("database or disk is full")
            elif fault.kind == "io":
                raise sqlite3.OperationalError("disk I/O error")
            elif fault.kind == "slow":
                time.sleep(float(fault.value))
            elif fault.kind == "clock":
                self.jumped += float(fault.value)
            elif fault.kind in VICTIMS:
                # A little later, when there is work in flight again.
                threading.Timer(0.03, _strike, [fault.kind]).start()

    def after_commit(self) -> None:
        if self.due(self.counts["commits"], "kill-after"):
            os.kill(os.getpid(), signal.SIGKILL)

    def connection(self) -> type[sqlite3.Connection]:
        """A connection whose commits count, where they write something."""
        plan = self

        class Connection(sqlite3.Connection):
            written = 0

            def commit(self) -> None:
                writes = self.total_changes != self.written
                if writes:
                    plan.before_commit()
                super().commit()
                if writes:
                    self.written = self.total_changes
                    plan.after_commit()

        return Connection

    def tell(self) -> None:
        for fault in self._faults:
            if fault.kind == "count":
                Path(fault.value).write_text(json.dumps(dict(self.counts)), encoding="utf-8")


class Unreliable:
    """A provider whose connection breaks, hangs or is slow as planned."""

    def __init__(self, provider: Provider, plan: _Plan) -> None:
        self._provider, self._plan = provider, plan

    @property
    def name(self) -> str:
        return self._provider.name

    def worst_case(self, request: Request) -> Usage:
        return self._provider.worst_case(request)

    async def complete(self, request: Request) -> Reply:
        self._plan.counts["calls"] += 1
        for fault in self._plan.due(self._plan.counts["calls"], *AT_CALL):
            if fault.kind == "hang":
                await asyncio.Event().wait()
            elif fault.kind == "drop":
                raise ProviderError("the connection to the model broke")
            await asyncio.sleep(float(fault.value))
        return await self._provider.complete(request)


def _workers_of_sandbox() -> list[int]:
    """The zygotes and their workers, parents first."""
    return descendants(os.getpid(), lambda words: "alma.sandbox" in words)


def _zygote() -> list[int]:
    return _workers_of_sandbox()[:2]


def _design() -> list[int]:
    return _workers_of_sandbox()[-1:]


def _environment() -> list[int]:
    return descendants(os.getpid(), lambda words: "alma.domains.zygote" in words)[-1:]


VICTIMS: dict[str, Callable[[], list[int]]] = {
    "sandbox": _zygote,
    "design": _design,
    "environment": _environment,
}


def _strike(kind: str) -> None:
    for pid in VICTIMS[kind]():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
