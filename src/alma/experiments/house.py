"""What a job runs in: the domain's workers, the executor, the sandbox, and the levels of each phase.

Put together from names here; what is done in it is each job's own module.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alma.agents.contract import Agent
from alma.archive import Archive, SqlArchive
from alma.domains.contract import Domain
from alma.domains.pool import EnvironmentPool
from alma.experiments import plug_ins
from alma.learning.budget import RunBudget
from alma.learning.candidate import Listener
from alma.learning.collect import Collection, collect
from alma.learning.config import RunConfig
from alma.learning.evaluate import NOTHING, Evaluator
from alma.learning.levels import check_disjoint, choose, levels_there
from alma.learning.services import DesignModels
from alma.models.contract import PAID, Embedder, Gate, Provider, Recorded
from alma.proposers.contract import Means
from alma.records import ConfigError, Design, Level, Phase, Proposal, Protocol, Split, derive_seed
from alma.sandbox.contract import Limits, Sandbox

Role = Literal["executor", "meta", "small", "strong", "embedding"]
"""What a model is for; `small` and `strong` are what designs call theirs."""
MOST_WORKERS = 64
"""Environment processes by default where a model plays; some take 150 MB each."""
TEST_SPLITS: tuple[Split, ...] = ("in_distribution", "out_of_distribution")
DESIGN_ROLES: tuple[Role, ...] = ("small", "strong")


@dataclass(frozen=True, slots=True)
class House:
    """What a job runs in: the domain's workers, the executor and the sandbox."""

    config: RunConfig
    domain: Domain
    agent: Agent
    collector: Agent
    """Who plays the collected episodes: the same executor unless another one was asked for."""
    pool: EnvironmentPool
    sandbox: Sandbox
    step_limit: int
    providers: Mapping[Role, Provider]
    """The models of this job by what they are for; what none is given for is missing."""
    embedder: Embedder | None
    """The one on this machine; where a server's makes the vectors, it is a provider."""
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
        """What evaluates into this archive. What earlier sittings have spent there is booked once, here."""
        if self.providers:
            ledger = archive.ledger()
            ledger.book_lost()
            spent = ledger.spent()
            for unit, amount in zip(PAID, (spent.calls, spent.tokens, spent.usd), strict=True):
                self.paid.book(unit, amount)
        gates = {role: self.gate(role, archive, listen, record) for role in self.providers}
        embedder = self.embedder
        if "embedding" in gates:
            embedder = plug_ins.served_embedder(gates["embedding"])
        return Evaluator(
            self.pool,
            self.agent,
            self.sandbox,
            DesignModels({role: gates[role] for role in DESIGN_ROLES if role in gates}, embedder),
            archive,
            budget,
            Limits(),
            derive_seed(self.config.seed, "executor"),
            gates.get("executor"),
            on_episode=lambda: listen("episode", {}),
            pauses=self.pauses,
        )

    def gate(self, role: Role, archive: SqlArchive, listen: Listener, record: Recorded | None) -> Gate:
        """The model of that role, its calls booked in this archive. KeyError when there is none."""
        return plug_ins.gateway(self.providers[role], role, archive.ledger(), self.paid, record, listen)

    def means(self, archive: SqlArchive, listen: Listener, record: Recorded | None, run: Path) -> Means:
        """What a proposer of this job is given."""
        config = self.config
        limits = Limits()
        gate = self.gate("meta", archive, listen, record) if "meta" in self.providers else None
        roles = [role for role in DESIGN_ROLES if role in self.providers]
        embedder = self.embedder.name if self.embedder is not None else config.embedder
        embedder = "" if embedder == "none" else embedder
        facts = (
            f"At most {config.recall_limit} characters of a recall are shown, cut at the end of a line.",
            f"Time: {limits.retrieve_seconds:g} s a retrieve, {limits.update_seconds:g} s an update, "
            f"{limits.step_seconds:g} s an on_step; waiting for a model is not counted.",
            f"A memory is fed {config.collect_size} episodes of at most {self.step_limit} steps.",
            "The memory is frozen while it is asked: what retrieve stores is forgotten."
            if config.mode == "frozen"
            else "The memory is asked and fed in turns: after each task update is called with its episode.",
            f"`kit.llm` answers in the roles {', '.join(roles)}: at most {DesignModels().calls_an_episode} "
            "calls an episode on average, and what they cost counts."
            if roles
            else "`kit.llm` is not available in this run: it raises RuntimeError.",
            f"`kit.embed` and `kit.vectors` are available ({embedder}; a cosine that is high "
            "for one embedder is low for another)."
            if embedder
            else "`kit.embed` and `kit.vectors` are not available in this run: they raise RuntimeError.",
        )
        return Means(gate, getattr(self.agent, "about", ""), facts, config.hint, run / "workspaces")


