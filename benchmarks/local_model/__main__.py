"""The small local model as executor: does what a memory recalls move its score?

    python -m benchmarks.local_model [--tasks 20] [--model local:smollm2]

Short quests of `textworld:fetch`, on the whole stack: sandboxed designs, embeddings, ledger, llama.cpp. The
memory is fed solved episodes of train, or of the very tasks that are played: an upper bound, which shows
whether the model can use a memory at all. Says nothing about designs: a model of this size is a stand-in.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from alma.archive import SqlArchive, open_archive
from alma.domains.contract import Domain
from alma.domains.textworld.solver import solve
from alma.domains.textworld.worlds import Quest, World, story, worlds
from alma.experiments import plug_ins
from alma.experiments.house import House, open_house, register
from alma.learning.budget import RunBudget
from alma.learning.collect import Collection
from alma.learning.config import RunConfig
from alma.learning.evaluate import NOTHING
from alma.models.contract import Reply, Request
from alma.records import Design, Evaluation, Level, Phase, Split, Task, Trajectory, Usage, content_hash
from alma.stats import paired_difference, wilson

SHORTEST, LONGEST, STEP_LIMIT = 2, 4, 8
"""Steps of the shortest solution of the tasks, and of an episode."""
COLLECTED = 60
RANDOM_REPEATS = 10
SOURCE = Path(__file__).with_name("nearest.py")

Quests = list[tuple[Task, World, Quest]]


class RandomChoice:
    """A model that takes any of the choices (`alma.models.contract.Provider`): the control."""

    name = "random choice"

    def __init__(self) -> None:
        self._random = random.Random(0)

    def worst_case(self, request: Request) -> Usage:
        return Usage(1)

    async def complete(self, request: Request) -> Reply:
        return Reply(self._random.choice(request.choices), Usage(1))


def short_quests(domain: Domain, split: Split, count: int) -> Quests:
    """Quests with a short solution, evenly over the split's worlds."""
    found = []
    for task in domain.tasks(split):
        world = worlds()[task.id.partition("/")[0]]
        quest = next(one for one in world.quests if task.id == f"{world.id}/{one.slug}")
        if SHORTEST <= quest.shortest <= LONGEST:
            found.append((task, world, quest))
    return random.Random(0).sample(found, min(count, len(found)))


def solved(domain: Domain, quests: Quests) -> Collection:
    """An episode of each quest, played along its shortest way."""
    trajectories = []
    for task, world, quest in quests:
        facts = story(world, tempfile.gettempdir())
        ids = {name: thing for thing, (_, name) in facts.things.items()}
        plan = solve(facts.facts, facts.things, ids[quest.thing], ids.get(quest.place, ""))
        level = Level(task)
        environment = domain.open(level)
        try:
            first = environment.reset()
            steps = tuple(environment.step(command) for command in plan)
            trajectories.append(Trajectory(level.key, first, steps, environment.outcome()))
        finally:
            environment.close()
    return Collection.of(content_hash([one.level_key for one in trajectories]), trajectories, domain.name)


async def row(
    house: House,
    archive: SqlArchive,
    design: Design,
    collection: Collection,
    levels: list[Level],
    repeats: int,
) -> Evaluation:
    evaluator = house.evaluator(archive, RunBudget({}), lambda kind, payload: None)
    register(archive, design)
    phase = Phase("in_distribution", len(levels))
    protocol = house.protocol(Phase("train", len(collection.episodes)), phase, repeats=repeats)
    return await evaluator.evaluate(design, "validation", protocol, collection, levels)


def config(model: str) -> RunConfig:
    """One episode after the other, so that seconds a step are the model's."""
    return RunConfig(
        domain="textworld:fetch",
        agent="llm",
        execution_model=model,
        agent_options={"answer": "choose"},
        step_limit=STEP_LIMIT,
        workers=1,
        model_concurrency=1,
    )


def nearest() -> Design:
    return Design.from_source(SOURCE.read_text(encoding="utf-8"), "nearest transcript")


