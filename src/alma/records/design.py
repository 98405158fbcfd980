"""A memory design: its code, and an identity that survives reformatting."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from alma.records.errors import DesignError
from alma.records.identity import content_hash


def design_id(source: str) -> str:
    """A hash of the abstract syntax tree without comments and docstrings, the same on every Python.

    Raises DesignError when `source` is not Python.
    """
    try:
        return content_hash(_shape(ast.parse(source)), 12)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        where = f"line {line}: " if line else ""
        raise DesignError(f"not valid Python: {where}{getattr(error, 'msg', error)}", call="parse") from error
    except (RecursionError, MemoryError) as error:
        raise DesignError("not valid Python: nested too deeply", call="parse") from error


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


def _shape(node: Any) -> str:
    """The tree as text. Fields that are empty are left out: Python versions differ in which they have."""
    if isinstance(node, list):
        return f"[{','.join(map(_shape, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = dict(ast.iter_fields(node))
    fields.pop("kind", None)
    if isinstance(node, _WITH_DOCSTRING) and ast.get_docstring(node, clean=False) is not None:
        fields["body"] = node.body[1:]
    parts = [f"{name}={_shape(value)}" for name, value in fields.items() if value is not None and value != []]
    return f"{type(node).__name__}({','.join(parts)})"


_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
