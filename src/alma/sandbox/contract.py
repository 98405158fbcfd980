"""What a sandbox is: it runs one design per process and gives the host its three calls.

Only the design is untrusted. The process sees the SDK and the standard library; it may call back for
completions and embeddings, nothing else. A design's own end (exception, time-out, bad reply) is a
DesignError; the sandbox's is a SandboxError.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from alma.memory import Recall, Situation, Step
from alma.records import JSON, Design, DesignError

UNSAFE = "unsafe"
"""The back-end without walls; whatever shows scores says so when they come from there."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps on one design process. The deadline of a call leaves out time spent waiting for the host."""

    load_seconds: float = 10.0
    update_seconds: float = 10.0
    retrieve_seconds: float = 5.0
    step_seconds: float = 1.0
    address_space_bytes: int = 4 << 30
    reply_bytes: int = 1 << 20
    cpu_seconds: int = 900
    """Over the whole life of the process, threads in the background included."""
    threads: int = 64
    open_files: int = 64
    file_bytes: int = 16 << 20
    tmp_bytes: int = 32 << 20
    tmp_files: int = 1000


@dataclass(frozen=True, slots=True)
class Probe:
    """One attack of a self-check. `note` says what stopped it, or what got through."""

    name: str
    held: bool
    note: str


@dataclass(frozen=True, slots=True)
class SandboxReport:
    """What a self-check found. `isolated` is False where a design could reach the host."""

    backend: str
    ok: bool
    isolated: bool
    detail: str
    probes: tuple[Probe, ...] = ()
    cure: str = ""
    """What the user can do where it isn't ok."""

    @property
    def grade(self) -> str:
        if not self.ok:
            return "does not hold"
        return "isolated" if self.isolated else "not isolated"


class Services(Protocol):
    """What the host does for a design; also counts and limits it."""

    async def llm(self, arguments: dict[str, JSON]) -> JSON: ...

    async def embed(self, texts: Sequence[str]) -> list[list[float]]: ...

    def log(self, text: str) -> None: ...


class NoServices:
    """Services of a run without a model: completions and embeddings are refused with the reason."""

    async def llm(self, arguments: dict[str, JSON]) -> JSON:
        raise DesignError("this run has no model for a design's own calls (kit.llm)")

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        raise DesignError("this run has no embedder (kit.embed)")

    def log(self, text: str) -> None:
        pass


class MemoryProcess(Protocol):
    """One live memory in its own process. Every method raises DesignError or SandboxError."""

    @property
    def copies(self) -> str:
        """How frozen retrieves are kept apart: "copy", or "none" (called one by one, said in reports)."""
        ...

    @property
    def has_on_step(self) -> bool: ...

    @property
    def broken(self) -> bool:
        """Whether the process is gone; every further call raises DesignError."""
        ...

    async def update(self, episode: bytes) -> None:
        """Feed one episode, already encoded by `encode_episode` (it is shared by all candidates)."""
        ...

    async def freeze(self) -> str:
        """Take the state that frozen retrieves start from; returns `copies`."""
        ...

    async def retrieve(self, situation: Situation, *, frozen: bool, seed: int) -> Recall: ...

    async def on_step(
        self, situation: Situation, history: Sequence[Step], *, frozen: bool, seed: int
    ) -> Recall | None:
        """`history` is the whole episode so far; only steps that the process hasn't seen are sent."""
        ...

    async def end(self, token: str) -> None:
        """The episode of `token` is over; its copy and history are dropped."""
        ...


class Sandbox(Protocol):
    """Owns the design processes of a run."""

    name: str

    async def self_check(self) -> SandboxReport: ...

    def open(
        self, design: Design, services: Services, limits: Limits, *, seed: int
    ) -> AbstractAsyncContextManager[MemoryProcess]:
        """Start a process and load the design in it. Raises DesignError when it doesn't load."""
        ...

    async def close(self) -> None: ...


def encode_episode(episode: Any) -> bytes:
    """An episode as channel bytes."""
    import json

    from alma.memory.wire import episode_to_json

    text = json.dumps(episode_to_json(episode), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")
