"""Finds shortest wins: whether a level can be won at all, and within a step limit.

Best-first search on the engine's own states, led by `estimate`. It knows nothing of domains or texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush

from alma.domains.babaisai.corner import FAR
from alma.domains.babaisai.engine import ACTIONS, Game
from alma.domains.babaisai.estimate import Estimate
from alma.domains.babaisai.layout import Layout
from alma.domains.babaisai.objects import SHIFT

MOVES = range(1, len(ACTIONS))
_NO_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Solution:
    """No win takes fewer than `lower` steps; `actions` win in `upper`. Both are None when no win exists.

    `upper` alone is None when the search gave up before it found a win. `states` were looked at.
    """

    lower: int | None
    upper: int | None
    actions: tuple[int, ...] = ()
    states: int = 0

    @property
    def decided(self) -> bool:
        return self.lower == self.upper

    def within(self, limit: int) -> bool | None:
        """Whether the level can be won in so many steps; None when that is undecided."""
        if self.upper is not None and self.upper <= limit:
            return True
        if self.lower is None or self.lower > limit:
            return False
        return None


def solve(layout: Layout, states: int = 200_000, estimate: bool = True) -> Solution:
    """The shortest win, or bounds for it when `states` states were not enough.

    Without the estimate the search is breadth-first: slow, and right whatever the rules are.
    """
    exact = _search(layout, states, 1 if estimate else 0)
    if exact.decided:
        return exact
    hasty = _search(layout, states // 2, 2)
    return Solution(exact.lower, hasty.upper, hasty.actions, exact.states + hasty.states)


def _search(layout: Layout, states: int, weight: int) -> Solution:
    """Shortest when `weight` is 0 or 1; with more the estimate is trusted more than it should be."""
    estimate = Estimate(layout.width, layout.height)
    start = Game(layout, limit=_NO_LIMIT)
    queue: list[tuple[int, int, int, Game, tuple[int, ...]]] = []
    best = {_key(start): 0}
    looked = number = 0
    heappush(queue, (0, 0, 0, start, ()))
    lower = 0
    while queue:
        total, back, _, game, path = heappop(queue)
        length = -back
        if weight <= 1:
            lower = max(lower, total)
        if path and game.won:
            return Solution(length if weight <= 1 else 0, length, path, looked)
        if best.get(_key(game), length) < length:
            continue
        if looked >= states:
            return Solution(lower, None, (), looked)
        looked += 1
        for action in MOVES:
            after = game.copy()
            after.step(action)
            if after.won:
                number += 1
                heappush(queue, (length + 1, -length - 1, number, after, (*path, action)))
                continue
            key = _key(after)
            if best.get(key, _NO_LIMIT) <= length + 1:
                continue
            best[key] = length + 1
            ahead = estimate.steps(after, direct=weight > 1) if weight else int(after.you_visible()) or FAR
            if ahead < FAR:
                number += 1
                heappush(
                    queue, (length + 1 + max(weight, 1) * ahead, -length - 1, number, after, (*path, action))
                )
    return Solution(None, None, (), looked)


def _key(game: Game) -> bytes:
    """What the future depends on: facings don't matter where nothing is MOVE."""
    top = bytes([one >> SHIFT for one in game.top])
    if not game.below:
        return top
    return top + repr([(at, [one >> SHIFT for one in game.below[at]]) for at in sorted(game.below)]).encode()
