"""One episode: an agent plays a level, in the environment's worker or beside the host.

Scores are read from the environment on the host's side of the agent; what an agent or a design says
about them is never asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from alma.agents.contract import Agent, Game
from alma.domains.contract import Environment
from alma.domains.pool import Answer, EnvironmentPool
from alma.models.contract import Model
from alma.records import Level, Observation, Outcome, Step, Trajectory

OnStep = Callable[[tuple[Step, ...]], Awaitable[str | None]]
"""Given the steps so far, the memory's text before the next action, or None."""


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
    turn: float = 0.0,
) -> Trajectory:
    """Play one episode. Raises DomainError when the engine failed twice. `turn` is the pool's."""
    if agent.runs_in == "worker":
        answer = None if on_step is None else _joined(on_step)
        job_arguments = (agent, level.key, recall, on_step is not None, step_limit, seed)
        trajectory: Trajectory = await pool.run(level, play_beside, *job_arguments, answer=answer, turn=turn)
        return trajectory
    return await _play_from_host(pool, agent, level, recall, on_step, step_limit, seed, model, turn)


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


def _joined(on_step: OnStep) -> Answer:
    """Answers a worker, which sends each step only once: (number of steps sent before, steps since)."""
    history: tuple[Step, ...] = ()

    async def answer(question: tuple[int, tuple[Step, ...]]) -> str | None:
        nonlocal history
        told, fresh = question
        history = history[:told] + fresh
        return await on_step(history)

    return answer


class _Recalled:
    def __init__(self, text: str, ask: Callable[[Any], Any] | None) -> None:
        self.text = text
        self._ask = ask
        self._told = 0

    async def on_step(self, steps: tuple[Step, ...]) -> str | None:
        if self._ask is None:
            return None
        text: str | None = self._ask((self._told, steps[self._told :]))
        self._told = len(steps)
        return text


def _finish(coroutine: Any) -> None:
    """Run a coroutine that never really waits (an agent in a worker)."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise RuntimeError("an agent that runs in the worker must not wait for anything")


def step_through(environment: Environment, ask: Callable[[Any], Any]) -> Outcome:
    """The worker's half of an episode that is played from the host: act as told until told to stop.

    It says a step's values alone, and a list of actions only when it is new: most come again and again.
    """
    numbers: dict[tuple[str, ...] | None, int] = {}
    action = ask(environment.reset())
    while action is not None:
        step = environment.step(action)
        offered = step.admissible
        new = offered not in numbers
        number = numbers.setdefault(offered, len(numbers))
        values = (step.action, step.observation, step.score, step.done, step.error, step.parts)
        action = ask((number, offered if new else None, values))
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
    turn: float,
) -> Trajectory:
    """The host's half; it puts the steps together again."""
    lists: list[tuple[str, ...] | None] = []

    async def step(action: str) -> Step:
        number, offered, (played, observation, *rest) = await talk.tell(action)
        if number == len(lists):
            lists.append(offered)
        return Step(played, observation, lists[number], *rest)

    async with pool.talk(level, step_through, turn=turn) as talk:
        first: Observation = await talk.begin()
        game = Game(first, step, step_limit)
        await agent.play(game, _FromHost(recall, on_step), model, seed)
        outcome: Outcome = await talk.tell(None)
    return Trajectory(level.key, first, tuple(game.steps), outcome)


class _FromHost:
    def __init__(self, text: str, on_step: OnStep | None) -> None:
        self.text = text
        self._on_step = on_step

    async def on_step(self, steps: tuple[Step, ...]) -> str | None:
        return None if self._on_step is None else await self._on_step(steps)
