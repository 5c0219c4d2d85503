"""Softmax in fixed point: exp as a polynomial and seven constants, 1 / x by Newton and Raphson."""

import math

import numpy as np

from helpers.integer import fixed_point
from helpers.integer.fixed_point import INT8, INT32_MAX

EXP_BITS = 5  # the exponent's whole part: differences down to -32, where exp is nothing
SUM_BITS = 12  # the sum's whole part: room for 4,096 classes


def exp_on_negative_values(x: np.ndarray) -> np.ndarray:
    """Return exp(x) for x <= 0 in fixed point: a polynomial within a quarter, then a factor for each bit of the rest.

    gemmlowp's function of this name: the Taylor series around -1/8 is good on [-1/4, 0), and
    exp(-(1/4 + 1/2 + 1 + ...)) is a product of seven constants of which each bit of x takes one or leaves it.

    Args:
        x: int32 with 26 bits after the point.

    Returns:
        int32 with 31 bits after the point.
    """
    quarter = 1 << 24
    within = (x & (quarter - 1)) - quarter  # in [-1/4, 0)
    result = _exp_between_minus_a_quarter_and_0(fixed_point.saturating_multiply_by_pot(within, EXP_BITS))
    rest = within - x  # a multiple of 1/4
    for power in range(-2, EXP_BITS):
        factor = round(math.exp(-(2.0**power)) * 2**31)
        smaller = fixed_point.saturating_rounding_doubling_high_mul(result, factor)
        result = np.where(rest & (1 << (26 + power)), smaller, result)
    return np.where(x == 0, INT32_MAX, result).astype(np.int32)


def _exp_between_minus_a_quarter_and_0(x: np.ndarray) -> np.ndarray:
    """Return exp(x) for x in [-1/4, 0), both with 31 bits after the point, by the Taylor series around -1/8."""
    times = fixed_point.saturating_rounding_doubling_high_mul
    at_the_centre, third = round(math.exp(-1 / 8) * 2**31), round(2**31 / 3)
    d = x + np.int32(1 << 28)  # x = -1/8 + d
    d2 = times(d, d)
    d3, d4 = times(d2, d), times(d2, d2)
    # d^2/2 + d^3/6 + d^4/24 = ((d^4/4 + d^3) / 3 + d^2) / 2
    terms = fixed_point.rounding_divide_by_pot(times(fixed_point.rounding_divide_by_pot(d4, 2) + d3, third) + d2, 1)
    return times(d + terms, at_the_centre) + np.int32(at_the_centre)


def reciprocal(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return 1 / x for positive numbers in fixed point, by three steps of Newton and Raphson (TFLite's GetReciprocal).

    x is first shifted to lie in [1, 2): the result is the reciprocal of that, and by how many bits it was shifted.

    Args:
        x: int32 with 19 bits after the point, positive.

    Returns:
        int32 with 31 bits after the point, in (1/2, 1], and int32: x = shifted x * 2^bits.
    """
    times = fixed_point.saturating_rounding_doubling_high_mul
    headroom = 32 - np.frexp(x.astype(np.float64))[1]  # leading zero bits of a 32-bit word
    shifted_less_one = ((x.astype(np.int64) << headroom) - 2**31).astype(np.int32)
    half = ((shifted_less_one.astype(np.int64) + INT32_MAX + 1) // 2).astype(np.int32)  # shifted x / 2, in [1/2, 1)
    estimate = np.int32(round(48 / 17 * 2**29)) + times(half, round(-32 / 17 * 2**29))  # 29 bits after the point
    for _ in range(3):
        missing = np.int32(1 << 29) - times(half, estimate)  # 1 - half * estimate
        estimate = estimate + fixed_point.saturating_multiply_by_pot(times(estimate, missing), 2)
    return fixed_point.saturating_multiply_by_pot(estimate, 1), SUM_BITS - headroom


def softmax(codes: np.ndarray, multiplier: int, shift: int, smallest: int) -> np.ndarray:
    """Return probabilities as codes (scale 1/256, zero point -128) of the last axis, as TFLite's reference kernel does.

    The largest code of a row is subtracted first, so exp never exceeds 1.

    Args:
        codes: int8 [..., classes].
        multiplier, shift: of beta * input scale * 2^26, which turns a difference of codes into fixed point.
        smallest: differences below this one count as probability 0.
    """
    differences = codes.astype(np.int32) - codes.max(axis=-1, keepdims=True)
    counts = differences >= smallest
    exponents = fixed_point.requantize(np.where(counts, differences, 0), multiplier, shift)
    powers = np.where(counts, exp_on_negative_values(exponents), 0).astype(np.int32)
    total = np.where(counts, fixed_point.rounding_divide_by_pot(powers, SUM_BITS), 0).sum(
        axis=-1, keepdims=True, dtype=np.int32
    )
    inverse, bits = reciprocal(total)
    shares = fixed_point.rounding_divide_by_pot(
        fixed_point.saturating_rounding_doubling_high_mul(powers, inverse), bits + 31 - 8
    )
    return np.clip(np.where(counts, shares, 0) - 128, *INT8).astype(np.int8)
