"""The main job: one search, its finalists, its controls and its held-out tables, in a run's folder.

This module puts the ring together from names and sizes; what each stage does is in `alma.learning`.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alma.agents.contract import Agent
from alma.archive import Archive, DesignRow, open_archive
from alma.domains.contract import Domain
from alma.domains.pool import EnvironmentPool
from alma.experiments import plug_ins
from alma.experiments.folder import check_same_run, make_folder, write_config, write_designs, write_summary
from alma.experiments.held_out import Entry, play_entries, summarise
from alma.experiments.lock import run_lock
from alma.learning.budget import RunBudget
from alma.learning.collect import Collection, collect
from alma.learning.config import RunConfig
from alma.learning.evaluate import NOTHING, Evaluator
from alma.learning.levels import check_disjoint, choose
from alma.learning.search import Listener, Search, validate
from alma.records import (
    ConfigError,
    Design,
    Evaluation,
    Level,
    Phase,
    Proposal,
    Protocol,
    Split,
    derive_seed,
)
from alma.sandbox.contract import Limits, Sandbox

SCHEMA_VERSION = 1
TEST_SPLITS: tuple[Split, ...] = ("in_distribution", "out_of_distribution")


@dataclass(frozen=True, slots=True)
class House:
    """What a job runs in: the domain's workers, the executor and the sandbox."""

    config: RunConfig
    domain: Domain
    agent: Agent
    pool: EnvironmentPool
    sandbox: Sandbox
    step_limit: int

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

    def evaluator(self, archive: Archive, budget: RunBudget, listen: Listener) -> Evaluator:
        return Evaluator(
            self.pool,
            self.agent,
            self.sandbox,
            plug_ins.services(),
            archive,
            budget,
            Limits(),
            derive_seed(self.config.seed, "executor"),
            on_episode=lambda: listen("episode", {}),
        )


@asynccontextmanager
async def open_house(config: RunConfig) -> AsyncIterator[House]:
    """Start workers and sandbox; raises ConfigError before anything is started when a name is wrong."""
    domain = plug_ins.domain(config.domain, config.options)
    agent = plug_ins.agent(config.agent)
    sandbox = plug_ins.sandbox(config.sandbox)
    limit = config.step_limit or domain.step_limit(config.preset)
    pool = EnvironmentPool(domain, plug_ins.worker_count(config.workers))
    try:
        report = await sandbox.self_check()
        if not report.ok:
            raise ConfigError(f"sandbox {report.backend} does not work here: {report.detail}")
        yield House(config, domain, agent, pool, sandbox, limit)
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


async def learn(
    config: RunConfig, run: Path, listen: Listener = lambda kind, payload: None
) -> dict[str, Any]:
    """Learn a design and write the run's folder; returns what `summary.json` holds."""
    started = time.monotonic()
    proposer, selector = plug_ins.proposer(config.proposer), plug_ins.selector(config.selector)
    async with open_house(config) as house:
        phases = Phases.of(house.domain, config)
        make_folder(run)
        with ExitStack() as stack:
            stack.enter_context(run_lock(run))
            if not (run / "config.toml").exists():
                write_config(run, config)
            archive = stack.enter_context(open_archive(run / "archive.db", "search"))
            versions = {"agent_version": house.agent.version, "domain_version": house.domain.version}
            asked = {**config.as_json(), "options": dict(house.domain.options), **versions}
            check_same_run(archive, asked, run)
            levels = _levels(house.domain, phases, config)
            budget = _search_budget(config)
            archive.start_run("search", asked, config.seed)
            write_config(run, config)
            evaluator = house.evaluator(archive, budget, listen)
            listen("stage", {"name": "collect", "episodes": len(levels["collect"])})
            collection = await collect_number(house, evaluator, levels["collect"], 0)
            listen("collected", {"episodes": len(collection.trajectories), "wins": collection.wins})
            protocol = house.protocol(phases.collect, phases.search, repeats=config.repeats)
            search = Search(
                evaluator,
                proposer,
                selector,
                protocol,
                collection,
                levels["search"],
                config.steps,
                config.children,
                derive_seed(config.seed, "search"),
                config.concurrency,
                listen,
            )
            listen("stage", {"name": "search", "candidates": config.steps * config.children})
            why = await search.run()
            listen("stage", {"name": "validation"})
            found = await validate(
                replace(evaluator, budget=RunBudget({})),
                config.finalists,
                replace(protocol, deploy=phases.validation),
                collection,
                levels["validation"],
                listen,
            )
            summary = _summary(config, run, house, archive, why, found)
            summary["search"]["seconds"] = round(time.monotonic() - started, 1)
            write_designs(run, archive)
            write_summary(run, summary)
            if config.held_out_size and found is not None:
                controls = None
                if config.controls:
                    limit = RunBudget({"episodes": summary["search"]["episodes"]})
                    controls = await _controls(stack, run, search, limit, phases, levels["validation"])
                summary["tables"] = await held_out(
                    stack, run, house, phases, found[0], controls, collection, listen
                )
            archive.finish_run("finished", summary)
            write_summary(run, summary)
    return summary


def _levels(domain: Domain, phases: Phases, config: RunConfig) -> dict[str, list[Level]]:
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
        for split, phase in _held_out_phases(domain, config):
            later[split] = choose(domain, phase, config.seed)
    check_disjoint(domain, [*levels.items(), *later.items()])
    return levels


