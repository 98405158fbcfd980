"""Environments in worker processes: persistent, one level at a time each, replaced when they crash or hang.

A job is a plain function `job(environment, ask, *arguments)` that runs beside the environment; `ask`
calls back to the host in mid-episode. What a crash means is decided here once: the job is tried again
on a fresh worker, then it is a DomainError. Host and worker trust each other.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from alma.domains.contract import Domain, Environment
from alma.records import AlmaError, DomainError, Level, Observation, without_secrets

Answer = Callable[[Any], Awaitable[Any]]
"""Answers what a job asks in mid-episode."""


SIZE = struct.Struct(">Q")
"""Goes before each message of a worker. The host's messages are bare pickles, read from a stream."""


class EnvironmentPool:
    """Owns `workers` processes that play levels of one domain. Close it to end them.

    `timeout_seconds` is how long an engine may take to say anything; the host's own time doesn't count.
    """

    def __init__(self, domain: Domain, workers: int, *, timeout_seconds: float = 120.0) -> None:
        self.domain = domain
        self.size = workers
        self.faults = 0
        self._timeout = timeout_seconds
        self._idle: asyncio.Queue[_Worker | None] = asyncio.Queue()
        for _ in range(workers):
            self._idle.put_nowait(None)
        self._live: set[_Worker] = set()
        self._closed = False
        self._first: dict[Level, Observation] = {}

    async def first(self, level: Level) -> Observation:
        """The level's first observation; the same for all designs, so it is asked for once."""
        if level not in self._first:
            self._first[level] = await self.run(level, reset)
        return self._first[level]

    async def run(
        self, level: Level, job: Callable[..., Any], *arguments: Any, answer: Answer | None = None
    ) -> Any:
        """Run `job` beside the level's environment. Raises DomainError after a second crash or hang.

        A job that is tried again asks its questions again.
        """
        reason = ""
        for _ in range(2):
            worker = await self._idle.get()
            try:
                if self._closed:
                    raise AlmaError("the pool of environments is closed")
                worker = worker or self._start()
                result = await worker.run((level, job, arguments), answer)
            except _JobError as error:
                self._idle.put_nowait(worker)
                raise error.cause from None
            except _DeadWorkerError as error:
                self._drop(worker)
                self.faults += 1
                reason = str(error)
            except BaseException:
                self._drop(worker)
                raise
            else:
                self._idle.put_nowait(worker)
                return result
        raise DomainError(f"level {level.key}: the engine failed twice ({reason})")

    async def close(self) -> None:
        """End all workers. Jobs that still run end with an AlmaError."""
        self._closed = True
        for worker in list(self._live):
            worker.kill()
        self._live.clear()

    def _start(self) -> _Worker:
        worker = _Worker(self.domain, self._timeout)
        self._live.add(worker)
        return worker

    def _drop(self, worker: _Worker | None) -> None:
        if worker is not None:
            worker.kill()
            self._live.discard(worker)
        self._idle.put_nowait(None)


class _Worker:
    """The host's end of one process; used by one job at a time."""

    def __init__(self, domain: Domain, timeout_seconds: float) -> None:
        self._timeout = timeout_seconds
        self._socket, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "alma.domains.pool", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=without_secrets(os.environ),
            start_new_session=True,
        )
        theirs.close()
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter | None = None
        self._unsent = pickle.dumps(domain)

    async def run(self, request: Any, answer: Answer | None) -> Any:
        kind, value = await self._exchange(request)
        while kind == "ask":
            if answer is None:
                raise AlmaError("a job asked the host, which has no answers for it")
            kind, value = await self._exchange(await answer(value))
        if kind == "error":
            raise _JobError(value)
        return value

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._writer is None:
            self._socket.close()
        else:
            self._writer.close()

    async def _exchange(self, message: Any) -> tuple[str, Any]:
        """Say `message` to the worker and hear what it says next. The event loop is never blocked."""
        data = self._unsent + pickle.dumps(message)
        self._unsent = b""
        try:
            async with asyncio.timeout(self._timeout):
                if self._writer is None:
                    self._reader, self._writer = await asyncio.open_connection(sock=self._socket)
                self._writer.write(data)
                await self._writer.drain()
                (size,) = SIZE.unpack(await self._reader.readexactly(SIZE.size))
                reply: tuple[str, Any] = pickle.loads(await self._reader.readexactly(size))
                return reply
        except TimeoutError:
            raise _DeadWorkerError(f"no answer within {self._timeout:g} s") from None
        except (asyncio.IncompleteReadError, OSError):
            raise _DeadWorkerError(await asyncio.to_thread(self._end)) from None

    def _end(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            code = self._process.wait(1)
            if code < 0:
                return f"worker killed by {signal.Signals(-code).name}"
            return f"worker exited with {code}"
        return "worker closed its pipe"


class _DeadWorkerError(Exception):
    """The worker ended, or has to be ended because it hangs."""


class _JobError(Exception):
    """The job raised: the error itself travels, so that blame stays where it was typed."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


def reset(environment: Environment, ask: Callable[[Any], Any]) -> Observation:
    """The job behind `EnvironmentPool.first`."""
    return environment.reset()


def main() -> None:
    """A worker: receives the domain, then runs jobs until the host's end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stream = socket.socket(fileno=int(sys.argv[1])).makefile("rwb")

    def send(data: bytes) -> None:
        stream.write(SIZE.pack(len(data)) + data)
        stream.flush()

    def ask(question: Any) -> Any:
        data = pickle.dumps(("ask", question))
        try:
            send(data)
            return pickle.load(stream)
        except (EOFError, OSError) as error:
            raise _HostGoneError from error

    try:
        domain: Domain = pickle.load(stream)
        while True:
            level, job, arguments = pickle.load(stream)
            send(_play(domain, level, job, ask, arguments))
    except (EOFError, OSError, _HostGoneError):
        os._exit(0)


class _HostGoneError(BaseException):
    """In a worker: the host's end is closed. No `except Exception` of an engine may stop it."""


def _play(
    domain: Domain, level: Level, job: Callable[..., Any], ask: Any, arguments: tuple[Any, ...]
) -> bytes:
    """The message that ends a job. Whatever an engine raises, an OSError too, is its answer."""
    try:
        environment = domain.open(level)
        try:
            return pickle.dumps(("done", job(environment, ask, *arguments)))
        finally:
            environment.close()
    except Exception as error:
        return pickle.dumps(("error", _sendable(error)))


def _sendable(error: Exception) -> Exception:
    if isinstance(error, AlmaError):
        with suppress(Exception):
            pickle.loads(pickle.dumps(error))
            return error
    return DomainError(f"{type(error).__name__}: {error}\n{traceback.format_exc(limit=-3)}")


if __name__ == "__main__":
    main()
