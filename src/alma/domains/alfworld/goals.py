"""Turns a goal formula into a fast test of a game's state.

Whatever the formula is (and, or, not, imply, exists, forall, equality), never by the name of a task
type. Static parts are decided once when the goal is compiled; what is left is checked as soon as its
variables are bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from alma.domains.alfworld.pddl import Formula
from alma.records import DomainError

if TYPE_CHECKING:
    from alma.domains.alfworld.engine import Board, Game

Environment: TypeAlias = dict[Any, Any]
Test: TypeAlias = "Callable[[Game, Environment], bool]"

STATE_BITS = {"isclean": 1, "ishot": 2, "iscool": 4, "issliced": 8, "istoggled": 16, "ison": 32}
"""One-place predicates of objects that actions change, as bits of the engine's state."""

_STATIC_PAIRS = frozenset(
    {"objecttype", "receptacletype", "receptacleatlocation", "cancontain", "inreceptacleobject"}
)
_DYNAMIC = frozenset(
    {*STATE_BITS, "inreceptacle", "objectatlocation", "holds", "holdsany", "atlocation", "opened"}
)


def compile_goal(goal: Formula, board: Board) -> Callable[[Game], bool]:
    """A test of the goal. Raises DomainError when the goal speaks of what the engine doesn't track."""
    test = _compile(goal, board)
    return lambda game: test(game, {})


def dynamic_predicates(goal: Formula) -> frozenset[str]:
    """The predicates in the goal that actions can change."""
    if goal[0] == "atom":
        return frozenset({goal[1]}) & _DYNAMIC
    if goal[0] == "=":
        return frozenset()
    inner = goal[2:] if goal[0] in ("exists", "forall") else goal[1:]
    return frozenset().union(*(dynamic_predicates(part) for part in inner))


def _compile(formula: Formula, board: Board) -> Test:
    head = formula[0]
    if head == "atom":
        return _atom(formula[1], formula[2], board)
    if head == "=":
        left, right = formula[1], formula[2]
        return lambda game, env: bool(env.get(left, left) == env.get(right, right))
    if head == "exists":
        return _exists(formula, board)
    if head == "forall":
        inner = _exists(("exists", formula[1], ("not", formula[2])), board)
        return lambda game, env: not inner(game, env)
    parts = [_compile(part, board) for part in formula[1:]]
    if head == "and":
        return lambda game, env: all(part(game, env) for part in parts)
    if head == "or":
        return lambda game, env: any(part(game, env) for part in parts)
    if head == "not":
        return lambda game, env: not parts[0](game, env)
    return lambda game, env: not parts[0](game, env) or parts[1](game, env)


def _exists(formula: Formula, board: Board) -> Test:
    """Nested quantifiers become one loop over their variables; each conjunct is tested as early as can be."""
    variables: list[tuple[str, str]] = list(formula[1])
    conjuncts: list[Formula] = []
    waiting = [formula[2]]
    while waiting:
        part = waiting.pop(0)
        if part[0] == "and":
            waiting[:0] = part[1:]
        elif part[0] == "exists" and not {name for name, _ in part[1]} & {name for name, _ in variables}:
            variables.extend(part[1])
            waiting.insert(0, part[2])
        else:
            conjuncts.append(part)
    test: Test = lambda game, env: True  # noqa: E731
    bound = {name for name, _ in variables}
    left = list(conjuncts)
    for position in range(len(variables) - 1, -1, -1):
        name, kind = variables[position]
        mine = [part for part in left if name in _free(part)]
        left = [part for part in left if part not in mine]
        alone = [part for part in mine if _free(part) & bound == {name} and not dynamic_predicates(part)]
        candidates = _candidates(name, board.entities(kind), alone, board)
        checks = [_compile(part, board) for part in mine if part not in alone]
        test = _loop(name, candidates, checks, test)
    outer = [_compile(part, board) for part in left]
    return (lambda game, env: all(part(game, env) for part in outer) and test(game, env)) if outer else test


def _candidates(name: str, entities: Iterable[Any], alone: list[Formula], board: Board) -> tuple[Any, ...]:
    tests = [_compile(part, board) for part in alone]
    static = board.blank
    return tuple(entity for entity in entities if all(test(static, {name: entity}) for test in tests))


def _loop(name: str, candidates: tuple[Any, ...], checks: list[Test], rest: Test) -> Test:
    def run(game: Game, env: Environment) -> bool:
        for candidate in candidates:
            env[name] = candidate
            for check in checks:
                if not check(game, env):
                    break
            else:
                if rest(game, env):
                    return True
        return False

    return run


def _free(formula: Formula) -> set[str]:
    head = formula[0]
    if head == "atom":
        return {term for term in formula[2] if term.startswith("?")}
    if head == "=":
        return {term for term in formula[1:] if term.startswith("?")}
    if head in ("exists", "forall"):
        return _free(formula[2]) - {name for name, _ in formula[1]}
    return set().union(*(_free(part) for part in formula[1:]))


def _atom(predicate: str, terms: tuple[str, ...], board: Board) -> Test:
    first: Any = board.term(terms[0]) if terms else None
    second: Any = board.term(terms[1]) if len(terms) > 1 else None
    if predicate in STATE_BITS and len(terms) == 1:
        bit = STATE_BITS[predicate]
        return lambda game, env: bool(game.bits[env.get(first, first)] & bit)
    if predicate == "inreceptacle" and len(terms) == 2:
        return lambda game, env: env.get(first, first) in game.contents[env.get(second, second)]
    if predicate == "holds" and len(terms) == 2:
        return lambda game, env: bool(game.held == env.get(second, second))
    if predicate == "holdsany" and len(terms) == 1:
        return lambda game, env: game.held >= 0
    if predicate == "atlocation" and len(terms) == 2:
        return lambda game, env: bool(game.location == env.get(second, second))
    if predicate == "objectatlocation" and len(terms) == 2:
        return lambda game, env: env.get(second, second) in game.lying[env.get(first, first)]
    if predicate == "opened" and len(terms) == 1:
        return lambda game, env: bool(game.opened >> env.get(first, first) & 1)
    if predicate in _STATIC_PAIRS and len(terms) == 2:
        pairs = board.static_pairs(predicate)
        return lambda game, env: (env.get(first, first), env.get(second, second)) in pairs
    singles = board.static_singles(predicate) if len(terms) == 1 else None
    if singles is None:
        raise DomainError(
            f"the goal speaks of ({predicate} {' '.join(terms)}), which the engine doesn't track"
        )
    return lambda game, env: env.get(first, first) in singles
