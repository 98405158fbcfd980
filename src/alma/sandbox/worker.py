"""Inside a design's process: load the design, answer the host's calls, call back for models.

Nothing here is trusted by the host. It is written for clarity of errors (a design's author reads
them), not for defence: the defence is around this process, never in it.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import socket
import sys
import traceback
from typing import Any

from alma.memory import Memory, Situation, Step, Toolkit
from alma.memory.toolkit import begin_call
from alma.memory.wire import (
    as_recall,
    episode_from_json,
    recall_to_json,
    situation_from_json,
    steps_from_json,
)
from alma.sandbox import frames
from alma.sandbox.snapshot import Loaded, Snapshot

FRAME_LIMIT = 64 << 20


def run(channel: socket.socket) -> None:
    """Serve one design over `channel` until it closes."""
    # `asyncio.run` would also see to interrupts and a pool of threads, in pages that are then a worker's own.
    loop = asyncio.SelectorEventLoop()
    try:
        loop.run_until_complete(_Worker(channel).serve())
    finally:
        loop.close()


def _files() -> list[str]:
    """What a design has put in the /tmp that is its own; nothing where it has none."""
    return os.listdir("/tmp") if os.getpid() == 1 else []


def _wipe() -> None:
    """A frozen call finds no file of an earlier one."""
    for name in _files():
        path = os.path.join("/tmp", name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)


class _Worker:
    """One design: its class, its live memory, the frozen state and the copies of running episodes."""

    def __init__(self, channel: socket.socket) -> None:
        self._socket = channel
        self._channel: frames.WorkerChannel
        self._ended = asyncio.Event()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._next_call = 0
        self._kit = Toolkit(self)
        self._memory: Memory
        self._loaded: Loaded
        self._frozen: Snapshot | None = None
        self._copies: dict[str, tuple[Loaded, Memory]] = {}
        self._histories: dict[str, tuple[Step, ...]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        self._channel = frames.WorkerChannel(self._socket, FRAME_LIMIT, self._take, self._lose)
        await self._ended.wait()

    def _take(self, message: dict[str, Any], body: bytes) -> None:
        if "answer" in message:
            self._settle(message)
            return
        if message["call"] == "end":
            self._end(message)
            return
        task = asyncio.create_task(self._reply(message, body))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _lose(self, error: Exception | None) -> None:
        self._ended.set()

    async def _reply(self, message: dict[str, Any], body: bytes) -> None:
        number = message["id"]
        try:
            if "seed" in message:
                _seed_everything(message["seed"])
            value = await getattr(self, "_do_" + message["call"])(message, body)
            frames.check_json(value)
            reply = frames.pack({"id": number, "value": value})
        except BaseException as error:
            reply = frames.pack({"id": number, "error": _one_line(error), "trace": clean_trace(error)})
        self._channel.send(reply)

    async def _do_load(self, message: dict[str, Any], body: bytes) -> Any:
        self._loaded = Loaded(compile(body.decode("utf-8"), "memory.py", "exec"))
        design = self._loaded.design()
        self._memory = design(self._kit)
        return {"on_step": design.on_step is not Memory.on_step, "name": design.__name__}

    async def _do_update(self, message: dict[str, Any], body: bytes) -> Any:
        await self._memory.update(episode_from_json(json.loads(body)))
        return None

    async def _do_freeze(self, message: dict[str, Any], body: bytes) -> Any:
        self._frozen = None
        try:
            if not _files():
                self._frozen = Snapshot(self._loaded, self._memory, self)
        except Exception:
            pass
        return "none" if self._frozen is None else "copy"

    async def _do_retrieve(self, message: dict[str, Any], body: bytes) -> Any:
        situation = situation_from_json(message["situation"])
        memory = self._copy_for(situation, message)
        return recall_to_json(as_recall(await memory.retrieve(situation)))

    async def _do_on_step(self, message: dict[str, Any], body: bytes) -> Any:
        situation = situation_from_json(message["situation"])
        memory = self._copy_for(situation, message)
        seen = self._histories.get(situation.token, ())[: message["told"]]
        history = seen + steps_from_json(json.loads(body))
        self._histories[situation.token] = history
        recall = await memory.on_step(situation, history)
        return None if recall is None else recall_to_json(as_recall(recall))

    def _end(self, message: dict[str, Any]) -> None:
        """An episode is over; nothing of the design runs, so no task is made for it."""
        self._copies.pop(message["token"], None)
        self._histories.pop(message["token"], None)
        self._channel.send(frames.pack({"id": message["id"], "value": None}))

    def _copy_for(self, situation: Situation, message: dict[str, Any]) -> Memory:
        """The memory that this call works on: a frozen copy of its own, or the live one."""
        if not message["frozen"] or self._frozen is None:
            return self._memory
        if situation.token in self._copies:
            loaded, memory = self._copies[situation.token]
            loaded.enter()
            return memory
        _wipe()
        copy = self._frozen.thaw()
        if message["keep_copy"]:
            self._copies[situation.token] = copy
        return copy[1]

    async def call(self, method: str, arguments: dict[str, Any]) -> Any:
        """The toolkit's line to the host."""
        frames.check_json(arguments)
        self._next_call += 1
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[self._next_call] = future
        call = {"callback": self._next_call, "method": method, "arguments": arguments}
        self._channel.send(frames.pack(call))
        return await future

    def log(self, text: str) -> None:
        self._channel.send(frames.pack({"log": text}))

    def _settle(self, message: dict[str, Any]) -> None:
        future = self._waiting.pop(message["answer"], None)
        if future is None or future.done():
            return
        if "error" in message:
            future.set_exception(RuntimeError(message["error"]))
        else:
            future.set_result(message["value"])


def clean_trace(error: BaseException, lines: int = 12) -> str:
    """The frames of the design's own file and the message, without host paths."""
    frames_ = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == "memory.py"]
    text = [f"line {f.lineno}, in {f.name}" for f in frames_]
    return "\n".join([*text[-lines:], _one_line(error)])[:2000]


def _one_line(error: BaseException) -> str:
    try:
        text = " ".join(str(error).split())
    except Exception:
        text = "(its text can't be read)"
    line = f"{type(error).__name__}: {text}" if text else type(error).__name__
    for place in sorted({*sys.path, sys.prefix, sys.base_prefix}, key=len, reverse=True):
        if len(place) > 1:
            line = line.replace(place, "…")
    return line[:500].encode("utf-8", "replace").decode()


def _seed_everything(seed: int) -> None:
    """A call's numbers depend on nothing that was drawn before it, from whichever generator."""
    begin_call(seed)
    random.seed(seed)
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed(seed % 2**32)
