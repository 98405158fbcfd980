"""A whole search on a server: language models play, and one proposes; the server misbehaves."""

import asyncio
from dataclasses import replace

import pytest

from alma.archive import open_archive
from alma.experiments.learn import learn
from alma.experiments.replay import replay
from alma.learning.config import RunConfig
from alma.testing.loop import in_loop
from alma.testing.server import LoopbackServer, at_random
from alma.testing.server.mischief import PASSING, script
from alma.testing.server.parts import Parts

CONFIG = RunConfig(
    domain="toy",
    agent="llm",
    execution_model="m",
    meta_model="w",
    proposer="llm",
    prices={"m": [1.0, 2.0], "w": [10.0, 20.0]},
    steps=2,
    children=3,
    collect_size=12,
    deploy_size=8,
    validation_size=6,
    finalists=2,
    repeats=1,
    held_out_size=6,
    held_out_repeats=1,
    collections=2,
    workers=2,
)
BAD = tuple(kind for kind in PASSING if kind != "empty")


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0000000000")
    monkeypatch.setattr("alma.models.openai.FIRST_WAIT", 0.02)  # Hundreds of failures, one wait each.


def spent(run):
    total = {"prompt": 0, "completion": 0, "calls": 0}
    scores = {}
    for part in ("search", "held_out"):
        with open_archive(run / "archive.db", part, create=False, read_only=True) as archive:
            usage = archive.ledger().spent()
            total["prompt"] += usage.prompt_tokens
            total["completion"] += usage.completion_tokens
            total["calls"] += usage.calls
            for evaluation in archive.evaluations():
                assert evaluation.missing == 0
                scores[evaluation.id] = [episode.reward for episode in evaluation.episodes]
    return total, scores


async def played(tmp_path, name, mischief=None):
    with LoopbackServer(Parts(), mischief=mischief, retry_after=0.01) as server:
        config = replace(CONFIG, base_url=server.base_url)
        summary = await learn(config, tmp_path / name)
    return config, summary, server.books


@in_loop
async def test_a_server_that_misbehaves_changes_no_score_and_no_bill(tmp_path):
    _, calm, calm_books = await played(tmp_path, "calm")
    config, stormy, books = await played(tmp_path, "stormy", at_random(0.2, 3, BAD))
    assert sum(books.kinds.get(kind, 0) for kind in BAD) > 50
    bill, scores = spent(tmp_path / "calm")
    assert spent(tmp_path / "stormy") == (bill, scores)
    for one in (books, calm_books):
        assert (one.prompt_tokens, one.completion_tokens) == (bill["prompt"], bill["completion"])
        assert one.served == bill["calls"]
    assert stormy["learned"]["id"] == calm["learned"]["id"]
    # Nobody answers any more: the replay pays for nothing.
    found = await replay(config, tmp_path / "stormy", tmp_path / "again")
    assert found.difference is None


@in_loop
async def test_the_meta_agent_writes_repairs_and_is_told_what_came_of_it(tmp_path):
    _, summary, books = await played(tmp_path, "run")
    asked = [body["messages"] for body in books.bodies if body["model"] == "w"]
    assert any("Mend the cause" in messages[-1]["content"] for messages in asked), "no design was repaired"
    later = [m[1]["content"] for m in asked if "Its author expected 90.0 %" in m[1]["content"]]
    assert later
    assert "Against no memory" in later[0]
    with open_archive(tmp_path / "run" / "archive.db", "search", create=False, read_only=True) as archive:
        rows = archive.designs()
        assert all(row.status == "evaluated" for row in rows if row.failure is None)
        assert any(len(row.parents) for row in rows)
    assert summary["models"]["meta"] == "w"
    table = summary["tables"][0]["designs"]
    scores = {row["name"]: row["success"] for row in table}
    assert scores["learned"] > scores["no_memory"]
    assert scores["learned"] > scores["learned_bare"], "these designs know nothing of themselves"


