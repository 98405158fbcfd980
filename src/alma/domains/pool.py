"""Environments in worker processes: persistent, one level at a time each, replaced when they crash or hang.

A job is a plain function `job(environment, ask, *arguments)` that runs beside the environment; `ask`
calls back to the host in mid-episode. What a crash means is decided here once: the job is tried again
on a fresh worker, then it is a DomainError. A worker's temporary files go with it. Host and worker trust
each other.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from heapq import heappop, heappush
from typing import Any

from alma.domains.contract import Domain, Environment
from alma.domains.line import HostLine, frame
from alma.domains.nursery import Nursery
from alma.records import AlmaError, DomainError, Level, Observation

LIFE = 10_000
"""Jobs after which a worker is replaced: some engines keep a few kB of each episode for ever."""

REASON_SECONDS = 1.0
"""How long it may take until it is told how a worker ended whose socket is closed."""

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
        self._waiting: list[tuple[float, int, _Visit]] = []  # A heap: by turn, then who came first.
        self._came = 0
        self._live: set[_Worker] = set()
        self._nursery: Nursery | None = None
        self._closed = False
        self._first: dict[Level, Observation] = {}

    async def first(self, level: Level) -> Observation:
        """The level's first observation; the same for all designs, so it is asked for once."""
        if level not in self._first:
            self._first[level] = await self.run(level, reset)
        return self._first[level]

    async def run(
        self,
        level: Level,
        job: Callable[..., Any],
        *arguments: Any,
        answer: Answer | None = None,
        turn: float = 0.0,
    ) -> Any:
        """Run `job` beside the level's environment. Raises DomainError after a second crash or hang.

        A job that is tried again asks its questions again. Of those that wait for a worker the one with the
        smallest `turn` goes first, and of those who came first.
        """
        request = frame((level, job, arguments))
        for _ in range(2):
            visit = _Visit(self, (job, *arguments), turn)
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
    async def talk(
        self, level: Level, job: Callable[..., Any], *arguments: Any, turn: float = 0.0
    ) -> AsyncIterator[Talk]:
        """Run `job` beside the level's environment, led by the caller: a step costs one wake-up."""
        talk = Talk(self, level, job, arguments, turn)
        try:
            yield talk
        finally:
            talk.leave()

    async def close(self) -> None:
        """End all workers. Jobs that still run, or wait to, end with an AlmaError."""
        self._closed = True
        if self._nursery is not None:
            await self._nursery.close()
        for worker in list(self._live):
            worker.kill()
        self._live.clear()
        while self._waiting:
            self._waiting.pop()[2].turn_away(_closed())

    def _admit(self, visit: _Visit) -> None:
        """Begin the visit, now or when there is a worker for it."""
        if self._closed:
            visit.turn_away(_closed())
            return
        while self._free and (idle := self._free[-1]) is not None and idle.gone:
            self._live.discard(idle)
            idle.kill()
            self._free = [None, *self._free[:-1]]
        if not self._free:
            self._came += 1
            heappush(self._waiting, (visit.turn, self._came, visit))
        elif (worker := self._free.pop()) is not None:
            visit.begin(worker)
        else:
            try:
                worker = _Worker(self._zygote(), visit.modules(), self._timeout)
            except Exception as error:
                self._vacant(None)
                visit.turn_away(error)
            else:
                self._live.add(worker)
                visit.begin(worker)

    def _zygote(self) -> Nursery:
        if self._nursery is None or self._nursery.ended:
            self._nursery = Nursery(self.domain)
        return self._nursery

    def _vacant(self, place: _Worker | None) -> None:
        """A worker is free, or one may be started: whose turn it is gets it."""
        self._free.insert(0 if place is None else len(self._free), place)
        while self._waiting and self._free:
            _, _, visit = heappop(self._waiting)
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

    def __init__(self, pool: EnvironmentPool, values: tuple[Any, ...], turn: float) -> None:
        self._pool = pool
        self._values = values
        self.turn = turn
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

    def modules(self) -> set[str]:
        """Where the job and its arguments come from."""
        job, *arguments = self._values
        return {job.__module__, *(type(value).__module__ for value in arguments)}

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

    def __init__(
        self,
        pool: EnvironmentPool,
        level: Level,
        job: Callable[..., Any],
        arguments: tuple[Any, ...],
        turn: float,
    ) -> None:
        self._pool = pool
        self._level = level
        self._values = (job, *arguments)
        self._turn = turn
        self._said = [frame((level, job, arguments))]
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
                visit = self._visit = _Visit(self._pool, self._values, self._turn)
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

    def __init__(self, nursery: Nursery, modules: Iterable[str], timeout_seconds: float) -> None:
        self.jobs = 0
        self._timeout = timeout_seconds
        self._nursery = nursery
        # Some engines leave files behind when they are killed. The zygote deletes this folder then.
        folder = tempfile.mkdtemp(prefix="alma-worker-")
        self._born = nursery.start(folder, modules)
        self._line = HostLine(self._born.link)

    @property
    def gone(self) -> bool:
        return self._line.gone

    def kill(self) -> None:
        self._nursery.end(self._born.number)
        self._line.close()

    def say(self, framed: bytes, ended: Callable[[], None]) -> asyncio.Future[Any]:
        """Say a framed message to the worker; what it says next. The event loop is never blocked."""
        return self._line.exchange(framed, self._timeout, ended)

    async def reason(self, error: OSError) -> str:
        """Why it is dead, or is to be ended."""
        if isinstance(error, TimeoutError):
            return f"no answer within {self._timeout:g} s"
        try:
            return await asyncio.wait_for(asyncio.shield(self._born.end), REASON_SECONDS)
        except TimeoutError:
            return "worker closed its socket"


class _DeadWorkerError(Exception):
    """The worker ended, or has to be ended because it hangs."""


def reset(environment: Environment, ask: Callable[[Any], Any]) -> Observation:
    """The job behind `EnvironmentPool.first`."""
    return environment.reset()
