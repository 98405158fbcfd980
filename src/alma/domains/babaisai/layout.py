"""How a level lies at its start: a frozen picture of a map, and the form in which traces write it.

It holds no rules and no counters; the engine plays it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alma.domains.babaisai.objects import BY_CODE, CODES, FACING, FIRST_TEXT, SHIFT
from alma.records import DomainError, content_hash


@dataclass(frozen=True, slots=True)
class Layout:
    """A map in row-major order; each cell is a stack of objects, bottom first. The border is part of it."""

    width: int
    height: int
    cells: tuple[tuple[int, ...], ...]

    @classmethod
    def read(
        cls,
        rows: Sequence[str],
        stacks: Mapping[str, Sequence[str]] | None = None,
        facings: Mapping[str, Sequence[int]] | None = None,
    ) -> Layout:
        """From two letters a cell (the top object), whole stacks and facings under "x,y"."""
        width, height = len(rows[0]) // 2, len(rows)
        cells: list[tuple[int, ...]] = []
        try:
            for y, row in enumerate(rows):
                for x in range(width):
                    where = f"{x},{y}"
                    codes = (stacks or {}).get(where) or [row[2 * x : 2 * x + 2]]
                    stack = [BY_CODE[code] for code in codes if code != ".."]
                    for index, facing in enumerate((facings or {}).get(where, ())):
                        stack[index] |= facing
                    cells.append(tuple(stack))
        except (KeyError, IndexError) as error:
            raise DomainError(f"not a map of Baba Is AI: {error}") from error
        return cls(width, height, tuple(cells))

    def written(self) -> tuple[list[str], dict[str, list[str]], dict[str, list[int]]]:
        """Rows, stacks and facings, as `read` takes them."""
        rows = ["" for _ in range(self.height)]
        stacks: dict[str, list[str]] = {}
        facings: dict[str, list[int]] = {}
        for at, stack in enumerate(self.cells):
            where = f"{at % self.width},{at // self.width}"
            rows[at // self.width] += CODES[stack[-1] >> SHIFT] if stack else ".."
            if len(stack) > 1:
                stacks[where] = [CODES[one >> SHIFT] for one in stack]
            turned = [one & FACING if one >> SHIFT < FIRST_TEXT else 0 for one in stack]
            if any(turned):
                facings[where] = turned
        return rows, stacks, facings

    @property
    def key(self) -> str:
        """A hash of all of it."""
        return content_hash([self.width, self.height, self.written()])
