"""A ring on the toy domain: everything that an evaluation needs, in a folder of its own.

The executor opens the places that the recall names first, so a memory shows in its scores.
"""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import players

from alma.archive import SqlArchive, open_archive
from alma.domains.pool import EnvironmentPool
from alma.learning.budget import RunBudget
from alma.learning.collect import Collection, collect
from alma.learning.evaluate import Evaluator
from alma.learning.services import DesignModels
from alma.records import Design, DomainError, Level, Phase, Proposal, Protocol
from alma.sandbox.contract import Limits
from alma.sandbox.unsafe import UnsafeSandbox
from alma.testing.toy import ToyDomain

TRAIN = [Level(task) for task in ToyDomain().tasks("train")]
NOTES = """
from alma.memory import Memory


class Notes(Memory):
    def __init__(self, kit):
        super().__init__(kit)
        self.places = {}

    async def update(self, episode):
        for step in episode.steps:
            if "You see" in step.observation:
                self.places[self.key(episode.situation)] = step.action

    async def retrieve(self, situation):
        return self.places.get(self.key(situation))

    def key(self, situation):
        return situation.observation.split()[4] + situation.goal
"""
COUNTS = """
from alma.memory import Memory


class Counts(Memory):
    def __init__(self, kit):
        super().__init__(kit)
        self.seen = 0

    async def update(self, episode):
        self.seen += 1

    async def retrieve(self, situation):
        self.asked = getattr(self, "asked", 0) + 1
        return f"{self.seen} seen, asked {self.asked} times"
"""


def memory(body="return None", **methods):
    """A design with this `retrieve` body; other methods by name."""
    lines = ["import os, time", "from alma.memory import Memory", "class Made(Memory):"]
    for name, text in {"retrieve": body, **methods}.items():
        argument = {"update": "episode", "retrieve": "situation"}.get(name, "kit")
        prefix = "def __init__" if name == "init" else f"async def {name}"
        lines += [f"    {prefix}(self, {argument}):", *(f"        {line}" for line in text.splitlines())]
    return "\n".join(lines) + "\n"


def levels(*things, house="blue", days=6):
    return [
        level
        for level in TRAIN
        if level.task.id.split("/")[1] == house
        and level.task.id.split("/")[2] in things
        and int(level.task.id.split("/")[3]) < days
    ]


def hidden(level):
    return ToyDomain()._hidden(level)


@dataclass
class Ring:
    evaluator: Evaluator
    played: list[int]

    @property
    def archive(self) -> SqlArchive:
        return self.evaluator.archive

    @property
    def budget(self) -> RunBudget:
        return self.evaluator.budget

    async def collect(self, of: list[Level]) -> Collection:
        evaluator = self.evaluator
        return await collect(
            evaluator.pool,
            evaluator.agent,
            of,
            seed=3,
            step_limit=10,
            archive=evaluator.archive,
            budget=evaluator.budget,
        )

    async def evaluate(self, source, deployed, *, collection=None, stage="search", **protocol):
        """Evaluate a design's source (or a Design such as NOTHING)."""
        design = source if isinstance(source, Design) else Design.from_source(source, "made")
        if isinstance(source, str):
            self.archive.add_design(Proposal(source), design, 0, 0)
        collection = collection or await self.collect([])
        return await self.evaluator.evaluate(design, stage, protocol_of(**protocol), collection, deployed)


def protocol_of(**changes):
    values = {"repeats": 1, "step_limit": 6, "order_seed": 0, **changes}
    return Protocol("toy", Phase("train", 0), Phase("train", 1, 1), **values)


@asynccontextmanager
async def ring(
    folder, *, agent=None, domain=None, limit=None, workers=1, name="archive.db", limits=None
) -> AsyncIterator[Ring]:
    pool, sandbox = EnvironmentPool(domain or ToyDomain(), workers), UnsafeSandbox()
    played: list[int] = []
    try:
        with open_archive(folder / name, "search") as archive:
            archive.start_run("search", {}, 1)
            yield Ring(
                Evaluator(
                    pool,
                    agent or players.Opens("worker"),
                    sandbox,
                    DesignModels(),
                    archive,
                    RunBudget({"episodes": limit}),
                    limits or Limits(),
                    1,
                    on_episode=lambda: played.append(1),
                ),
                played,
            )
    finally:
        await pool.close()
        await sandbox.close()


class Breaks(ToyDomain):
    """A toy domain whose engine dies in games about coins, and can't read those about spoons."""

    def open(self, level):
        if "spoon" in level.task.id:
            raise DomainError("spoons can't be read")
        game = super().open(level)
        if "coin" in level.task.id:
            game.step = lambda action: os.kill(os.getpid(), signal.SIGKILL)
        return game
