"""Evaluate: deploy one design's memory on levels and record each episode's score.

The levels, the executor's seeds and the collection are the same for every design, so designs are
compared episode by episode. Nothing is evaluated twice: an evaluation's id names all it depends on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from alma.agents.contract import Agent
from alma.agents.recall import render
from alma.archive.contract import NO_MEMORY, Archive
from alma.domains.pool import EnvironmentPool
from alma.learning.collect import Collection
from alma.learning.live import LiveMemory
from alma.learning.missing import pause_if_many
from alma.learning.racing import Race
from alma.learning.rollout import play
from alma.learning.services import DesignModels
from alma.learning.together import together
from alma.memory import Episode, Recall, Situation
from alma.models.contract import Gate, Model
from alma.records import (
    Budget,
    BudgetExceeded,
    Design,
    DesignError,
    DomainError,
    EpisodeRecord,
    Evaluation,
    Level,
    Protocol,
    ProviderError,
    Stage,
    Step,
    Usage,
    content_hash,
    derive_seed,
    evaluation_id,
)
from alma.sandbox.contract import UNSAFE, Limits, Sandbox, Services, encode_episode

NOTHING = Design(NO_MEMORY, "", "no memory")
"""Playing without memory, as a design that is never loaded."""


@dataclass(frozen=True, slots=True)
class Evaluator:
    """All that evaluations of a run share. `seed` seeds the executor, the same for every design."""

    pool: EnvironmentPool
    agent: Agent
    sandbox: Sandbox
    services: DesignModels
    archive: Archive
    budget: Budget
    limits: Limits
    seed: int
    model: Gate | None = None
    on_episode: Callable[[], None] = lambda: None
    pauses: bool = False
    """Whether too many missing episodes pause the run (RunPaused), or are left to whoever compares."""
    admits: Callable[[str], bool] = lambda identity: True
    """Which evaluations may be played, by id or a failed design: a replay plays those of its record."""
    logged: Callable[[str], tuple[str, ...] | None] = lambda identity: None
    """What a replayed run's design logged: a log may hold times, and the next author is shown it."""

    def score(self, evaluation: Evaluation) -> float:
        """The domain's primary number: share of solved tasks, or mean reward."""
        return evaluation.success if self.pool.domain.primary == "success" else evaluation.reward

    async def evaluate(
        self,
        design: Design,
        stage: Stage,
        protocol: Protocol,
        collection: Collection,
        levels: Sequence[Level],
        race: Race | None = None,
    ) -> Evaluation:
        """The evaluation, from the archive or played now; one that loses its `race` ends early.

        Raises DesignError when the design fails to load or to learn, BudgetExceeded before it starts
        what the budget can't hold, RunPaused when too much went missing. A known evaluation costs nothing.
        """
        agent = f"{self.agent.name} {self.agent.version} seed {self.seed}"
        if self.model is not None:
            agent += f" model {self.model.name}"
        if design is not NOTHING and (services_name := self.services.name_for(design.source)):
            agent += f" designs {services_name}"
        if race is not None:
            agent += f" {race.name}"
        domain = self.pool.domain
        keys = [domain.content_key(level) for level in levels]
        identity = evaluation_id(design.id, stage, protocol, agent, [domain.version, *keys], collection.key)
        known = self.archive.get_evaluation(identity)
        if known is not None:
            return known
        if not (self.admits(identity) or self.admits(design.id)):
            raise BudgetExceeded("the record holds no such evaluation")
        cost = len(levels) * protocol.repeats
        self.budget.charge("episodes", cost)
        started = time.monotonic()
        # Evaluations end one after the other, and a verification, for which one waits, before them.
        turn = 0.0 if stage == "verify" else started
        try:
            async with self.services.at(design.id, cost + len(collection.episodes)) as services:
                deployment = _Deployment.of(self, identity, stage, protocol, services, turn=turn, race=race)
                episodes, note = await deployment.play(design, collection, levels)
            if self.sandbox.name == UNSAFE:
                note = "; ".join(filter(None, (note, "unsafe sandbox: the design was not walled in")))
        except DesignError:
            if protocol.mode == "frozen":
                # It failed at loading or learning, so none of its episodes was played.
                self.budget.charge("episodes", -cost)
            raise
        log = self.logged(identity)
        evaluation = Evaluation(
            identity,
            design.id,
            stage,
            protocol,
            episodes,
            time.monotonic() - started,
            note,
            sum((episode.usage for episode in episodes), services.usage),
            services.logged if log is None else log,
        )
        if self.pauses:
            missing = [episode.message for episode in episodes if episode.reward is None]
            pause_if_many(f"{design.name or design.id} ({stage})", missing, len(episodes))
        score = self.score(evaluation)
        if race is not None and len(episodes) < cost:
            self.budget.charge("episodes", len(episodes) - cost)
            score = race.estimate(episodes, domain.primary)
        self.archive.add_evaluation(evaluation, score=score)
        light = [replace(episode, trajectory=None, recall="", step_recalls=()) for episode in episodes]
        return replace(evaluation, episodes=light)


