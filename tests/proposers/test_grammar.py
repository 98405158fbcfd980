"""The grammar proposer: guided by its parents, reproducible, and it repairs by leaving out what failed."""

import numpy as np

from alma.archive import DesignRow, ProposalRow
from alma.proposers.contract import Inspiration
from alma.proposers.grammar.genome import Genome, draw
from alma.proposers.grammar.proposer import GrammarProposer
from alma.proposers.grammar.writer import write
from alma.records import Failure, Proposal
from alma.testing.loop import in_loop


def genome(seed, parts=2):
    while True:
        found = draw(np.random.default_rng(seed))
        if len(found.genes) == parts:
            return found
        seed += 1000


class Shelf:
    def __init__(self, *rows, first=None):
        self.rows = {row.id: row for row in rows}
        self.first = first or {}

    def design(self, design_id):
        return self.rows[design_id]

    def proposals(self, design_id):
        proposal = Proposal("", parents=self.first.get(design_id, ()))
        return [ProposalRow(design_id, 0, 0, proposal)]


def row(name, of, score=0.5):
    return DesignRow(name, name, write(of), "", "", (), 0, 0, 0, "evaluated", None, of.as_json(), 0, score)


def inspired(*parents, archive=None, seed=7):
    return Inspiration(parents, archive or Shelf(*parents), "a game", 1, 0, seed)


@in_loop
async def test_without_parents_it_draws_and_the_seed_decides():
    propose = GrammarProposer().propose
    one, same, other = [await propose(inspired(seed=seed)) for seed in (1, 1, 2)]
    assert one == same != other
    assert one.parents == ()


@in_loop
async def test_with_a_parent_it_changes_it_a_little_and_says_how():
    parent = row("a", genome(0))
    for seed in range(10):
        child = await GrammarProposer().propose(inspired(parent, seed=seed))
        assert child.parents == ("a",)
        assert child.plan
        assert write(Genome.from_json(child.genome)) == child.source
        kept = {g["part"] for g in child.genome["genes"]} & {g["part"] for g in parent.genome["genes"]}
        assert kept


@in_loop
async def test_with_two_parents_it_crosses_them():
    parents = row("a", genome(0)), row("b", genome(50))
    child = await GrammarProposer().propose(inspired(*parents))
    assert child.parents == ("a", "b")
    assert child.plan.startswith("cross a with b")


@in_loop
async def test_best_of_n_never_looks_at_parents():
    parent = row("a", genome(0))
    blind = GrammarProposer(blind=True)
    assert await blind.propose(inspired(parent)) == await blind.propose(inspired())


@in_loop
async def test_a_part_that_its_own_parent_did_better_without_is_dropped_more_readily():
    child_genome = genome(0)
    harmful = child_genome.genes[1].part
    without = Genome(child_genome.genes[:1])
    dropped = []
    for score in (0.9, 0.1):
        parent, child = row("p", without, score), row("c", child_genome, 0.5)
        archive = Shelf(parent, child, first={"c": ("p",)})
        plans = [
            (await GrammarProposer().propose(inspired(child, archive=archive, seed=seed))).plan
            for seed in range(100)
        ]
        dropped.append(sum(f"drop {harmful}" in plan for plan in plans))
    assert dropped[0] > dropped[1]


@in_loop
async def test_repair_drops_the_part_that_the_trace_names():
    proposal = await GrammarProposer().propose(inspired(row("a", genome(0, parts=3))))
    genes = [g["part"] for g in proposal.genome["genes"]]
    failure = Failure("update", "KeyError", f"in {genes[0]}.learn")
    mended = await GrammarProposer().repair(proposal, failure, inspired())
    assert [g["part"] for g in mended.genome["genes"]] == genes[1:]
    assert mended.parents == proposal.parents


@in_loop
async def test_repair_of_a_single_part_is_another_design_each_time():
    seen = set()
    proposal = Proposal(write(genome(0, parts=1)), genome=genome(0, parts=1).as_json())
    for _ in range(3):
        single = Genome.from_json(proposal.genome).genes[:1]
        proposal = Proposal(proposal.source, genome=Genome(single).as_json())
        proposal = await GrammarProposer().repair(proposal, Failure("update", "no"), inspired())
        seen.add(proposal.source)
    assert len(seen) == 3
    first = await GrammarProposer().propose(inspired())
    alone = Proposal(first.source, genome=Genome(Genome.from_json(first.genome).genes[:1]).as_json())
    assert (await GrammarProposer().repair(alone, Failure("update", "no"), inspired())).source != first.source
