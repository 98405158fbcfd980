"""Reads rules from the blocks that lie on top, and says what they make of each object.

A rule is three numbers: the kind it is about, a colour or -1, and what follows IS. What rules do in a
step is the engine's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from alma.domains.babaisai.objects import (
    BORDER,
    COLOURS,
    FIRST_COLOUR,
    FIRST_NOUN,
    FIRST_PROPERTY,
    FIRST_TEXT,
    FIRST_THING,
    IS,
    KINDS,
    PROPERTIES,
    PULL,
    PUSH,
    SHIFT,
    STOP,
    WHATS,
    YOU,
    plain,
)

ANY = -1
IS_BLOCK = IS << SHIFT


class Rule(NamedTuple):
    """`subject` is a kind; `colour` restricts it; `effect` is a property's number, or 9 + another kind."""

    subject: int
    colour: int
    effect: int

    @property
    def becomes(self) -> int | None:
        """The kind that the subject turns into, if it does."""
        return self.effect - len(PROPERTIES) if self.effect >= len(PROPERTIES) else None

    @property
    def words(self) -> str:
        """The rule without its colour."""
        return f"{KINDS[self.subject]} is {(*PROPERTIES, *KINDS)[self.effect]}"

    def __str__(self) -> str:
        return self.words if self.colour == ANY else f"{COLOURS[self.colour]} {self.words}"


@dataclass(frozen=True, slots=True)
class Ruleset:
    """What an ordered list of rules means. `flags` has property bits for each `what`; text and border too.

    `you` are the kinds that YOU rules name, in order. `implied` maps a `what` to the kind that becomes
    STOP when one of it is asked whether it stops. `turns` are pairs (kind, new object), in order.
    """

    rules: tuple[Rule, ...]
    flags: tuple[int, ...]
    active: int
    you: tuple[int, ...]
    implied: dict[int, int]
    turns: tuple[tuple[int, int], ...]


def read_rules(top: Sequence[int], width: int) -> Ruleset:
    """The rules of a map: IS blocks in row-major order, each across and then down."""
    found: list[tuple[int, int, int]] = []
    at = -1
    for _ in range(top.count(IS_BLOCK)):
        at = top.index(IS_BLOCK, at + 1)
        for step in (1, width):
            subject = (top[at - step] >> SHIFT) - FIRST_NOUN
            effect = (top[at + step] >> SHIFT) - FIRST_PROPERTY
            if not 0 <= subject < len(KINDS):
                continue
            if 0 <= effect < len(PROPERTIES):
                colour = (top[at - 2 * step] >> SHIFT) - FIRST_COLOUR
                found.append((subject, colour if colour >= 0 else ANY, effect))
            elif 0 <= (other := effect + FIRST_PROPERTY - FIRST_NOUN) < len(KINDS):
                found.append((subject, ANY, len(PROPERTIES) + other))
    return _ruleset(tuple(found))


@lru_cache(maxsize=4096)
def _ruleset(found: tuple[tuple[int, int, int], ...]) -> Ruleset:
    rules = tuple(Rule(*parts) for parts in found)
    flags = [0] * WHATS
    flags[BORDER] = STOP
    flags[FIRST_TEXT:] = [PUSH | STOP] * (WHATS - FIRST_TEXT)
    active = 0
    implied: dict[int, int] = {}
    for subject in range(len(KINDS)):
        first = FIRST_THING + subject * len(COLOURS)
        for effect in range(len(PROPERTIES)):
            colours = {rule.colour for rule in rules if (rule.subject, rule.effect) == (subject, effect)}
            # Colour rules shut out the plain rule for the same kind and property.
            chosen = colours - {ANY} or (set(range(len(COLOURS))) if colours else set())
            for colour in chosen:
                flags[first + colour] |= 1 << effect
                if colours != {ANY} and 1 << effect in (YOU, PULL):
                    implied[first + colour] = subject
            active |= (1 << effect) if chosen else 0
    turns = tuple((rule.subject, plain(rule.becomes)) for rule in rules if rule.becomes is not None)
    you = tuple(rule.subject for rule in rules if rule.effect == 0)
    return Ruleset(rules, tuple(flags), active, you, implied, turns)


def stopped(flags: tuple[int, ...], kind: int) -> tuple[int, ...]:
    """`flags` with STOP for a whole kind."""
    first = FIRST_THING + kind * len(COLOURS)
    after = first + len(COLOURS)
    return (*flags[:first], *(flag | STOP for flag in flags[first:after]), *flags[after:])
