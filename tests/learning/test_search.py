"""The search: stepping stones kept, nothing done twice, the same archive however it is run or stopped."""

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from ring import NOTES, TRAIN, hidden, levels, memory, protocol_of, ring

from alma.learning.candidate import REPAIRS
from alma.learning.search import Search, validate
from alma.learning.verify import FEW_LEVELS
from alma.proposers.grammar.proposer import GrammarProposer
from alma.records import Failure, Proposal
from alma.sandbox.contract import Limits
from alma.selectors import GreedySelector, RankSelector
from alma.testing.loop import in_loop
from alma.testing.toy import PLACES

LEVELS = TRAIN[40:46]
STEPS = 2
QUICK = Limits(load_seconds=5, retrieve_seconds=0.3, update_seconds=0.3)
RAISES = memory("raise ValueError('no')")


def names(place):
    return memory(f"return 'open {place}'")


@dataclass
class Script:
    """Proposes what is written for (step, index), and mends it as written."""

    sources: dict[tuple[int, int], str]
    mended: dict[str, str] = field(default_factory=dict)
    repairs: list[Failure] = field(default_factory=list)
    name = "script"

    async def propose(self, inspiration):
        parents = tuple(row.id for row in inspiration.parents)
        return Proposal(self.sources[inspiration.step, inspiration.index], parents=parents)

    async def repair(self, proposal, failure, inspiration):
        self.repairs.append(failure)
        return Proposal(self.mended.get(proposal.source, proposal.source), parents=proposal.parents)


async def search(
    r,
    proposer,
    *,
    steps=1,
    children=2,
    concurrency=3,
    listen=lambda kind, payload: None,
    on=LEVELS,
    steady=False,
    racing=0.0,
    **kw,
):
    collection = await r.collect(TRAIN[:10])
    protocol = protocol_of(**kw)
    selector = GreedySelector() if isinstance(proposer, Script) else RankSelector()
    run = Search(
        r.evaluator,
        proposer,
        selector,
        protocol,
        collection,
        on,
        steps,
        children,
        5,
        concurrency,
        listen,
        racing,
        steady,
    )
    return await run.run()


def statuses(r):
    return {row.id: (row.status, row.created_step, row.index) for row in r.archive.designs()}


@in_loop
async def test_a_design_that_stays_broken_is_archived_with_its_failure_after_three_repairs(tmp_path):
    broken = [memory(f"raise ValueError('no {n}')") for n in range(REPAIRS + 2)]
    script = Script({(0, 0): broken[0], (0, 1): NOTES}, dict(pairwise(broken)))
    heard = []
    async with ring(tmp_path) as r:
        await search(r, script, listen=lambda kind, payload: heard.append(kind))
        rows = r.archive.designs()
    failed = [row for row in rows if row.status == "failed"]
    assert len(script.repairs) == REPAIRS == 3
    assert [row.failure.message for row in failed] == [f"ValueError: no {n}" for n in range(4)]
    assert {(row.created_step, row.index) for row in failed} == {(0, 0)}
    assert [row.status for row in rows].count("evaluated") == 1
    assert heard.count("failed") == 1
    assert heard.count("repair") == REPAIRS


@in_loop
async def test_a_repaired_design_takes_its_place(tmp_path):
    script = Script({(0, 0): RAISES, (0, 1): "def f(:"}, {RAISES: NOTES, "def f(:": names("bag")})
    async with ring(tmp_path) as r:
        await search(r, script)
        found = sorted((row.status, row.index) for row in r.archive.designs())
    assert found == [("evaluated", 0), ("evaluated", 1), ("failed", 0), ("failed", 1)]
    assert [f.call for f in script.repairs] == ["retrieve", "parse"]


