"""Rounding in Python's exact fractions."""

import math
from fractions import Fraction


def half_up(x: Fraction) -> int:
    """Return the nearest whole number, of two the larger."""
    return math.floor(x + Fraction(1, 2))


def half_away(x: Fraction) -> int:
    """Return the nearest whole number, of two the one farther from zero."""
    return half_up(x) if x >= 0 else -half_up(-x)