def _search_budget(config: RunConfig) -> RunBudget:
    """The search's share of the budget: what the finalists' validation needs is kept back."""
    if config.budget_episodes is None:
        return RunBudget({}, minutes=config.budget_minutes)
    kept = config.finalists * config.validation_size * config.repeats
    first = config.collect_size + config.deploy_size * config.repeats
    if config.budget_episodes < kept + first:
        raise ConfigError(
            f"--budget-episodes {config.budget_episodes} is too small: collecting and playing without memory "
            f"take {first} episodes, validating the finalists {kept}"
        )
    return RunBudget({"episodes": config.budget_episodes - kept}, minutes=config.budget_minutes)


@dataclass(frozen=True, slots=True)
class Controls:
    """Designs of the same grammar without a search: `random` ones, and the `best` of as many candidates."""

    random: tuple[DesignRow, ...]
    best: DesignRow | None


async def _controls(
    stack: ExitStack, run: Path, search: Search, budget: RunBudget, phases: Phases, validation: list[Level]
) -> Controls:
    """Best of N: as many random designs, episodes and finalists as the search had."""
    base = search.evaluator
    config_controls = stack.enter_context(open_archive(run / "archive.db", "control"))
    config_controls.start_run("control", {"of": "search"}, search.seed)
    evaluator = replace(base, archive=config_controls, budget=budget)
    search.listen("stage", {"name": "best-of-n control", "candidates": search.steps * search.children})
    control = replace(
        search,
        evaluator=evaluator,
        proposer=plug_ins.proposer("best-of-n"),
        seed=derive_seed(search.seed, "control"),
    )
    await control.run()
    rows = [row for row in config_controls.designs() if row.search_score is not None]
    finalists = len(base.archive.evaluations(stage="validation"))
    evaluator = replace(evaluator, budget=RunBudget({}))
    found = await validate(
        evaluator,
        finalists,
        replace(search.protocol, deploy=phases.validation),
        search.collection,
        validation,
        search.listen,
    )
    return Controls(tuple(rows), found[0] if found else None)


async def held_out(
    stack: ExitStack,
    run: Path,
    house: House,
    phases: Phases,
    learned: DesignRow,
    controls: Controls | None,
    collection: Collection,
    listen: Listener,
) -> list[dict[str, Any]]:
    """The tables of the test splits: no memory, trajectory retrieval, controls and the learned design."""
    config = house.config
    archive = stack.enter_context(open_archive(run / "archive.db", "held_out"))
    archive.start_run("held_out", {"of": "search"}, config.seed)
    evaluator = house.evaluator(archive, RunBudget({}), listen)
    collections = [collection]
    for number in range(1, config.collections):
        levels = []
        if config.collect_size:
            levels = choose(house.domain, phases.other_collection(number), config.seed)
        collections.append(await collect_number(house, evaluator, levels, number))
    entries = [
        Entry("no_memory", (NOTHING,)),
        Entry("trajectory_retrieval", (plug_ins.design("trajectory_retrieval"),)),
    ]
    if controls is not None:
        random = tuple(row.design for row in controls.random[: config.controls])
        entries.append(Entry("random_design", random))
        if controls.best is not None:
            entries.append(Entry("best_of_n", (controls.best.design,)))
    entries.append(Entry("learned", (learned.design,)))
    for entry in entries:
        for design in entry.designs:
            register(archive, design)
    tables = []
    for split, phase in _held_out_phases(house.domain, config):
        protocol = house.protocol(phases.collect, phase, repeats=config.held_out_repeats)
        listen("stage", {"name": f"held-out {split}"})
        levels = choose(house.domain, phase, config.seed)
        table = await play_entries(
            evaluator, entries, protocol, collections, levels, lambda name: listen("entry", {"name": name})
        )
        tables.append(
            summarise(table, split, protocol, house.domain.primary, seed=config.seed, leader="learned")
        )
    archive.finish_run("finished", {})
    return tables


def _held_out_phases(domain: Domain, config: RunConfig) -> list[tuple[Split, Phase]]:
    """The test splits that the domain has, each with at most the levels asked for."""
    sizes = [(split, min(config.held_out_size, len(domain.tasks(split)))) for split in TEST_SPLITS]
    return [(split, Phase(split, size)) for split, size in sizes if size]


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
        on_episode=evaluator.on_episode,
    )


def _summary(
    config: RunConfig,
    run: Path,
    house: House,
    archive: Archive,
    why: str,
    found: tuple[DesignRow, Evaluation] | None,
) -> dict[str, Any]:
    rows = archive.designs()
    learned: dict[str, Any] | None = None
    if found is not None:
        row, evaluation = found
        score = evaluation.success if house.domain.primary == "success" else evaluation.reward
        learned = {
            "id": row.id,
            "name": row.name,
            "search_score": row.search_score,
            "validation_score": score,
            "gap": (row.search_score or 0.0) - score,
        }
    nothing = archive.no_memory()
    return {
        "schema_version": SCHEMA_VERSION,
        "run": run.name,
        "seed": config.seed,
        "domain": config.domain,
        "generated": house.domain.generated,
        "options": dict(house.domain.options),
        "agent": house.agent.name,
        "agent_version": house.agent.version,
        "simulated_executor": house.agent.simulated,
        "models": {},
        "proposer": config.proposer,
        "selector": config.selector,
        "sandbox": house.sandbox.name,
        "search": {
            "candidates": len(rows),
            "failed": sum(row.status == "failed" for row in rows),
            "episodes": config.collect_size + sum(len(e.episodes) for e in archive.evaluations()),
            "seconds": 0.0,
            "usd": 0.0,
            "tokens": 0,
            "ended": why,
            "no_memory": None if nothing is None else getattr(nothing, house.domain.primary),
        },
        "learned": learned,
        "tables": [],
    }