@in_loop
async def test_code_that_is_known_becomes_an_edge_and_no_evaluation(tmp_path):
    same = names("bag") + "# said otherwise\n"
    sources = {(0, 0): names("bag"), (0, 1): names("box"), (1, 0): same, (1, 1): NOTES}
    heard = []
    async with ring(tmp_path) as r:
        await search(r, Script(sources), steps=2, listen=lambda kind, payload: heard.append(kind))
        rows = r.archive.designs()
        proposals = r.archive.proposals(rows[0].id)
        evaluations = r.archive.evaluations(rows[0].id, "search")
    assert len(rows) == 3
    assert [(p.step, p.index) for p in proposals] == [(0, 0), (1, 0)]
    assert set(rows[0].parents) == set(proposals[1].proposal.parents)
    assert len(evaluations) == 1
    assert heard.count("duplicate") == 1


@in_loop
async def test_twins_of_one_step_are_one_design_whoever_is_quicker(tmp_path):
    twins = Script({(0, 0): RAISES, (0, 1): NOTES, (0, 2): RAISES + "#\n"}, {RAISES: NOTES})
    hashes = set()
    for concurrency in (1, 3):
        async with ring(tmp_path, name=f"{concurrency}.db") as r:
            await search(r, twins, children=3, concurrency=concurrency)
            assert sorted(statuses(r).values()) == [("evaluated", 0, 1), ("failed", 0, 0)]
            hashes.add(r.archive.archive_hash())
    assert len(hashes) == 1


