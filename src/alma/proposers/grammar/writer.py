"""Turns a genome into a design file: the classes of its parts, the helpers they call, one Memory.

The parts are modules of this package, so what a design inlines is code that is linted, typed and
tested here.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from functools import cache
from importlib import resources
from textwrap import fill

import alma.memory
from alma.proposers.grammar.genome import KINDS, Gene, Genome

PACKAGE = "alma.proposers.grammar.parts"
SDK = "alma.memory"
WIDTH = 110

Import = tuple[str, str]
"""A module and a name in it; a module that is imported whole has "" before it."""

IMPORTS: list[Import] = [("collections.abc", "Sequence"), ("dataclasses", "replace")]
"""What the Memory class itself may need."""


def write(genome: Genome) -> str:
    """The source of the design; the same genome gives the same text."""
    modules = [_module(KINDS[gene.part].module) for gene in genome.genes]
    common = _module("common")
    blocks = [text for module in modules for text in module.definitions.values()] + [_memory(genome)]
    blocks = _called(blocks, common.definitions) + blocks
    used = _names(blocks)
    head = [_docstring(genome, ""), "from __future__ import annotations"]
    standard = _imports([*IMPORTS, *common.imports, *(i for module in modules for i in module.imports)], used)
    if standard:
        head.append(standard)
    head.append(_imports([(SDK, name) for name in alma.memory.__all__], used))
    return "\n\n".join(head) + "\n\n\n" + "\n\n\n".join(blocks) + "\n"


def title(genome: Genome) -> str:
    """A class name that tells the parts: "PlacesProceduresMemory"."""
    return "".join(gene.part for gene in genome.genes) + "Memory"


def _memory(genome: Genome) -> str:
    lines = [f"class {title(genome)}(Memory):", _docstring(genome, "    "), ""]
    lines += ["    def __init__(self, kit: Toolkit) -> None:", "        super().__init__(kit)"]
    for gene in genome.genes:
        arguments = ", ".join(f"{name}={value!r}".replace("'", '"') for name, value in gene.settings)
        lines.append(f"        self.{_attribute(gene)} = {gene.part}({arguments})")
    if genome.per_step and not any(KINDS[gene.part].follows for gene in genome.genes):
        lines.append("        self.asked: dict[str, str] = {}")
    lines += ["", "    async def update(self, episode: Episode) -> None:"]
    for gene in (g for g in genome.genes if not g.wins_only):
        lines.append(f"        self.{_attribute(gene)}.learn(episode)")
    winners = [g for g in genome.genes if g.wins_only]
    if winners:
        lines.append("        if episode.success:")
        lines += [f"            self.{_attribute(gene)}.learn(episode)" for gene in winners]
    lines += ["", "    async def retrieve(self, situation: Situation) -> JSON:"]
    lines += _shown(genome, "situation", "")
    if genome.per_step:
        lines += _on_step(genome)
    return "\n".join(lines)


def _shown(genome: Genome, now: str, history: str) -> list[str]:
    """The statement that returns what every part recalls; those that follow also get the steps so far."""
    calls = []
    for gene in genome.genes:
        arguments = f"situation, {history}" if history and KINDS[gene.part].follows else now
        calls.append(f"self.{_attribute(gene)}.recall({arguments})")
    if genome.rendering == "headed":
        named = zip(genome.genes, calls, strict=True)
        inside = [f'            "{KINDS[gene.part].heading}": {call},' for gene, call in named]
        return ["        return {", *inside, "        }"]
    return ["        return [", *(f"            {call}," for call in calls), "        ]"]


def _on_step(genome: Genome) -> list[str]:
    follows = [KINDS[gene.part].follows for gene in genome.genes]
    lines = ["", "    async def on_step(self, situation: Situation, history: Sequence[Step]) -> JSON:"]
    if all(follows):
        told = '        """Recall anew from where the steps have led."""'
        return [*lines, told, *_shown(genome, "situation", "history")]
    if any(follows):
        return [
            *lines,
            '        """Recall anew from where the steps have led, for what was not yet done."""',
            "        done = {word for step in history for word in step.action.split()[1:]}",
            '        left = [word for word in situation.goal.rstrip(".").split() if word not in done]',
            '        now = replace(situation, goal=" ".join(left))',
            *_shown(genome, "now", "history"),
        ]
    return [
        *lines,
        '        """When something was done with a word of the goal: recall anew for the others."""',
        '        goal = situation.goal.rstrip(".").split()',
        "        done = {word for step in history for word in step.action.split()[1:]}",
        '        left = " ".join(word for word in goal if word not in done)',
        '        if self.asked.get(situation.token, " ".join(goal)) == left:',
        "            return None",
        "        self.asked[situation.token] = left",
        "        return await self.retrieve(replace(situation, goal=left))",
    ]


def _docstring(genome: Genome, indent: str) -> str:
    told = ", then ".join(KINDS[gene.part].heading for gene in genome.genes)
    text = fill(f'"""Recalls {told}.', WIDTH - 3, initial_indent=indent, subsequent_indent=indent)
    return f'{text}"""' if "\n" not in text else f'{text}\n{indent}"""'


def _attribute(gene: Gene) -> str:
    return KINDS[gene.part].module


class _Module:
    """What one parts module brings: its standard imports as (module, name), its definitions by name."""

    def __init__(self, source: str) -> None:
        self.imports: list[Import] = []
        self.definitions: dict[str, str] = {}
        lines = source.splitlines()
        documented = None
        for node in ast.parse(source).body:
            if isinstance(node, ast.ImportFrom):
                module = node.module or ""
                if module.split(".")[0] in sys.stdlib_module_names - {"__future__"}:
                    self.imports += [(module, alias.name) for alias in node.names]
            elif isinstance(node, ast.Import):
                self.imports += [("", alias.name) for alias in node.names]
            elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                self.definitions[node.name] = "\n".join(lines[node.lineno - 1 : node.end_lineno])
                documented = None
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                documented = node.targets[0].id
                self.definitions[documented] = "\n".join(lines[node.lineno - 1 : node.end_lineno])
            elif documented and isinstance(node, ast.Expr):
                self.definitions[documented] += "\n" + "\n".join(lines[node.lineno - 1 : node.end_lineno])


def _called(blocks: list[str], helpers: Mapping[str, str]) -> list[str]:
    """The helpers that the code calls, and those that these call."""
    called: set[str] = set()
    while found := (_names([*blocks, *(helpers[name] for name in called)]) & helpers.keys()) - called:
        called |= found
    return [text for name, text in helpers.items() if name in called]


def _names(blocks: list[str]) -> set[str]:
    """Every name that the code reads or writes."""
    return set().union(*map(_names_in, blocks))


@cache
def _names_in(block: str) -> frozenset[str]:
    return frozenset(node.id for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Name))


def _imports(known: list[Import], used: set[str]) -> str:
    """Import lines for the names that are used, in the order that linters ask for."""
    names: dict[str, set[str]] = {}
    for module, name in known:
        if name in used:
            names.setdefault(module, set()).add(name)
    lines = [f"import {name}" for name in sorted(names.pop("", ()))]
    for module, wanted in sorted(names.items()):
        ordered = sorted(wanted, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
        lines.append(f"from {module} import {', '.join(ordered)}")
    return "\n".join(lines)


@cache
def _module(name: str) -> _Module:
    return _Module(resources.files(PACKAGE).joinpath(f"{name}.py").read_text(encoding="utf-8"))
