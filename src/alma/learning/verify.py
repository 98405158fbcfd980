"""Verify a new design cheaply before its evaluation: a static look, then a few real tasks.

The static look is a courtesy to the author (line and reason); the boundary is the sandbox.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from dataclasses import replace

from alma.learning.collect import Collection
from alma.learning.evaluate import Evaluator
from alma.records import Design, DesignError, Failure, Level, Protocol

MOST_BYTES = 60_000
ALLOWED = frozenset({"alma", "numpy", "scipy", "networkx"})
BANNED_CALLS = frozenset({"eval", "exec", "compile", "open", "input", "breakpoint", "__import__"})
FEW_EPISODES = 6
FEW_LEVELS = 3


def check_source(source: str) -> list[str]:
    """What is wrong with a design file, a line each; empty when nothing is."""
    size = len(source.encode("utf-8", "replace"))
    if size > MOST_BYTES:
        return [f"the file has {size} bytes; the limit is {MOST_BYTES}"]
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        return [f"line {getattr(error, 'lineno', 1)}: not valid Python: {getattr(error, 'msg', error)}"]
    except (RecursionError, MemoryError):
        return ["line 1: not valid Python: nested too deeply"]
    problems: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            problems += [_import_problem(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            problems.append(_import_problem("." * node.level + (node.module or ""), node.lineno))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BANNED_CALLS:
            problems.append(f"line {node.lineno}: calls {node.func.id}, which designs may not")
    if not any(_is_memory(node) for node in tree.body):
        problems.append("line 1: defines no class that subclasses alma.memory.Memory")
    return [problem for problem in problems if problem]


async def verify(
    evaluator: Evaluator, design: Design, protocol: Protocol, collection: Collection, levels: Sequence[Level]
) -> Failure | None:
    """Why the design fails on a few tasks, or None. Its episodes are charged and kept as stage "verify"."""
    problems = check_source(design.source)
    if problems:
        return Failure("static check", problems[0])
    few = replace(
        collection, key=f"{collection.key}[:{FEW_EPISODES}]", episodes=collection.episodes[:FEW_EPISODES]
    )
    try:
        evaluation = await evaluator.evaluate(
            design, "verify", replace(protocol, repeats=1), few, levels[:FEW_LEVELS]
        )
    except DesignError as error:
        return Failure(error.call, str(error), error.trace)
    for episode in evaluation.episodes:
        if episode.fault == "design":
            return Failure("retrieve", episode.message)
    return None


def _import_problem(module: str, line: int) -> str:
    root = module.split(".")[0]
    if root == "alma" and module != "alma.memory":
        return f"line {line}: imports {module}; a design may use alma.memory only"
    if root not in ALLOWED and root not in sys.stdlib_module_names:
        return f"line {line}: imports {module}, which the sandbox does not have"
    return ""


def _is_memory(node: ast.stmt) -> bool:
    return isinstance(node, ast.ClassDef) and any(
        (isinstance(base, ast.Name) and base.id == "Memory")
        or (isinstance(base, ast.Attribute) and base.attr == "Memory")
        for base in node.bases
    )