async def main(tasks: int, model: str) -> None:
    before = os.getloadavg()[0]
    baseline = plug_ins.design("trajectory_retrieval")
    with tempfile.TemporaryDirectory() as folder:
        async with open_house(config(model)) as house:
            played = short_quests(house.domain, "in_distribution", tasks)
            levels = [Level(task) for task, _, _ in played]
            nothing = Collection.of("nothing", (), house.domain.name)
            other = solved(house.domain, short_quests(house.domain, "train", COLLECTED))
            same = solved(house.domain, played)
            chance = replace(house, providers={"executor": RandomChoice()})
            embedder = house.embedder.name if house.embedder else "none"
            rows: dict[str, Evaluation] = {}
            with open_archive(Path(folder, "archive.db"), "local-model") as archive:
                archive.start_run("local-model", {}, 0)
                for name, who, design, fed, repeats in (
                    ("random choice", chance, NOTHING, nothing, RANDOM_REPEATS),
                    ("no memory", house, NOTHING, nothing, 1),
                    ("trajectory retrieval, other tasks", house, baseline, other, 1),
                    ("nearest transcript, other tasks", house, nearest(), other, 1),
                    ("nearest transcript, the same tasks", house, nearest(), same, 1),
                ):
                    rows[name] = await row(who, archive, design, fed, levels, repeats)
            print(
                f"`{house.domain.name}`, {len(levels)} quests of {SHORTEST} to {LONGEST} steps in "
                f"distribution, at most {STEP_LIMIT} steps, one episode each ({RANDOM_REPEATS} of random "
                f"choice), {len(other.episodes)} solved episodes of train; "
                f"model `{house.providers['executor'].name}`, embedder `{embedder}`; "
                f"one worker, load {before:.1f} before and {os.getloadavg()[0]:.1f} after, on "
                f"{len(os.sched_getaffinity(0))} cores.\n"
            )
    show(rows)


def show(rows: dict[str, Evaluation]) -> None:
    print(
        "| executor's memory | solved % (95 %) | minus no memory, points (95 %) | p | episodes | steps "
        "| seconds a step | prompt tokens kept % |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    )
    for name, evaluation in rows.items():
        episodes = evaluation.played
        wins, steps = sum(bool(one.success) for one in episodes), sum(one.steps for one in episodes)
        low, high = wilson(wins, len(episodes))
        usage = sum((one.usage for one in episodes), Usage())
        kept = f"{100 * usage.cached_tokens / usage.prompt_tokens:.0f}" if usage.prompt_tokens else ""
        difference, p = ("", "") if name == "no memory" else against(rows["no memory"], evaluation)
        print(
            f"| {name} | {100 * wins / len(episodes):.0f} ({100 * low:.0f}, {100 * high:.0f}) | {difference} "
            f"| {p} | {len(episodes)} | {steps} | {evaluation.seconds / steps:.2f} | {kept} |"
        )


def against(base: Evaluation, other: Evaluation) -> tuple[str, str]:
    """The paired difference by task, and its p by sign flips."""
    scores, bases = means(other), means(base)
    names = sorted(scores)
    values = [scores[name] for name in names], [bases[name] for name in names]
    found = paired_difference(*values, names, seed=0, levels=names, unit="level")
    interval = f"{100 * found.difference:+.0f} ({100 * found.low:+.0f}, {100 * found.high:+.0f})"
    return interval, f"{found.p:.4f}" if found.p >= 0.0001 else "<0.0001"


def means(evaluation: Evaluation) -> dict[str, float]:
    by_level: dict[str, list[float]] = {}
    for episode in evaluation.played:
        by_level.setdefault(episode.level_key, []).append(float(bool(episode.success)))
    return {name: sum(values) / len(values) for name, values in by_level.items()}


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.local_model")
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--model", default="local:smollm2")
    return parser.parse_args(given)


if __name__ == "__main__":
    asked = arguments()
    asyncio.run(main(asked.tasks, asked.model))
