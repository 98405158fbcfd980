"""How many tasks a comparison needs, before it is run. For planning; never computed from its result."""

from __future__ import annotations

import math

from scipy import special


def levels_needed(
    sd: float,
    difference: float,
    power: float = 0.8,
    alpha: float = 0.05,
    *,
    icc: float = 0.0,
    levels_per_cluster: float = 1.0,
) -> int:
    """Levels for a two-sided paired test to find `difference` with probability `power`.

    n = ((z_{1-alpha/2} + z_power) · sd / difference)², times the design effect 1 + (m - 1)·icc of m
    levels a cluster (Kish 1965). `sd` is the standard deviation of one level's paired difference, in
    score units. Raises ValueError where an argument is out of range.
    """
    _check(power, alpha, icc, levels_per_cluster)
    if sd < 0 or difference == 0:
        raise ValueError("sd must be >= 0 and difference not 0")
    plain = (_z(power, alpha) * sd / difference) ** 2
    return max(2, math.ceil(plain * _design_effect(icc, levels_per_cluster) - 1e-9))


def detectable_difference(
    sd: float,
    levels: int,
    power: float = 0.8,
    alpha: float = 0.05,
    *,
    icc: float = 0.0,
    levels_per_cluster: float = 1.0,
) -> float:
    """The smallest true difference, in score units, that `levels` levels find with probability `power`.

    The inverse of `levels_needed`. Raises ValueError where an argument is out of range.
    """
    _check(power, alpha, icc, levels_per_cluster)
    if sd < 0 or levels < 1:
        raise ValueError("sd must be >= 0 and levels >= 1")
    return _z(power, alpha) * sd * math.sqrt(_design_effect(icc, levels_per_cluster) / levels)


def _z(power: float, alpha: float) -> float:
    return float(special.ndtri(1 - alpha / 2) + special.ndtri(power))


def _design_effect(icc: float, levels_per_cluster: float) -> float:
    return 1 + (levels_per_cluster - 1) * icc


def _check(power: float, alpha: float, icc: float, levels_per_cluster: float) -> None:
    if not (0 < power < 1 and 0 < alpha < 1 and 0 <= icc <= 1 and levels_per_cluster >= 1):
        raise ValueError("power and alpha lie in (0, 1), icc in [0, 1], levels_per_cluster is at least 1")
