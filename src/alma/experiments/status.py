"""How far a run is, read from its archive while it may still be running."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alma.archive import open_archive
from alma.experiments.lock import owner
from alma.experiments.study import finished, read_study
from alma.records import ConfigError


def run_status(run: Path) -> dict[str, Any]:
    """Facts of a run in reading order. Raises ConfigError when the folder holds none."""
    if not (run / "archive.db").is_file():
        raise ConfigError(f"{run} holds no run (no archive.db in it)")
    with open_archive(run / "archive.db", "search", create=False, read_only=True) as archive:
        about = archive.run()
        rows = archive.designs()
        nothing = archive.no_memory()
        episodes = sum(len(evaluation.episodes) for evaluation in archive.evaluations())
        steps = len(archive.events("step_finished"))
        found = archive.archive_hash()
    holder = owner(run)
    scored = [row for row in rows if row.search_score is not None]
    best = max(scored, key=lambda row: row.search_score or 0.0, default=None)
    state = "finished" if about.status == "finished" else "stopped; go on with: alma resume " + str(run)
    return {
        "state": f"running ({holder})" if holder else state,
        "domain": about.config["domain"],
        "steps": f"{steps} of {about.config['steps']}",
        "designs": len(rows),
        "failed": sum(row.status == "failed" for row in rows),
        "episodes": episodes,
        "no_memory": None if nothing is None else round(nothing.success, 4),
        "best_search_score": None if best is None else best.search_score,
        "archive_hash": found,
        "best_design": None if best is None else f"{best.id} {best.name}",
    }


def study_status(folder: Path) -> dict[str, Any]:
    """Facts of a study: how many of its searches have ended, and where the others are."""
    _, seeds = read_study(folder)
    holder = owner(folder)
    done = [seed for seed in seeds if finished(folder / f"seed-{seed}") is not None]
    state = "finished" if len(done) == len(seeds) else f"stopped; go on with: alma resume {folder}"
    return {
        "state": f"running ({holder})" if holder else state,
        "searches": f"{len(done)} of {len(seeds)}",
        "finished": ", ".join(f"seed {seed}" for seed in done) or "none",
        "waiting": ", ".join(f"seed {seed}" for seed in seeds if seed not in done) or "none",
    }
