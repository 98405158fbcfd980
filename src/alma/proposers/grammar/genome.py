"""What a grammar design consists of: which parts, with which settings, in which order.

A genome is plain JSON. Drawing, mutating and crossing genomes is all the chance there is in the
grammar; the settings a part may take stand in one table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from alma.records import JSON


@dataclass(frozen=True, slots=True)
class PartKind:
    """A part that designs may hold: its class, module, what its recall is called, and its settings.

    `chance` is how often a random design holds it, `wins` how often it then learns from won episodes
    only (0: never, where that would leave nothing to learn). `follows`: its recall takes the steps so far,
    so that it pays to ask it at each step.
    """

    name: str
    module: str
    heading: str
    settings: Mapping[str, Sequence[JSON]]
    chance: float
    wins: float
    follows: bool = False


PARTS: tuple[PartKind, ...] = (
    PartKind(
        "Trajectories",
        "trajectories",
        "similar episodes",
        {
            "key": ["goal", "place", "both"],
            "count": [1, 2, 3],
            "observations": [False, True],
            "keep": [50, 1000],
        },
        0.3,
        0.7,
    ),
    PartKind(
        "CondensedPlans",
        "condensed",
        "plans that worked",
        {"key": ["goal", "place", "both"], "count": [1, 2, 3], "keep": [50, 1000]},
        0.3,
        0.8,
    ),
    PartKind(
        "Places",
        "places",
        "where things were seen",
        {
            "scope": ["everywhere", "same place", "same place, then kind", "by similarity"],
            "top": [2, 3, 5, 8],
            "numbered": [True, False],
            "rate": [False, True],
            "keep": [50, 1000],
        },
        0.3,
        0.2,
    ),
    PartKind(
        "Tools", "tools", "what verbs were used with", {"top": [1, 2, 3], "executed": [False, True]}, 0.3, 0.2
    ),
    PartKind(
        "Procedures",
        "procedures",
        "how to go about it",
        {
            "modifiers": [True, False],
            "guess": [True, False],
            "repeat": [True, False],
            "agreement": [0.6, 0.75, 0.9],
            "contrast": [0.4, 0.6, 0.8, 1.0],
        },
        0.3,
        0.2,
    ),
    PartKind(
        "Contrasts",
        "contrasts",
        "done more in won episodes",
        {"top": [3, 5], "about_goal": [True, False]},
        0.2,
        0.0,
    ),
    PartKind("LosingActions", "losing", "ended games badly", {"top": [3, 5, 8]}, 0.15, 0.0),
    PartKind(
        "Routes",
        "routes",
        "the way there",
        {"doors": [3, 2, 1], "here_only": [False, True], "nearest": [False, True]},
        0.25,
        0.0,
        follows=True,
    ),
)
KINDS = {kind.name: kind for kind in PARTS}
RENDERINGS = ("headed", "lines")


@dataclass(frozen=True, slots=True)
class Gene:
    """One part in a design: its settings, and whether it learns from won episodes only."""

    part: str
    settings: tuple[tuple[str, JSON], ...]
    wins_only: bool

    def with_setting(self, name: str, value: JSON) -> Gene:
        return replace(self, settings=tuple((n, value if n == name else v) for n, v in self.settings))


@dataclass(frozen=True, slots=True)
class Genome:
    """Parts in the order in which they are shown (the recall limit cuts the end), and how."""

    genes: tuple[Gene, ...]
    rendering: str = "headed"
    per_step: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "genes": [
                {"part": g.part, "settings": dict(g.settings), "wins_only": g.wins_only} for g in self.genes
            ],
            "rendering": self.rendering,
            "per_step": self.per_step,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Genome:
        genes = tuple(
            Gene(g["part"], tuple(g["settings"].items()), bool(g["wins_only"])) for g in data["genes"]
        )
        return cls(genes, data["rendering"], bool(data["per_step"]))


def draw(rng: np.random.Generator) -> Genome:
    """A random genome: each part with its own chance, at least one."""
    kinds = [kind for kind in PARTS if rng.random() < kind.chance]
    if not kinds:
        kinds = [PARTS[int(rng.integers(len(PARTS)))]]
    genes = [_draw_gene(kind, rng) for kind in kinds]
    order = rng.permutation(len(genes))
    return Genome(
        tuple(genes[i] for i in order),
        RENDERINGS[int(rng.integers(len(RENDERINGS)))],
        bool(rng.random() < (0.5 if any(kind.follows for kind in kinds) else 0.06)),
    )


def mutate(genome: Genome, rng: np.random.Generator, weak: Sequence[str] = ()) -> tuple[Genome, str]:
    """One change and its description. Parts in `weak` are dropped more readily."""
    missing = [kind for kind in PARTS if kind.name not in {g.part for g in genome.genes}]
    changes = ["setting"] * 3
    if missing:
        changes += ["add"] * (4 if len(genome.genes) < 3 else 1)
    if len(genome.genes) > 1:
        changes += ["drop"] * (len(genome.genes) - 1 + bool(weak)) + ["order"]
    choosy = [i for i, gene in enumerate(genome.genes) if KINDS[gene.part].wins]
    changes += ["wins"] if choosy else []
    changes += ["rendering"] if rng.random() < 0.5 else []
    follows = any(KINDS[gene.part].follows for gene in genome.genes)
    changes += ["step"] if rng.random() < (1.0 if follows and not genome.per_step else 0.2) else []
    change = changes[int(rng.integers(len(changes)))]
    genes = list(genome.genes)
    if change == "add":
        gene = _draw_gene(missing[int(rng.integers(len(missing)))], rng)
        genes.insert(int(rng.integers(len(genes) + 1)), gene)
        return replace(genome, genes=tuple(genes)), f"add {gene.part}"
    if change == "drop":
        candidates = [i for i, g in enumerate(genes) if g.part in weak] or list(range(len(genes)))
        gone = genes.pop(candidates[int(rng.integers(len(candidates)))])
        return replace(genome, genes=tuple(genes)), f"drop {gone.part}"
    if change == "order":
        order = rng.permutation(len(genes))
        return replace(genome, genes=tuple(genes[i] for i in order)), "show the parts in another order"
    if change == "rendering":
        other = RENDERINGS[1 - RENDERINGS.index(genome.rendering)]
        return replace(genome, rendering=other), f"render as {other}"
    if change == "step":
        return replace(
            genome, per_step=not genome.per_step
        ), "recall per step" if not genome.per_step else "recall once"
    index = choosy[int(rng.integers(len(choosy)))] if change == "wins" else int(rng.integers(len(genes)))
    gene = genes[index]
    if change == "wins":
        genes[index] = replace(gene, wins_only=not gene.wins_only)
        return replace(
            genome, genes=tuple(genes)
        ), f"{gene.part} learns from {'all' if gene.wins_only else 'won'} episodes"
    name, value = gene.settings[int(rng.integers(len(gene.settings)))]
    others = [v for v in KINDS[gene.part].settings[name] if v != value]
    chosen = others[int(rng.integers(len(others)))]
    genes[index] = gene.with_setting(name, chosen)
    return replace(genome, genes=tuple(genes)), f"{gene.part}: {name} {value} → {chosen}"


def cross(one: Genome, other: Genome, rng: np.random.Generator) -> Genome:
    """The first genome's manner with parts of both; where both have a part, either's."""
    mine = {g.part: g for g in one.genes}
    theirs = {g.part: g for g in other.genes}
    genes: list[Gene] = []
    for part in dict.fromkeys([*mine, *theirs]):
        if part in mine and part in theirs:
            genes.append(mine[part] if rng.random() < 0.5 else theirs[part])
        elif rng.random() < 0.5:
            genes.append(mine.get(part) or theirs[part])
    return replace(one, genes=tuple(genes)) if genes else one


def _draw_gene(kind: PartKind, rng: np.random.Generator) -> Gene:
    settings = tuple((name, values[int(rng.integers(len(values)))]) for name, values in kind.settings.items())
    return Gene(kind.name, settings, bool(rng.random() < kind.wins))
