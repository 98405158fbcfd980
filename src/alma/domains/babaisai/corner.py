"""How far a win is when the block WIN lies in a corner, where it stays: exact walks in an emptied map.

A block in a corner can't be pushed, so the sentence it ends can stand in one place only, and its noun has
a cell to be pushed to. All else but the border is left out, which can only make things easier; other
blocks may hand a push on, so here a push works from anywhere behind the noun in its line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

Place = tuple[int, int]
FAR = 10_000


def corner_target(width: int, height: int, win: Place) -> Place | None:
    """Where the noun before `IS WIN` must stand when WIN is in a corner to the right, else None.

    In the left corners no sentence can end across; down a column only the low corners would do. Those are
    left to the general estimate.
    """
    return (win[0] - 2, win[1]) if win == (width - 2, 1) else None


@lru_cache(maxsize=64)
def walks(
    width: int, height: int, target: Place, things: tuple[Place, ...]
) -> dict[tuple[Place, Place], int]:
    """Steps from (agent, noun) until the noun has been on its target and the agent then steps on a thing."""
    cells = [(x, y) for y in range(1, height - 1) for x in range(1, width - 1)]
    known = {(agent, target): min(_way(agent, thing) for thing in things) for agent in cells}
    before: dict[tuple[Place, Place], list[tuple[Place, Place]]] = {}
    for agent in cells:
        for noun in cells:
            if noun not in (agent, target):
                for after in _after(width, height, agent, noun):
                    before.setdefault(after, []).append((agent, noun))
    layers: list[list[tuple[Place, Place]]] = [[] for _ in range(FAR // 50)]
    for state, steps in known.items():
        layers[steps].append(state)
    for steps, layer in enumerate(layers):
        for state in layer:
            if known[state] != steps:
                continue
            for earlier in before.get(state, ()):
                if known.get(earlier, FAR) > steps + 1:
                    known[earlier] = steps + 1
                    layers[steps + 1].append(earlier)
    return known


def _after(width: int, height: int, agent: Place, noun: Place) -> Iterator[tuple[Place, Place]]:
    for dx, dy in ((1, 0), (0, 1), (-1, 0), (0, -1)):
        to = (agent[0] + dx, agent[1] + dy)
        if not _inside(width, height, to):
            continue
        pushed = (noun[0] + dx, noun[1] + dy)
        if to != noun:
            yield to, noun
        if _behind(agent, noun, dx, dy) and _inside(width, height, pushed):
            yield to, pushed


def _behind(agent: Place, noun: Place, dx: int, dy: int) -> bool:
    right, down = noun[0] - agent[0], noun[1] - agent[1]
    return (down == 0 and right * dx > 0) if dx else (right == 0 and down * dy > 0)


def _inside(width: int, height: int, cell: Place) -> bool:
    return 0 < cell[0] < width - 1 and 0 < cell[1] < height - 1


def _way(agent: Place, thing: Place) -> int:
    # Who stands on a thing must step off and on again.
    return abs(agent[0] - thing[0]) + abs(agent[1] - thing[1]) or 2


def nearest(table: dict[tuple[Place, Place], int], agent: Place, nouns: Sequence[Place]) -> int:
    return min((table.get((agent, noun), FAR) for noun in nouns), default=FAR)
