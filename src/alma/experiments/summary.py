"""What `summary.json` says of a search, read from its archive when it has ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alma.archive import DesignRow, SqlArchive
from alma.domains.contract import Domain
from alma.experiments.house import House
from alma.learning.config import RunConfig
from alma.records import SPLITS, Evaluation, Split

SCHEMA_VERSION = 1


def summarise_search(
    config: RunConfig,
    run: Path,
    house: House,
    archive: SqlArchive,
    why: str,
    found: tuple[DesignRow, Evaluation] | None,
) -> dict[str, Any]:
    """All of `summary.json` but the tables and the seconds."""
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
    ledger = archive.ledger()
    spent = ledger.spent()
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "search",
        "run": run.name,
        "finished": False,
        "seed": config.seed,
        "domain": config.domain,
        "generated": house.domain.generated,
        "options": dict(house.domain.options),
        "agent": house.agent.name,
        "agent_version": house.agent.version,
        "simulated_executor": house.agent.simulated,
        "models": {role: provider.name for role, provider in house.providers.items()},
        "proposer": config.proposer,
        "selector": config.selector,
        "sandbox": house.sandbox.name,
        "search": {
            "candidates": len(rows),
            "failed": sum(row.status == "failed" for row in rows),
            "episodes": config.collect_size + sum(len(e.episodes) for e in archive.evaluations()),
            "seconds": 0.0,
            "calls": spent.calls,
            "tokens": spent.tokens,
            "usd": spent.usd,
            "lost_usd": ledger.lost().usd,
            "ended": why,
            "engine_faults": house.pool.faults,
            "no_memory": None if nothing is None else getattr(nothing, house.domain.primary),
        },
        "learned": learned,
        "empty_splits": empty_splits(house.domain),
        "tables": [],
    }


def empty_splits(domain: Domain) -> list[Split]:
    """The test splits in which the domain has no tasks, so that a missing table is never a mystery."""
    return [split for split in SPLITS[2:] if not domain.tasks(split)]
