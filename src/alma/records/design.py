"""A memory design: its code, and an identity that survives reformatting."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from alma.records.errors import DesignError
from alma.records.identity import content_hash


def design_id(source: str) -> str:
    """A hash of the abstract syntax tree without comments and docstrings.

    Raises DesignError when `source` is not Python.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        where = f"line {line}: " if line else ""
        raise DesignError(f"not valid Python: {where}{getattr(error, 'msg', error)}", call="parse") from error
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            _drop_docstring(node)
    return content_hash(ast.dump(tree), 12)


@dataclass(frozen=True, slots=True)
class Design:
    """The source of one memory design. `name` is for people; `id` is what the archive keys by."""

    id: str
    source: str
    name: str = ""

    @classmethod
    def from_source(cls, source: str, name: str = "") -> Design:
        """Raises DesignError when `source` is not Python."""
        return cls(design_id(source), source, name)


def _drop_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        node.body = node.body[1:]