@in_loop
async def test_a_seed_gives_one_archive_at_any_concurrency(tmp_path):
    hashes = set()
    for concurrency in (1, 3):
        async with ring(tmp_path, name=f"{concurrency}.db", workers=concurrency) as r:
            end = await search(r, GrammarProposer(), steps=STEPS, children=3, concurrency=concurrency)
            assert end == "all steps done"
            assert len(r.archive.designs()) == 6
            hashes.add(r.archive.archive_hash())
    assert len(hashes) == 1


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A search that nothing stopped: (its archive's hash, the episodes it played)."""
    return asyncio.run(uninterrupted(tmp_path_factory.mktemp("whole")))


async def uninterrupted(folder):
    async with ring(folder) as r:
        await search(r, GrammarProposer(), steps=STEPS, children=3)
        return r.archive.archive_hash(), r.budget.spent["episodes"]


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("after", [2, 4])
@in_loop
async def test_a_search_that_was_interrupted_goes_on_to_the_same_archive(tmp_path, whole, after):
    expected, _ = whole
    heard = []

    def listen(kind, payload):
        heard.append(kind)
        if heard.count("evaluated") == after:
            raise StoppedError

    async with ring(tmp_path) as r:
        with pytest.raises(StoppedError):
            await search(r, GrammarProposer(), steps=STEPS, children=3, listen=listen)
    async with ring(tmp_path) as r:
        assert r.archive.archive_hash() != expected
        done = sum(len(e.episodes) for e in r.archive.evaluations())
        await search(r, GrammarProposer(), steps=STEPS, children=3)
        assert r.archive.archive_hash() == expected
        now = sum(len(e.episodes) for e in r.archive.evaluations())
    assert done > 0
    assert len(r.played) == now - done, "a finished evaluation was played again"


@in_loop
async def test_a_budget_is_never_passed_and_more_of_it_goes_on_to_the_same_archive(tmp_path, whole):
    expected, episodes = whole
    limit = episodes - len(LEVELS)
    stopped = set()
    for concurrency in (1, 3):
        async with ring(tmp_path, name=f"{concurrency}.db", limit=limit) as r:
            end = await search(r, GrammarProposer(), steps=STEPS, children=3, concurrency=concurrency)
            assert "budget" in end
            assert len(r.played) <= r.budget.spent["episodes"] <= limit
            assert r.budget.spent["episodes"] > limit - len(LEVELS) - (REPAIRS + 1) * FEW_LEVELS
            stopped.add(r.archive.archive_hash())
    assert len(stopped) == 1
    async with ring(tmp_path, name="1.db", limit=limit) as r:
        assert "budget" in await search(r, GrammarProposer(), steps=STEPS, children=3)
        assert not r.played, "what an earlier sitting spent must count"
    async with ring(tmp_path, name="1.db") as r:
        assert await search(r, GrammarProposer(), steps=STEPS, children=3) == "all steps done"
        assert r.archive.archive_hash() == expected


@in_loop
async def test_a_budget_without_room_for_no_memory_ends_at_once(tmp_path):
    async with ring(tmp_path, limit=10) as r:
        assert "budget" in await search(r, Script({(0, 0): NOTES, (0, 1): NOTES}))
        assert not r.archive.designs()


@in_loop
async def test_a_design_that_raises_hangs_or_answers_nonsense_costs_its_own_place_only(tmp_path):
    bad = [RAISES, memory("time.sleep(60)"), memory("return object()"), memory("os._exit(1)")]
    sources = dict(zip([(0, n) for n in range(5)], [*bad, NOTES], strict=True))
    async with ring(tmp_path, limits=QUICK) as r:
        end = await search(r, Script(sources), children=5)
        rows = {row.index: row for row in r.archive.designs()}
    assert end == "all steps done"
    assert [rows[n].status for n in range(5)] == ["failed"] * 4 + ["evaluated"]
    assert rows[4].search_score > 0


@in_loop
async def test_parents_are_counted_as_visited(tmp_path):
    sources = {(step, index): names(PLACES[2 * step + index]) for step in range(2) for index in range(2)}
    async with ring(tmp_path) as r:
        await search(r, Script(sources), steps=2)
        rows = r.archive.designs()
    assert [row.visits for row in rows] == [1, 1, 0, 0]
    assert {row.generation for row in rows[2:]} == {1}


def knows(*known):
    """A design that knows where things lie in the blue house on some of the levels."""
    places = {level.task.id.split("/")[2]: hidden(level) for level in known}
    return memory(f"thing = situation.goal.split()[2]\nreturn {places!r}.get(thing)")


@in_loop
async def test_the_learned_design_is_the_finalist_with_the_best_validation_score(tmp_path):
    searched, fresh = levels("coin", "letter"), levels("key", "spoon")
    lucky = knows(levels("coin")[0], levels("letter")[0])
    sound = knows(levels("coin")[0], levels("key")[0])
    late = knows(levels("key")[0], levels("spoon")[0])
    async with ring(tmp_path) as r:
        for source in (lucky, sound, late):
            await r.evaluate(source, searched, step_limit=2)
        order = sorted(r.archive.designs(), key=lambda row: -row.search_score)
        assert [row.source for row in order] == [lucky, sound, late]
        collection = await r.collect([])
        arguments = (protocol_of(step_limit=2), collection, fresh)
        found = await validate(r.evaluator, 2, *arguments)
        validated = [row.source for row in r.archive.designs() if row.validation_score is not None]
        assert found is not None
        assert found[0].source == sound
        assert validated == [lucky, sound], "only finalists are validated"
        assert (await validate(r.evaluator, 3, *arguments))[0].source == late


@in_loop
async def test_without_an_evaluated_design_nothing_is_learned(tmp_path):
    async with ring(tmp_path) as r:
        await search(r, Script({(0, 0): RAISES, (0, 1): "x = 1"}))
        collection = await r.collect([])
        assert await validate(r.evaluator, 3, protocol_of(), collection, TRAIN[:2]) is None


@in_loop
async def test_a_candidate_far_behind_the_best_is_stopped_early_and_scored_against_it(tmp_path):
    on = TRAIN[40:70]
    places = {"/".join(level.task.id.split("/")[1:3]): hidden(level) for level in on}
    told = 'house, thing = situation.observation.split()[4].strip(",."), situation.goal.split()[2]'
    knowing = memory(f"{told}\nreturn {places!r}.get(house + '/' + thing)")
    sources = {(0, 0): knowing, (1, 0): names("moon"), (2, 0): knowing + "X = 1\n"}
    heard = []
    async with ring(tmp_path, limit=1000) as r:
        listen = lambda kind, payload: heard.append(payload) if kind == "evaluated" else None  # noqa: E731
        await search(r, Script(sources), steps=3, children=1, on=on, racing=0.1, step_limit=2, listen=listen)
        best, behind, equal = r.archive.designs()
        played = {row.id: r.archive.evaluation(row.id, "search") for row in (best, behind, equal)}
        nothing = r.archive.no_memory()
        assert r.budget.spent["episodes"] == 10 + len(r.played), "what was not played is given back"
    assert len(played[best.id].episodes) == len(played[equal.id].episodes) == len(on)
    assert equal.search_score == best.search_score
    few = played[behind.id]
    assert len(few.episodes) < len(on)
    assert f"behind {best.id}" in few.note
    assert [payload["spared"] for payload in heard] == [0, len(on) - len(few.episodes), 0]
    usual = {e.level_key: (bool(e.success) + 1) / 2 for e in nothing.episodes}
    lead = sum(bool(e.success) - usual[e.level_key] for e in few.episodes) / len(few.episodes)
    assert behind.search_score == pytest.approx(sum(usual.values()) / len(usual) + lead)


@in_loop
async def test_in_a_steady_search_nobody_waits_for_the_slowest(tmp_path):
    gate = asyncio.Event()

    class Waits(Script):
        async def propose(self, inspiration):
            if (inspiration.step, inspiration.index) == (0, 0):
                await gate.wait()
            if (inspiration.step, inspiration.index) == (1, 1):
                gate.set()
            return await super().propose(inspiration)

    sources = {(step, index): names(PLACES[2 * step + index]) for step in range(2) for index in range(2)}
    async with ring(tmp_path) as r:
        assert await search(r, Waits(sources), steps=2, concurrency=2, steady=True) == "all steps done"
        rows = {(row.created_step, row.index): row for row in r.archive.designs()}
        started = {tuple(e.payload["child"]): e.payload for e in r.archive.events("started")}
    assert {row.status for row in rows.values()} == {"evaluated"}
    assert rows[1, 0].parents == (rows[0, 1].id,), "a parent is one of those that have ended"
    assert started[1, 1]["seen"] == sorted([rows[0, 1].id, rows[1, 0].id])


@pytest.mark.parametrize("after", [1, 4])
@in_loop
async def test_a_steady_search_that_was_interrupted_plays_nothing_twice(tmp_path, after):
    heard = []

    def listen(kind, payload):
        heard.append(kind)
        if heard.count("evaluated") == after:
            raise StoppedError

    asked = {"steps": STEPS, "children": 3, "steady": True}
    async with ring(tmp_path) as r:
        with pytest.raises(StoppedError):
            await search(r, GrammarProposer(), listen=listen, **asked)
    async with ring(tmp_path) as r:
        done = sum(len(e.episodes) for e in r.archive.evaluations())
        before = [event.payload for event in r.archive.events("started")]
        assert await search(r, GrammarProposer(), **asked) == "all steps done"
        assert [event.payload for event in r.archive.events("started")][: len(before)] == before
        now = sum(len(e.episodes) for e in r.archive.evaluations())
        assert len(r.played) == now - done
        assert len({(p.step, p.index) for p in r.archive.proposals()}) == 3 * STEPS
    async with ring(tmp_path, limit=now + 10) as r:
        assert await search(r, GrammarProposer(), **asked) == "all steps done"
        assert not r.played
        assert r.budget.spent["episodes"] == now + 10, "the collected ones count too"


@in_loop
async def test_a_steady_search_never_passes_its_budget(tmp_path):
    limit = 2 * len(LEVELS) + 3 * (len(LEVELS) + (REPAIRS + 1) * FEW_LEVELS)
    async with ring(tmp_path, limit=limit) as r:
        assert "budget" in await search(r, GrammarProposer(), steps=5, children=3, steady=True)
        assert len(r.played) <= r.budget.spent["episodes"] <= limit
        assert "pending" not in {row.status for row in r.archive.designs()}, "what began is done"
