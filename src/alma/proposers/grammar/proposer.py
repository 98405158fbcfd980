"""The offline proposer: draws a first genome, later crosses and mutates those of its parents.

It is guided by evaluations in two ways: which parents it gets, and which part it drops (one that the
parent's own parent did better without).
"""

from __future__ import annotations

import numpy as np

from alma.archive.contract import ArchiveView, DesignRow
from alma.proposers.contract import Inspiration
from alma.proposers.grammar.genome import Genome, cross, draw, mutate
from alma.proposers.grammar.writer import title, write
from alma.records import Failure, Proposal, content_hash, derive_seed


class GrammarProposer:
    """Writes designs from parts. With `blind` it ignores parents: the best-of-N control."""

    def __init__(self, *, blind: bool = False) -> None:
        self._blind = blind

    @property
    def name(self) -> str:
        return "best-of-n" if self._blind else "grammar"

    async def propose(self, inspiration: Inspiration) -> Proposal:
        rng = np.random.default_rng(inspiration.seed)
        parents = [row for row in inspiration.parents if row.genome]
        if self._blind or not parents:
            return _proposal(draw(rng), "drawn at random", ())
        genome = Genome.from_json(parents[0].genome)
        notes: list[str] = []
        if len(parents) > 1:
            genome = cross(genome, Genome.from_json(parents[1].genome), rng)
            notes.append(f"cross {parents[0].id} with {parents[1].id}")
        weak = _harmful(parents[0], inspiration.archive)
        for _ in range(1 + int(rng.geometric(0.6)) - (1 if notes else 0)):
            genome, change = mutate(genome, rng, weak)
            notes.append(change)
        return _proposal(genome, "; ".join(notes), tuple(row.id for row in parents))

    async def repair(self, proposal: Proposal, failure: Failure, inspiration: Inspiration) -> Proposal:
        """Drop the part in which it failed (the last one when the trace names none)."""
        genome = Genome.from_json(proposal.genome)
        if len(genome.genes) < 2:
            seed = derive_seed(inspiration.seed, "repair", content_hash(proposal.source))
            return _proposal(draw(np.random.default_rng(seed)), "drawn anew", ())
        blamed = [g for g in genome.genes if g.part in failure.trace] or [genome.genes[-1]]
        genes = tuple(g for g in genome.genes if g != blamed[0])
        return _proposal(
            Genome(genes, genome.rendering, genome.per_step),
            f"drop {blamed[0].part}, which failed",
            proposal.parents,
        )


def _proposal(genome: Genome, plan: str, parents: tuple[str, ...]) -> Proposal:
    return Proposal(write(genome), plan, "", title(genome), parents, genome.as_json())


def _harmful(row: DesignRow, archive: ArchiveView) -> list[str]:
    """Parts that the design has and a better-scoring parent of it has not.

    Its parents are those of its first proposal: what later proposals of the same code add would make
    the answer depend on when it is asked for.
    """
    mine = _parts(row)
    harmful: set[str] = set()
    for parent_id in archive.proposals(row.id)[0].proposal.parents:
        parent = archive.design(parent_id)
        if parent.search_score is not None and parent.search_score > (row.search_score or 0.0):
            harmful |= mine - (_parts(parent) or mine)
    return sorted(harmful)


def _parts(row: DesignRow) -> set[str]:
    return {gene.part for gene in Genome.from_json(row.genome).genes} if row.genome else set()
