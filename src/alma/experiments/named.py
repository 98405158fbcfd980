"""What a user names: designs, levels and recorded episodes, built in, in a file, or in a run's folder."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from alma import baselines
from alma.archive import SqlArchive, open_archive
from alma.domains.contract import Domain
from alma.experiments.record import PARTS
from alma.learning.evaluate import NOTHING
from alma.records import ConfigError, Design, DesignError, EpisodeRecord, Level, Split

BUILT_IN_DESIGNS = ("no_memory", *baselines.NAMES)


def design(name: str) -> Design:
    """A design by built-in name, file, or RUN:ID (RUN:best is the learned one).

    Raises ConfigError when there is no such thing or the file isn't a design.
    """
    if name == "no_memory":
        return NOTHING
    if name in baselines.NAMES:
        return Design.from_source(baselines.source(name), name)
    path = Path(name)
    if path.suffix == ".py":
        try:
            source = path.read_text(encoding="utf-8")
            return Design.from_source(source, path.stem)
        except OSError as error:
            raise ConfigError(f"can't read {name}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{name} is not a text file in UTF-8") from error
        except DesignError as error:
            raise ConfigError(f"{name} is {error}") from error
    run, colon, design_id = name.rpartition(":")
    if colon and Path(run).is_dir():
        return _from_run(Path(run), design_id)
    raise ConfigError(
        f"unknown design {name!r}: give one of {', '.join(BUILT_IN_DESIGNS)}, a .py file, RUN:ID or RUN:best"
    )


def _from_run(run: Path, design_id: str) -> Design:
    if design_id == "best":
        import json

        try:
            design_id = json.loads((run / "summary.json").read_text())["learned"]["id"]
        except (OSError, KeyError, TypeError, ValueError):
            raise ConfigError(f"{run} has no learned design yet; see: alma archive list {run}") from None
    for run_id in ("search", "control"):
        try:
            with _opened(run, run_id) as archive:
                matches = [row for row in archive.designs() if row.id.startswith(design_id)]
        except ConfigError:
            if run_id == "search":
                raise
            continue
        if matches:
            return matches[0].design
    raise ConfigError(f"no design {design_id} in {run}; see: alma archive list {run}")


def _opened(run: Path, part: str) -> SqlArchive:
    return open_archive(run / "archive.db", part, create=False, read_only=True)


def level(domain: Domain, split: str, task: str, level_seed: int) -> Level:
    """A level by its task's id, or by the task's number in the split. Raises ConfigError for none."""
    tasks = domain.tasks(cast(Split, split))
    if not tasks:
        raise ConfigError(f"{domain.name} has no tasks in split {split}")
    chosen = next((one for one in tasks if one.id == task), None)
    if chosen is None and task.isdecimal() and int(task) < len(tasks):
        chosen = tasks[int(task)]
    if chosen is None:
        raise ConfigError(
            f"{domain.name} has no task {task!r} in split {split}: give an id like {tasks[0].id}, "
            f"or a number from 0 to {len(tasks) - 1}"
        )
    return Level(chosen, level_seed)


def episode(run: Path, name: str) -> EpisodeRecord:
    """A recorded episode, `EVALUATION/NUMBER`, with its trajectory; the evaluation may be abbreviated."""
    evaluation_id, _, number = name.partition("/")
    if not (run / "archive.db").is_file():
        raise ConfigError(f"{run} holds no run (no archive.db in it)")
    for part in PARTS:
        try:
            with _opened(run, part) as archive:
                ids = [one.id for one in archive.evaluations() if one.id.startswith(evaluation_id)]
                found = archive.get_evaluation(ids[0], trajectories=True) if len(ids) == 1 else None
        except ConfigError:
            continue
        if len(ids) > 1:
            raise ConfigError(
                f"{len(ids)} evaluations of {run} begin with {evaluation_id}; give more of its id"
            )
        if found is not None:
            if not number.isdecimal() or int(number) >= len(found.episodes):
                last = len(found.episodes) - 1
                raise ConfigError(f"{name}: give a number from 0 to {last} after the slash")
            return found.episodes[int(number)]
    raise ConfigError(f"no evaluation {evaluation_id} in {run}; see: alma archive episodes {run}")
