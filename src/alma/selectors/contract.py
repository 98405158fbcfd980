"""What a selector is: it draws parents from the archive. One child is proposed for each draw."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from alma.archive.contract import ArchiveView, DesignRow


class Selector(Protocol):
    @property
    def name(self) -> str: ...

    def select(self, archive: ArchiveView, k: int, rng: np.random.Generator) -> list[tuple[DesignRow, ...]]:
        """Up to `k` draws without replacement; each is the tuple of one child's parents."""
        ...


def evaluated(archive: ArchiveView) -> list[DesignRow]:
    """The designs that may be parents: those with a search score."""
    return [row for row in archive.designs() if row.search_score is not None]


def draw(rows: list[DesignRow], weights: np.ndarray, k: int, rng: np.random.Generator) -> list[DesignRow]:
    """Up to `k` rows without replacement, with probability in proportion to `weights`."""
    k = min(k, len(rows))
    if not k:
        return []
    picks = rng.choice(len(rows), size=k, replace=False, p=weights / weights.sum())
    return [rows[int(i)] for i in picks]