@asynccontextmanager
async def open_house(
    config: RunConfig, listen: Listener = lambda kind, payload: None, *, pauses: bool = False
) -> AsyncIterator[House]:
    """Start workers and sandbox; raises ConfigError before anything is started when a name is wrong."""
    domain = plug_ins.domain(config.domain, config.options)
    agent = plug_ins.agent(config.agent, domain, config.agent_options)
    collector = agent
    if config.collect_agent not in (None, config.agent):
        collector = plug_ins.agent(str(config.collect_agent), domain, {})
        if collector.runs_in == "host":
            raise ConfigError(f"--collect-agent {config.collect_agent} needs a model, which only --agent has")
    sandbox = plug_ins.sandbox(config.sandbox)
    limit = config.step_limit or domain.step_limit(config.preset)
    providers = _providers(config, listen)
    embedder = plug_ins.embedder(config.embedder)
    if config.proposer in plug_ins.BY_MODEL and "meta" not in providers:
        raise ConfigError(f"--proposer {config.proposer} needs a model: give --meta-model, e.g. gpt-5")
    if agent.name == "llm" and "executor" not in providers:
        raise ConfigError("--agent llm needs a model: give --execution-model, e.g. gpt-5-nano/low")
    paid = RunBudget({unit: getattr(config, f"budget_{unit}") for unit in PAID})
    waits = agent.runs_in == "host" and bool(providers)
    pool = EnvironmentPool(domain, parallel_games(config) if waits else plug_ins.worker_count(config.workers))
    try:
        report = await sandbox.self_check()
        if not report.ok:
            raise ConfigError(f"sandbox {report.backend} does not hold here: {report.detail}; {report.cure}")
        yield House(config, domain, agent, collector, pool, sandbox, limit, providers, embedder, paid, pauses)
    finally:
        for provider in (*dict.fromkeys(providers.values()), embedder):
            await plug_ins.close_provider(provider)
        await pool.close()
        await sandbox.close()


def parallel_games(config: RunConfig) -> int:
    """Games at once where a model plays. A worker holds one; while it waits it takes no processor.

    A few more than calls may be in flight: a game is between two calls for a moment.
    """
    return config.workers or min(-(-5 * config.model_concurrency // 4), MOST_WORKERS)


def _providers(config: RunConfig, listen: Listener) -> dict[Role, Provider]:
    """A provider a role; the same model is one object, so that its limits hold for all its roles."""
    small = config.small_model or config.execution_model
    names: dict[Role, str | None] = {
        "executor": config.execution_model,
        "meta": config.meta_model,
        "small": small,
        "strong": config.strong_model or small,
    }
    settings = plug_ins.model_settings(config.base_url, config.prices, config.model_concurrency)
    made: dict[str, Provider] = {}
    for name in names.values():
        if name is not None and name not in made:
            made[name] = plug_ins.provider(name, settings, listen)
    providers = {role: made[name] for role, name in names.items() if name is not None}
    embedding = plug_ins.embedding_model(config.embedder, settings)
    return providers | ({"embedding": embedding} if embedding is not None else {})


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


def run_levels(domain: Domain, phases: Phases, config: RunConfig) -> dict[str, list[Level]]:
    """The levels of every phase, the tables' too. Raises ConfigError when two phases share one."""
    levels = {
        "collect": choose(domain, phases.collect, config.seed) if config.collect_size else [],
        "search": choose(domain, phases.search, config.seed),
        "validation": choose(domain, phases.validation, config.seed),
    }
    later: dict[str, list[Level]] = {}
    if config.held_out_size:
        for number in range(1, config.collections if config.collect_size else 1):
            later[f"collection {number + 1}"] = choose(domain, phases.other_collection(number), config.seed)
        for split, phase in held_out_phases(domain, config):
            later[split] = choose(domain, phase, config.seed)
    levels |= later
    check_disjoint(domain, list(levels.items()))
    return levels


def held_out_phases(domain: Domain, config: RunConfig) -> list[tuple[Split, Phase]]:
    """The test splits that the domain has, each with the levels asked for, or as many as there are."""
    sizes = [(split, levels_there(domain, split, config.held_out_size)) for split in TEST_SPLITS]
    return [(split, Phase(split, size)) for split, size in sizes if size]


def register(archive: Archive, design: Design) -> None:
    """Give a design from outside a row in this archive, so that its evaluations have a home."""
    if design is not NOTHING:
        archive.add_design(Proposal(design.source, name=design.name), design, 0, 0)


async def collect_number(house: House, evaluator: Evaluator, levels: list[Level], number: int) -> Collection:
    return await collect(
        house.pool,
        house.collector,
        levels,
        seed=derive_seed(house.config.seed, "collection", number),
        step_limit=house.step_limit,
        archive=evaluator.archive,
        budget=evaluator.budget,
        model=evaluator.model if house.collector is house.agent else None,
        on_episode=evaluator.on_episode,
        pauses=evaluator.pauses,
    )