@dataclass(frozen=True, slots=True)
class _Deployment:
    """One evaluation while it is played: the evaluator it belongs to, its id and its protocol."""

    evaluator: Evaluator
    identity: str
    stage: Stage
    protocol: Protocol
    services: Services
    setting: str
    """The protocol's hash: what tells an episode's token from those of other protocols."""
    turn: float
    """When workers are scarce, the evaluation with the smallest has them."""
    race: Race | None = None

    @classmethod
    def of(
        cls,
        evaluator: Evaluator,
        identity: str,
        stage: Stage,
        protocol: Protocol,
        services: Services,
        *,
        turn: float,
        race: Race | None,
    ) -> _Deployment:
        setting = content_hash(protocol.as_json())
        return cls(evaluator, identity, stage, protocol, services, setting, turn, race)

    async def play(
        self, design: Design, collection: Collection, levels: Sequence[Level]
    ) -> tuple[list[EpisodeRecord], str]:
        """Every episode, and a note where something about them must be said."""
        if design is NOTHING:
            return await self._without(levels), ""
        if self.protocol.mode == "frozen":
            return await self._frozen(design, collection, levels)
        return await self._online(design, collection, levels)

    async def _without(self, levels: Sequence[Level]) -> list[EpisodeRecord]:
        played = await together(self._episode(None, *pair) for pair in self._pairs(levels))
        return [record for record, _ in played]

    def _pairs(self, levels: Sequence[Level]) -> list[tuple[Level, int]]:
        return [(level, repeat) for repeat in range(self.protocol.repeats) for level in levels]

    def _longest_first(self, pairs: list[tuple[Level, int]]) -> list[tuple[Level, int]]:
        """By the steps that others took on the level: so no long episode is waited for alone at the end."""
        steps = self.evaluator.archive.steps_taken()
        return sorted(pairs, key=lambda pair: -steps.get(pair[0].key, 0))

    async def _frozen(
        self, design: Design, collection: Collection, levels: Sequence[Level]
    ) -> tuple[list[EpisodeRecord], str]:
        """Every retrieve meets the memory as it stood after the last update: order can't matter."""
        race, primary = self.race, self.evaluator.pool.domain.primary
        episodes: list[EpisodeRecord] = []
        notes = []
        async with self._live(design, collection, frozen=True) as memory:
            in_order = memory.copies == "none"
            slots = asyncio.Semaphore(1 if in_order else 2 * self.evaluator.pool.size)
            if in_order:
                notes.append("memory can't be copied: retrieves were called one by one on one memory")

            async def one(level: Level, repeat: int) -> EpisodeRecord:
                async with slots:
                    return (await self._episode(memory, level, repeat))[0]

            for some in [levels] if race is None else race.stages(levels):
                if race is not None and episodes and race.lost(episodes, primary, len(levels)):
                    played = len(episodes) // self.protocol.repeats
                    notes.append(f"stopped after {played} of {len(levels)} levels: behind {race.rival}")
                    break
                pairs = self._pairs(some)
                if race is None and not in_order:
                    pairs = self._longest_first(pairs)
                episodes += await together(one(*pair) for pair in pairs)
        places = {level.key: place for place, level in enumerate(levels)}
        return sorted(episodes, key=lambda one: (one.repeat, places[one.level_key])), "; ".join(notes)

    async def _online(
        self, design: Design, collection: Collection, levels: Sequence[Level]
    ) -> tuple[list[EpisodeRecord], str]:
        """Update after each task, strictly serial; each repeat is a memory of its own."""

        async def repeat_(repeat: int) -> list[EpisodeRecord]:
            records = []
            async with self._live(design, collection, frozen=False) as memory:
                for level in levels:
                    record, episode = await self._episode(memory, level, repeat)
                    records.append(record)
                    if episode is not None:
                        await memory.update(encode_episode(episode))
            return records

        repeats = await together(repeat_(r) for r in range(self.protocol.repeats))
        return [record for records in repeats for record in records], ""

    def _live(self, design: Design, collection: Collection, *, frozen: bool) -> LiveMemory:
        return LiveMemory(
            self.evaluator.sandbox,
            design,
            self.services,
            self.evaluator.limits,
            episodes=collection.episodes,
            frozen=frozen,
            seed=derive_seed(self.evaluator.seed, "kit", collection.key),
        )

    async def _episode(
        self, memory: LiveMemory | None, level: Level, repeat: int
    ) -> tuple[EpisodeRecord, Episode | None]:
        """Retrieve, act, score. Returns the record, and the episode as the design may learn from it."""
        cluster = self.evaluator.pool.domain.cluster(level)
        record = EpisodeRecord(level.key, cluster, repeat, None, None, 0)
        try:
            first = await self.evaluator.pool.first(level)
        except DomainError as error:
            return replace(record, fault="domain", message=str(error)), None
        token = content_hash([self.evaluator.seed, level.key, repeat, self.setting], 12)
        domain = self.evaluator.pool.domain.name.partition(":")[0]
        situation = Situation(first.goal, first.text, first.admissible, domain, token)
        seed = derive_seed(self.evaluator.seed, "retrieve", level.key, repeat)
        recall = Recall(None)
        stepped: list[tuple[Recall | None, str | None]] = []
        try:
            if memory is not None:
                recall = await memory.retrieve(situation, seed=seed)
        except DesignError as error:
            record = replace(record, fault="design", message=str(error))
        model = None
        if self.evaluator.model is not None:
            model = self.evaluator.model.at(self.identity, level.key, str(repeat))
        text, cut = render(recall.show, self.protocol.recall_limit)

        async def on_step(steps: tuple[Step, ...]) -> str | None:
            nonlocal record
            assert memory is not None
            del stepped[len(steps) :]
            try:
                fresh = await memory.on_step(situation, steps, seed=derive_seed(seed, "step", len(steps)))
            except DesignError as error:
                record = replace(record, fault="design", message=str(error))
                fresh = None
            shown = None if fresh is None else render(fresh.show, self.protocol.recall_limit)[0]
            stepped.append((fresh, shown))
            return shown

        try:
            trajectory = await play(
                self.evaluator.pool,
                self.evaluator.agent,
                level,
                recall=text,
                on_step=on_step if memory is not None and memory.has_on_step else None,
                step_limit=self.protocol.step_limit,
                seed=derive_seed(self.evaluator.seed, "deploy", level.key, repeat),
                model=model,
                turn=self.turn,
            )
        except DomainError as error:
            return replace(record, fault="domain", message=str(error)), None
        except ProviderError as error:
            return replace(record, fault="provider", message=str(error), usage=_used(model)), None
        finally:
            if memory is not None:
                await memory.end(token)
            self.evaluator.on_episode()
        outcome = trajectory.outcome
        record = replace(
            record,
            reward=outcome.reward,
            success=outcome.success,
            steps=len(trajectory.steps),
            recall=text,
            recall_cut=cut,
            step_recalls=tuple(shown for _, shown in stepped),
            trajectory=trajectory,
            usage=_used(model),
        )
        episode = Episode(
            situation,
            trajectory.steps,
            outcome.reward,
            outcome.success,
            recall,
            tuple(fresh for fresh, _ in stepped),
        )
        return record, episode


def _used(model: Model | None) -> Usage:
    return Usage() if model is None else model.usage
