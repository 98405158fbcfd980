"""The `process` back-end: each design in a process of its own, with caps and deadlines.

It keeps a design that raises, hangs, floods or returns nonsense from harming anything but itself. It
is not a security boundary: the process shares the user's files and network.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from alma.memory import Recall, Situation, Step
from alma.memory.wire import recall_from_json, situation_to_json, steps_to_json
from alma.records import Design, DesignError, SandboxError
from alma.sandbox import frames, zygote
from alma.sandbox.contract import Limits, MemoryProcess, SandboxReport, Services


class ProcessSandbox:
    """Owns the zygote; `close` (or the end of this process) ends it and every worker."""

    name = "process"

    def __init__(self) -> None:
        self._zygote: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._lock = asyncio.Lock()

    async def self_check(self) -> SandboxReport:
        """Start a worker, load a design that raises and see that the host only hears of it."""
        probe = "from alma.memory import Memory\nclass Probe(Memory):\n    def __init__(self, kit): 1 / 0\n"
        detail = "separate process with resource limits; not a security boundary"
        try:
            async with self.open(Design("probe", probe), NoServices(), Limits(), seed=0):
                return SandboxReport(self.name, False, False, "a failing design was not noticed")
        except DesignError:
            return SandboxReport(self.name, True, False, detail)
        except (SandboxError, OSError) as error:
            return SandboxReport(self.name, False, False, str(error))

    @asynccontextmanager
    async def open(
        self, design: Design, services: Services, limits: Limits, *, seed: int
    ) -> AsyncIterator[MemoryProcess]:
        channel, pid = await self._spawn(limits)
        reader, writer = await asyncio.open_connection(sock=channel, limit=1 << 20)
        try:
            process = _Process(reader, writer, pid, services, limits, seed)
        except ProcessLookupError as error:
            writer.close()
            raise SandboxError("the design's process ended before it was used") from error
        try:
            await process.load(design)
            yield process
        finally:
            await process.close()

    async def close(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._zygote is not None:
            await asyncio.to_thread(self._zygote.wait)
            self._zygote = None

    async def _spawn(self, limits: Limits) -> tuple[socket.socket, int]:
        async with self._lock:
            for fresh in (False, True):
                if self._control is None or fresh:
                    await self.close()
                    self._start_zygote()
                try:
                    return await asyncio.to_thread(self._request, limits)
                except OSError as error:
                    failure = error
            raise SandboxError(f"the sandbox's zygote does not answer: {failure}")

    def _start_zygote(self) -> None:
        ours, theirs = socket.socketpair()
        environment = {"PYTHONHASHSEED": "0", "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}
        self._zygote = subprocess.Popen(
            [sys.executable, "-s", "-P", "-m", "alma.sandbox.zygote", str(theirs.fileno())],
            env=environment,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        theirs.close()
        ours.settimeout(30)
        self._control = ours

    def _request(self, limits: Limits) -> tuple[socket.socket, int]:
        assert self._control is not None
        ours, theirs = socket.socketpair()
        try:
            socket.send_fds(self._control, [zygote.REQUEST.pack(limits.address_space_bytes)], [theirs.fileno()])
            answer = self._control.recv(zygote.ANSWER.size, socket.MSG_WAITALL)
            if len(answer) < zygote.ANSWER.size:
                raise OSError("it has ended")
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        return ours, zygote.ANSWER.unpack(answer)[0]


class NoServices:
    """Services of a run without a model: completions and embeddings are refused with the reason."""

    async def llm(self, arguments: dict[str, Any]) -> Any:
        raise DesignError("this run has no model for a design's own calls (kit.llm)")

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        raise DesignError("this run has no embedder (kit.embed)")

    def log(self, text: str) -> None:
        pass


class _Process:
    """The host's side of one design process. A broken promise of the design kills it."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        pid: int,
        services: Services,
        limits: Limits,
        seed: int,
    ) -> None:
        self._reader, self._writer = reader, writer
        self._pidfd = os.pidfd_open(pid)
        self._services, self._limits, self._seed = services, limits, seed
        self._open: dict[int, asyncio.Future[Any]] = {}
        self._next = 0
        self._callbacks: set[asyncio.Task[None]] = set()
        self._in_callback = 0
        self._broken: DesignError | None = None
        self._listener = asyncio.create_task(self._listen())
        self.copies = "none"
        self.has_on_step = False

    @property
    def broken(self) -> bool:
        return self._broken is not None

    async def load(self, design: Design) -> None:
        value = await self._call(
            "load", {"seed": self._seed}, design.source.encode(), seconds=self._limits.load_seconds
        )
        self.has_on_step = bool(value["on_step"])

    async def update(self, episode: bytes) -> None:
        await self._call("update", {"seed": self._seed}, episode, seconds=self._limits.update_seconds)

    async def freeze(self) -> str:
        self.copies = await self._call("freeze", {}, seconds=self._limits.update_seconds)
        return self.copies

    async def retrieve(self, situation: Situation, *, frozen: bool, seed: int) -> Recall:
        head = {
            "situation": situation_to_json(situation),
            "frozen": frozen,
            "seed": seed,
            "keep_copy": self.has_on_step,
        }
        value = await self._call("retrieve", head, seconds=self._limits.retrieve_seconds)
        recall = _recall(value)
        return recall if recall is not None else Recall(None)

    async def on_step(
        self, situation: Situation, history: Sequence[Step], *, frozen: bool, seed: int
    ) -> Recall | None:
        import json

        head = {"situation": situation_to_json(situation), "frozen": frozen, "seed": seed, "keep_copy": True}
        body = json.dumps(steps_to_json(list(history))).encode()
        return _recall(await self._call("on_step", head, body, seconds=self._limits.step_seconds))

    async def end(self, token: str) -> None:
        if self.has_on_step:
            await self._call("end", {"token": token}, seconds=self._limits.step_seconds)

    async def close(self) -> None:
        self._listener.cancel()
        for task in self._callbacks:
            task.cancel()
        self._kill()
        os.close(self._pidfd)
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def _call(self, call: str, head: dict[str, Any], body: bytes = b"", *, seconds: float) -> Any:
        if self._broken is not None:
            raise self._broken
        self._next += 1
        number = self._next
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._open[number] = future
        try:
            self._writer.write(frames.pack({"id": number, "call": call, **head}, body))
            await self._writer.drain()
        except OSError:
            pass
        try:
            return await self._wait(future, seconds)
        except TimeoutError:
            self._open.pop(number, None)
            self._break(DesignError(f"{call} took over {seconds:g} s", call=call))
            raise DesignError(f"{call} took over {seconds:g} s", call=call) from None
        except DesignError as error:
            error.call = error.call or call
            raise
        finally:
            self._open.pop(number, None)

    async def _wait(self, future: asyncio.Future[Any], seconds: float) -> Any:
        """Wait for the reply; time in which the design waits for the host is not its own."""
        loop = asyncio.get_running_loop()
        left = seconds
        while True:
            started = loop.time()
            busy = self._in_callback > 0
            done, _ = await asyncio.wait({future}, timeout=min(left, 0.25) if not busy else 0.25)
            if done:
                return future.result()
            if not busy:
                left -= loop.time() - started
            if left <= 0:
                raise TimeoutError

    async def _listen(self) -> None:
        try:
            while True:
                message, _ = await frames.read(self._reader, self._limits.reply_bytes)
                if "callback" in message:
                    task = asyncio.create_task(self._serve(message))
                    self._callbacks.add(task)
                    task.add_done_callback(self._callbacks.discard)
                elif "log" in message:
                    self._services.log(str(message["log"])[:500])
                else:
                    self._reply(message)
        except (asyncio.IncompleteReadError, OSError):
            self._break(DesignError("the design's process ended (memory limit, crash or exit)"))
        except (ValueError, KeyError, TypeError) as error:
            self._break(DesignError(f"the design's process sent a bad message: {error}"))

    def _reply(self, message: dict[str, Any]) -> None:
        future = self._open.get(message["id"])
        if future is None or future.done():
            raise ValueError(f"an answer to a call that is not open ({message['id']!r})")
        if "error" in message:
            future.set_exception(DesignError(str(message["error"]), trace=str(message.get("trace", ""))[:2000]))
        else:
            frames.check_json(message["value"])
            future.set_result(message["value"])

    async def _serve(self, message: dict[str, Any]) -> None:
        answer: dict[str, Any] = {"answer": message["callback"]}
        self._in_callback += 1
        try:
            arguments = message["arguments"]
            if message["method"] == "llm":
                answer["value"] = await self._services.llm(arguments)
            elif message["method"] == "embed":
                answer["value"] = await self._services.embed([str(text) for text in arguments["texts"]])
            else:
                answer["error"] = f"the host has no method {message['method']!r}"
        except Exception as error:
            answer["error"] = str(error)
        finally:
            self._in_callback -= 1
        with suppress(OSError):
            self._writer.write(frames.pack(answer))
            await self._writer.drain()

    def _break(self, error: DesignError) -> None:
        self._broken = self._broken or error
        self._kill()
        for future in self._open.values():
            if not future.done():
                future.set_exception(DesignError(str(error)))

    def _kill(self) -> None:
        with suppress(ProcessLookupError, OSError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)


def _recall(value: Any) -> Recall | None:
    try:
        return recall_from_json(value)
    except (KeyError, TypeError) as error:
        raise DesignError(f"the recall is malformed: {error}") from error
