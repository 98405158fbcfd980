"""The hand-made designs: each is a design like any other and does what its name says."""

import ast
import asyncio
import re

import numpy as np
import pytest

from alma import baselines
from alma.archive import open_archive
from alma.baselines.random_recall import RandomRecall
from alma.baselines.trajectory_retrieval import TrajectoryRetrieval
from alma.experiments.house import collect_number, open_house, register
from alma.learning.budget import RunBudget
from alma.learning.config import RunConfig
from alma.learning.levels import choose
from alma.learning.verify import verify
from alma.memory import Episode, Situation, Step, Toolkit
from alma.memory.toolkit import begin_call
from alma.records import Design, Phase
from alma.testing.loop import in_loop


@pytest.mark.parametrize("name", baselines.NAMES)
@in_loop
async def test_a_baseline_passes_verification(name, tmp_path):
    config = RunConfig(domain="toy", workers=1)
    design = Design.from_source(baselines.source(name), name)
    async with open_house(config) as house:
        with open_archive(tmp_path / "archive.db", "check") as archive:
            archive.start_run("check", {}, 0)
            register(archive, design)
            evaluator = house.evaluator(archive, RunBudget({}), lambda kind, payload: None)
            collected = choose(house.domain, Phase("train", 6), 0)
            collection = await collect_number(house, evaluator, collected, 0)
            protocol = house.protocol(Phase("train", 6), Phase("train", 3, 6), repeats=1)
            levels = choose(house.domain, Phase("train", 3, 6), 0)
            assert await verify(evaluator, design, protocol, collection, levels) is None


@pytest.mark.parametrize("name", baselines.NAMES)
def test_a_baseline_imports_the_sdk_and_the_standard_library_only(name):
    modules = re.findall(r"^(?:from|import) (\S+)", baselines.source(name), re.M)
    assert set(modules) <= {"__future__", "re", "alma.memory"}
    assert ast.get_docstring(ast.parse(baselines.source(name)))


def test_an_unknown_baseline_is_a_key_error():
    with pytest.raises(KeyError):
        baselines.source("../learned")


def solved(goal, place, action, *, success=True):
    return Episode(Situation(goal, place), (Step(action, "Done."),), float(success), success)


def taught(kind, *episodes):
    async def teach():
        for one in episodes:
            await memory.update(one)

    memory = kind(Toolkit(None))
    asyncio.run(teach())
    return memory


def test_trajectory_retrieval_shows_the_most_alike_solved_episode():
    memory = taught(
        TrajectoryRetrieval,
        solved("take the cup", "A kitchen with a shelf 1.", "open shelf"),
        solved("take the pen", "An office with a desk 2.", "open desk"),
        solved("take the pen", "A kitchen with a shelf 1.", "burn pen", success=False),
    )
    shown = asyncio.run(memory.retrieve(Situation("take the pen", "An office with a desk 1.")))
    assert shown == {"a similar solved task": "take the pen", "what was done": ["open desk"]}
    near = asyncio.run(memory.retrieve(Situation("take the jar", "A kitchen with a shelf 1.")))
    assert near["what was done"] == ["open shelf"]


def test_without_a_solved_episode_nothing_is_shown():
    lost = solved("take the cup", "A kitchen.", "look", success=False)
    for kind in (TrajectoryRetrieval, RandomRecall):
        assert asyncio.run(taught(kind, lost).retrieve(Situation("take the cup", "A kitchen."))) is None


def test_random_recall_draws_from_all_solved_episodes_by_the_seed_of_the_call():
    memory = taught(RandomRecall, *(solved(f"goal {n}", "A room.", "look") for n in range(4)))

    async def ask(seed):
        begin_call(seed)
        return (await memory.retrieve(Situation("take the cup", "A room.")))["a solved task"]

    shown = [asyncio.run(ask(seed)) for seed in range(40)]
    assert len(set(shown)) == 4
    assert shown[:5] == [asyncio.run(ask(seed)) for seed in range(5)]
    assert np.random.default_rng(3).integers(4) == int(shown[3][-1])
