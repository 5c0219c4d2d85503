"""Words that figures derive from their numbers: how many, from where to where, and which way a curve runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from helpers.base.console import counted as counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from helpers.measure.accuracy import Score

LEVEL = 0.05  # a paired test with a smaller p-value has found a difference


def few(names: Sequence[str]) -> str:
    """Return some names, the third and those after it only counted: 'a', 'a and b', 'a and 2 others'."""
    return " and ".join(names) if len(names) < 3 else f"{names[0]} and {len(names) - 1} others"


def spread(values: Iterable[float], show: Callable[[float], str] = "{:.1f}".format) -> str:
    """Return the smallest and the largest of some numbers, '1.5 to 2.0', or one where both read the same.

    Args:
        values: at least one number.
        show: writes one number.
    """
    values = list(values)
    return " to ".join(dict.fromkeys((show(min(values)), show(max(values)))))


def points(lost: float, digits: int = 1) -> str:
    """Return percentage points of accuracy as a loss or a gain: '1.5 points lost', '0.5 points gained', '1 point lost'.

    Args:
        lost: percentage points; a negative number is a gain.
        digits: after the decimal point.
    """
    number = f"{abs(lost):.{digits}f}"
    gained = lost < 0 and float(number) > 0
    return f"{number} point{'s' * (number != '1')} {'gained' if gained else 'lost'}"


def trend(values: Sequence[float]) -> str:
    """Return which way a curve runs: 'falls', 'rises', 'stays the same', 'goes up and down'; or what prevents a word.

    A curve falls if it starts in the upper quarter of all that it runs through and ends in the lower one: small steps
    back on the way do not count, a second half that undoes the first does.

    Args:
        values: along the curve, at least two.
    """
    values = np.asarray(values, float)
    if not np.isfinite(values).all():
        return "is not always a number"
    low, high = values.min(), values.max()
    if low == high:
        return "stays the same"
    start, end = (values[[0, -1]] - low) / (high - low)
    if start >= 0.75 and end <= 0.25:
        return "falls"
    return "rises" if start <= 0.25 and end >= 0.75 else "goes up and down"


def less_accurate(score: Score, other: Score) -> bool:
    """Return whether a paired test on the same pictures finds that one model is right less often than another.

    Args:
        score, other: of the same pictures in the same order; if one has seen fewer, only these count.
    """
    from helpers.measure import accuracy  # it loads SciPy, which takes a second

    comparison = accuracy.mcnemar(score.correct, other.correct)
    return comparison.only_first < comparison.only_second and comparison.p_value < LEVEL
