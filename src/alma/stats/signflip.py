"""The paired permutation test: under "no difference" a unit's difference is as likely to be minus itself.

Not for choosing the unit: that is the caller's, who knows which differences are independent.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

EXACT_UNITS = 16
"""Up to this many units all 2^n sign patterns are counted; beyond, they are drawn."""


def sign_flip_p(differences: npt.ArrayLike, *, draws: int = 19_999, seed: int = 0) -> tuple[float, str]:
    """Two-sided p-value that the sum of `differences` is as far from 0, and how it was counted.

    One number per exchangeable unit. Exact over all sign patterns for at most 16 units, so the
    smallest p is 2/2^n; else Monte Carlo with (hits + 1)/(draws + 1) (Phipson & Smyth 2010), which
    never claims p = 0. Units whose difference is 0 change nothing and are dropped. Raises ValueError
    where a difference isn't finite.
    """
    values = np.asarray(differences, dtype=np.float64).ravel()
    if not np.isfinite(values).all():
        raise ValueError("differences hold a missing value")
    values = values[values != 0]
    if not len(values):
        return 1.0, "exact"
    # Sums that are equal on paper differ in their last bits; they must count as hits.
    bar = abs(values.sum()) * (1 - 1e-12) - 1e-12 * float(np.abs(values).sum())
    if len(values) <= EXACT_UNITS:
        patterns = (np.arange(2 ** len(values))[:, None] >> np.arange(len(values))) & 1
        return float(np.mean(np.abs((1 - 2 * patterns) @ values) >= bar)), "exact"
    hits = sum(int((np.abs(block @ values) >= bar).sum()) for block in _signs(len(values), draws, seed))
    return (hits + 1) / (draws + 1), f"{draws:,} draws"


def _signs(units: int, draws: int, seed: int) -> Iterator[npt.NDArray[np.float64]]:
    """Blocks of random signs, small enough that thousands of units don't fill the memory."""
    rng = np.random.default_rng(seed)
    block = max(1, min(draws, 4_000_000 // units))
    for start in range(0, draws, block):
        size = (min(block, draws - start), units)
        yield 1.0 - 2.0 * rng.integers(0, 2, size=size, dtype=np.int8).astype(np.float64)
