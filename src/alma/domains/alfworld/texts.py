"""The wording of a game: its grammar, compiled into command templates and feedback rules.

Wording comes from the game file, so files with other words (`put` instead of `move`) play with their
own. What the lists and conditions of a rule range over is asked back from the engine (`Scene`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from alma.domains.alfworld.pddl import ACTIONS
from alma.records import DomainError

TASK_PREFIX = "Your task is to: "
_PLACEHOLDER = "UNKNOWN GOAL"

_ACTION = re.compile(
    r'action\s+(\w+)\s*\{\s*template\s*::\s*"([^"]*)"\s*;\s*feedback\s*::\s*"([^"]*)"\s*;'
    r'(?:\s*pddl\s*::\s*""".*?"""\s*;)?(?:\s*grammar\s*::\s*"""(.*?)"""\s*;)?\s*\}',
    re.DOTALL,
)
_GRAMMAR = re.compile(r'^\s*grammar\s*::\s*"""(.*?)"""\s*;', re.DOTALL | re.MULTILINE)
_TASK = re.compile(r'"task"\s*:\s*\[\s*\{\s*"rhs"\s*:\s*("(?:[^"\\]|\\.)*")')
_PIECE = re.compile(r"\[\{(?P<item>[^|{}]+)\|(?P<given>[^{}]+)\}\]|\{(?P<field>[^{}|]+)\}|#(?P<call>[^#]+)#")
_PREDICATE = re.compile(r"(\w+)\(")


class Scene(Protocol):
    """What the engine answers while a text is made."""

    def holds(self, condition: frozenset[str]) -> bool:
        """Whether a condition (its set of predicate names) is true of what the text is about."""
        ...

    def names(self, given: frozenset[str]) -> Sequence[str]:
        """The names that a list ranges over, in the stock order."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a text: `kind` is text, name, list or call; `before` and `after` frame a list's items."""

    kind: str
    value: str
    given: frozenset[str] = frozenset()
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Variant:
    """One right-hand side of a rule, used when its condition holds; the first that holds is taken."""

    condition: frozenset[str]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Wording:
    """A compiled grammar. `commands` and the rules of their feedback are keyed by lower-case action name."""

    commands: Mapping[str, str]
    rules: Mapping[str, tuple[Variant, ...]]

    def render(self, symbol: str, names: Mapping[str, str], scene: Scene) -> str:
        """The text of `symbol`, where `names` gives the name of each variable of the action."""
        pieces: list[str] = []
        for part in self._choose(symbol, scene).parts:
            if part.kind == "text":
                pieces.append(part.value)
            elif part.kind == "name":
                pieces.append(part.before + names[part.value] + part.after)
            elif part.kind == "call":
                pieces.append(self.render(part.value, names, scene))
            else:
                found = scene.names(part.given)
                pieces.append(self.join([part.before + name + part.after for name in found]))
        return "".join(pieces)

    def join(self, items: Sequence[str]) -> str:
        """Items as the grammar lists them: nothing; one; one, two, and three."""
        if not items:
            return self._plain("list_empty")
        if len(items) == 1:
            return items[0]
        return self._plain("list_separator").join(items[:-1]) + self._plain("list_last_separator") + items[-1]

    def _plain(self, symbol: str) -> str:
        return self.rules[symbol][0].parts[0].value

    def _choose(self, symbol: str, scene: Scene) -> Variant:
        for variant in self.rules.get(symbol, ()):
            if not variant.condition or scene.holds(variant.condition):
                return variant
        raise DomainError(f"the grammar has no text for #{symbol}#")


def split_task(grammar: str) -> tuple[str, str]:
    """The grammar with its task sentence taken out, and that sentence.

    Games of one version differ in this sentence only, so the rest is compiled once.
    """
    found = _TASK.search(grammar)
    if found is None:
        raise DomainError("the grammar has no task sentence")
    task: str = json.loads(found[1])
    return f'{grammar[: found.start(1)]}"{_PLACEHOLDER}"{grammar[found.end(1) :]}', task.lstrip()


