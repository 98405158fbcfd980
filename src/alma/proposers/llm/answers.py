"""From a meta agent's answer to a design: file, plan and reflection, whatever stands around them.

Models put fences inside files, forget the last fence, or answer with the bare file. What can't be read is
said to be missing; nothing is guessed.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from typing import Any

_OPENING = re.compile(r"^[ \t]*```[ \t]*(?:python|py|python3)?[ \t]*$", re.IGNORECASE | re.MULTILINE)
_CLOSING = re.compile(r"^[ \t]*```[ \t]*$", re.MULTILINE)
_PART = re.compile(r"^#{1,3}\s*(Reflection|Plan|Design|Text)\s*:?\s*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the author means to change. `changes` hold `what`, `why` and `expected`."""

    name: str = ""
    changes: tuple[dict[str, str], ...] = ()
    expected_score: float | None = None

    def __str__(self) -> str:
        return "\n".join(f"{number}. {_line(change)}" for number, change in enumerate(self.changes, 1))


PLAN_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "changes": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {key: {"type": "string"} for key in ("what", "why", "expected")},
                "required": ["what", "why", "expected"],
                "additionalProperties": False,
            },
        },
        "expected_score": {"type": "number"},
    },
    "required": ["name", "changes", "expected_score"],
    "additionalProperties": False,
}


def code_in(text: str) -> str | None:
    """The fenced file that is Python, else a fenced one with a class, else a bare file, else None.

    A fence within the file (in a docstring) doesn't end it: of all fences that could, the last that leaves
    Python is taken.
    """
    found: list[tuple[bool, int, str]] = []
    for opening in _OPENING.finditer(text):
        rest = text[opening.end() :]
        ends = [closing.start() for closing in _CLOSING.finditer(rest)]
        bodies = [rest[:end].strip("\n") for end in reversed(ends)]
        whole = next((body for body in bodies if "class " in body and _is_python(body)), None)
        if whole is not None:
            found.append((True, opening.start(), whole))
        elif bodies and "class " in bodies[-1]:
            found.append((False, opening.start(), bodies[-1]))
    if not found:
        return text.strip("\n") if "class " in text and _is_python(text) else None
    good = [entry for entry in found if entry[0]]
    # Openings inside another file's body come later in the text; the longest body holds them.
    return max(good or found, key=lambda entry: len(entry[2]))[2]


def plan_in(text: str) -> Plan:
    """The plan in an answer; an empty one when there is none that can be read."""
    for start in (match.start() for match in re.finditer(r"\{", text)):
        try:
            value = json.JSONDecoder().raw_decode(text, start)[0]
        except ValueError:
            continue
        if isinstance(value, dict) and isinstance(value.get("changes"), list):
            return _plan(value)
    return Plan()


def part_of(text: str, name: str) -> str:
    """What stands under a heading, up to the next part; empty when there is no such heading."""
    parts = _PART.split(text)
    for heading, body in zip(parts[1::2], parts[2::2], strict=True):
        if heading.lower() == name.lower():
            return body.strip()
    return ""


def fenced(text: str) -> str:
    """What stands between the first fence and the last, else all of it."""
    lines = text.strip().splitlines()
    fences = [number for number, line in enumerate(lines) if line.strip().startswith("```")]
    return "\n".join(lines[fences[0] + 1 : fences[-1]] if len(fences) > 1 else lines).strip()


def _plan(value: dict[str, Any]) -> Plan:
    changes = [
        {key: str(item.get(key, "")) for key in ("what", "why", "expected")}
        for item in value["changes"]
        if isinstance(item, dict)
    ]
    score = value.get("expected_score")
    number = float(score) if isinstance(score, (int, float)) and not isinstance(score, bool) else None
    return Plan(str(value.get("name", ""))[:60], tuple(changes), number)


def _line(change: dict[str, str]) -> str:
    return f"{change['what']} (why: {change['why']}; expected: {change['expected']})"


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
