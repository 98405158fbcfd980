"""How the reader takes a recalled text: lists of things to do (plans) and lines about a word (hints).

Only layout and overlap with the goal decide, never a particular word: a heading or a repeated key
opens a list; a list under a heading that is mostly a word of the goal is a hint about that word; a list
that names words of the goal is a plan. A plan made for another goal
is re-worded by aligning that goal with the present one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from alma.agents.reader.words import TOKEN, phrase

READING_WORDS = 1500
BULLET = re.compile(r"^(?:[-*•>]+|\d+[.)])\s+")
CHAIN = re.compile(r"\s*(?:->|→|=>|;|\|)\s*")
LISTED = re.compile(r"\s*(?:->|→|=>|;|\||,)\s*")
ASIDE = re.compile(r"\s*[(\[][^)\]]*[)\]]\s*")
LONG_WORDS = 14


@dataclass(frozen=True, slots=True)
class Listing:
    """Items under a heading. `about` is an earlier goal that the list belongs to, or ""."""

    heading: str
    items: tuple[str, ...]
    about: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reader made of a recall for one goal."""

    plans: tuple[tuple[str, ...], ...]
    hints: tuple[tuple[str, tuple[str, ...]], ...]


@lru_cache(maxsize=4096)
def read(text: str, goal: str) -> Reading:
    """Plans and hints of `text` for `goal`. Only the first READING_WORDS words are read."""
    goal_words = frozenset(phrase(goal).names)
    plans: list[tuple[str, ...]] = []
    hints: list[tuple[str, tuple[str, ...]]] = []
    for listing in listings(text, goal):
        items = listing.items
        if listing.about:
            exchange = _exchange(listing.about, goal)
            items = tuple(_reword(item, exchange) for item in items)
        named = [goal_words & set(phrase(item).names[1:]) for item in items]
        title = phrase(listing.heading).names
        head = goal_words.intersection(title)
        if head and (2 * len(head) > len(title) or not any(named)):
            hints += [(word, items) for word in sorted(head)]
        elif len(items) >= 2 and (any(named) or listing.about):
            plans.append(tuple(items))
        elif len(items) == 1 and named[0]:
            hints += [(word, items) for word in sorted(named[0])]
    return Reading(tuple(plans), tuple(hints))


def listings(text: str, goal: str) -> list[Listing]:
    """The lists that the layout of `text` shows, in order."""
    found: list[Listing] = []
    heading = about = ""
    items: list[str] = []
    columns: dict[str, list[str]] = {}

    def close() -> None:
        if items:
            found.append(Listing(heading, tuple(items), about))
        for key, values in columns.items():
            found.append(Listing(key, tuple(values), about))
        items.clear()
        columns.clear()

    budget = READING_WORDS
    for raw in text.splitlines():
        budget -= len(raw.split())
        line = _clean(raw)
        if budget < 0:
            break
        if not line:
            close()
            heading = ""
            continue
        head, colon, tail = line.partition(":")
        if colon and not tail.strip():
            close()
            heading = head.strip()
        elif colon and len(TOKEN.findall(head)) <= LONG_WORDS:
            parts = _items(tail, LISTED)
            if _is_goal(tail, goal):
                close()
                about = tail.strip()
            elif len(parts) > 1:
                found.append(Listing(head.strip(), tuple(parts), about))
            elif parts:
                columns.setdefault(head.strip(), []).extend(parts)
        elif _is_goal(line, goal):
            close()
            about = line
        else:
            items += _items(line, CHAIN)
    close()
    return found


def _clean(raw: str) -> str:
    line = raw.strip().strip('{}[]",').strip()
    line = BULLET.sub("", line)
    return line.replace('"', "").strip()


def _items(text: str, separator: re.Pattern[str]) -> list[str]:
    parts = (BULLET.sub("", ASIDE.sub(" ", part)).strip(" .") for part in separator.split(text))
    return [part for part in parts if part and len(part.split()) <= LONG_WORDS]


def _is_goal(line: str, goal: str) -> bool:
    """Whether `line` reads like another goal of the same kind: most of its words stand in the same order."""
    theirs, ours = phrase(line).names, phrase(goal).names
    if (
        abs(len(theirs) - len(ours)) > 3
        or len(theirs) < 3
        or 2 * len(set(theirs) & set(ours)) < len(set(ours))
    ):
        return False
    return SequenceMatcher(None, theirs, ours, autojunk=False).ratio() >= 0.6


def _exchange(about: str, goal: str) -> dict[str, str]:
    theirs, ours = phrase(about).names, phrase(goal).names
    exchange: dict[str, str] = {}
    for kind, a, b, c, d in SequenceMatcher(None, theirs, ours, autojunk=False).get_opcodes():
        if kind == "replace" and b - a == d - c:
            exchange.update(zip(theirs[a:b], ours[c:d], strict=True))
    return exchange


def _reword(item: str, exchange: dict[str, str]) -> str:
    """`item` with words exchanged; an exchanged name loses its number, which belonged to another game."""
    if not exchange:
        return item
    names, numbers = phrase(item)[:2]
    if not set(names) & set(exchange):
        return item
    words: list[str] = []
    for name, number in zip(names, numbers, strict=True):
        words.append(exchange.get(name, name))
        if number and name not in exchange:
            words.append(number)
    return " ".join(words)
