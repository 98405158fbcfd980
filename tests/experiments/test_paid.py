"""Runs on a paid model: budgets hold over all parts, nothing is paid twice, a replay pays nothing."""

from contextlib import suppress
from dataclasses import replace

import pytest

from alma.archive import open_archive
from alma.experiments.learn import learn
from alma.experiments.record import PARTS
from alma.experiments.replay import replay
from alma.learning.config import RunConfig
from alma.models.contract import PAID
from alma.records import BudgetExceeded, ConfigError
from alma.testing.loop import in_loop
from alma.testing.talker import PRICE

CONFIG = RunConfig(
    domain="toy",
    agent="talker",
    steps=2,
    children=2,
    collect_size=6,
    deploy_size=4,
    validation_size=4,
    finalists=2,
    repeats=1,
    held_out_size=4,
    held_out_repeats=1,
    collections=2,
    controls=2,
    workers=1,
)


def spent(run):
    """Calls, tokens and dollars in all parts' ledgers."""
    total = []
    for part in PARTS:
        with (
            suppress(ConfigError),
            open_archive(run / "archive.db", part, create=False, read_only=True) as archive,
        ):
            total.append(archive.ledger().spent())
    return sum(u.calls for u in total), sum(u.tokens for u in total), sum(u.usd for u in total)


def paid(tmp_path, **changes):
    log = tmp_path / "calls.log"
    log.write_text("")
    return replace(CONFIG, execution_model=f"toy:{log}", **changes), lambda: len(log.read_text().split())


@in_loop
async def test_every_call_is_in_the_ledger_the_summary_and_the_episodes(tmp_path):
    config, calls = paid(tmp_path)
    heard = []
    summary = await learn(config, tmp_path / "run", lambda *event: heard.append(event))
    made, tokens, usd = spent(tmp_path / "run")
    assert made == calls() == sum(kind == "spend" for kind, _ in heard)
    assert usd == pytest.approx(PRICE * tokens)
    with open_archive(tmp_path / "run/archive.db", "search", create=False, read_only=True) as archive:
        ledger = archive.ledger().spent()
        told = [e.usage for evaluation in archive.evaluations() for e in evaluation.episodes]
        collected = ledger.calls - sum(usage.calls for usage in told)
        assert sum(e.usage.calls for e in archive.evaluations()) == sum(usage.calls for usage in told)
    assert 0 < collected <= 6 * 8
    assert summary["search"]["calls"] == ledger.calls
    assert summary["search"]["usd"] == pytest.approx(ledger.usd)
    assert summary["models"] == dict.fromkeys(("executor", "small", "strong"), "toy")
    assert all(row["calls"] > 0 for table in summary["tables"] for row in table["designs"])

    await learn(config, tmp_path / "run")
    assert calls() == made
    assert (await replay(config, tmp_path / "run", tmp_path / "again")).difference is None
    assert calls() == made
    assert spent(tmp_path / "again") == pytest.approx((made, tokens, usd))


@pytest.mark.parametrize("unit", ["calls", "tokens", "usd"])
@in_loop
async def test_a_budget_is_a_good_end_and_is_never_passed(tmp_path, unit):
    config, calls = paid(tmp_path, held_out_size=0, controls=0)
    await learn(config, tmp_path / "whole")
    limit = round(0.7 * dict(zip(PAID, spent(tmp_path / "whole"), strict=True))[unit])
    few = replace(config, **{f"budget_{unit}": limit})
    summary = await learn(few, tmp_path / "run")
    used = dict(zip(PAID, spent(tmp_path / "run"), strict=True))
    assert 0.5 * limit < used[unit] <= limit
    assert f"the budget of {limit:g} {unit} is used up" in summary["search"]["ended"]
    assert summary["learned"] is not None, "validation has its share of the budget"
    before = calls()
    found = await replay(few, tmp_path / "run", tmp_path / "again")
    assert found.difference is None, str(found.difference)
    assert calls() == before


@in_loop
async def test_tables_that_the_budget_does_not_hold_are_left_out(tmp_path):
    config, _ = paid(tmp_path)
    await learn(config, tmp_path / "whole")
    limit = round(0.8 * spent(tmp_path / "whole")[0])
    summary = await learn(replace(config, budget_calls=limit), tmp_path / "run")
    assert spent(tmp_path / "run")[0] <= limit
    ended = [summary["search"]["ended"], summary.get("tables_ended", "")]
    assert any(f"the budget of {limit} calls is used up" in told for told in ended)
    assert summary["finished"]


@in_loop
async def test_a_larger_budget_goes_on_and_pays_only_for_the_rest(tmp_path):
    config, calls = paid(tmp_path, held_out_size=0, controls=0)
    with pytest.raises(BudgetExceeded, match="10 calls"):
        await learn(replace(config, budget_calls=10), tmp_path / "run")
    assert 0 < calls() <= 10
    await learn(config, tmp_path / "run")
    in_two = calls()
    whole, _ = paid(tmp_path, held_out_size=0, controls=0)
    await learn(whole, tmp_path / "whole")
    assert in_two == calls()
