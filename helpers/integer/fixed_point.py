"""Multiplying integers by a real number without floating point, as gemmlowp does it.

A real number becomes a 31-bit integer and a power of two: Jacob et al. 2018 (arXiv:1712.05877), section 2.2; how
products are rounded is gemmlowp's fixedpoint.h (https://github.com/google/gemmlowp).
"""

import math

import numpy as np

from helpers.numbers.quantization import round_half_away

INT8 = (-128, 127)
INT32_MAX = 2**31 - 1


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Write a positive real number as a 31-bit integer and a power of two: real ≈ multiplier / 2^31 * 2^shift.

    The multiplier lies in [2^30, 2^31), so it keeps 31 significant bits (arXiv:1712.05877, section 2.2; TFLite's
    QuantizeMultiplier).  Numbers below 2^-32 become zero, because all their bits would be shifted out.

    Raises:
        ValueError: the number is negative, infinite or not a number.
    """
    if not 0 <= real < math.inf:
        raise ValueError(f"A multiplier is a ratio of scales, finite and not negative; found {real}.")
    fraction, shift = math.frexp(real)  # real = fraction * 2^shift, with fraction in [0.5, 1)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:  # rounded up to 1.0, which is 0.5 * 2
        multiplier, shift = 2**30, shift + 1
    return (multiplier, shift) if multiplier and shift >= -31 else (0, 0)


def saturating_rounding_doubling_high_mul(a: np.ndarray, b: np.ndarray | int) -> np.ndarray:
    """Multiply two fixed-point numbers in [-1, 1), stored as integers of 31 bits and a sign: a * b / 2^31.

    Halves are rounded up (-0.5 to 0).  -1 times -1 would be 1, which has no code, and becomes the largest code there
    is.  ARM processors do this in one instruction, SQRDMULH; its long name is gemmlowp's.

    Args:
        a, b: int32, shapes that broadcast.

    Returns:
        int32.
    """
    product = np.asarray(np.multiply(a, b, dtype=np.int64))  # an array even of a single number
    product += 1 << 30  # half of what is shifted out
    product >>= 31
    return np.minimum(product, INT32_MAX, out=product).astype(np.int32)


def rounding_divide_by_pot(x: np.ndarray, exponent: np.ndarray | int) -> np.ndarray:
    """Divide by a power of two: x / 2^exponent, rounded to the nearest integer, halves away from zero (gemmlowp).

    Args:
        x: int32.
        exponent: 0 to 31, one number or a shape that broadcasts.

    Returns:
        int32.
    """
    mask = ((np.int64(1) << np.asarray(exponent, np.int64)) - 1).astype(np.int32)
    remainder, threshold = x & mask, (mask >> 1) + (x < 0)
    return (x >> np.asarray(exponent, np.int32)) + (remainder > threshold)


def saturating_multiply_by_pot(x: np.ndarray, exponent: int) -> np.ndarray:
    """Multiply int32 numbers by 2^exponent and keep what is too large at the ends of the range (gemmlowp)."""
    return np.clip(x.astype(np.int64) << exponent, -INT32_MAX - 1, INT32_MAX).astype(np.int32)


def requantize(sums: np.ndarray, multiplier: np.ndarray | int, shift: np.ndarray | int) -> np.ndarray:
    """Multiply sums by a real number in fixed point: sums * multiplier / 2^31 * 2^shift.

    TFLite's MultiplyByQuantizedMultiplier as it is built by default, which rounds **twice**: after the product, halves
    up, and after the shift to the right, halves away from zero.  Where the first rounding makes a half of what was
    less, the second one rounds it up: a few results in ten thousand are therefore not the nearest code.
    `rounding.ROUNDINGS` says which kernels do otherwise.

    Args:
        sums: int32 [..., channels].
        multiplier, shift: from `quantize_multiplier`, one for all or one for each channel.

    Returns:
        int32.
    """
    shift = np.asarray(shift, np.int32)
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    if left.any():  # only for real numbers of 1 and more
        sums = sums << left
    return rounding_divide_by_pot(saturating_rounding_doubling_high_mul(sums, multiplier), right)


def to_codes(
    sums: np.ndarray,
    multiplier: np.ndarray | int,
    shift: np.ndarray | int,
    zero_point: int,
    limits: tuple[int, int] = INT8,
) -> np.ndarray:
    """Bring 32-bit sums to the scale of the output, add its zero point, clip: int8.

    Args:
        sums, multiplier, shift: see `requantize`.
        zero_point: of the output.
        limits: smallest and largest code, from `activation_range`.
    """
    return clip_codes(requantize(sums, multiplier, shift), zero_point, limits)


def clip_codes(rescaled: np.ndarray, zero_point: int, limits: tuple[int, int] = INT8) -> np.ndarray:
    """Add the zero point to int32 numbers in the scale of the output, and clip: int8."""
    codes = np.asarray(rescaled + np.int32(zero_point))
    return np.clip(codes, *limits, out=codes).astype(np.int8)


ACTIVATIONS = {  # fused activation: the smallest and the largest number that it lets through
    "NONE": (-math.inf, math.inf),
    "RELU": (0.0, math.inf),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU_0_TO_1": (0.0, 1.0),  # an operator of its own only, see `activations.py`
}


def activation_range(activation: str, scale: float, zero_point: int) -> tuple[int, int]:
    """Return the smallest and the largest code that a fused activation lets through.

    ReLU costs nothing in integers: it is a clip that is needed anyway.

    Args:
        activation: one of `ACTIVATIONS`.
        scale, zero_point: of the output.

    Raises:
        NotImplementedError: another activation.
    """
    if activation not in ACTIVATIONS:
        raise NotImplementedError(f"The fused activation {activation} is not among {', '.join(ACTIVATIONS)}.")

    def code(value: float) -> int:
        return int(np.clip(zero_point + round_half_away(np.float32(value) / np.float32(scale)), *INT8))

    low, high = ACTIVATIONS[activation]
    return code(low), code(high)
