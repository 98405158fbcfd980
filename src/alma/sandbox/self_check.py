"""What a sandbox does before each run: start a real worker and try to get out of it, past planted canaries.

A sandbox that doesn't hold says which wall is missing, and the run stops. The tests show that each attack
can succeed, in a throw-away space without the wall that stops it.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alma.memory import Situation
from alma.records import Design, DesignError, SandboxError
from alma.sandbox import cures
from alma.sandbox.contract import Limits, NoServices, Probe, Sandbox, SandboxReport
from alma.sandbox.design_process import DesignProcess

FEWEST = 12
_OUTSIDE = {"NoNewPrivs": "1", "Seccomp": "2", "CapPrm": "0", "CapEff": "0", "CapBnd": "0"}


async def check_walls(sandbox: Sandbox, remark: str = "", *, from_outside: bool = True) -> SandboxReport:
    """Attack a worker of `sandbox`; `ok` when every attack was refused. `remark` says what it can't hold."""
    try:
        probes = await attack(sandbox, from_outside=from_outside)
    except (SandboxError, DesignError, OSError) as error:
        reason = str(error)
        return SandboxReport(sandbox.name, False, False, reason, cure=cures.cure(sandbox.name, reason))
    through = [probe for probe in probes if not probe.held]
    if through or len(probes) < FEWEST:
        detail = "; ".join(f"{probe.name}: {probe.note}" for probe in through) or "too few attacks ran"
        return SandboxReport(sandbox.name, False, False, detail[:500], probes, cures.REPORT)
    detail = f"{len(probes)} of {len(probes)} attacks refused ({cures.kernel()}){remark}"
    return SandboxReport(sandbox.name, True, True, detail, probes)


async def attack(sandbox: Sandbox, *, from_outside: bool) -> tuple[Probe, ...]:
    """Every probe's outcome, and what the kernel says of the worker, where its process can be seen."""
    design = Design("probe", Path(__file__).with_name("probe_design.py").read_text(encoding="utf-8"))
    limits = Limits(retrieve_seconds=10)
    with canaries() as planted:
        async with sandbox.open(design, NoServices(), limits, seed=0) as process:
            situation = Situation(json.dumps(planted), "", None, "probe", "probe")
            told = (await process.retrieve(situation, frozen=False, seed=0)).show
            probes = _probes(told)
            if from_outside and isinstance(process, DesignProcess):
                probes.append(await asyncio.to_thread(_from_outside, process.pidfd))
    return tuple(probes)


@contextmanager
def canaries() -> Iterator[dict[str, Any]]:
    """Things that a design must not get hold of: a file, a port, a local service, a process."""
    name = f"alma-probe-{secrets.token_hex(8)}"
    with (
        tempfile.NamedTemporaryFile("w", prefix="alma-probe-") as file,
        socket.create_server(("127.0.0.1", 0)) as port,
        socket.socket(socket.AF_UNIX) as service,
    ):
        os.chmod(file.name, 0o644)
        file.write("canary")
        file.flush()
        service.bind("\0" + name)
        service.listen()
        yield {
            "canary": file.name,
            "port": port.getsockname()[1],
            "name": name,
            "victim": os.getpid(),
        }


def _probes(told: Any) -> list[Probe]:
    if not isinstance(told, dict):
        raise SandboxError("the self-check's worker gave no answer")
    return [Probe(name.replace("_", " "), held is True, str(note)) for name, (held, note) in told.items()]


def _from_outside(pidfd: int) -> Probe:
    """No new privileges, a call filter and no capabilities, as the kernel tells the host."""
    pid = _field(Path(f"/proc/self/fdinfo/{pidfd}").read_text(), "Pid")
    status = Path(f"/proc/{pid}/status").read_text()
    found = {name: _field(status, name).lstrip("0") or "0" for name in _OUTSIDE}
    wrong = {name: value for name, value in found.items() if value != _OUTSIDE[name]}
    # Without a right to do so the bounding set stays; under "no new privileges" nobody can use it.
    wrong.pop("CapBnd", None)
    note = ", ".join(f"{name} {value}" for name, value in found.items())
    return Probe("keep a privilege", not wrong, note)


def _field(text: str, name: str) -> str:
    return next((line.split()[1] for line in text.splitlines() if line.startswith(f"{name}:")), "?")
