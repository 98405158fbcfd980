"""Which level a task and a level seed name: for each id a list of layouts that are all different.

Splits and seeds take turns on an id's list, and ids whose generators could draw the same map share the
maps out by their hash. So no two levels of the domain are the same, whatever phases use them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import count

from alma.domains.babaisai.engine import Game
from alma.domains.babaisai.layout import Layout
from alma.domains.babaisai.levels import draw, recipe
from alma.domains.babaisai.names import NAMES
from alma.records import SPLITS, Split, derive_seed

LISTED = 4096
"""How many levels of an id are known to differ; later ones are drawn without a look at the others."""


def level_number(split: Split, seed: int) -> int:
    """The place of a split's level in its id's list."""
    return seed * len(SPLITS) + SPLITS.index(split)


def layout(name: str, number: int, covered: bool = False) -> Layout:
    """The level of an id with that number. `covered`: levels whose YOU can't be seen are not left out.

    Raises DomainError for an id that isn't one of the 53.
    """
    recipe(name)
    if 0 <= number < LISTED:
        return _stream(name, covered).at(number)
    return next(_drawn(name, covered, number))[1]


def spare(name: str, number: int, times: int) -> Layout:
    """What replaces a level for the `times`-th time, as the published wrapper does."""
    return draw(name, derive_seed(number, "babaisai spare", name, times))


class _Stream:
    """The levels of one id so far, kept for the life of the process."""

    def __init__(self, name: str, covered: bool) -> None:
        self._drawn = _drawn(name, covered, -1)
        self._seen: set[str] = set()
        self._layouts: list[Layout] = []

    def at(self, number: int) -> Layout:
        while len(self._layouts) <= number:
            key, layout = next(self._drawn)
            if key not in self._seen:
                self._seen.add(key)
                self._layouts.append(layout)
        return self._layouts[number]


@lru_cache(maxsize=2 * len(NAMES))
def _stream(name: str, covered: bool) -> _Stream:
    return _Stream(name, covered)


def _drawn(name: str, covered: bool, number: int) -> Iterator[tuple[str, Layout]]:
    """Without end: layouts that are this id's own, with their keys."""
    twins = [other for other in NAMES if _space(other) == _space(name)]
    for attempt in count():
        layout = draw(name, derive_seed(number, "babaisai", name, attempt))
        key = layout.key
        if int(key, 16) % len(twins) != twins.index(name):
            continue
        if covered or Game(layout).you_visible():
            yield key, layout


def _space(name: str) -> str:
    """The same for ids whose generators can draw the same map."""
    return name.partition("#")[0].replace("maybe_break_stop", "break_stop").removesuffix("-fixed_you")
