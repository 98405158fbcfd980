"""What a job runs in: the domain's workers, the executor, the sandbox, and the levels of each phase.

Put together from names here; what is done in it is each job's own module.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from alma.agents.contract import Agent
from alma.archive import Archive, SqlArchive
from alma.domains.contract import Domain
from alma.domains.pool import EnvironmentPool
from alma.experiments import plug_ins
from alma.learning.budget import RunBudget
from alma.learning.collect import Collection, collect
from alma.learning.config import RunConfig
from alma.learning.evaluate import NOTHING, Evaluator
from alma.learning.search import Listener
from alma.models.contract import PAID, Provider, Recorded
from alma.records import ConfigError, Design, Level, Phase, Proposal, Protocol, derive_seed
from alma.sandbox.contract import Limits, Sandbox


@dataclass(frozen=True, slots=True)
class House:
    """What a job runs in: the domain's workers, the executor and the sandbox."""

    config: RunConfig
    domain: Domain
    agent: Agent
    pool: EnvironmentPool
    sandbox: Sandbox
    step_limit: int
    provider: Provider | None
    paid: RunBudget
    """Calls, tokens and dollars of the whole job, over all its parts."""
    pauses: bool
    """Whether the job pauses when too many episodes went missing."""

    def protocol(self, collect: Phase, deploy: Phase, *, repeats: int) -> Protocol:
        """The protocol of one phase; the domain's own options, so that no path gets into an identity."""
        config = self.config
        return Protocol(
            config.domain,
            collect,
            deploy,
            repeats,
            self.step_limit,
            config.seed,
            config.mode,
            config.recall_limit,
            options=dict(self.domain.options),
        )

    def evaluator(
        self,
        archive: SqlArchive,
        budget: RunBudget,
        listen: Listener,
        record: Recorded | None = None,
    ) -> Evaluator:
        model = None
        if self.provider is not None:
            ledger = archive.ledger()
            ledger.book_lost()
            spent = ledger.spent()
            for unit, amount in zip(PAID, (spent.calls, spent.tokens, spent.usd), strict=True):
                self.paid.book(unit, amount)
            model = plug_ins.gateway(self.provider, "executor", ledger, self.paid, record, listen)
        return Evaluator(
            self.pool,
            self.agent,
            self.sandbox,
            plug_ins.services(),
            archive,
            budget,
            Limits(),
            derive_seed(self.config.seed, "executor"),
            model,
            on_episode=lambda: listen("episode", {}),
            pauses=self.pauses,
        )


@asynccontextmanager
async def open_house(config: RunConfig, *, pauses: bool = False) -> AsyncIterator[House]:
    """Start workers and sandbox; raises ConfigError before anything is started when a name is wrong."""
    domain = plug_ins.domain(config.domain, config.options)
    agent = plug_ins.agent(config.agent)
    sandbox = plug_ins.sandbox(config.sandbox)
    limit = config.step_limit or domain.step_limit(config.preset)
    provider = None if config.execution_model is None else plug_ins.provider(config.execution_model)
    paid = RunBudget({unit: getattr(config, f"budget_{unit}") for unit in PAID})
    pool = EnvironmentPool(domain, plug_ins.worker_count(config.workers))
    try:
        report = await sandbox.self_check()
        if not report.ok:
            raise ConfigError(f"sandbox {report.backend} does not hold here: {report.detail}; {report.cure}")
        yield House(config, domain, agent, pool, sandbox, limit, provider, paid, pauses)
    finally:
        await pool.close()
        await sandbox.close()


@dataclass(frozen=True, slots=True)
class Phases:
    """The slices of the splits that this run uses; no two share a level."""

    collect: Phase
    search: Phase
    validation: Phase

    @classmethod
    def of(cls, domain: Domain, config: RunConfig) -> Phases:
        collected = config.collect_size
        searched = Phase("train", config.deploy_size, collected)
        if domain.tasks("validation"):
            validation = Phase("validation", config.validation_size)
        else:
            validation = Phase("train", config.validation_size, collected + config.deploy_size)
        return cls(Phase("train", collected), searched, validation)

    def other_collection(self, number: int) -> Phase:
        """Collections beyond the first: further slices of train."""
        if number == 0:
            return self.collect
        start = self.collect.size + self.search.size
        if self.validation.split == "train":
            start += self.validation.size
        return Phase("train", self.collect.size, start + (number - 1) * self.collect.size)


def register(archive: Archive, design: Design) -> None:
    """Give a design from outside a row in this archive, so that its evaluations have a home."""
    if design is not NOTHING:
        archive.add_design(Proposal(design.source, name=design.name), design, 0, 0)


async def collect_number(house: House, evaluator: Evaluator, levels: list[Level], number: int) -> Collection:
    return await collect(
        house.pool,
        house.agent,
        levels,
        seed=derive_seed(house.config.seed, "collection", number),
        step_limit=house.step_limit,
        archive=evaluator.archive,
        budget=evaluator.budget,
        model=evaluator.model,
        on_episode=evaluator.on_episode,
        pauses=evaluator.pauses,
    )
