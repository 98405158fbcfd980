"""Turns a genome into a design file: the classes of its parts, the helpers they call, one Memory.

The parts are modules of this package, so what a design inlines is code that is linted, typed and
tested here.
"""

from __future__ import annotations

import ast
from functools import lru_cache
from importlib import resources

from alma.proposers.grammar.genome import KINDS, Gene, Genome

PACKAGE = "alma.proposers.grammar.parts"
STANDARD = ("collections", "re")


def write(genome: Genome) -> str:
    """The source of the design; the same genome gives the same text."""
    modules = [_module(KINDS[gene.part].module) for gene in genome.genes]
    common = _module("common")
    called = {name for module in modules for name in module.uses} & set(common.definitions)
    imports = {line for module in [*modules, *([common] if called else [])] for line in module.imports}
    sdk = {name for module in modules for name in module.sdk} | {"Episode", "JSON", "Memory", "Situation", "Toolkit"}
    if genome.per_step:
        sdk |= {"Step"}
        imports |= {"from collections.abc import Sequence", "from dataclasses import replace"}
    helpers = [common.definitions[name] for name in common.definitions if name in called]
    blocks = [block for module in modules for block in module.blocks]
    used = "\n".join([*helpers, *blocks])
    memory = _memory(genome)
    imports = {line for line in imports if _needed(line, used + memory)}
    head = [f'"""{_summary(genome)}"""', "from __future__ import annotations"]
    if imports:
        head.append("\n".join(sorted(imports)))
    head.append(f"from alma.memory import {', '.join(sorted(sdk, key=str.lower))}")
    return "\n\n".join(head) + "\n\n\n" + "\n\n\n".join([*helpers, *blocks, memory]) + "\n"


def title(genome: Genome) -> str:
    """A class name that tells the parts: "PlacesProceduresMemory"."""
    return "".join(gene.part for gene in genome.genes) + "Memory"


def _memory(genome: Genome) -> str:
    lines = [f"class {title(genome)}(Memory):", f'    """{_summary(genome)}"""', ""]
    lines += ["    def __init__(self, kit: Toolkit) -> None:", "        super().__init__(kit)"]
    for gene in genome.genes:
        arguments = ", ".join(f"{name}={value!r}".replace("'", '"') for name, value in gene.settings)
        lines.append(f"        self.{_attribute(gene)} = {gene.part}({arguments})")
    if genome.per_step:
        lines.append("        self.asked: dict[str, str] = {}")
    lines += ["", "    async def update(self, episode: Episode) -> None:"]
    for gene in (g for g in genome.genes if not g.wins_only):
        lines.append(f"        self.{_attribute(gene)}.learn(episode)")
    winners = [g for g in genome.genes if g.wins_only]
    if winners:
        lines.append("        if episode.success:")
        lines += [f"            self.{_attribute(gene)}.learn(episode)" for gene in winners]
    lines += ["", "    async def retrieve(self, situation: Situation) -> JSON:"]
    if genome.rendering == "headed":
        lines.append("        return {")
        for gene in genome.genes:
            lines.append(f'            "{KINDS[gene.part].heading}": self.{_attribute(gene)}.recall(situation),')
        lines.append("        }")
    else:
        calls = [f"self.{_attribute(gene)}.recall(situation)" for gene in genome.genes]
        lines += ["        return [", *(f"            {call}," for call in calls), "        ]"]
    if genome.per_step:
        lines += [
            "",
            "    async def on_step(self, situation: Situation, history: Sequence[Step]) -> JSON:",
            '        """Recall anew when something was done with a word of the goal, for the words that are left."""',
            "        goal = situation.goal.rstrip(\".\").split()",
            "        done = {word for step in history for word in step.action.split()[1:]}",
            "        left = \" \".join(word for word in goal if word not in done)",
            "        if self.asked.get(situation.token, \" \".join(goal)) == left:",
            "            return None",
            "        self.asked[situation.token] = left",
            "        return await self.retrieve(replace(situation, goal=left))",
        ]
    return "\n".join(lines)


def _summary(genome: Genome) -> str:
    told = [KINDS[gene.part].heading for gene in genome.genes]
    return f"Recalls {', then '.join(told)}."


def _attribute(gene: Gene) -> str:
    return KINDS[gene.part].module


class _Module:
    """What one parts module brings: imports, SDK names, definitions by name, names it uses."""

    def __init__(self, source: str) -> None:
        tree = ast.parse(source)
        self.imports: list[str] = []
        self.sdk: list[str] = []
        self.definitions: dict[str, str] = {}
        self.uses: set[str] = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        lines = source.splitlines()
        documented = None
        for node in tree.body:
            if isinstance(node, ast.ImportFrom):
                if node.module == "alma.memory":
                    self.sdk += [alias.name for alias in node.names]
                elif node.module and node.module.split(".")[0] in STANDARD:
                    self.imports.append(ast.unparse(node))
            elif isinstance(node, ast.Import):
                self.imports.append(ast.unparse(node))
            elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                self.definitions[node.name] = "\n".join(lines[node.lineno - 1 : node.end_lineno])
                documented = None
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                documented = node.targets[0].id
                self.definitions[documented] = "\n".join(lines[node.lineno - 1 : node.end_lineno])
            elif documented and isinstance(node, ast.Expr):
                self.definitions[documented] += "\n" + "\n".join(lines[node.lineno - 1 : node.end_lineno])
        self.blocks = list(self.definitions.values())


def _needed(line: str, code: str) -> bool:
    node = ast.parse(line).body[0]
    assert isinstance(node, (ast.Import, ast.ImportFrom))
    return any((alias.asname or alias.name) in code for alias in node.names)


@lru_cache(maxsize=None)
def _module(name: str) -> _Module:
    return _Module(resources.files(PACKAGE).joinpath(f"{name}.py").read_text(encoding="utf-8"))
