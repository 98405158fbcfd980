"""The leak check: a design that names tasks, levels or data sets knows more than its episodes told it.

Looks at the texts in its code, docstrings left out. A courtesy to honest authors and a hurdle for careless
ones; what a memory is worth is decided on tasks that no author has seen.
"""

from __future__ import annotations

import ast

from alma.domains.contract import Domain
from alma.records import SPLITS

SPLIT_NAMES = ("valid_seen", "valid_unseen", "valid_train", "in_distribution", "out_of_distribution")
SHORTEST = 6
"""Characters of a task's name that is looked for; shorter ones are ordinary words."""


def find_leak(source: str, domain: Domain) -> str:
    """The line and what it names, or an empty text. `source` must be Python."""
    data = domain.name.partition(":")[0]
    names = {name for name in (*SPLIT_NAMES, data) if name}
    tasks = _task_names(domain)
    tree = ast.parse(source)
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in told:
            continue
        text = node.value.lower()
        for name in names:
            if name in text:
                return f"line {node.lineno}: names {name!r}; a design may not name data sets or splits"
        if text in tasks or (len(text) > SHORTEST and any(task in text for task in tasks)):
            return f"line {node.lineno}: names a task or level; a design may not"
    return ""


def _task_names(domain: Domain) -> frozenset[str]:
    """Names of tasks, and their last parts, that no ordinary text holds."""
    names = {task.id.lower() for split in SPLITS for task in domain.tasks(split)}
    return frozenset(name for name in names if len(name) >= SHORTEST and not name.isalpha())
