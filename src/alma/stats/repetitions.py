"""A mean over repetitions of a whole experiment (searches with other seeds), with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from alma.stats.signflip import sign_flip_p


@dataclass(frozen=True, slots=True)
class Across:
    """Mean of one number a repetition, in its own units; `p` tests that it is 0.

    `low` and `high` bound the mean (Student's t with n - 1 degrees of freedom); both are None for one
    repetition, which says nothing about others. `p` is the sign-flip test's: with n repetitions it can't
    fall below 2/2^n.
    """

    n: int
    mean: float
    low: float | None
    high: float | None
    p: float
    least: float
    most: float


def across(
    values: Sequence[float],
    *,
    level: float = 0.95,
    bounds: tuple[float, float] = (-1.0, 1.0),
    seed: int = 0,
) -> Across:
    """Sum up repetitions of a number that lies in `bounds`, and so do the interval's ends.

    Raises ValueError for no value, or for one that is not a finite number.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if not len(numbers) or not np.isfinite(numbers).all():
        raise ValueError("no values, or one that is not a finite number")
    n, mean = len(numbers), float(numbers.mean())
    low = high = None
    if n > 1:
        half = float(special.stdtrit(n - 1, (1 + level) / 2) * numbers.std(ddof=1) / np.sqrt(n))
        low, high = max(bounds[0], mean - half), min(bounds[1], mean + half)
    p, _ = sign_flip_p(numbers, draws=19_999, seed=seed)
    return Across(n, mean, low, high, p, float(numbers.min()), float(numbers.max()))
