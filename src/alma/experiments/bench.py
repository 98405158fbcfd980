"""Bench: named designs side by side on any splits of a domain, outside a search."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alma.archive import open_archive
from alma.domains.contract import Domain
from alma.experiments.folder import SPEED, make_folder
from alma.experiments.held_out import Entry, play_entries, summarise
from alma.experiments.house import Phases, collect_number, open_house, register
from alma.experiments.lock import run_lock
from alma.experiments.summary import empty_splits
from alma.learning.budget import RunBudget
from alma.learning.candidate import Listener
from alma.learning.config import RunConfig
from alma.learning.levels import check_disjoint, choose, levels_there
from alma.records import ConfigError, Design, Level, Phase, Split, content_hash


async def bench(
    config: RunConfig,
    designs: Sequence[tuple[str, Design]],
    splits: Sequence[Split],
    run: Path,
    listen: Listener = lambda kind, payload: None,
) -> dict[str, Any]:
    """Tables of these designs. Evaluations are kept in the run's folder and never made twice."""
    names = [name for name, _ in designs]
    if len(set(names)) < len(names):
        raise ConfigError("two designs have the same name; give each once")
    async with open_house(config, listen) as house:
        phases = Phases.of(house.domain, config)
        make_folder(run)
        asked = {name: value for name, value in config.as_json().items() if name not in SPEED}
        identity = content_hash(asked, 8)
        with run_lock(run), open_archive(run / "archive.db", f"bench-{identity}") as archive:
            archive.start_run(f"bench-{identity}", asked, config.seed)
            evaluator = house.evaluator(archive, RunBudget({}), listen)
            for _, design in designs:
                register(archive, design)
            collected, deployed = _levels(house.domain, phases, config, splits)
            collections = []
            for number, levels in enumerate(collected):
                listen("stage", {"name": f"collect {number + 1} of {config.collections}"})
                collections.append(await collect_number(house, evaluator, levels, number))
            tables = []
            for split, (phase, levels) in deployed.items():
                protocol = house.protocol(phases.collect, phase, repeats=config.held_out_repeats)
                listen("stage", {"name": split})
                table = await play_entries(
                    evaluator,
                    [Entry(name, (design,)) for name, design in designs],
                    protocol,
                    collections,
                    levels,
                    lambda name: listen("entry", {"name": name}),
                )
                tables.append(
                    summarise(
                        table, split, protocol, house.domain.primary, seed=config.seed, leader=names[-1]
                    )
                )
            return {
                "domain": config.domain,
                "generated": house.domain.generated,
                "options": dict(house.domain.options),
                "seed": config.seed,
                "agent": house.agent.name,
                "agent_version": house.agent.version,
                "simulated_executor": house.agent.simulated,
                "sandbox": house.sandbox.name,
                "engine_faults": house.pool.faults,
                "empty_splits": empty_splits(house.domain),
                "tables": tables,
            }


def _levels(
    domain: Domain, phases: Phases, config: RunConfig, splits: Sequence[Split]
) -> tuple[list[list[Level]], dict[Split, tuple[Phase, list[Level]]]]:
    """The levels of each collection, and those of each split that lie beyond them. All can be read."""
    collected: list[list[Level]] = [[] for _ in range(config.collections)]
    if config.collect_size:
        collected = [
            choose(domain, phases.other_collection(number), config.seed)
            for number in range(config.collections)
        ]
    named = [(f"collection {number + 1}", levels) for number, levels in enumerate(collected)]
    deployed = {}
    for split in splits:
        size = levels_there(domain, split, config.held_out_size) or config.held_out_size
        start = phases.other_collection(config.collections).start if split == "train" else 0
        phase = Phase(split, size, start)
        deployed[split] = (phase, choose(domain, phase, config.seed))
        check_disjoint(domain, [*named, (split, deployed[split][1])])
    return collected, deployed
