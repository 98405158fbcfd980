"""The SDK's reference for a proposer, read from `alma.memory` itself, so that it can't be out of date."""

from __future__ import annotations

import inspect
from functools import cache

from alma import memory

NAMES = ("Memory", "Situation", "Step", "Episode", "Recall", "Toolkit", "Vectors", "Store")


@cache
def reference() -> str:
    """Every class of the SDK with its fields, methods and their docstrings, as Markdown."""
    parts = ["# The SDK: `from alma.memory import " + ", ".join(sorted((*NAMES, "JSON", "Graph"))) + "`"]
    parts += [_about(getattr(memory, name)) for name in NAMES]
    parts.append(
        "`JSON` is None, a boolean, number or text, or a list or dictionary (with text keys) of these."
    )
    return "\n\n".join(parts)


def _about(kind: type) -> str:
    lines = [f"## {kind.__name__}", "", _doc(kind), ""]
    for name, hint in getattr(kind, "__annotations__", {}).items():
        if not name.startswith("_"):
            lines.append(f"- `{name}: {hint}`")
    for name, member in vars(kind).items():
        if name != "__init__" and name.startswith("_"):
            continue
        if isinstance(member, property):
            lines.append(f"- `{name}`: {_doc(member)}")
        elif inspect.isfunction(member) and (name != "__init__" or kind is memory.Memory):
            word = "async " if inspect.iscoroutinefunction(member) else ""
            lines.append(f"- `{word}{name}{_signature(member)}`: {_doc(member)}".rstrip(": "))
    return "\n".join(lines)


def _signature(function: object) -> str:
    text = str(inspect.signature(function))  # type: ignore[arg-type]
    return text.replace("'", "").replace("alma.records.play.", "").replace("alma.memory.", "")


def _doc(thing: object) -> str:
    return " ".join(inspect.cleandoc(getattr(thing, "__doc__", "") or "").split())
