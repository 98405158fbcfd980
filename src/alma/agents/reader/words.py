"""Words of an action or a recalled line, and how well a line fits an action. No word is special here.

Digits count as numbers that follow a name ("shelf 2"); nothing else is known about any word, so
renaming all words one to one changes nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


TITLE_WORDS = 6


class Phrase(NamedTuple):
    """`names`: the words without numbers, in order; `numbers`: the number after each, or "".

    `entities`: the names after the first word that carry a number.
    """

    names: tuple[str, ...]
    numbers: tuple[str, ...]
    entities: frozenset[tuple[str, str]]
    subject: str
    """The first name after the first word that carries a number, or ""."""


@lru_cache(maxsize=1 << 11)
def phrase(text: str) -> Phrase:
    names: list[str] = []
    numbers: list[str] = []
    for token in TOKEN.findall(text.lower()):
        if token.isdigit():
            if numbers and not numbers[-1]:
                numbers[-1] = token
            continue
        names.append(token)
        numbers.append("")
    numbered = [(name, number) for name, number in zip(names[1:], numbers[1:], strict=True) if number]
    subject = numbered[0][0] if numbered else ""
    return Phrase(tuple(names), tuple(numbers), frozenset(numbered), subject)


@lru_cache(maxsize=1 << 15)
def follows(line: str, action: str) -> float:
    """How well `action` carries out `line`: 1 the same, 0.8 up to numbers, less for a part, 0 not at all.

    A line that leaves off the end ("take cup") fits the actions that begin so.
    """
    want, have = phrase(line), phrase(action)
    count = len(want.names)
    if not count or not have.names or want.names[0] != have.names[0]:
        return 0.0
    if want.names == have.names[:count]:
        agree = all(not n or n == m for n, m in zip(want.numbers, have.numbers[:count], strict=True))
        return 1.0 if agree else 0.8
    if count < 2 or len(have.names) < 2:
        return 0.0
    shared = len(set(want.names[1:]) & set(have.names[1:]))
    total = len(set(want.names[1:]) | set(have.names[1:]))
    return 0.7 * shared / total if 2 * shared >= total and total > 1 else 0.0


@lru_cache(maxsize=1 << 15)
def mentions(line: str, action: str) -> float:
    """How far `action` is about the things that `line` names: 1 with its number, 0.45 the name only."""
    best = follows(line, action)
    if best >= 0.8:
        return best
    want, have = phrase(line), phrase(action)
    named = dict(zip(have.names, have.numbers, strict=True))
    for name, number in zip(want.names, want.numbers, strict=True):
        if not number or name not in named or not named[name]:
            continue
        best = max(best, 1.0 if named[name] == number else 0.45)
    return best


@lru_cache(maxsize=1 << 12)
def title(observation: str) -> str:
    """The words of a first line that stands above a text like a title: short, and no sentence. Or ""."""
    first, _, rest = observation.strip().partition("\n")
    words = phrase(first).names
    if not rest.strip() or not 0 < len(words) <= TITLE_WORDS or first.rstrip()[-1] in ".!?,:;":
        return ""
    return " ".join(words)