def join_task(skeleton: str, task: str) -> str:
    """The inverse of `split_task`."""
    return skeleton.replace(f'"{_PLACEHOLDER}"', json.dumps(task), 1)


def goal_sentence(task: str) -> str:
    """The task without its opening words."""
    return task.removeprefix(TASK_PREFIX)


@lru_cache(maxsize=64)
def read_grammar(skeleton: str) -> Wording:
    """Compile grammar text (without its task). Raises DomainError when it isn't of the known shape."""
    productions: dict[str, list[dict[str, str]]] = {}
    commands: dict[str, str] = {}
    outside = _ACTION.sub("", skeleton)
    try:
        for found in _GRAMMAR.finditer(outside):
            productions.update(json.loads(found[1]))
        for name, template, feedback, block in _ACTION.findall(skeleton):
            lines = [line for line in block.split("\n") if not line.lstrip().startswith("#")]
            productions.update(json.loads("\n".join(lines) or "{}"))
            if name.lower() in ACTIONS:
                commands[name.lower()] = _command(template)
                productions[name.lower()] = [{"rhs": feedback}]
    except (json.JSONDecodeError, AttributeError) as error:
        raise DomainError(f"the grammar cannot be read: {error}") from error
    plain = {symbol: rows for symbol, rows in productions.items() if not symbol.startswith("overview")}
    rules = {symbol: tuple(_variant(row, productions) for row in rows) for symbol, rows in plain.items()}
    if "intro" not in rules or "gotolocation" not in commands:
        raise DomainError("the grammar has no intro or no action to move about")
    return Wording(commands, rules)


def _command(template: str) -> str:
    """A command template with plain fields: `go to [{r.name | ...}]` becomes `go to {r}`."""
    return re.sub(r"\[\{(\w+)\.name\s*\|[^}]*\}\]", r"{\1}", template)


def _variant(row: dict[str, str], productions: Mapping[str, list[dict[str, str]]]) -> Variant:
    # The stock parser takes leading white space of a right-hand side for a comment and drops it.
    return Variant(_predicates(row.get("condition", "")), _parts(row["rhs"].lstrip(), productions))


def _parts(rhs: str, productions: Mapping[str, list[dict[str, str]]]) -> tuple[Part, ...]:
    parts: list[Part] = []
    position = 0
    for found in _PIECE.finditer(rhs):
        if found.start() > position:
            parts.append(Part("text", rhs[position : found.start()]))
        position = found.end()
        if found["call"]:
            parts.append(Part("call", found["call"]))
        elif found["field"]:
            name, before, after = _expression(found["field"], productions)
            parts.append(Part("name", name, before=before, after=after))
        else:
            name, before, after = _expression(found["item"], productions)
            parts.append(Part("list", name, _predicates(found["given"]), before, after))
    if position < len(rhs):
        parts.append(Part("text", rhs[position:]))
    return tuple(parts)


def _expression(text: str, productions: Mapping[str, list[dict[str, str]]]) -> tuple[str, str, str]:
    """What stands before and after the one name of an expression such as `o.indefinite + ' ' + o.name`."""
    text = text.strip()
    if text.startswith("#") and text.endswith("#"):
        rhs = productions[text[1:-1]][0]["rhs"]
        pieces = re.split(r"(\{[^{}]*\})", rhs)
    else:
        pieces = [
            "{" + piece.strip() + "}" if "'" not in piece else piece.strip()[1:-1]
            for piece in text.split(" + ")
        ]
    before, after, name = "", "", ""
    for piece in pieces:
        inner = re.fullmatch(r"\{(\w+)(?:\.(indefinite|name)(?:\s+or\s+\w+\.id)?)?\}", piece)
        if inner is None and "{" in piece:
            raise DomainError(f"the grammar has an expression that is not known: {text}")
        if inner is not None and inner[2] != "indefinite":
            name = inner[1]
        else:
            words = "a" if inner is not None else piece
            before, after = (before, after + words) if name else (before + words, after)
    return name, before, after


def _predicates(query: str) -> frozenset[str]:
    return frozenset(_PREDICATE.findall(query.lower()))
