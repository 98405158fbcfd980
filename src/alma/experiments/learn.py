"""The main job: one search, its finalists, its controls and its held-out tables, in a run's folder.

This module puts the ring together from names and sizes; what each stage does is in `alma.learning`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alma.archive import DesignRow, open_archive
from alma.experiments import named, plug_ins
from alma.experiments.estimate import planned_episodes
from alma.experiments.folder import check_same_run, make_folder, write_config, write_designs, write_summary
from alma.experiments.held_out import Entry, play_entries, summarise
from alma.experiments.house import (
    House,
    Phases,
    collect_number,
    held_out_phases,
    open_house,
    register,
    run_levels,
)
from alma.experiments.lock import run_lock
from alma.experiments.record import Record
from alma.experiments.summary import summarise_search
from alma.learning.budget import RunBudget
from alma.learning.candidate import Listener
from alma.learning.collect import Collection
from alma.learning.config import RunConfig
from alma.learning.evaluate import NOTHING
from alma.learning.levels import choose
from alma.learning.search import Search, validate
from alma.models.contract import PAID
from alma.proposers.contract import Means
from alma.records import BudgetExceeded, ConfigError, Level, derive_seed


async def learn(
    config: RunConfig,
    run: Path,
    listen: Listener = lambda kind, payload: None,
    record: Record | None = None,
) -> dict[str, Any]:
    """Learn a design and write the run's folder; returns what `summary.json` holds.

    With a `record` of another run it plays what that run played and no more.
    """
    started = time.monotonic()
    proposer = plug_ins.proposer(config.proposer)
    selector = plug_ins.selector("random" if config.proposer == "random-parent" else config.selector)
    for name in config.start_from:
        named.design(name)
    async with open_house(config, listen, pauses=True) as house:
        phases = Phases.of(house.domain, config)
        make_folder(run)
        with ExitStack() as stack:
            stack.enter_context(run_lock(run))
            if not (run / "config.toml").exists():
                write_config(run, config)
            archive = stack.enter_context(open_archive(run / "archive.db", "search"))
            answers = record.answers(stack, "search") if record else None
            versions = {"agent_version": house.agent.version, "domain_version": house.domain.version}
            asked = {**config.as_json(), "options": dict(house.domain.options), **versions}
            check_same_run(archive, asked, run)
            levels = run_levels(house.domain, phases, config)
            budget = record.budget("search") if record else _search_budget(config)
            archive.start_run("search", asked, config.seed)
            write_config(run, config)
            listen("run", {"folder": str(run), "config": config.as_json()})
            evaluator = house.evaluator(archive, budget, listen, answers)
            shares = _shares(config, levels)
            house.paid.hold_back(shares["validation"] + shares["tables"], PAID)
            if record:
                evaluator = replace(evaluator, admits=record.admits("search"), logged=record.logged("search"))
            listen("stage", {"name": "collect", "episodes": len(levels["collect"])})
            collection = await collect_number(house, evaluator, levels["collect"], 0)
            listen("collected", {"episodes": len(collection.trajectories), "wins": collection.wins})
            protocol = house.protocol(phases.collect, phases.search, repeats=config.repeats)
            if record and config.proposer.startswith("command:"):
                author = plug_ins.given_again(record.proposals("search"))
            else:
                author = proposer(house.means(archive, listen, answers, run))
            search = Search(
                evaluator,
                plug_ins.given_first(config.start_from, author),
                selector,
                protocol,
                collection,
                levels["search"],
                config.steps,
                config.children,
                derive_seed(config.seed, "search"),
                config.concurrency,
                listen,
                config.racing,
                config.schedule == "steady",
                record.started("search") if record else {},
            )
            listen("stage", {"name": "search", "candidates": config.steps * config.children})
            why = await search.run()
            validated = config.finalists * len(levels["validation"]) * config.repeats
            listen("stage", {"name": "validation", "episodes": validated})
            house.paid.hold_back(shares["tables"], PAID)
            found = await validate(
                replace(evaluator, budget=RunBudget({})),
                config.finalists,
                replace(protocol, deploy=phases.validation),
                collection,
                levels["validation"],
                listen,
            )
            summary = summarise_search(config, run, house, archive, why, found)
            summary["search"]["seconds"] = round(time.monotonic() - started, 1)
            write_designs(run, archive)
            write_summary(run, summary)
            if config.held_out_size and found is not None:
                house.paid.hold_back(0.0, PAID)
                try:
                    controls = None
                    if config.controls:
                        controls = await _controls(stack, house, run, search, record, phases, levels)
                    summary["tables"] = await held_out(
                        stack, run, house, phases, found[0], controls, collection, listen, record
                    )
                except BudgetExceeded as reached:
                    if record:
                        raise
                    summary["tables_ended"] = str(reached)
            summary["finished"] = True
            archive.finish_run("finished", summary)
            write_summary(run, summary)
    listen("finished", {"summary": summary})
    return summary


def _search_budget(config: RunConfig) -> RunBudget:
    """The search's share of the budget: the episodes of the finalists' validation are kept back."""
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


def _shares(config: RunConfig, levels: Mapping[str, Sequence[Level]]) -> dict[str, float]:
    """The part of all planned episodes that validation and tables take: so much of a paid budget is kept."""
    planned = planned_episodes(config, levels)
    return {part: planned[part] / sum(planned.values()) for part in ("validation", "tables")}


@dataclass(frozen=True, slots=True)
class Controls:
    """Designs of the same grammar without a search: `random` ones, and the `best` of as many candidates."""

    random: tuple[DesignRow, ...]
    best: DesignRow | None


async def _controls(
    stack: ExitStack,
    house: House,
    run: Path,
    search: Search,
    record: Record | None,
    phases: Phases,
    levels: Mapping[str, list[Level]],
) -> Controls:
    """Best of N: as many random designs, episodes and finalists as the search had."""
    base = search.evaluator
    played = len(search.collection.trajectories) + sum(len(e.episodes) for e in base.archive.evaluations())
    budget = record.budget("control") if record else RunBudget({"episodes": played})
    config_controls = stack.enter_context(open_archive(run / "archive.db", "control"))
    config_controls.start_run("control", {"of": "search"}, search.seed)
    answers = record.answers(stack, "control") if record else None
    evaluator = house.evaluator(config_controls, budget, search.listen, answers)
    if record:
        evaluator = replace(evaluator, admits=record.admits("control"))
    search.listen("stage", {"name": "best-of-n control", "candidates": search.steps * search.children})
    control = replace(
        search,
        evaluator=evaluator,
        proposer=plug_ins.proposer("best-of-n")(Means()),
        seed=derive_seed(search.seed, "control"),
        met=record.started("control") if record else {},
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
        levels["validation"],
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
    record: Record | None,
) -> list[dict[str, Any]]:
    """The tables of the test splits: no memory, trajectory retrieval, controls and the learned design."""
    config = house.config
    archive = stack.enter_context(open_archive(run / "archive.db", "held_out"))
    archive.start_run("held_out", {"of": "search"}, config.seed)
    answers = record.answers(stack, "held_out") if record else None
    evaluator = house.evaluator(archive, RunBudget({}), listen, answers)
    if record:
        evaluator = replace(evaluator, admits=record.admits("held_out"))
    collections = [collection]
    for number in range(1, config.collections):
        levels = []
        if config.collect_size:
            levels = choose(house.domain, phases.other_collection(number), config.seed)
        collections.append(await collect_number(house, evaluator, levels, number))
    entries = [
        Entry("no_memory", (NOTHING,)),
        Entry("trajectory_retrieval", (named.design("trajectory_retrieval"),)),
    ]
    if controls is not None:
        random = tuple(row.design for row in controls.random[: config.controls])
        entries.append(Entry("random_design", random))
        if controls.best is not None:
            entries.append(Entry("best_of_n", (controls.best.design,)))
    if config.collect_size and plug_ins.writes_freely(config.proposer, config.meta_model):
        entries.append(Entry("learned_bare", (learned.design,), bare=True))
    entries.append(Entry("learned", (learned.design,)))
    for entry in entries:
        for design in entry.designs:
            register(archive, design)
    tables = []
    for split, phase in held_out_phases(house.domain, config):
        protocol = house.protocol(phases.collect, phase, repeats=config.held_out_repeats)
        levels = choose(house.domain, phase, config.seed)
        each = sum(1 if entry.once else len(collections) for entry in entries)
        episodes = len(levels) * config.held_out_repeats * each
        listen("stage", {"name": f"held-out {split}", "episodes": episodes})
        table = await play_entries(
            evaluator, entries, protocol, collections, levels, lambda name: listen("entry", {"name": name})
        )
        tables.append(
            summarise(table, split, protocol, house.domain.primary, seed=config.seed, leader="learned")
        )
    archive.finish_run("finished", {})
    return tables
