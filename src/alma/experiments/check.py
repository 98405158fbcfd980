"""Check one design outside a run: the same verification that a search does, on a few games."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from alma.archive import open_archive
from alma.experiments.house import collect_number, open_house, register
from alma.learning.budget import RunBudget
from alma.learning.config import RunConfig
from alma.learning.evaluate import NOTHING
from alma.learning.levels import choose
from alma.learning.verify import verify
from alma.records import JSON, ConfigError, Design, Failure, Phase


async def check_design(
    design: Design, domain: str = "alfworld:households", options: Mapping[str, JSON] | None = None
) -> Failure | None:
    """Why the design fails on a few of the domain's games, or None when it doesn't."""
    if design is NOTHING:
        raise ConfigError("no_memory is no design, so there is nothing to check")
    config = RunConfig(domain=domain, options=options or {}, collect_size=6, deploy_size=3, workers=1)
    with tempfile.TemporaryDirectory() as folder:
        async with open_house(config) as house:
            with open_archive(Path(folder) / "archive.db", "check") as archive:
                archive.start_run("check", {}, 0)
                register(archive, design)
                evaluator = house.evaluator(archive, RunBudget({}), lambda kind, payload: None)
                phase = Phase("train", 3, 6)
                collection = await collect_number(
                    house, evaluator, choose(house.domain, Phase("train", 6), 0), 0
                )
                protocol = house.protocol(Phase("train", 6), phase, repeats=1)
                return await verify(evaluator, design, protocol, collection, choose(house.domain, phase, 0))
