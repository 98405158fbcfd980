"""A small archive and the records to fill it with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from alma.archive import SqlArchive, open_archive
from alma.records import (
    Design,
    EpisodeRecord,
    Evaluation,
    Observation,
    Outcome,
    Phase,
    Proposal,
    Protocol,
    Stage,
    Step,
    Trajectory,
    Usage,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "archive.db"


@pytest.fixture
def archive(path: Path) -> Iterator[SqlArchive]:
    with open_archive(path) as opened:
        opened.start_run("run", {"domain": "toy"}, 7)
        yield opened


@pytest.fixture
def trajectory() -> Callable[..., Trajectory]:
    def build(level: str = "kitchen", length: int = 3) -> Trajectory:
        go = ("go to shelf 1", "look")
        steps = tuple(
            Step(
                "look",
                f"You see cup {place}.",
                (*go, f"take cup {place}"),
                float(place == length - 1),
                place == length - 1,
            )
            for place in range(length)
        )
        return Trajectory(
            level, Observation("A room.", "find a cup", go, {"map": {"x": [1, 2]}}), steps, Outcome(1.0, True)
        )

    return build


@pytest.fixture
def evaluation(trajectory: Callable[..., Trajectory]) -> Callable[..., Evaluation]:
    def build(
        evaluation_id: str, design_id: str, stage: Stage = "search", rewards: Any = (1.0, 0.0, None)
    ) -> Evaluation:
        protocol = Protocol("toy", Phase("train", 10), Phase("train", 3, 10), 1, 30, 5, options={"habit": 0})
        episodes = [
            EpisodeRecord(
                level_key=f"level {place}",
                cluster=f"house {place % 2}",
                repeat=0,
                reward=reward,
                success=None if reward is None else reward == 1.0,
                steps=3,
                fault="domain" if reward is None else None,
                message="engine died" if reward is None else "",
                recall="" if reward is None else "cups lie on shelf 1\n" * place,
                recall_cut=place == 1,
                trajectory=None if reward is None else trajectory(f"level {place}"),
                usage=Usage(1, 10, 5, usd=0.001) if place == 0 else Usage(),
            )
            for place, reward in enumerate(rewards)
        ]
        usage = Usage(1, 10, 5, usd=0.001)
        log = ("kept 3", "half \N{PILE OF POO}")
        return Evaluation(evaluation_id, design_id, stage, protocol, episodes, 1.5, "copied", usage, log)

    return build


@pytest.fixture
def add(archive: SqlArchive) -> Callable[..., Design]:
    """Adds a design whose code is `x = value`."""

    def build(value: int, parents: tuple[str, ...] = (), step: int = 0, index: int = 0) -> Design:
        design = Design.from_source(f"x = {value}", f"design {value}")
        proposal = Proposal(
            design.source, "plan", "reflection", design.name, parents, {"keys": [value]}, ("ask", "answer")
        )
        archive.add_design(proposal, design, step, index)
        return design

    return build
