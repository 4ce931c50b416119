"""Numbers over several seeds as people write them: mean and spread, and differences with their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..words import fixed

MOST_DECIMALS = 6


def over_seeds(values: Sequence[float], digits: int = 3) -> str:
    """The mean and the standard deviation of some numbers, or the number where there is only one; - where there is none.

    Of numbers that are not finite, no account is taken; how many are left is said.
    """
    known = [value for value in values if math.isfinite(value)]
    left = _left(len(known), len(values))
    if not known:
        return "-"
    mean, spread = float(np.mean(known)), spread_of(known)
    if not math.isfinite(spread):
        return _number(mean, digits) + left
    size = max(abs(mean), spread) or 1.0
    decimals = digits - 1 - math.floor(math.log10(size))
    if spread > 0:  # one digit of the spread at least
        decimals = max(decimals, -math.floor(math.log10(spread)))
    return f"{fixed(mean, decimals, MOST_DECIMALS, ',')} ± {fixed(spread, decimals, MOST_DECIMALS, ',')}{left}"


def change_over_seeds(values: Sequence[float], base: Sequence[float], digits: int = 2) -> str:
    """How far numbers are from others of the same seeds: the mean of the differences ± half its 95% interval, by Student's t.

    A star follows where the interval leaves 0 out. Without at least two pairs, there is the mean alone; - where there is none.

    Args:
        values: one of each seed.
        base: those that they are compared with, of the same seeds in the same order.
        digits: of the mean or the interval, whichever is larger.
    """
    from scipy.special import stdtrit  # quantiles of Student's t, without all of scipy.stats

    differences = np.subtract(values, base, dtype=np.float64)
    differences = differences[np.isfinite(differences)]
    left = _left(len(differences), len(values))
    if not len(differences):
        return "-"
    mean, spread = float(differences.mean()), spread_of(differences.tolist())
    if not math.isfinite(spread):
        return _number(mean, digits, "+") + left
    half = float(stdtrit(len(differences) - 1, 0.975)) * spread / math.sqrt(len(differences))
    size = max(abs(mean), half) or 1.0
    decimals = digits - 1 - math.floor(math.log10(size))
    star = " *" if abs(mean) > half else ""
    return f"{fixed(mean, decimals, MOST_DECIMALS, '+,')} ± {fixed(half, decimals, MOST_DECIMALS, ',')}{star}{left}"


def _number(value: float, digits: int, sign: str = "") -> str:
    """So many digits, or as many as a whole number takes: never as a power of ten, where it is large."""
    return f"{value:{sign},.0f}" if abs(value) >= 10**digits - 0.5 else f"{value:{sign}.{digits}g}"


def _left(known: int, of: int) -> str:
    return f" ({known} of {of})" if known < of else ""


def spread_of(values: Sequence[float]) -> float:
    """The standard deviation over seeds, or NaN of a single one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