@in_loop
async def test_after_a_stop_no_settled_call_is_made_again(tmp_path):
    _, whole, books = await played(tmp_path, "whole")
    with LoopbackServer(Parts()) as server:
        config = replace(CONFIG, base_url=server.base_url)
        for stop in (40, 150, 400):
            task = asyncio.create_task(learn(config, tmp_path / "run"))
            while server.books.requests < stop and not task.done():
                await asyncio.sleep(0.005)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        summary = await learn(config, tmp_path / "run")
        again = server.books.requests - books.requests
    # Only what was in flight at a stop is asked again.
    assert 0 <= again <= 3 * 2 * (CONFIG.workers + CONFIG.children)
    assert summary["learned"]["id"] == whole["learned"]["id"]
    assert summary["search"]["tokens"] == whole["search"]["tokens"]


@pytest.mark.system
@in_loop
async def test_thirty_seconds_of_latency_lose_nothing(tmp_path):
    small = replace(CONFIG, steps=1, children=1, held_out_size=0, collect_size=4, deploy_size=4)
    bills = []
    for name, kinds in (("calm", ()), ("slow", ("ok", "slow"))):
        with LoopbackServer(Parts(), mischief=script(*kinds)) as server:
            config = replace(small, base_url=server.base_url)
            summary = await learn(config, tmp_path / name)
            assert server.books.requests == server.books.served == summary["search"]["calls"]
            assert server.books.kinds.get("slow", 0) == kinds.count("slow")
        bills.append((summary["search"]["tokens"], summary["learned"]))
    assert bills[0] == bills[1]


EMBEDS = """
from alma.memory import Memory


class Finds(Memory):
    async def update(self, episode):
        if episode.success:
            await self.kit.vectors("won").add(episode.situation.goal, episode.situation.goal, "open it")

    async def retrieve(self, situation):
        return [key for _, key, _ in await self.kit.vectors("won").search(situation.goal, k=2)]
"""


@in_loop
async def test_a_servers_embeddings_are_booked_once_a_text_priced_and_replayed(tmp_path):
    design = tmp_path / "finds.py"
    design.write_text(EMBEDS)
    with LoopbackServer(Parts(), mischief=at_random(0.2, 3, BAD), retry_after=0.01) as server:
        config = replace(
            CONFIG,
            base_url=server.base_url,
            embedder="text-embedding-3-small",
            start_from=(str(design),),
            prices={**CONFIG.prices, "text-embedding-3-small": [1000.0, 0.0]},
        )
        await learn(config, tmp_path / "run")
        texts = [body["input"] for body in server.books.bodies if "input" in body]
        requests = server.books.requests
    with open_archive(tmp_path / "run/archive.db", "search", create=False, read_only=True) as archive:
        first = next(row for row in archive.designs() if row.design.name == "finds")
        evaluation = archive.evaluation(first.id, "search")
        booked = archive.ledger().spent("embedding")
    assert 3 < booked.calls <= len(set(texts))
    assert booked.usd == pytest.approx(booked.prompt_tokens * 1000 / 1e6)
    assert evaluation.usage.usd > sum(episode.usage.usd for episode in evaluation.episodes)
    # The server is gone: all is answered from the record.
    assert (await replay(config, tmp_path / "run", tmp_path / "again")).difference is None
    assert server.books.requests == requests


@in_loop
async def test_designs_that_log_the_time_replay_and_the_next_author_is_shown_it(tmp_path):
    parts = Parts()

    def logs(messages, body):
        text = parts(messages, body).replace("from alma.memory", "import time\n\nfrom alma.memory")
        return text.replace("opened = [", "self.kit.log(f'fed at {time.monotonic_ns()}'); opened = [")

    with LoopbackServer(logs) as server:
        config = replace(CONFIG, base_url=server.base_url, held_out_size=0)
        await learn(config, tmp_path / "run")
        asked = [body["messages"][-1]["content"] for body in server.books.bodies if body["model"] == "w"]
    assert any("\n| fed at " in text for text in asked)
    assert (await replay(config, tmp_path / "run", tmp_path / "again")).difference is None
