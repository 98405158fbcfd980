"""One episode: an agent plays a level, in the environment's worker or beside the host.

Scores are read from the environment on the host's side of the agent; what an agent or a design says
about them is never asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from alma.agents.contract import Agent, Game, Model
from alma.domains.contract import Environment
from alma.domains.pool import EnvironmentPool
from alma.records import Level, Step, Trajectory

OnStep = Callable[[tuple[Step, ...]], Awaitable[str | None]]
"""The memory's text before the next action, or None."""


async def play(
    pool: EnvironmentPool,
    agent: Agent,
    level: Level,
    *,
    recall: str,
    on_step: OnStep | None,
    step_limit: int,
    seed: int,
    model: Model | None = None,
) -> Trajectory:
    """Play one episode. Raises DomainError when the engine failed twice."""
    if agent.runs_in == "worker":
        answer = on_step
        job_arguments = (agent, level.key, recall, on_step is not None, step_limit, seed)
        trajectory: Trajectory = await pool.run(level, play_beside, *job_arguments, answer=answer)
        return trajectory
    return await _play_from_host(pool, agent, level, recall, on_step, step_limit, seed, model)


def play_beside(
    environment: Environment,
    ask: Callable[[Any], Any],
    agent: Agent,
    level_key: str,
    recall: str,
    per_step: bool,
    step_limit: int,
    seed: int,
) -> Trajectory:
    """The whole episode in the worker; `ask` fetches per-step recalls from the host."""
    first = environment.reset()
    game = Game(first, environment.step, step_limit)
    recalled = _Recalled(recall, ask if per_step else None)
    _finish(agent.play(game, recalled, None, seed))
    return Trajectory(level_key, first, tuple(game.steps), environment.outcome())


class _Recalled:
    def __init__(self, text: str, ask: Callable[[Any], Any] | None) -> None:
        self.text = text
        self._ask = ask

    async def on_step(self, steps: tuple[Step, ...]) -> str | None:
        if self._ask is None:
            return None
        text: str | None = self._ask(steps)
        return text


def _finish(coroutine: Any) -> None:
    """Run a coroutine that never really waits (an agent in a worker)."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise RuntimeError("an agent that runs in the worker must not wait for anything")


def step_through(environment: Environment, ask: Callable[[Any], Any]) -> Any:
    """The worker's half of an episode that is played from the host: act as told until told to stop."""
    action = ask(environment.reset())
    while action is not None:
        action = ask(environment.step(action))
    return environment.outcome()


async def _play_from_host(
    pool: EnvironmentPool,
    agent: Agent,
    level: Level,
    recall: str,
    on_step: OnStep | None,
    step_limit: int,
    seed: int,
    model: Model | None,
) -> Trajectory:
    actions: asyncio.Queue[str | None] = asyncio.Queue()
    seen: asyncio.Queue[Any] = asyncio.Queue()

    async def answer(what: Any) -> str | None:
        seen.put_nowait(what)
        return await actions.get()

    async def act(action: str) -> Step:
        actions.put_nowait(action)
        step = await _next(seen, worker)
        assert isinstance(step, Step)
        return step

    worker = asyncio.create_task(pool.run(level, step_through, answer=answer))
    try:
        game = Game(await _next(seen, worker), act, step_limit)
        await agent.play(game, _FromHost(recall, on_step), model, seed)
        actions.put_nowait(None)
        outcome = await worker
        return Trajectory(level.key, game.first, tuple(game.steps), outcome)
    finally:
        if not worker.done():
            worker.cancel()


class _FromHost:
    def __init__(self, text: str, on_step: OnStep | None) -> None:
        self.text = text
        self._on_step = on_step

    async def on_step(self, steps: tuple[Step, ...]) -> str | None:
        return None if self._on_step is None else await self._on_step(steps)


async def _next(seen: asyncio.Queue[Any], worker: asyncio.Task[Any]) -> Any:
    """What the environment says next; its failure is raised here."""
    getter = asyncio.create_task(seen.get())
    await asyncio.wait({getter, worker}, return_when=asyncio.FIRST_COMPLETED)
    if getter.done():
        return getter.result()
    getter.cancel()
    return worker.result()
