"""Helpers that several parts share; a design gets those that its parts call."""

from __future__ import annotations

import re
from collections.abc import Iterable


def words(text: str) -> list[str]:
    """The words of a text in order, lower case, without numbers."""
    return re.findall(r"[a-z]+(?:'[a-z]+)?", text.lower())


def names(text: str) -> list[str]:
    """The words of a text, each with the number that follows it: "shelf 2"."""
    return re.findall(r"[a-z]+(?:'[a-z]+)?(?: \d+)?", text.lower())


def alike(a: Iterable[str], b: Iterable[str]) -> float:
    """Jaccard similarity of two collections of words, in [0, 1]."""
    a, b = set(a), set(b)
    return len(a & b) / len(a | b) if a | b else 0.0


def unnumbered(text: str) -> str:
    """The text without its numbers: "go to shelf 2" becomes "go to shelf"."""
    return " ".join(text.translate({ord(digit): None for digit in "0123456789"}).split())


def heading(text: str) -> str:
    """The words of a first line that stands above a text as its title: short, and no sentence. Or ""."""
    first, _, rest = text.strip().partition("\n")
    named = words(first)
    if not rest.strip() or not 0 < len(named) <= 6 or first.rstrip()[-1] in ".!?,:;":
        return ""
    return " ".join(named)
