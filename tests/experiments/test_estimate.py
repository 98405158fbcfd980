"""The estimate before a run spends: counts that are played, money by the price table, what a budget holds."""

from dataclasses import replace

import pytest

from alma.archive import open_archive
from alma.cli.before import lines
from alma.experiments.estimate import META_CALLS, estimate
from alma.experiments.learn import learn
from alma.learning.config import RunConfig
from alma.records import ConfigError
from alma.testing.loop import in_loop
from alma.testing.server import LoopbackServer
from alma.testing.server.parts import Parts

CONFIG = RunConfig(
    domain="toy",
    agent="llm",
    execution_model="m",
    meta_model="w",
    proposer="llm",
    prices={"m": [1.0, 2.0, 0.1], "w": [10.0, 20.0]},
    steps=4,
    children=5,
    collect_size=12,
    deploy_size=8,
    validation_size=6,
    finalists=2,
    repeats=1,
    workers=2,
)


@in_loop
async def test_without_a_model_there_is_nothing_to_estimate():
    assert await estimate(RunConfig(domain="toy")) is None


@in_loop
async def test_calls_tokens_and_dollars_add_up():
    found = await estimate(CONFIG)
    assert found.episodes == {"collect": 12, "search": 21 * 8, "validation": 12, "tables": 0}
    assert 1 <= found.episode.calls <= 6
    assert 0 < found.episode.cached < found.episode.prompt
    executor, meta = found.loads
    assert executor.calls == pytest.approx(192 * found.episode.calls)
    assert meta.calls == pytest.approx(20 * 1.2)
    low, high = found.usd
    most = (executor.prompt + 2 * executor.completion + 10 * meta.prompt + 20 * meta.completion) / 1e6
    assert high == pytest.approx(most)
    assert low == pytest.approx(most - 0.9 * executor.cached / 1e6)
    chain = await estimate(replace(CONFIG, proposer="llm-chain"))
    assert chain.loads[1].calls == pytest.approx(20 * META_CALLS["llm-chain"])


@in_loop
async def test_held_out_tables_are_counted_too():
    tables = replace(CONFIG, held_out_size=6, held_out_repeats=1, collections=2)
    found = await estimate(tables)
    # No memory, trajectory retrieval, the learned design, and that one fed nothing, in each collection.
    assert found.episodes["tables"] == 2 * 6 * 2 * 4
    assert found.usd[0] > (await estimate(CONFIG)).usd[0]


@in_loop
async def test_the_estimate_is_near_what_a_run_asks(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0000000000")
    small = replace(CONFIG, steps=2, children=3)
    found = await estimate(small)
    with LoopbackServer(Parts()) as server:
        await learn(replace(small, base_url=server.base_url), tmp_path)
    with open_archive(tmp_path / "archive.db", "search", create=False, read_only=True) as archive:
        spent = archive.ledger().spent()
    calls = sum(load.calls for load in found.loads)
    assert calls / 3 < spent.calls < 2 * calls


@in_loop
async def test_what_a_budget_holds_is_said_and_too_little_is_warned_of():
    rich = await estimate(replace(CONFIG, budget_usd=1000.0))
    assert rich.affordable == (20, 20)
    assert not rich.too_few
    none = await estimate(CONFIG)
    assert none.affordable is None
    poor = replace(CONFIG, budget_usd=none.usd[1] / 8)
    found = await estimate(poor)
    assert 0 <= found.affordable[0] <= found.affordable[1] < 10
    assert found.too_few
    told = "\n".join(lines(found, poor))
    assert "of 20 candidates" in told
    assert "--racing 0.05" in told
    calls = await estimate(replace(CONFIG, budget_calls=10, budget_usd=1000.0))
    assert calls.affordable == (0, 0), "the tightest budget counts"


@in_loop
async def test_prices_nobody_knows_are_an_error_and_inboxes_are_free():
    with pytest.raises(ConfigError, match=r"price\.m"):
        await estimate(replace(CONFIG, prices={}))
    free = await estimate(replace(CONFIG, execution_model="inbox:a", meta_model="inbox:b", prices={}))
    assert free.usd == (0.0, 0.0)
    assert "nothing to pay" in "\n".join(lines(free, CONFIG))
