"""Reads the part of PDDL that ALFWorld game files are written in.

A problem becomes its facts and its goal formula, a domain becomes the few choices in which domains
differ (`Rules`). Not a planner and not a general PDDL front end: what the action bodies mean is
written in `engine`. Everything is lower case here, as it is in the stock engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from alma.records import DomainError

Formula: TypeAlias = tuple[Any, ...]
"""`("and", f...)`, `("or", f...)`, `("not", f)`, `("imply", f, g)`, `("=", a, b)`,
`("atom", predicate, args)`, `("exists", ((variable, type), ...), f)` or `("forall", ...)` alike."""

Fact: TypeAlias = tuple[str, ...]

_FACT = re.compile(r"\(([^()]+)\)")
_TOKEN = re.compile(r"[()]|[^\s()]+")
_COMMENT = re.compile(r";[^\n]*")
_TYPED = re.compile(r"\((receptacletype|objecttype)\s+\?(\w+)\s+(\w+)\)")

ACTIONS = {
    "look": "look",
    "inventory": "inventory",
    "help": "help",
    "examinereceptacle": "examineReceptacle",
    "examineobject": "examineObject",
    "gotolocation": "GotoLocation",
    "openobject": "OpenObject",
    "closeobject": "CloseObject",
    "pickupobject": "PickupObject",
    "putobject": "PutObject",
    "cleanobject": "CleanObject",
    "heatobject": "HeatObject",
    "coolobject": "CoolObject",
    "toggleobject": "ToggleObject",
    "sliceobject": "SliceObject",
}
"""The actions of the ALFRED domain: lower-case name to the name in the grammar."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a domain file may choose: its actions, and which types do the work of an appliance or a knife."""

    actions: frozenset[str]
    clean: frozenset[str]
    heat: frozenset[str]
    cool: frozenset[str]
    slice: frozenset[str]


@dataclass(frozen=True, slots=True)
class Problem:
    """The initial facts, each `(predicate, argument, ...)`, and the goal."""

    facts: tuple[Fact, ...]
    goal: Formula


def read_problem(text: str) -> Problem:
    """Parse problem text. Raises DomainError when it has no initial facts or no goal."""
    text = text.lower()
    if ";" in text:
        text = _COMMENT.sub("", text)
    start, stop = text.find("(:init"), text.find("(:goal")
    if start < 0 or stop < start:
        raise DomainError("the PDDL problem has no (:init ...) followed by (:goal ...)")
    facts = tuple(tuple(body.split()) for body in _FACT.findall(text, start, stop))
    goal = _parse(text[stop:])
    if len(goal) != 2:
        raise DomainError("the PDDL goal is not one formula")
    return Problem(facts, _formula(goal[1]))


@lru_cache(maxsize=64)
def read_domain(text: str) -> Rules:
    """Parse domain text. Raises DomainError when it has actions that ALFRED's domain doesn't have."""
    text = _COMMENT.sub("", text.lower())
    blocks = re.split(r"\(\s*:action\s+", text)[1:]
    bodies = {block.split(None, 1)[0]: block for block in blocks}
    unknown = sorted(set(bodies) - set(ACTIONS))
    if unknown or "gotolocation" not in bodies:
        raise DomainError(f"not the ALFRED domain: unknown actions {unknown or 'only'}")

    def types(action: str, variable: str) -> frozenset[str]:
        found = _TYPED.findall(bodies.get(action, ""))
        return frozenset(kind for _, name, kind in found if name == variable)

    return Rules(
        actions=frozenset(bodies),
        clean=types("cleanobject", "r"),
        heat=types("heatobject", "r"),
        cool=types("coolobject", "r"),
        slice=types("sliceobject", "ko"),
    )


def write_formula(formula: Formula) -> str:
    """A formula as PDDL text; the inverse of reading it."""
    head = formula[0]
    if head == "atom":
        return f"({' '.join((formula[1], *formula[2]))})"
    if head == "=":
        return f"(= {formula[1]} {formula[2]})"
    if head in ("exists", "forall"):
        variables = " ".join(f"{name} - {kind}" for name, kind in formula[1])
        return f"({head} ({variables}) {write_formula(formula[2])})"
    return f"({head} {' '.join(map(write_formula, formula[1:]))})"


def _parse(text: str) -> list[Any]:
    """The first s-expression of `text` as nested lists."""

    def read(tokens: Iterator[str]) -> list[Any]:
        items: list[Any] = []
        for token in tokens:
            if token == ")":
                return items
            items.append(read(tokens) if token == "(" else token)
        raise DomainError("the PDDL text ends inside a parenthesis")

    tokens = iter(_TOKEN.findall(text))
    if next(tokens, None) != "(":
        raise DomainError("expected an opening parenthesis in the PDDL text")
    return read(tokens)


def _formula(node: Any) -> Formula:
    if not isinstance(node, list) or not node or not isinstance(node[0], str):
        raise DomainError(f"not a PDDL formula: {node!r}")
    head = node[0]
    if head in ("and", "or", "not", "imply"):
        return (head, *map(_formula, node[1:]))
    if head in ("exists", "forall") and len(node) == 3:
        return (head, _typed(node[1]), _formula(node[2]))
    arguments = node[1:]
    if not all(isinstance(argument, str) for argument in arguments):
        raise DomainError(f"not a PDDL atom: {node!r}")
    if head == "=" and len(arguments) == 2:
        return ("=", *arguments)
    return ("atom", head, tuple(arguments))


def _typed(items: list[Any]) -> tuple[tuple[str, str], ...]:
    """`?a ?b - object ?c - agent` as pairs of variable and type."""
    pairs: list[tuple[str, str]] = []
    waiting: list[str] = []
    tokens = iter(items)
    for token in tokens:
        if token == "-":
            kind = next(tokens, "object")
            pairs.extend((name, kind) for name in waiting)
            waiting = []
        else:
            waiting.append(token)
    pairs.extend((name, "object") for name in waiting)
    return tuple(pairs)
