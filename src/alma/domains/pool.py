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
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from alma.domains.contract import Domain, Environment
from alma.domains.line import HEAD, HostLine, WorkerLine, frame
from alma.records import AlmaError, DomainError, Level, Observation, without_secrets

LIFE = 10_000
"""Jobs after which a worker is replaced: some engines keep a few kB of each episode for ever."""

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
        self._free: list[_Worker | None] = [None] * workers  # None: a worker may be started
        self._waiting: deque[_Visit] = deque()
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
        request = frame((level, job, arguments))
        for _ in range(2):
            visit = _Visit(self)
            try:
                kind, value = await visit.exchange(request)
                while kind == "ask":
                    if answer is None:
                        raise AlmaError("a job asked the host, which has no answers for it")
                    kind, value = await visit.exchange(frame(await answer(value)))
            except _DeadWorkerError as error:
                reason = str(error)
                continue
            finally:
                visit.leave()
            if kind == "error":
                raise value
            return value
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
        """End all workers. Jobs that still run, or wait to, end with an AlmaError."""
        self._closed = True
        for worker in list(self._live):
            worker.kill()
        self._live.clear()
        while self._waiting:
            self._waiting.popleft().turn_away(_closed())

    def _admit(self, visit: _Visit) -> None:
        """Begin the visit, now or when there is a worker for it."""
        if self._closed:
            visit.turn_away(_closed())
        elif not self._free:
            self._waiting.append(visit)
        elif (worker := self._free.pop()) is not None:
            visit.begin(worker)
        else:
            try:
                worker = _Worker(self.domain, self._timeout)
            except Exception as error:
                self._vacant(None)
                visit.turn_away(error)
            else:
                self._live.add(worker)
                visit.begin(worker)

    def _vacant(self, place: _Worker | None) -> None:
        """A worker is free, or one may be started: who has waited longest gets it."""
        self._free.insert(0 if place is None else len(self._free), place)
        while self._waiting and self._free:
            visit = self._waiting.popleft()
            if not visit.begun.done():
                self._admit(visit)

    def _drop(self, worker: _Worker) -> None:
        worker.kill()
        self._live.discard(worker)
        self._vacant(None)


class _Visit:
    """One job with one worker, from the wait for it to the job's last word, or until it is left.

    The worker is free at that word: what waits next is sent to it before the word is unpickled.
    """

    def __init__(self, pool: EnvironmentPool) -> None:
        self._pool = pool
        self._worker: _Worker | None = None
        self._first = b""
        self._reply: asyncio.Future[Any] | None = None
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def exchange(self, message: bytes) -> tuple[str, Any]:
        """Say `message` to the worker, and hear what it says next."""
        try:
            if self._worker is None:
                self._first = message
                self._pool._admit(self)
                await self.begun
            else:
                self._reply = self._worker.say(message, self._end)
            assert self._reply is not None
            reply: tuple[str, Any] = await self._reply
            return reply
        except OSError as error:
            if self._worker is None:
                raise
            reason = await self._worker.reason(error)
            self._pool.faults += 1
            self.leave()
            raise _DeadWorkerError(reason) from None

    def begin(self, worker: _Worker) -> None:
        self._worker = worker
        self._reply = worker.say(self._first, self._end)
        self.begun.set_result(None)

    def turn_away(self, error: Exception) -> None:
        if not self.begun.done():
            self.begun.set_exception(error)

    def leave(self) -> None:
        """A job that is left in the middle ends with its worker."""
        worker, self._worker = self._worker, None
        if worker is not None:
            if self._reply is not None:
                self._reply.cancel()
            self._pool._drop(worker)

    def _end(self) -> None:
        worker, self._worker = self._worker, None
        assert worker is not None
        worker.jobs += 1
        if worker.jobs < LIFE:
            self._pool._vacant(worker)
        else:
            self._pool._drop(worker)


class Talk:
    """A job that is led from the host: it asks what to do, and what it is told is its next answer.

    A worker that takes over from a dead one is first told everything that was said before.
    """

    def __init__(self, pool: EnvironmentPool, level: Level, request: Any) -> None:
        self._pool = pool
        self._level = level
        self._said = [frame(request)]
        self._visit: _Visit | None = None
        self._faults = 0

    async def begin(self) -> Any:
        """What the job asks first."""
        return await self._heard(())

    async def tell(self, message: Any) -> Any:
        """Answer the job; what it asks next, or gives in the end. Raises DomainError after a second crash."""
        framed = frame(message)
        self._said.append(framed)
        return await self._heard((framed,))

    def leave(self) -> None:
        """A job that is left in the middle ends with its worker."""
        if self._visit is not None:
            self._visit.leave()

    async def _heard(self, messages: Sequence[bytes]) -> Any:
        while True:
            visit = self._visit
            if visit is None:
                visit = self._visit = _Visit(self._pool)
                messages = self._said
            try:
                for message in messages:
                    kind, value = await visit.exchange(message)
            except _DeadWorkerError as error:
                self._visit = None
                self._faults += 1
                if self._faults == 2:
                    raise _failed_twice(self._level, str(error)) from None
                continue
            if kind == "error":
                raise value
            return value


def _closed() -> AlmaError:
    return AlmaError("the pool of environments is closed")


def _failed_twice(level: Level, reason: str) -> DomainError:
    return DomainError(f"level {level.key}: the engine failed twice ({reason})")


class _Worker:
    """The host's end of one process; used by one job at a time."""

    def __init__(self, domain: Domain, timeout_seconds: float) -> None:
        self.jobs = 0
        self._timeout = timeout_seconds
        self._domain = pickle.dumps(domain, pickle.HIGHEST_PROTOCOL)
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

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._line is None:
            self._socket.close()
        else:
            self._line.close()
        self._folder.cleanup()

    def say(self, framed: bytes, ended: Callable[[], None]) -> asyncio.Future[Any]:
        """Say a framed message to the worker; what it says next. The event loop is never blocked."""
        if self._line is None:
            self._line = HostLine(self._socket)
            framed = frame((self._domain, framed[HEAD.size :]))
        return self._line.exchange(framed, self._timeout, ended)

    async def reason(self, error: OSError) -> str:
        """Why it is dead, or is to be ended."""
        if isinstance(error, TimeoutError):
            return f"no answer within {self._timeout:g} s"
        return await asyncio.to_thread(self._end)

    def _end(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            code = self._process.wait(1)
            if code < 0:
                return f"worker killed by {signal.Signals(-code).name}"
            return f"worker exited with {code}"
        return "worker closed its pipe"


class _DeadWorkerError(Exception):
    """The worker ended, or has to be ended because it hangs."""


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
        domain, request = map(pickle.loads, line.hear())
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
            return frame(("done", job(environment, ask, *arguments)), last=True)
        finally:
            environment.close()
    except Exception as error:
        return frame(("error", _sendable(error)), last=True)


def _sendable(error: Exception) -> Exception:
    if isinstance(error, AlmaError):
        with suppress(Exception):
            pickle.loads(pickle.dumps(error))
            return error
    return DomainError(f"{type(error).__name__}: {error}\n{traceback.format_exc(limit=-3)}")


if __name__ == "__main__":
    main()
