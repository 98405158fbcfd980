"""The `container` back-end: each design in a container of docker or podman, with the inner walls.

For systems where user namespaces are kept from ordinary programs. No image is downloaded: the container
is empty and shows the same places as the `namespaces` back-end. Starting one takes about a second, so
it is the slow way.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

from alma.records import Design, SandboxError
from alma.sandbox import cures
from alma.sandbox.contract import Limits, MemoryProcess, SandboxReport, Services
from alma.sandbox.design_process import DesignProcess
from alma.sandbox.plan import Plan, make_plan
from alma.sandbox.self_check import check_walls
from alma.sandbox.zygote_sandbox import amounts

ENGINES = ("docker", "podman")
IMAGE = "alma-empty:1"
EMPTY_TAR = bytes(10240)
READY = b"ready"
MOST_PROCESSES = 4096
SECONDS_TO_START = 60


@dataclass(frozen=True, slots=True)
class Engine:
    """A container engine's program, and the runtime to ask it for, if any."""

    program: str
    runtime: str | None


class ContainerSandbox:
    """Owns its containers while they are open; keeps nothing running between them."""

    name = "container"

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._plan: Plan | None = None

    async def self_check(self) -> SandboxReport:
        try:
            await asyncio.to_thread(self._find)
        except (SandboxError, OSError, subprocess.SubprocessError) as error:
            return SandboxReport(self.name, False, False, str(error), cure=cures.cure(self.name, str(error)))
        return await check_walls(self, from_outside=False)

    @asynccontextmanager
    async def open(
        self, design: Design, services: Services, limits: Limits, *, seed: int
    ) -> AsyncIterator[MemoryProcess]:
        name = f"alma-{secrets.token_hex(8)}"
        engine, channel, client = await asyncio.to_thread(self._start, name, limits)
        try:
            pidfd = os.pidfd_open(client.pid)
            process = DesignProcess(pidfd, services, limits, seed, partial(_engine_failed, client))
            await process.connect(channel)
            try:
                await process.load(design)
                yield process
            finally:
                await process.close()
        finally:
            await asyncio.to_thread(_remove, engine, name, client)

    async def close(self) -> None:
        pass

    def _find(self) -> Engine:
        """The first engine that answers, with the empty image in it."""
        if self._engine is not None:
            return self._engine
        reasons = []
        for program in filter(shutil.which, ENGINES):
            asked = _run(program, "info", "--format", "json")
            if asked.returncode == 0:
                if _run(program, "image", "inspect", IMAGE).returncode != 0:
                    made = _run(program, "import", "-", IMAGE, data=EMPTY_TAR)
                    if made.returncode != 0:
                        reasons.append(f"{program}: {_last_line(made.stderr)}")
                        continue
                self._engine = Engine(program, "runsc" if b'"runsc"' in asked.stdout else None)
                return self._engine
            reasons.append(f"{program}: {_last_line(asked.stderr)}")
        raise SandboxError("; ".join(reasons) or "neither docker nor podman is installed")

    def _start(self, name: str, limits: Limits) -> tuple[Engine, socket.socket, subprocess.Popen[bytes]]:
        engine = self._find()
        self._plan = self._plan or make_plan()
        ours, theirs = socket.socketpair()
        client = subprocess.Popen(
            command(engine, self._plan, name, limits),
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=subprocess.PIPE,
        )
        theirs.close()
        ours.settimeout(SECONDS_TO_START)
        try:
            said = ours.recv(len(READY), socket.MSG_WAITALL)
            more = b"" if said == READY else ours.recv(1000)
        except OSError:
            said = more = b""
        if said != READY:
            ours.close()
            _remove(engine, name, client)
            assert client.stderr is not None
            reason = _last_line(said + more) or _last_line(client.stderr.read()) or "no answer"
            raise SandboxError(f"{engine.program}: {reason}")
        return engine, ours, client


def command(engine: Engine, plan: Plan, name: str, limits: Limits) -> list[str]:
    """The engine's command line: the plan's places, read-only, and nothing else; no network, no rights."""
    tmp = f"/tmp:rw,noexec,nosuid,nodev,size={limits.tmp_bytes},mode=1777"
    mask_options = "ro,size=4k"
    if os.path.basename(engine.program) == "docker":
        tmp += f",nr_inodes={limits.tmp_files}"  # podman knows no such option
    else:
        mask_options += ",notmpcopyup"
    parts = [engine.program, "run", "--rm", "-i", "--name", name, "--hostname", "alma", "--network", "none"]
    parts += ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--ipc", "none"]
    parts += ["--pids-limit", str(limits.threads + 16), "--memory", str(limits.address_space_bytes)]
    parts += ["--user", "65534:65534", "--tmpfs", tmp, "--workdir", "/", "--log-driver", "none"]
    parts += ["--ulimit", "nofile=1024:1024", "--ulimit", "core=0:0"]
    # Counted over all containers of that user. Said at all because podman else asks for more than it may.
    parts += ["--ulimit", f"nproc={MOST_PROCESSES}:{MOST_PROCESSES}"]
    if engine.runtime:
        parts += ["--runtime", engine.runtime]
    for bind in plan.binds:
        parts += ["--volume", f"{bind.source}:{bind.target}:ro"]
    for mask in plan.masks:
        if any(os.path.isdir(bind.source + mask.removeprefix(bind.target)) for bind in plan.binds):
            parts += ["--tmpfs", f"{mask}:{mask_options}"]
    for variable, value in plan.environment.items():
        parts += ["--env", f"{variable}={value}"]
    read = ["/python", *(bind.target for bind in plan.binds if not bind.target.startswith("/python/"))]
    settings = json.dumps(
        {
            "amounts": amounts(limits),
            "read": read,
            "landlock": engine.runtime is None,
            "environment": list(plan.environment),
        }
    )
    return [*parts, IMAGE, plan.program, "-s", "-P", "-m", "alma.sandbox.contained", settings]


def _engine_failed(client: subprocess.Popen[bytes]) -> bool:
    """Whether the engine itself failed (its exit code then is 125), not what ran in the container."""
    return client.poll() == 125


def _remove(engine: Engine, name: str, client: subprocess.Popen[bytes]) -> None:
    """End the container and its client, whatever state they are in."""
    with suppress(OSError, subprocess.SubprocessError):
        _run(engine.program, "kill", name)  # podman's rm alone would ask first, and wait
        _run(engine.program, "rm", "--force", name)
    client.kill()
    client.wait()


def _run(*command: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, input=data, capture_output=True, timeout=SECONDS_TO_START)


def _last_line(text: bytes) -> str:
    lines = text[-2000:].decode("utf-8", "replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
