"""Held-out tables: what is compared with what, and the bench of named designs."""

import pytest

from alma.experiments.bench import bench
from alma.experiments.held_out import Entry, Scores, play_entries, summarise
from alma.experiments.named import design
from alma.learning.config import RunConfig
from alma.learning.evaluate import NOTHING
from alma.records import ConfigError, Design, DesignError, EpisodeRecord, Evaluation, Phase, Protocol
from alma.testing.loop import in_loop

PROTOCOL = Protocol("toy", Phase("train", 5), Phase("in_distribution", 4), 1, 6, 0)
ONE, TWO, THREE = (Design.from_source(f"x = {n}", f"design {n}") for n in range(3))
SMALL = RunConfig(domain="toy", collect_size=8, held_out_size=6, held_out_repeats=1, collections=2, workers=1)


def episode(level, reward, repeat=0):
    fault = "domain" if reward is None else None
    success = None if reward is None else reward == 1.0
    return EpisodeRecord(level, f"house {level[0]}", repeat, reward, success, 3, fault)


def scores(name, rewards, source=ONE):
    """`rewards` by (level, collection)."""
    return Scores(Entry(name, (source,)), [(episode(level, r), n) for (level, n), r in rewards.items()])


def test_designs_are_compared_on_the_cells_that_both_have():
    cells = [(f"{house}{n}", c) for house in "abcd" for n in range(3) for c in (0, 1)]
    other = dict.fromkeys(cells, 0.0)
    mine = {cell: float(n % 2) for n, cell in enumerate(cells)}
    mine[cells[0]] = None
    other[cells[1]] = None
    table = summarise(
        [scores("other", other), scores("learned", mine, TWO)], "in_distribution", PROTOCOL, "success",
        seed=1, leader="learned",
    )  # fmt: skip
    (compared,) = table["comparisons"]
    assert (compared["a"], compared["b"]) == ("learned", "other")
    assert compared["difference"] == pytest.approx(11 / 22)
    assert compared["clusters"] == 4
    assert [row["missing"] for row in table["designs"]] == [1, 1]


def test_repeats_of_a_cell_are_averaged_before_pairing():
    once = scores("other", {(level, 0): 0.0 for level in "abcdef"})
    often = Scores(
        Entry("learned", (TWO,)),
        [(episode(level, float(r > 0), r), 0) for level in "abcdef" for r in range(4)],
    )
    table = summarise([once, often], "train", PROTOCOL, "success", seed=1, leader="learned")
    assert table["comparisons"][0]["difference"] == pytest.approx(0.75)
    assert table["comparisons"][0]["levels"] == 6


class Evaluates:
    """An evaluator that notes what it was asked; one design fails."""

    def __init__(self, fails=None):
        self.asked, self.fails = [], fails

    async def evaluate(self, design, stage, protocol, collection, levels):
        self.asked.append((design.name, protocol.collection, protocol.repeats, collection))
        if design is self.fails:
            raise DesignError("broken")
        return Evaluation("e", design.id, stage, protocol, [episode(level, 1.0) for level in levels])


@in_loop
async def test_every_design_meets_every_collection_and_no_memory_is_played_once():
    evaluator = Evaluates()
    entries = [Entry("no_memory", (NOTHING,)), Entry("learned", (ONE,))]
    table = await play_entries(evaluator, entries, PROTOCOL, ["first", "second"], ["a", "b"])
    assert [(name, number) for name, number, _, _ in evaluator.asked] == [
        ("no memory", 0),
        ("design 0", 0),
        ("design 0", 1),
    ]
    assert [len(one.episodes) for one in table] == [4, 4]
    assert table[0].cells("success").keys() == table[1].cells("success").keys()


@in_loop
async def test_the_learned_design_is_also_played_once_without_a_collection():
    evaluator = Evaluates()
    entries = [Entry("learned_bare", (ONE,), bare=True), Entry("learned", (ONE,))]
    table = await play_entries(evaluator, entries, PROTOCOL, ["first", "second"], ["a", "b"])
    assert [getattr(asked[3], "episodes", asked[3]) for asked in evaluator.asked] == [(), "first", "second"]
    assert table[0].cells("success").keys() == table[1].cells("success").keys()
    rows = summarise(table, "train", PROTOCOL, "success", seed=1, leader="learned")["designs"]
    assert [row["episodes"] for row in rows] == [2, 4]


@in_loop
async def test_random_designs_share_the_collections_and_are_averaged():
    evaluator = Evaluates()
    protocol = Protocol("toy", Phase("train", 5), Phase("in_distribution", 4), 2, 6, 0)
    await play_entries(
        evaluator, [Entry("random_design", (ONE, TWO, THREE))], protocol, ["first", "second"], ["a"]
    )
    assert sorted(evaluator.asked) == [
        ("design 0", 0, 1, "first"),
        ("design 1", 1, 1, "second"),
        ("design 2", 0, 1, "first"),
    ]


@in_loop
async def test_a_design_that_fails_is_a_row_without_scores():
    entries = [Entry("bad", (ONE,)), Entry("good", (TWO,))]
    table = await play_entries(Evaluates(fails=ONE), entries, PROTOCOL, ["first"], ["a", "b"])
    summary = summarise(table, "train", PROTOCOL, "success", seed=1, leader="good")
    assert summary["designs"][0] == {"name": "bad", "failed": "broken"}
    assert summary["comparisons"] == []


@in_loop
async def test_a_bench_of_named_designs_repeats_nothing(tmp_path):
    named = [(name, design(name)) for name in ("no_memory", "empty_memory", "trajectory_retrieval")]
    heard = []
    tables = [
        await bench(SMALL, named, ["in_distribution"], tmp_path / "run", lambda kind, _: heard.append(kind))
        for _ in range(2)
    ]
    assert tables[0] == tables[1]
    assert heard.count("episode") == 2 * 8 + 6 + 2 * (2 * 6)
    nothing, empty, _ = tables[0]["tables"][0]["designs"]
    assert nothing["success"] == empty["success"]
    assert [c["a"] for c in tables[0]["tables"][0]["comparisons"]] == ["trajectory_retrieval"] * 2


@in_loop
async def test_a_bench_on_train_deploys_on_nothing_that_was_collected(tmp_path):
    result = await bench(SMALL, [("no_memory", NOTHING)], ["train"], tmp_path / "run")
    assert result["tables"][0]["designs"][0]["episodes"] == 6


@in_loop
async def test_a_bench_refuses_two_designs_of_one_name(tmp_path):
    with pytest.raises(ConfigError, match="same name"):
        await bench(SMALL, [("a", NOTHING), ("a", NOTHING)], ["train"], tmp_path / "run")
