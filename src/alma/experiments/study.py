"""A study: the same search with several seeds, as one object with intervals across searches.

Each search is a run of its own in `seed-N` under the study's folder; what is finished is not done again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from alma.experiments.folder import SPEED, make_folder, write_summary
from alma.experiments.learn import learn
from alma.experiments.lock import run_lock
from alma.learning.candidate import Listener
from alma.learning.config import RunConfig
from alma.records import JSON, ConfigError
from alma.stats import across

FILE = "study.json"
"""What marks a folder as a study's: its seeds and the configuration that they share."""


async def study(
    config: RunConfig,
    seeds: Sequence[int],
    folder: Path,
    listen: Listener = lambda kind, payload: None,
) -> dict[str, Any]:
    """Run the searches that aren't finished and sum all up; returns what the study's `summary.json` holds.

    `config.seed` is not used. Raises ConfigError for no or repeated seeds, and when the folder holds
    another study.
    """
    if not seeds or len(set(seeds)) < len(seeds):
        raise ConfigError("a study needs seeds, each once")
    make_folder(folder)
    with run_lock(folder):
        _begin(folder, config, seeds)
        summaries: dict[int, Mapping[str, Any]] = {}
        for number, seed in enumerate(seeds, 1):
            run = folder / f"seed-{seed}"
            done = finished(run)
            if done is None:
                listen("search", {"seed": seed, "number": number, "of": len(seeds)})
                done = await learn(replace(config, seed=seed), run, listen)
            summaries[seed] = done
            summary = sum_up(folder.name, summaries, len(seeds))
            write_summary(folder, summary)
    return summary


def read_study(folder: Path) -> tuple[dict[str, Any], list[int]]:
    """The shared settings and the seeds. Raises ConfigError when the folder holds no study."""
    try:
        told = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return dict(told["config"]), [int(seed) for seed in told["seeds"]]
    except OSError as error:
        raise ConfigError(f"{folder} holds no study (no {FILE} in it)") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{folder / FILE} is damaged: {error}") from error


def finished(run: Path) -> dict[str, Any] | None:
    """The summary of a search that has ended, tables and all; None while there is something left to do."""
    try:
        summary: dict[str, Any] = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return summary if summary.get("finished") else None


def sum_up(name: str, summaries: Mapping[int, Mapping[str, Any]], of: int) -> dict[str, Any]:
    """One row a search, and every comparison of its tables across searches."""
    first = next(iter(summaries.values()))
    shared = ("domain", "generated", "options", "agent", "agent_version", "simulated_executor", "sandbox")
    return {
        "schema_version": first["schema_version"],
        "kind": "study",
        "run": name,
        **{field: first[field] for field in shared},
        "empty_splits": first.get("empty_splits", []),
        "seeds": list(summaries),
        "finished": len(summaries) == of,
        "of": of,
        "searches": [
            {
                "seed": seed,
                "learned": summary["learned"],
                "candidates": summary["search"]["candidates"],
                "episodes": summary["search"]["episodes"],
                "seconds": summary["search"]["seconds"],
                "usd": summary["search"]["usd"],
            }
            for seed, summary in summaries.items()
        ],
        "tables": _tables(summaries),
    }


def _tables(summaries: Mapping[int, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A table a split: each design's score in every search, and the learned one's lead over the others."""
    splits = {table["split"]: table for summary in summaries.values() for table in summary["tables"]}
    found = []
    for split, like in splits.items():
        tables = {
            seed: table
            for seed, summary in summaries.items()
            for table in summary["tables"]
            if table["split"] == split
        }
        names = [row["name"] for row in like["designs"]]
        primary = like["primary"]
        scores = {
            name: {
                seed: row[primary]
                for seed, table in tables.items()
                for row in table["designs"]
                if row["name"] == name and "failed" not in row
            }
            for name in names
        }
        leads = {
            name: {
                seed: (comparison["difference"], comparison["p"])
                for seed, table in tables.items()
                for comparison in table["comparisons"]
                if comparison["b"] == name
            }
            for name in names
        }
        found.append(
            {
                "split": split,
                "primary": primary,
                "designs": [
                    {"name": name, "scores": _by_seed(scores[name]), **_across(list(scores[name].values()))}
                    for name in names
                    if scores[name]
                ],
                "comparisons": [
                    {
                        "a": "learned",
                        "b": name,
                        "differences": _by_seed({seed: pair[0] for seed, pair in by.items()}),
                        "significant": sum(p < 0.05 for _, p in by.values()),
                        **_across([difference for difference, _ in by.values()], test=True),
                    }
                    for name, by in leads.items()
                    if by
                ],
            }
        )
    return found


def _by_seed(values: Mapping[int, float]) -> dict[str, float]:
    return {str(seed): value for seed, value in values.items()}


def _across(values: Sequence[float], *, test: bool = False) -> dict[str, Any]:
    told = asdict(across(values, bounds=(-1.0 if test else 0.0, 1.0)))
    low, high, p = told.pop("low"), told.pop("high"), told.pop("p")
    return {**told, "ci95": None if low is None else [low, high], **({"p": p} if test else {})}


def _begin(folder: Path, config: RunConfig, seeds: Sequence[int]) -> None:
    """Write what the study is, or check that the folder holds this one; seeds may be added later."""
    asked = {name: value for name, value in config.as_json().items() if name != "seed"}
    if (folder / FILE).exists():
        stored, _ = read_study(folder)
        changed = [
            f"{name} was {stored.get(name)}, now {asked.get(name)}"
            for name in sorted({*stored, *asked} - SPEED)
            if stored.get(name) != asked.get(name)
        ]
        if changed:
            raise ConfigError(
                f"{folder} holds a study with another configuration ({'; '.join(changed)}): "
                "start it anew with --fresh, or give another folder with --run"
            )
    elif (folder / "archive.db").exists():
        raise ConfigError(f"{folder} holds a run, not a study; give another folder with --run")
    told: dict[str, JSON] = {"seeds": list(seeds), "config": asked}
    part = folder / f"{FILE}.part"
    part.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    part.replace(folder / FILE)
