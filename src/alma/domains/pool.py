"""Environments in worker processes: persistent, one level at a time each, replaced when they crash or hang.

A job is a plain function `job(environment, ask, *arguments)` that runs beside the environment; `ask`
calls back to the host in mid-episode. What a crash means is decided here once: the job is tried again
on a fresh worker, then it is a DomainError. A worker's temporary files go with it. Host and worker trust
each other.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from alma.domains.contract import Domain, Environment
from alma.domains.line import HostLine, WorkerLine, frame
from alma.records import AlmaError, DomainError, Level, Observation, without_secrets

Answer = Callable[[Any], Awaitable[Any]]
"""Answers what a job asks in mid-episode."""


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
            worker = await self._take()
            try:
                result = await worker.run((level, job, arguments), answer)
            except _JobError as error:
                self._idle.put_nowait(worker)
                raise error.cause from None
            except _DeadWorkerError as error:
                self._lost(worker)
                reason = str(error)
            except BaseException:
                self._drop(worker)
                raise
            else:
                self._idle.put_nowait(worker)
                return result
        raise _failed_twice(level, reason)

    @asynccontextmanager
    async def talk(self, level: Level, job: Callable[..., Any], *arguments: Any) -> AsyncIterator[Talk]:
        """Run `job` beside the level's environment, led by the caller: a turn costs one wake-up."""
        talk = Talk(self, level, (level, job, arguments))
        try:
            yield talk
        finally:
            talk.leave()

    async def close(self) -> None:
        """End all workers. Jobs that still run end with an AlmaError."""
        self._closed = True
        for worker in list(self._live):
            worker.kill()
        self._live.clear()

    async def _take(self) -> _Worker:
        """An idle worker, started when there is none yet; it is given back, dropped or lost."""
        worker = await self._idle.get()
        try:
            if self._closed:
                raise AlmaError("the pool of environments is closed")
            if worker is None:
                worker = _Worker(self.domain, self._timeout)
                self._live.add(worker)
        except BaseException:
            self._idle.put_nowait(worker)
            raise
        return worker

    def _lost(self, worker: _Worker) -> None:
        self._drop(worker)
        self.faults += 1

    def _drop(self, worker: _Worker) -> None:
        worker.kill()
        self._live.discard(worker)
        self._idle.put_nowait(None)


class Talk:
    """A job that is led from the host: it asks what to do, and what it is told is its next answer.

    A worker that takes over from a dead one is first told everything that was said before.
    """

    def __init__(self, pool: EnvironmentPool, level: Level, request: Any) -> None:
        self._pool = pool
        self._level = level
        self._said = [request]
        self._worker: _Worker | None = None
        self._faults = 0

    async def begin(self) -> Any:
        """What the job asks first."""
        return await self._heard(())

    async def tell(self, message: Any) -> Any:
        """Answer the job; what it asks next, or gives in the end. Raises DomainError after a second crash."""
        self._said.append(message)
        return await self._heard((message,))

    def leave(self) -> None:
        """A job that is left in the middle ends with its worker."""
        if self._worker is not None:
            self._pool._drop(self._worker)
            self._worker = None

    async def _heard(self, messages: Sequence[Any]) -> Any:
        while True:
            worker = self._worker
            if worker is None:
                worker = self._worker = await self._pool._take()
                messages = self._said
            try:
                for message in messages:
                    kind, value = await worker.exchange(message)
            except _DeadWorkerError as error:
                self._pool._lost(worker)
                self._worker = None
                self._faults += 1
                if self._faults == 2:
                    raise _failed_twice(self._level, str(error)) from None
                continue
            if kind == "ask":
                return value
            self._pool._idle.put_nowait(worker)
            self._worker = None
            if kind == "error":
                raise value
            return value


def _failed_twice(level: Level, reason: str) -> DomainError:
    return DomainError(f"level {level.key}: the engine failed twice ({reason})")


class _Worker:
    """The host's end of one process; used by one job at a time."""

    def __init__(self, domain: Domain, timeout_seconds: float) -> None:
        self._timeout = timeout_seconds
        # Some engines leave files behind when they are killed. The finalizer of this folder deletes it
        # when nobody closes the pool; the worker does when the host is gone.
        self._folder = tempfile.TemporaryDirectory(prefix="alma-worker-", ignore_cleanup_errors=True)
        self._socket, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "alma.domains.pool", str(theirs.fileno()), self._folder.name],
            env={**without_secrets(os.environ), "TMPDIR": self._folder.name},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        self._line: HostLine | None = None
        self._domain = domain

    async def run(self, request: Any, answer: Answer | None) -> Any:
        kind, value = await self.exchange(request)
        while kind == "ask":
            if answer is None:
                raise AlmaError("a job asked the host, which has no answers for it")
            kind, value = await self.exchange(await answer(value))
        if kind == "error":
            raise _JobError(value)
        return value

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._line is None:
            self._socket.close()
        else:
            self._line.close()
        self._folder.cleanup()

    async def exchange(self, message: Any) -> tuple[str, Any]:
        """Say `message` to the worker and hear what it says next. The event loop is never blocked."""
        try:
            if self._line is None:
                loop = asyncio.get_running_loop()
                _, self._line = await loop.create_connection(HostLine, sock=self._socket)
                message = (self._domain, message)
            reply: tuple[str, Any] = await self._line.exchange(frame(message), self._timeout)
            return reply
        except TimeoutError:
            raise _DeadWorkerError(f"no answer within {self._timeout:g} s") from None
        except OSError:
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
    """A worker: receives the domain, then runs jobs until the host's end closes; then its folder goes too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line = WorkerLine(socket.socket(fileno=int(sys.argv[1])))

    def ask(question: Any) -> Any:
        framed = frame(("ask", question))
        try:
            line.say(framed)
            return line.hear()
        except (EOFError, OSError) as error:
            raise _HostGoneError from error

    try:
        domain, request = line.hear()
        while True:
            line.say(_play(domain, ask, *request))
            request = line.hear()
    except (EOFError, OSError, _HostGoneError):
        shutil.rmtree(sys.argv[2], ignore_errors=True)
        os._exit(0)


class _HostGoneError(BaseException):
    """In a worker: the host's end is closed. No `except Exception` of an engine may stop it."""


def _play(
    domain: Domain, ask: Any, level: Level, job: Callable[..., Any], arguments: tuple[Any, ...]
) -> bytes:
    """The message that ends a job. Whatever an engine raises, an OSError too, is its answer."""
    try:
        environment = domain.open(level)
        try:
            return frame(("done", job(environment, ask, *arguments)))
        finally:
            environment.close()
    except Exception as error:
        return frame(("error", _sendable(error)))


def _sendable(error: Exception) -> Exception:
    if isinstance(error, AlmaError):
        with suppress(Exception):
            pickle.loads(pickle.dumps(error))
            return error
    return DomainError(f"{type(error).__name__}: {error}\n{traceback.format_exc(limit=-3)}")


if __name__ == "__main__":
    main()
