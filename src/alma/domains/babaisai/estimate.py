"""A number of steps that no win can be quicker than: what makes the solver's search short.

It counts pushes that a rule still needs, and walking that nothing can save, and takes the least over all
ways to win. It holds for maps whose only properties are YOU, WIN and STOP, as those of the 53 ids are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from alma.domains.babaisai.corner import FAR, corner_target, nearest, walks
from alma.domains.babaisai.engine import Game
from alma.domains.babaisai.objects import (
    FIRST_NOUN,
    FIRST_TEXT,
    FIRST_THING,
    IS,
    KINDS,
    SHIFT,
    STOP,
    WIN,
    YOU,
    is_thing,
    kind_of,
    property_block,
)

Place = tuple[int, int]
_YOU_BLOCK, _WIN_BLOCK, _STOP_BLOCK = (property_block(name) >> SHIFT for name in ("you", "win", "stop"))
_WALL = KINDS.index("wall")


class Estimate:
    """Lower bounds for the states of one level."""

    def __init__(self, width: int, height: int) -> None:
        self._places = [(at % width, at // width) for at in range(width * height)]
        self._width, self._height = width, height
        self._middle = [at for at in range(width * height) if at % width == width // 2]
        self._split = width // 2 if width > 8 else 0

    def steps(self, game: Game, direct: bool = False) -> int:
        """At least so many steps to a win; FAR when nothing is YOU.

        `direct` leaves out ways that change what is YOU or turn things into others: a good guess, no bound.
        """
        ruleset, places = game.ruleset, self._places
        if ruleset.turns:
            return 1
        flags = ruleset.flags
        you: list[Place] = []
        things: dict[int, list[Place]] = {}
        blocks: dict[int, list[Place]] = {}
        for at, one in enumerate(game.top):
            what = one >> SHIFT
            if what >= FIRST_TEXT:
                blocks.setdefault(what, []).append(places[at])
            elif what >= FIRST_THING:
                things.setdefault(kind_of(what), []).append(places[at])
                if flags[what] & YOU:
                    you.append(places[at])
        if not you:
            return FAR
        for at, under in game.below.items():
            for one in under:
                what = one >> SHIFT
                where = things if is_thing(what) else blocks
                where.setdefault(kind_of(what) if is_thing(what) else what, []).append(places[at])
        barrier = self._barrier(game, blocks, you)
        best = FAR
        nouns = [(kind, blocks.get(FIRST_NOUN + kind, [])) for kind in range(len(KINDS))]
        iss = blocks.get(IS, [])
        for kind, there in things.items():
            if ruleset.active & WIN and any(flags[what] & WIN for what in _whats(kind)):
                if kind in ruleset.you:
                    return 1
                best = min(best, self._walk(you, there, barrier))
            else:
                form = self._form(you, nouns[kind][1], iss, blocks.get(_WIN_BLOCK, []), barrier)
                if form < best and kind not in ruleset.you:
                    form = max(form, self._corner(you, nouns[kind][1], there, blocks, direct) - 1)
                best = min(best, 1 + form)
        for kind, there in () if direct else nouns:
            if kind not in ruleset.you:
                best = min(best, 1 + self._form(you, there, iss, blocks.get(_YOU_BLOCK, []), barrier))
            for other, elsewhere in nouns:
                if other != kind:
                    best = min(best, 1 + self._form(you, there, iss, elsewhere, barrier))
        return max(best, 1)

    def _barrier(self, game: Game, blocks: dict[int, list[Place]], you: Sequence[Place]) -> Sequence[Place]:
        """Blocks, one of which must be pushed before anyone gets to the right room; none if it is open."""
        split = self._split
        if not split or any(x >= split for x, _ in you):
            return ()
        flags = game.ruleset.flags
        if not all(
            flags[game.top[at] >> SHIFT] & STOP and game.top[at] >> SHIFT < FIRST_TEXT for at in self._middle
        ):
            return ()
        return [
            *blocks.get(FIRST_NOUN + _WALL, ()),
            *blocks.get(IS, ()),
            *blocks.get(_STOP_BLOCK, ()),
        ]

    def _walk(self, you: Sequence[Place], there: Iterable[Place], barrier: Sequence[Place]) -> int:
        """To step onto one of some places."""
        best = FAR
        for place in there:
            for start in you:
                # Who stands on it must step off and on again.
                best = min(best, self._way(start, place, barrier) or 2)
        return best

    def _corner(
        self,
        you: Sequence[Place],
        nouns: Sequence[Place],
        things: Sequence[Place],
        blocks: dict[int, list[Place]],
        direct: bool,
    ) -> int:
        """The exact walk of `corner`, where it applies."""
        wins = blocks.get(_WIN_BLOCK, [])
        if not you or (not direct and (len(you) != 1 or len(wins) != 1)):
            return 0
        for win in wins:
            target = corner_target(self._width, self._height, win)
            if target is not None:
                table = walks(self._width, self._height, target, tuple(sorted(things)))
                return nearest(table, you[0], nouns)
        return 0

    def _way(self, start: Place, end: Place, barrier: Sequence[Place]) -> int:
        if barrier and end[0] > self._split:
            return min(_apart(start, block) + _apart(block, end) for block in barrier)
        return _apart(start, end)

    def _form(
        self,
        you: Sequence[Place],
        firsts: Iterable[Place],
        middles: Iterable[Place],
        lasts: Iterable[Place],
        barrier: Sequence[Place],
    ) -> int:
        """To make a sentence of three blocks: its pushes, and the way to the first of them."""
        best = FAR
        for a in firsts:
            for b in middles:
                for c in lasts:
                    if a == c:
                        continue
                    pushes = min(
                        self._pushes(a, b, c, self._width, self._height, best),
                        self._pushes(a[::-1], b[::-1], c[::-1], self._height, self._width, best),
                    )
                    if pushes < best:
                        way = min(self._way(start, block, barrier) for start in you for block in (a, b, c))
                        best = min(best, pushes + max(way - 1, 0))
        return best

    @staticmethod
    def _pushes(a: Place, b: Place, c: Place, width: int, height: int, best: int) -> int:
        """Pushes until three blocks stand in a row: each changes how two of them lie by a cell at most."""
        least = max(
            abs(b[0] - a[0] - 1) + abs(b[1] - a[1]),
            abs(c[0] - b[0] - 1) + abs(c[1] - b[1]),
            abs(c[0] - a[0] - 2) + abs(c[1] - a[1]),
        )
        if least >= best:
            return FAR
        # A block at the border stays there, so it fixes the row, or where in the row the sentence stands.
        rows = {place[1] for place in (a, b, c) if place[1] in (1, height - 2)}
        starts = {place[0] - i for i, place in enumerate((a, b, c)) if place[0] in (1, width - 2)}
        if len(rows) > 1 or len(starts) > 1 or any(not 1 <= start <= width - 4 for start in starts):
            return FAR
        return least


def _apart(a: Place, b: Place) -> int:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def _whats(kind: int) -> range:
    first = FIRST_THING + kind * 7
    return range(first, first + 7)
