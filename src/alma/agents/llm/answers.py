"""From a model's answer to a command: what it was asked to write, and what such models really write.

Reads, never judges: a command that the game doesn't know is the game's to refuse.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

MOST = 200
"""Characters of a command; games know none that is longer."""

_MARK = re.compile(r"^\W*(?:command|action)\W*:\s*", re.IGNORECASE)
_FENCE = re.compile(r"^```\w*$")


def command_of(text: str, possible: Sequence[str] | None) -> str:
    """The command in an answer; the empty string when there is nothing in it.

    In order: the `command` of a JSON object, what follows the last "COMMAND:", else a line that is a possible
    command (the last one), else the last line. A possible command is found without regard to case.
    """
    lines = [line for line in map(str.strip, text.strip().splitlines()) if line and not _FENCE.match(line)]
    marked = [_MARK.sub("", line) for line in lines if _MARK.match(line)]
    spoken = _from_json(text) or (marked[-1] if marked else "")
    candidates = [spoken] if spoken else lines[::-1]
    known = {_plain(one): one for one in possible or ()}
    for candidate in candidates:
        if _plain(candidate) in known:
            return known[_plain(candidate)]
    return " ".join(candidates[0].strip("`'\"> ").split())[:MOST] if candidates else ""


def _from_json(text: str) -> str:
    start = text.find("{")
    if start < 0:
        return ""
    try:
        value = json.JSONDecoder().raw_decode(text, start)[0]
    except ValueError:
        return ""
    command = value.get("command", value.get("action")) if isinstance(value, dict) else None
    return command if isinstance(command, str) else ""


def _plain(text: str) -> str:
    return " ".join(text.strip("`'\"*>.! ").lower().split())
