"""What an outside author may read: the archive as files, each design written once and linked from there on.

Tasks go by number: their names and splits are nobody's business who writes designs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alma.archive.contract import NO_MEMORY, ArchiveView, DesignRow
from alma.records import Evaluation


def write_archive(archive: ArchiveView, store: Path, workspace: Path) -> None:
    """Fill `workspace/archive` with what the archive holds; the files themselves lie in `store`."""
    shown = workspace / "archive"
    shown.mkdir(parents=True, exist_ok=True)
    rows = archive.designs()
    nothing = archive.evaluation(NO_MEMORY, "search", trajectories=True)
    numbers: dict[str, int] = {}
    for episode in nothing.episodes if nothing is not None else ():
        numbers.setdefault(episode.level_key, len(numbers) + 1)
    if nothing is not None and not (store / NO_MEMORY).exists():
        _write(store / NO_MEMORY, {"episodes.jsonl": _lines(nothing, numbers)})
    for row in rows:
        if not (store / row.id).exists():
            own = archive.evaluation(row.id, "search", trajectories=True)
            files = {"design.py": row.source, "about.json": _json(_about(row))}
            if own is not None:
                files["episodes.jsonl"] = _lines(own, numbers)
                files["logged.txt"] = "".join(f"{line}\n" for line in own.log)
            _write(store / row.id, files)
    for name in (NO_MEMORY, *(row.id for row in rows)):
        if (store / name).exists() and not (shown / name).exists():
            (shown / name).symlink_to((store / name).resolve(), target_is_directory=True)
    index = [{key: _about(row)[key] for key in ("id", "name", "status", "score", "parents")} for row in rows]
    best_first = sorted(index, key=lambda one: -(one["score"] or 0.0))
    (shown / "index.json").write_text(_json(best_first), encoding="utf-8")


def _about(row: DesignRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "status": row.status,
        "score": row.search_score,
        "parents": list(row.parents),
        "plan": row.plan,
        "expected_score": row.genome.get("expected_score"),
        "failure": None if row.failure is None else asdict(row.failure),
    }


def _lines(evaluation: Evaluation, numbers: Mapping[str, int]) -> str:
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in _episodes(evaluation, numbers))


def _episodes(evaluation: Evaluation, numbers: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    for episode in evaluation.episodes:
        run = episode.trajectory
        told: dict[str, Any] = {
            "task": numbers.get(episode.level_key),
            "repeat": episode.repeat,
            "reward": episode.reward,
            "success": episode.success,
            "recalled": episode.recall,
            "recall_cut": episode.recall_cut,
            "recalled_before_each_step": list(episode.step_recalls),
            "fault": episode.message if episode.fault == "design" else None,
        }
        if run is not None:
            told |= {
                "goal": run.first.goal,
                "first_observation": run.first.text,
                "admissible": run.first.admissible,
                "steps": [
                    {
                        "action": step.action,
                        "observation": step.observation,
                        "admissible": step.admissible,
                        "score": step.score,
                        "error": step.error,
                    }
                    for step in run.steps
                ],
            }
        yield told


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """All files of a folder, or none: what is there is complete."""
    making = folder.with_name(f".{folder.name}")
    making.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (making / name).write_text(text, encoding="utf-8")
    making.rename(folder)


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
