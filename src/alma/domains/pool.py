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
import subprocess
import sys
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from socket import socketpair
from typing import Any

from alma.domains.contract import Domain, Environment
from alma.records import AlmaError, DomainError, Level, Observation

Answer = Callable[[Any], Awaitable[Any]]
"""Answers what a job asks in mid-episode."""


class EnvironmentPool:
    """Owns `workers` processes that play levels of one domain. Close it to end them."""

    def __init__(self, domain: Domain, workers: int, *, timeout_seconds: float = 120.0) -> None:
        self.domain = domain
        self.size = workers
        self.faults = 0
        self._timeout = timeout_seconds
        self._idle: asyncio.Queue[_Worker | None] = asyncio.Queue()
        for _ in range(workers):
            self._idle.put_nowait(None)
        self._live: set[_Worker] = set()
        self._first: dict[Level, Observation] = {}

    async def first(self, level: Level) -> Observation:
        """The level's first observation; the same for all designs, so it is asked for once."""
        if level not in self._first:
            self._first[level] = await self.run(level, reset)
        return self._first[level]

    async def run(self, level: Level, job: Callable[..., Any], *arguments: Any, answer: Answer | None = None) -> Any:
        """Run `job` beside the level's environment. Raises DomainError after a second crash or hang."""
        for attempt in (1, 2):
            worker = await self._idle.get()
            try:
                worker = worker or self._start()
                async with asyncio.timeout(self._timeout):
                    result = await worker.run((level, job, arguments), answer)
                self._idle.put_nowait(worker)
                return result
            except _Died as error:
                reason = str(error)
            except TimeoutError:
                reason = f"no answer within {self._timeout:g} s"
            except _JobFailed as error:
                self._idle.put_nowait(worker)
                raise error.cause from None
            except BaseException:
                self._drop(worker)
                raise
            self.faults += 1
            self._drop(worker)
            if attempt == 2:
                raise DomainError(f"level {level.key}: the engine failed twice ({reason})")
        raise AssertionError("unreachable")

    async def close(self) -> None:
        for worker in list(self._live):
            worker.kill()
        self._live.clear()

    def _start(self) -> _Worker:
        worker = _Worker(self.domain)
        self._live.add(worker)
        return worker

    def _drop(self, worker: _Worker | None) -> None:
        if worker is not None:
            worker.kill()
            self._live.discard(worker)
        self._idle.put_nowait(None)


class _Worker:
    """The host's end of one process; used by one job at a time."""

    def __init__(self, domain: Domain) -> None:
        ours, theirs = socketpair()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "alma.domains.pool", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        self._pipe = Connection(ours.detach())
        self._pipe.send(domain)

    async def run(self, request: Any, answer: Answer | None) -> Any:
        self._send(request)
        while True:
            kind, value = await self._receive()
            if kind == "done":
                return value
            if kind == "error":
                raise _JobFailed(value)
            if answer is None:
                raise AlmaError("a job asked the host, which has no answers for it")
            self._send(await answer(value))

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._pipe.close()

    def _send(self, value: Any) -> None:
        try:
            self._pipe.send(value)
        except OSError as error:
            raise _Died(self._end()) from error

    async def _receive(self) -> Any:
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        fd = self._pipe.fileno()
        loop.add_reader(fd, lambda: ready.done() or ready.set_result(None))
        try:
            await ready
        finally:
            loop.remove_reader(fd)
        try:
            return self._pipe.recv()
        except (EOFError, OSError) as error:
            raise _Died(self._end()) from error

    def _end(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            code = self._process.wait(1)
            return f"worker killed by {signal.Signals(-code).name}" if code < 0 else f"worker exited with {code}"
        return "worker closed its pipe"


class _Died(Exception):
    pass


class _JobFailed(Exception):
    """The job raised: the error itself travels, so that blame stays where it was typed."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


def reset(environment: Environment, ask: Callable[[Any], Any]) -> Observation:
    """The job behind `EnvironmentPool.first`."""
    return environment.reset()


def main() -> None:
    """A worker: receives the domain, then runs jobs until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe = Connection(int(sys.argv[1]))

    def ask(question: Any) -> Any:
        pipe.send(("ask", question))
        return pipe.recv()

    try:
        domain: Domain = pipe.recv()
        while True:
            level, job, arguments = pipe.recv()
            pipe.send(_play(domain, level, job, ask, arguments))
    except (EOFError, OSError):
        os._exit(0)


def _play(domain: Domain, level: Level, job: Callable[..., Any], ask: Any, arguments: tuple[Any, ...]) -> Any:
    try:
        environment = domain.open(level)
        try:
            return "done", job(environment, ask, *arguments)
        finally:
            environment.close()
    except (EOFError, OSError):
        raise
    except Exception as error:
        return "error", _sendable(error)


def _sendable(error: Exception) -> Exception:
    if isinstance(error, AlmaError):
        with suppress(Exception):
            pickle.loads(pickle.dumps(error))
            return error
    return DomainError(f"{type(error).__name__}: {error}\n{traceback.format_exc(limit=-3)}")


if __name__ == "__main__":
    main()
