"""Inside a design's process: load the design, answer the host's calls, call back for models.

Nothing here is trusted by the host. It is written for clarity of errors (a design's author reads
them), not for defence: the defence is around this process, never in it.
"""

from __future__ import annotations

import asyncio
import copy
import io
import json
import pickle
import random
import socket
import sys
import traceback
import types
from typing import Any

from alma.memory import Episode, Memory, Situation, Step, Toolkit
from alma.memory.toolkit import begin_call
from alma.memory.wire import (
    as_recall,
    episode_from_json,
    recall_to_json,
    situation_from_json,
    steps_from_json,
)
from alma.sandbox import frames

MODULE = "memory_design"
FRAME_LIMIT = 64 << 20


def run(channel: socket.socket) -> None:
    """Serve one design over `channel` until it closes."""
    asyncio.run(_Worker(channel).serve())


class _Worker:
    """One design: its class, its live memory, the frozen state and the copies of running episodes."""

    def __init__(self, channel: socket.socket) -> None:
        self._socket = channel
        self._writer: asyncio.StreamWriter
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._next_call = 0
        self._kit = Toolkit(self)
        self._memory: Memory
        self._frozen: bytes | Memory | None = None
        self._shared: list[Any] = []
        self._copies: dict[str, Memory] = {}
        self._histories: dict[str, tuple[Step, ...]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        reader, self._writer = await asyncio.open_connection(sock=self._socket)
        while True:
            try:
                message, body = await frames.read(reader, FRAME_LIMIT)
            except asyncio.IncompleteReadError:
                return
            if "answer" in message:
                self._settle(message)
                continue
            task = asyncio.create_task(self._reply(message, body))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

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
        self._writer.write(reply)
        await self._writer.drain()

    async def _do_load(self, message: dict[str, Any], body: bytes) -> Any:
        module = types.ModuleType(MODULE)
        sys.modules[MODULE] = module
        source = body.decode("utf-8")
        exec(compile(source, "memory.py", "exec"), module.__dict__)
        found = [
            value
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, Memory) and value.__module__ == MODULE
        ]
        if not found:
            raise TypeError("the file defines no subclass of alma.memory.Memory")
        design = found[-1]
        self._memory = design(self._kit)
        return {"on_step": design.on_step is not Memory.on_step, "name": design.__name__}

    async def _do_update(self, message: dict[str, Any], body: bytes) -> Any:
        await self._memory.update(episode_from_json(json.loads(body)))
        return None

    async def _do_freeze(self, message: dict[str, Any], body: bytes) -> Any:
        try:
            self._frozen, self._shared = _Pickler.dumps(self._memory)
            self._thaw(self._frozen)
            return "pickle"
        except Exception:
            pass
        try:
            self._frozen = copy.deepcopy(self._memory, {id(self): self})
            return "deepcopy"
        except Exception:
            self._frozen = None
            return "none"

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

    async def _do_end(self, message: dict[str, Any], body: bytes) -> Any:
        self._copies.pop(message["token"], None)
        self._histories.pop(message["token"], None)
        return None

    def _copy_for(self, situation: Situation, message: dict[str, Any]) -> Memory:
        """The memory that this call works on: a frozen copy of its own, or the live one."""
        if not message["frozen"] or self._frozen is None:
            return self._memory
        if situation.token in self._copies:
            return self._copies[situation.token]
        if isinstance(self._frozen, bytes):
            memory = self._thaw(self._frozen)
        else:
            memory = copy.deepcopy(self._frozen, {id(self): self})
        if message["keep_copy"]:
            self._copies[situation.token] = memory
        return memory

    def _thaw(self, data: bytes) -> Memory:
        memory: Memory = _Unpickler(data, self).load()
        return memory

    async def call(self, method: str, arguments: dict[str, Any]) -> Any:
        """The toolkit's line to the host."""
        frames.check_json(arguments)
        self._next_call += 1
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[self._next_call] = future
        self._writer.write(
            frames.pack({"callback": self._next_call, "method": method, "arguments": arguments})
        )
        await self._writer.drain()
        return await future

    def log(self, text: str) -> None:
        self._writer.write(frames.pack({"log": text}))

    def _settle(self, message: dict[str, Any]) -> None:
        future = self._waiting.pop(message["answer"], None)
        if future is None or future.done():
            return
        if "error" in message:
            future.set_exception(RuntimeError(message["error"]))
        else:
            future.set_result(message["value"])


class _Pickler(pickle.Pickler):
    """Pickles a memory. The host's line is left out, and records of the past are shared, not copied."""

    def __init__(self, buffer: io.BytesIO) -> None:
        super().__init__(buffer, protocol=5)
        self.shared: list[Any] = []
        self._index: dict[int, int] = {}

    def persistent_id(self, obj: Any) -> int | None:
        if isinstance(obj, (Episode, Step, Situation)):
            position = self._index.setdefault(id(obj), len(self.shared))
            if position == len(self.shared):
                self.shared.append(obj)
            return position
        return -1 if isinstance(obj, _Worker) else None

    @classmethod
    def dumps(cls, memory: Memory) -> tuple[bytes, list[Any]]:
        buffer = io.BytesIO()
        pickler = cls(buffer)
        pickler.dump(memory)
        return buffer.getvalue(), pickler.shared


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, worker: _Worker) -> None:
        super().__init__(io.BytesIO(data))
        self._worker = worker

    def persistent_load(self, pid: Any) -> Any:
        return self._worker if pid == -1 else self._worker._shared[pid]


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
