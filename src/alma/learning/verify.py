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
from alma.learning.leaks import find_leak
from alma.records import Design, DesignError, Failure, Level, Protocol

MOST_BYTES = 60_000
REFUSED = frozenset({"ctypes", "subprocess", "multiprocessing", "socket", "_posixsubprocess"})
"""Modules of the standard library whose work the sandbox refuses."""
STARTERS = ("fork", "forkpty", "system", "popen", "exec", "spawn", "posix_spawn")
METHODS = {"__init__": 2, "update": 2, "retrieve": 2, "on_step": 3}
"""Arguments of each method, `self` included."""
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
    modules = _imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            problems += [_import_problem(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            problems.append(_import_problem("." * node.level + (node.module or ""), node.lineno))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BANNED_CALLS:
            problems.append(f"line {node.lineno}: calls {node.func.id}, which designs may not")
        problems += _starts_process(node, modules) + _changes_module(node, modules)
        if isinstance(node, ast.ClassDef) and _is_memory(node):
            problems += _shape_problems(node)
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
    leak = find_leak(design.source, evaluator.pool.domain)
    if leak:
        return Failure("leak check", leak)
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
    if root in REFUSED:
        return f"line {line}: imports {module}, whose work the sandbox refuses"
    if root not in ALLOWED and root not in sys.stdlib_module_names:
        return f"line {line}: imports {module}, which the sandbox does not have"
    return ""


def _imported(tree: ast.Module) -> frozenset[str]:
    """Names that stand for imported modules."""
    return frozenset(
        alias.asname or alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    )


def _starts_process(node: ast.AST, modules: frozenset[str]) -> list[str]:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return []
    name, owner = node.func.attr, node.func.value
    if isinstance(owner, ast.Name) and owner.id == "os" and "os" in modules and name.startswith(STARTERS):
        return [f"line {node.lineno}: calls os.{name}; the sandbox starts no process for a design"]
    return []


def _changes_module(node: ast.AST, modules: frozenset[str]) -> list[str]:
    """State hidden in someone else's module isn't copied for a retrieve, so it would mix up episodes."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        targets = [node.target]
    return [
        f"line {target.lineno}: changes the module {target.value.id}; keep state in the memory"
        for target in targets
        if isinstance(target, ast.Attribute)
        and isinstance(target.value, ast.Name)
        and target.value.id in modules
    ]


def _shape_problems(design: ast.ClassDef) -> list[str]:
    """Methods that the host calls and that can't be called that way."""
    problems = []
    for node in design.body:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or node.name not in METHODS:
            continue
        if isinstance(node, ast.FunctionDef) and node.name != "__init__" and not node.decorator_list:
            problems.append(f"line {node.lineno}: {node.name} must be written `async def`")
        given, wanted = node.args, METHODS[node.name]
        most = len(given.posonlyargs) + len(given.args)
        least = most - len(given.defaults)
        if not least <= wanted <= (1000 if given.vararg else most):
            problems.append(f"line {node.lineno}: {node.name} takes {wanted} arguments with self, not {most}")
    return problems


def _is_memory(node: ast.stmt) -> bool:
    return isinstance(node, ast.ClassDef) and any(
        (isinstance(base, ast.Name) and base.id == "Memory")
        or (isinstance(base, ast.Attribute) and base.attr == "Memory")
        for base in node.bases
    )
