"""How a recall becomes text: one rendering and one limit for every executor.

Strings stay as they are, lists become lines with a dash, objects become headings with what is under
them. Text over the limit is cut at the end of a line, and the cut is reported.
"""

from __future__ import annotations

from alma.records import JSON

LIMIT = 6000


def render(show: JSON, limit: int = LIMIT) -> tuple[str, bool]:
    """(text, whether it was cut). Empty values give empty text; `limit` is in characters."""
    text = "\n".join(_lines(show, 0)).strip()
    if len(text) <= limit:
        return text, False
    kept = text[: limit + 1]
    end = kept.rfind("\n")
    return (kept[:end] if end > 0 else text[:limit]).rstrip(), True


def _lines(value: JSON, depth: int) -> list[str]:
    pad = "  " * depth
    if value is None or value == "" or value == [] or value == {}:
        return []
    if isinstance(value, dict):
        lines = []
        for key, item in value.items():
            under = _lines(item, depth + 1)
            if not under:
                continue
            if len(under) == 1 and not isinstance(item, (list, dict)):
                lines.append(f"{pad}{key}: {under[0].strip()}")
            else:
                lines += [f"{pad}{key}:", *under]
        return lines
    if isinstance(value, list):
        lines = []
        for item in value:
            under = _lines(item, depth + 1)
            if under:
                lines += [f"{pad}- {under[0].strip()}", *under[1:]]
        return lines
    return [pad + line if line else line for line in str(value).splitlines()]
