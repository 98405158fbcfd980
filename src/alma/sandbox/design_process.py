"""The host's side of one design process: calls, answers, deadlines, and what breaks them.

It trusts nothing that comes back. Starting and ending processes is `process`'s work.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from alma.memory import Recall, Situation, Step
from alma.memory.wire import recall_from_json, situation_to_json, steps_to_json
from alma.records import Design, DesignError, SandboxError, derive_seed
from alma.sandbox import frames
from alma.sandbox.contract import Limits, Services

MOST_CALLBACKS = 1000
"""Calls to the host that one design may have open at once."""
MOST_UNREAD_BYTES = 64 << 20
"""Answers of the host that may wait for a design to read them."""
MOST_LOGGED = 20_000
"""Lines that one process may log before it answers a call."""


class DesignProcess:
    """The host's side of one design process. A broken promise of the design kills it."""

    def __init__(
        self, pidfd: int, services: Services, limits: Limits, seed: int, zygote_ended: Callable[[], bool]
    ) -> None:
        self.pidfd = pidfd
        self._zygote_ended = zygote_ended
        self._services, self._limits, self._seed = services, limits, seed
        self._channel: frames.Channel
        self._open: dict[int, asyncio.Future[Any]] = {}
        self._next = 0
        self._updates = self._logged = 0
        self._told: dict[str, int] = {}
        self._callbacks: set[asyncio.Task[None]] = set()
        self._host_time = _HostTime()
        self._moved = asyncio.Event()
        self._broken: DesignError | SandboxError | None = None
        self.copies = "none"
        self.has_on_step = False

    async def connect(self, link: socket.socket) -> None:
        """Talk over `link`, which belongs to this object from now on."""
        self._channel = await frames.Channel.over(link, self._limits.reply_bytes, self._take, self._lose)

    @property
    def broken(self) -> bool:
        return self._broken is not None

    async def load(self, design: Design) -> None:
        value = await self._call(
            "load", {"seed": self._seed}, design.source.encode(), seconds=self._limits.load_seconds
        )
        self.has_on_step = isinstance(value, dict) and value.get("on_step") is True

    async def update(self, episode: bytes) -> None:
        seed = derive_seed(self._seed, "update", self._updates)
        self._updates += 1
        await self._call("update", {"seed": seed}, episode, seconds=self._limits.update_seconds)

    async def freeze(self) -> str:
        value = await self._call("freeze", {}, seconds=self._limits.update_seconds)
        if value not in ("copy", "none"):
            raise DesignError("the design's process forged a reply", call="freeze")
        self.copies = value
        return self.copies

    async def retrieve(self, situation: Situation, *, frozen: bool, seed: int) -> Recall:
        head = {
            "situation": situation_to_json(situation),
            "frozen": frozen,
            "seed": seed,
            "keep_copy": self.has_on_step,
        }
        value = await self._call("retrieve", head, seconds=self._limits.retrieve_seconds)
        return _recall(value, "retrieve") or Recall(None)

    async def on_step(
        self, situation: Situation, history: Sequence[Step], *, frozen: bool, seed: int
    ) -> Recall | None:
        told = self._told.get(situation.token, 0)
        if told > len(history):
            told = 0
        self._told[situation.token] = len(history)
        head = {
            "situation": situation_to_json(situation),
            "frozen": frozen,
            "seed": seed,
            "keep_copy": True,
            "told": told,
        }
        body = json.dumps(steps_to_json(list(history[told:]))).encode()
        return _recall(await self._call("on_step", head, body, seconds=self._limits.step_seconds), "on_step")

    async def end(self, token: str) -> None:
        self._told.pop(token, None)
        if self.has_on_step:
            await self._call("end", {"token": token}, seconds=self._limits.step_seconds)

    async def ping(self) -> None:
        """A call that asks nothing of the design."""
        await self._call("end", {"token": ""}, seconds=self._limits.step_seconds)

    async def close(self) -> None:
        for task in self._callbacks:
            task.cancel()
        self._break(DesignError("the memory was closed"))
        os.close(self.pidfd)

    async def _call(self, call: str, head: dict[str, Any], body: bytes = b"", *, seconds: float) -> Any:
        if self._open:
            await self._turn()
        if self._broken is not None:
            raise _again(self._broken, call)
        self._next += 1
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._open[self._next] = future
        self._channel.send(frames.pack({"id": self._next, "call": call, **head}, body))
        try:
            return await self._wait(future, seconds)
        except TimeoutError:
            self._break(DesignError(f"{call} took over {seconds:g} s"))
            raise DesignError(f"{call} took over {seconds:g} s", call=call) from None
        except DesignError as error:
            error.call = call
            raise
        finally:
            future.cancel()
            self._moved.set()

    async def _turn(self) -> None:
        """Wait until the design is idle or waits for the host.

        A process has one thread: calls sent together would wait for each other on their own deadlines,
        and one that hangs would take the others with it.
        """
        while self._broken is None:
            running = sum(not future.done() for future in self._open.values())
            if running <= self._host_time.open:
                return
            self._moved.clear()
            await self._moved.wait()

    async def _wait(self, future: asyncio.Future[Any], seconds: float) -> Any:
        """Wait for the reply; time in which the design waits for the host is not its own."""
        loop = asyncio.get_running_loop()
        end = self._host_time.others() + seconds

        def look() -> None:
            left = end - self._host_time.others()
            if left > 0:
                timers.append(loop.call_later(left, look))
            elif not future.done():
                future.set_exception(TimeoutError())

        timers = [loop.call_later(seconds, look)]
        try:
            return await future
        finally:
            timers[-1].cancel()

    def _take(self, message: dict[str, Any], body: bytes) -> None:
        """A message of the design's process. What raises here breaks the process."""
        if "callback" in message:
            self._begin_callback(message)
        elif "log" in message:
            self._log(message["log"])
        else:
            self._reply(message)

    def _lose(self, error: Exception | None) -> None:
        if error is not None:
            self._break(DesignError(f"the design's process sent a bad message: {_text(error, 300)}"))
        elif self._zygote_ended():
            self._break(SandboxError("the sandbox's zygote ended, and this process with it"))
        else:
            self._break(DesignError("the design's process ended (memory limit, crash or exit)"))

    def _log(self, line: Any) -> None:
        self._logged += 1
        if self._logged > MOST_LOGGED:
            raise ValueError(f"over {MOST_LOGGED} log lines")
        self._services.log(_text(line, 500))

    def _reply(self, message: dict[str, Any]) -> None:
        future = self._open.get(message["id"])
        if future is None:
            raise ValueError(f"an answer to a call that is not open ({message['id']!r})")
        value = None
        if "error" not in message:
            value = message["value"]
            frames.check_json(value)
        del self._open[message["id"]]
        self._logged = 0
        if future.done():
            return
        if "error" in message:
            error = DesignError(_text(message["error"], 500), trace=_text(message.get("trace", ""), 2000))
            future.set_exception(error)
        else:
            future.set_result(value)

    def _begin_callback(self, message: dict[str, Any]) -> None:
        if len(self._callbacks) >= MOST_CALLBACKS:
            raise ValueError(f"over {MOST_CALLBACKS} calls to the host at once")
        task = asyncio.create_task(self._serve(message))
        self._callbacks.add(task)
        task.add_done_callback(self._callbacks.discard)

    async def _serve(self, message: dict[str, Any]) -> None:
        head = {"answer": message["callback"]}
        self._moved.set()
        try:
            with self._host_time:
                frame = frames.pack({**head, "value": await self._answer(message)})
        except Exception as error:
            frame = frames.pack({**head, "error": _text(error, 500)})
        if self._channel.send(frame) > MOST_UNREAD_BYTES:
            self._break(DesignError("the design's process does not read what it asked for"))

    async def _answer(self, message: dict[str, Any]) -> Any:
        arguments = message["arguments"]
        frames.check_json(arguments)
        if message["method"] == "llm":
            return await self._services.llm(arguments)
        if message["method"] == "embed":
            return await self._services.embed([str(text) for text in arguments["texts"]])
        raise DesignError(f"the host has no method {message['method']!r}")

    def _break(self, reason: DesignError | SandboxError) -> None:
        self._broken = self._broken or reason
        self._kill()
        self._channel.close()
        self._moved.set()
        for future in self._open.values():
            if not future.done():
                future.set_exception(_again(reason, ""))

    def _kill(self) -> None:
        with suppress(ProcessLookupError, OSError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)


def _again(error: DesignError | SandboxError, call: str) -> DesignError | SandboxError:
    """The same error for another caller."""
    return DesignError(str(error), call=call) if isinstance(error, DesignError) else SandboxError(str(error))


class _HostTime:
    """A context manager around each callback: counts those open, and the time in which none was."""

    def __init__(self) -> None:
        self.open = 0
        self._since = 0.0
        self._spent = 0.0

    def __enter__(self) -> None:
        if self.open == 0:
            self._since = time.monotonic()
        self.open += 1

    def __exit__(self, *_: object) -> None:
        self.open -= 1
        if self.open == 0:
            self._spent += time.monotonic() - self._since

    def others(self) -> float:
        """A clock in seconds that stands still while a callback is open."""
        now = time.monotonic()
        return now - self._spent - (now - self._since if self.open else 0.0)


def _recall(value: Any, call: str) -> Recall | None:
    try:
        return recall_from_json(value)
    except (KeyError, TypeError) as error:
        raise DesignError(f"the design's process forged a reply: {error}", call=call) from error


def _text(value: Any, chars: int) -> str:
    """What the design wrote, as text that can be stored and printed."""
    return str(value)[:chars].encode("utf-8", "replace").decode()
