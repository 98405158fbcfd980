"""What a design in the sandbox gets from an embedder on the host, and what it may not take."""

from dataclasses import replace

import pytest
from ring import TRAIN, memory, ring

from alma.learning import services
from alma.learning.services import DesignModels
from alma.models.embedders.hashed import Hashed
from alma.models.embedders.kept import Kept
from alma.records import Usage
from alma.testing.loop import in_loop

SEARCHES = memory(
    update="await self.kit.vectors('all').add(str(len(self.kit.vectors('all'))), episode.situation.goal)",
    retrieve="return [key for _, key, _ in await self.kit.vectors('all').search(situation.goal)]",
)


class Broken:
    name = "broken"

    async def embed(self, texts):
        raise AssertionError("not asked")


async def played(folder, source, embedder, name="archive.db"):
    async with ring(folder, name=name) as r:
        r.evaluator = replace(r.evaluator, services=DesignModels(embedder=embedder))
        return await r.evaluate(source, TRAIN[5:9], collection=await r.collect(TRAIN[:5]))


@in_loop
async def test_a_design_searches_by_the_hosts_vectors_and_its_texts_are_counted_alike_in_every_run(tmp_path):
    embedder = Kept(Hashed())
    first = await played(tmp_path, SEARCHES, embedder)
    assert first.faults == 0
    goals = {level.task.id.split("/")[2] for level in TRAIN[:9]}
    tokens = {goal: len(f"find the {goal} and take it".split()) for goal in goals}
    assert first.usage == Usage(prompt_tokens=sum(tokens.values()))
    again = await played(tmp_path, SEARCHES, embedder, "other.db")
    assert again.usage == first.usage, "what was known already counts too"


@in_loop
async def test_only_a_design_that_embeds_depends_on_the_embedder(tmp_path):
    plain = memory()
    ids = {}
    for embedder in (Hashed(), Broken(), None):
        models = DesignModels(embedder=embedder)
        ids[models.name_for(plain), models.name_for(SEARCHES)] = embedder
    assert list(ids) == [("", "embedder=hashed@1"), ("", "embedder=broken"), ("", "")]


@pytest.mark.parametrize(
    ("asks", "told"),
    [
        ("[str(n) for n in range(300)]", "300 texts at once"),
        ("['x' * 30_000]", "over 20000 characters"),
    ],
)
@in_loop
async def test_too_much_at_once_is_the_designs_fault(tmp_path, asks, told):
    evaluation = await played(tmp_path, memory(retrieve=f"await self.kit.embed({asks})"), Broken())
    assert evaluation.faults == 4
    assert all(told in episode.message for episode in evaluation.episodes)


@in_loop
async def test_an_evaluations_texts_are_limited_and_what_was_embedded_stays_free(tmp_path, monkeypatch):
    monkeypatch.setattr(services, "TEXTS_AN_EPISODE", 1)
    asks = "await self.kit.embed(['a', 'b'])\nawait self.kit.embed([situation.token + n for n in 'xyz'])"
    evaluation = await played(tmp_path, memory(asks), Kept(Hashed()))
    assert evaluation.faults == 2, "nine texts for nine episodes: two, and three for each of two"
    assert "embedded texts of this evaluation are used up" in "".join(e.message for e in evaluation.episodes)


@in_loop
async def test_a_run_without_an_embedder_says_so(tmp_path):
    evaluation = await played(tmp_path, memory(retrieve="await self.kit.embed(['a'])"), None)
    assert all("no embedder" in episode.message for episode in evaluation.episodes)


@in_loop
async def test_what_a_design_logs_is_kept_alike_in_whatever_order_it_comes(tmp_path, monkeypatch):
    monkeypatch.setattr(services, "MOST_LINES", 3)
    logs = memory(
        update="self.kit.log('fed\\n  one')",
        retrieve="self.kit.log(situation.observation[:40]); return None",
    )
    async with ring(tmp_path, workers=3) as r:
        collection = await r.collect(TRAIN[:2])
        found = await r.evaluate(logs, TRAIN[2:12], collection=collection)
        kept = r.evaluator.archive.get_evaluation(found.id)
    async with ring(tmp_path, name="other.db") as r:
        again = await r.evaluate(logs, TRAIN[2:12][::-1], collection=await r.collect(TRAIN[:2]))
    assert len(found.log) == 3
    assert kept.log == found.log == again.log == tuple(sorted(found.log))
    monkeypatch.setattr(services, "MOST_LINES", 40)
    async with ring(tmp_path, name="whole.db") as r:
        whole = await r.evaluate(logs, TRAIN[2:12], collection=await r.collect(TRAIN[:2]))
    assert "fed one" in whole.log
    assert set(found.log) < set(whole.log)
