"""Tables for the docs that come from the code's own tables: presets, grammar parts, the tasks of domains."""

from __future__ import annotations

import ast
import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Any

from alma.cli.options import PRESETS
from alma.domains.alfworld import Households
from alma.domains.alfworld.households import house_of
from alma.domains.babaisai.solvability import solvability, summary
from alma.domains.textworld.domain import STEP_LIMITS as FETCH_LIMITS
from alma.domains.textworld.families.domain import STEP_LIMITS as FAMILY_LIMITS
from alma.domains.textworld.worlds import worlds
from alma.learning.config import RunConfig
from alma.proposers.grammar.genome import PARTS
from alma.records import SPLITS

MADE = "<!-- Written by `python -m scripts.generate_docs`. -->\n\n"
SHOWN_SIZES = (
    "selector",
    "steps",
    "children",
    "collect_size",
    "deploy_size",
    "repeats",
    "validation_size",
    "finalists",
    "held_out_size",
    "held_out_repeats",
    "collections",
    "controls",
)


def presets() -> str:
    """Each preset's sizes; what a preset leaves alone has the default."""
    defaults = {f.name: f.default for f in dataclasses.fields(RunConfig)}
    rows = [
        (f"`--{name.replace('_', '-')}`", *(sizes.get(name, defaults[name]) for sizes in PRESETS.values()))
        for name in SHOWN_SIZES
    ]
    limits = [Households().step_limit(name if name in ("paper", "smoke") else "default") for name in PRESETS]
    rows.append(("steps an episode may take (alfworld)", *limits))
    fetch = [FETCH_LIMITS[name if name in FETCH_LIMITS else "default"] for name in PRESETS]
    rows.append(("steps an episode may take (textworld:fetch)", *fetch))
    families = [FAMILY_LIMITS[name if name in FAMILY_LIMITS else "default"] for name in PRESETS]
    rows.append(("steps an episode may take (textworld)", *families))
    return MADE + _table(("option", *PRESETS), rows)


def grammar_parts() -> str:
    """Each part: what it does, the heading it is shown under, its settings and how often it is drawn."""
    rows = []
    for kind in PARTS:
        settings = "; ".join(f"`{name}`: {_shown(values)}" for name, values in kind.settings.items())
        about = _summary(kind.module, kind.name)
        rows.append((f"`{kind.name}`", about, kind.heading, settings, kind.chance, kind.wins))
    head = ("part", "what it does", "heading", "settings", "chance", "wins only")
    return MADE + _table(head, rows)


def households() -> str:
    """Tasks and houses of each split."""
    domain = Households()
    rows = []
    for split in SPLITS:
        tasks = domain.tasks(split)
        kinds = Counter(task.kind for task in tasks)
        houses = {house_of(task.id).name for task in tasks}
        told = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
        rows.append((split.replace("_", " "), len(tasks), len(houses), told))
    return MADE + _table(("split", "tasks", "houses", "tasks by type"), rows)


def baba_solvability() -> str:
    """Tasks of Baba Is AI: how long shortest wins are, and which levels can't be won in 20 steps."""
    return f"{MADE}{summary(solvability())}\n"


def textworld() -> str:
    """Worlds and quests of each split."""
    rows = []
    for split in SPLITS:
        mine = [world for world in worlds().values() if world.split == split]
        quests = [quest for world in mine for quest in world.quests]
        kinds = Counter(quest.kind for quest in quests)
        told = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
        maps = len({world.map for world in mine})
        foods = len({quest.thing for quest in quests})
        rows.append((split.replace("_", " "), len(quests), told, len(mine), maps, foods))
    return MADE + _table(("split", "tasks", "tasks by kind", "worlds", "maps", "foods asked for"), rows)


def _summary(module: str, name: str) -> str:
    """The first sentence of a part's docstring."""
    file = resources.files("alma.proposers.grammar.parts").joinpath(f"{module}.py")
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            text = " ".join((ast.get_docstring(node) or "").split())
            return text.partition(". ")[0].rstrip(".") + "."
    raise LookupError(f"no class {name} in parts/{module}.py")


def _shown(values: Sequence[Any]) -> str:
    return " · ".join(str(value).lower() if isinstance(value, bool) else str(value) for value in values)


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
