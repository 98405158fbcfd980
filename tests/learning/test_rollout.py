"""One episode: the same from host and worker, never past its limit, scored by the environment."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import players
import pytest

from alma.domains.pool import EnvironmentPool
from alma.learning.rollout import play
from alma.records import DomainError, Level, Outcome
from alma.testing.loop import in_loop
from alma.testing.toy import PLACES, ToyDomain

LEVELS = [Level(task) for task in ToyDomain().tasks("train")]
SIDES = ["host", "worker"]


@pytest.fixture(autouse=True)
def players_importable(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


@asynccontextmanager
async def pool_of(workers, domain=None):
    pool = EnvironmentPool(domain or ToyDomain(), workers)
    try:
        yield pool
    finally:
        await pool.close()


async def episode(pool, agent, level=LEVELS[0], *, recall="", on_step=None, step_limit=20):
    return await play(pool, agent, level, recall=recall, on_step=on_step, step_limit=step_limit, seed=1)


def hidden(level):
    return ToyDomain()._hidden(level)


@in_loop
async def test_an_agent_plays_the_same_episode_from_host_and_worker():
    async with pool_of(2) as pool:
        for level in LEVELS[::20]:
            host = await episode(pool, players.Opens("host"), level)
            worker = await episode(pool, players.Opens("worker"), level)
            assert host == worker
            assert host.outcome == Outcome(1.0, True)
            assert host.level_key == level.key


@pytest.mark.parametrize("side", SIDES)
@in_loop
async def test_what_memory_recalls_reaches_the_agent(side):
    level = LEVELS[0]
    async with pool_of(1) as pool:
        told = await episode(pool, players.Opens(side), level, recall=f"It is in the {hidden(level)}.")
    assert [step.action for step in told.steps] == [f"open {hidden(level)}", "take coin"]


@pytest.mark.parametrize("side", SIDES)
@in_loop
async def test_a_recall_before_each_step_reaches_the_agent(side):
    level = LEVELS[0]
    wrong = [place for place in PLACES if place != hidden(level)]
    heard = []

    async def on_step(steps):
        heard.append(steps)
        await asyncio.sleep(0)
        return [wrong[0], wrong[1], hidden(level), None][len(steps)]

    async with pool_of(1) as pool:
        played = await episode(pool, players.Opens(side), level, on_step=on_step)
    places = [step.action.split()[-1] for step in played.steps]
    assert places == [wrong[0], wrong[1], hidden(level), "coin"]
    assert heard == [played.steps[:count] for count in range(4)]


@pytest.mark.parametrize("side", SIDES)
@in_loop
async def test_an_episode_ends_at_the_step_limit(side):
    async with pool_of(1) as pool:
        played = await episode(pool, players.NeverStops(side), step_limit=4)
    assert [step.action for step in played.steps] == ["dance"] * 4
    assert played.outcome == Outcome(0.0, False)


@pytest.mark.parametrize("side", SIDES)
@in_loop
async def test_an_agent_that_lies_scores_nothing(side):
    async with pool_of(1) as pool:
        played = await episode(pool, players.Lies(side))
    assert played.outcome == Outcome(0.0, False)


@in_loop
async def test_an_agent_in_a_worker_must_not_wait():
    async with pool_of(1) as pool:
        with pytest.raises(DomainError, match="must not wait"):
            await episode(pool, players.Waits("worker"))
        assert (await episode(pool, players.Waits("host"))).steps == ()


@pytest.mark.parametrize("side", SIDES)
@in_loop
async def test_an_episode_whose_worker_dies_goes_on_in_a_fresh_one(side, tmp_path):
    async with pool_of(1) as pool:
        whole = await episode(pool, players.Opens(side))
    assert len(whole.steps) > 3
    async with pool_of(1, players.Fragile(ToyDomain(), str(tmp_path), 1)) as pool:
        assert await episode(pool, players.Opens(side)) == whole
        assert pool.faults == 1


@pytest.mark.parametrize("side", SIDES)
@in_loop
async def test_a_memory_hears_of_no_step_twice_when_a_worker_died(side, tmp_path):
    heard = []

    async def on_step(steps):
        heard.append(steps)

    async with pool_of(1, players.Fragile(ToyDomain(), str(tmp_path), 1)) as pool:
        played = await episode(pool, players.Opens(side), on_step=on_step)
    assert all(steps == played.steps[: len(steps)] for steps in heard)
    assert len(heard[-1]) == len(played.steps) - 1


@pytest.mark.parametrize("side", SIDES)
@in_loop
async def test_an_episode_whose_worker_dies_twice_is_the_domains_fault(side, tmp_path):
    async with pool_of(1, players.Fragile(ToyDomain(), str(tmp_path), 2)) as pool:
        with pytest.raises(DomainError, match="failed twice"):
            await episode(pool, players.Opens(side))
        assert (await episode(pool, players.Opens(side))).outcome.success


@in_loop
async def test_an_agents_own_error_ends_the_episode_and_frees_the_worker():
    class Trips(players.Opens):
        async def play(self, game, recalled, model, seed):
            await game.act("open box")
            raise ConnectionError("the model server is gone")

    async with pool_of(1) as pool:
        with pytest.raises(ConnectionError):
            await episode(pool, Trips("host"))
        assert (await asyncio.wait_for(episode(pool, players.Opens("host")), 20)).outcome.success
