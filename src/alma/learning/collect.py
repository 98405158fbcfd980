"""Collect: play levels once without memory. All designs learn from the same trajectories.

A collection is cached in the archive under a hash of all that it depends on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alma.agents.contract import Agent
from alma.archive.contract import Archive
from alma.domains.pool import EnvironmentPool
from alma.learning.missing import pause_if_many
from alma.learning.rollout import play
from alma.learning.together import together
from alma.memory import Episode, Situation
from alma.models.contract import Gate
from alma.records import Budget, DomainError, Level, ProviderError, Trajectory, content_hash, derive_seed
from alma.sandbox.contract import encode_episode


@dataclass(frozen=True, slots=True)
class Collection:
    """Collected trajectories in order, with their encoded episodes, ready to feed to any design."""

    key: str
    trajectories: tuple[Trajectory, ...]
    episodes: tuple[bytes, ...]
    wins: int

    @classmethod
    def of(cls, key: str, trajectories: Sequence[Trajectory], domain: str) -> Collection:
        episodes = tuple(encode_episode(as_episode(t, domain)) for t in trajectories)
        return cls(key, tuple(trajectories), episodes, sum(t.outcome.success for t in trajectories))

    @classmethod
    def nothing(cls) -> Collection:
        """No episode at all: what a design does by its own code alone."""
        return cls("nothing", (), (), 0)


def as_episode(trajectory: Trajectory, domain: str) -> Episode:
    """A trajectory as a design sees it: no level, no seed; the token says nothing."""
    first = trajectory.first
    token = content_hash([trajectory.level_key, "collect"], 12)
    situation = Situation(first.goal, first.text, first.admissible, domain, token)
    return Episode(situation, trajectory.steps, trajectory.outcome.reward, trajectory.outcome.success)


async def collect(
    pool: EnvironmentPool,
    agent: Agent,
    levels: Sequence[Level],
    *,
    seed: int,
    step_limit: int,
    archive: Archive,
    budget: Budget,
    model: Gate | None = None,
    on_episode: Callable[[], None] = lambda: None,
    pauses: bool = False,
) -> Collection:
    """The collection of these levels, from the archive or played now. Missing episodes are left out.

    With `pauses` too many of those raise RunPaused.
    Its episodes are charged in either case, so that a run that goes on has spent what it had spent.
    """
    domain = pool.domain
    key = content_hash(
        {
            "domain": [domain.name, domain.version, dict(domain.options)],
            "agent": [agent.name, agent.version] + ([] if model is None else [model.name]),
            "levels": [level.key for level in levels],
            "seed": seed,
            "step_limit": step_limit,
        }
    )
    budget.charge("episodes", len(levels))
    trajectories = archive.get_collection(key)
    if trajectories is None:
        lost: list[str] = []

        async def one(index: int, level: Level) -> Trajectory | None:
            episode_seed = derive_seed(seed, "collect", index)
            try:
                return await play(
                    pool,
                    agent,
                    level,
                    recall="",
                    on_step=None,
                    step_limit=step_limit,
                    seed=episode_seed,
                    model=None if model is None else model.at("collect", key, str(index)),
                )
            except (DomainError, ProviderError) as error:
                lost.append(str(error))
                return None
            finally:
                on_episode()

        played = await together(one(i, level) for i, level in enumerate(levels))
        trajectories = [trajectory for trajectory in played if trajectory is not None]
        if pauses:
            pause_if_many("the collection", lost, len(levels))
        archive.add_collection(key, trajectories)
    return Collection.of(key, trajectories, domain.name)
