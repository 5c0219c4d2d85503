"""Ways to round: kernels agree on the sums and differ in how they multiply them by a real number.

Each function takes the numbers, one or one for each channel, and returns what multiplies int32 sums by them and rounds
to int32.
"""

from collections.abc import Callable

import numpy as np

from helpers.integer import fixed_point
from helpers.numbers.quantization import round_half_away
from helpers.tflite.inspect import WEIGHED

Rescale = Callable[[np.ndarray], np.ndarray]


def twice(real: np.ndarray) -> Rescale:
    """Fixed point, rounded twice, as gemmlowp does it: see `requantize`."""
    multiplier, shift = multipliers(real)
    return lambda sums: fixed_point.requantize(sums, multiplier, shift)


def twice_half_up(real: np.ndarray) -> Rescale:
    """Fixed point, rounded twice, with halves up both times: another result where a negative number falls on a half."""
    multiplier, shift = multipliers(real)
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    half = (np.int64(1) << right) >> 1

    def rescale(sums: np.ndarray) -> np.ndarray:
        high = fixed_point.saturating_rounding_doubling_high_mul(sums << left, multiplier)
        return ((high + half) >> right).astype(np.int32)

    return rescale


def once_in_float64(real: np.ndarray) -> Rescale:
    """A multiplication in float64, rounded once, halves away from zero: no integer arithmetic at all."""
    return lambda sums: round_half_away(sums * np.asarray(real, np.float64)).astype(np.int32)


def once_in_float32(real: np.ndarray) -> Rescale:
    """A multiplication in float32, rounded once, halves to even."""
    factor = np.asarray(real, np.float32)
    limit = np.float32(2.0**31 - 128)  # the largest float32 below 2^31
    return lambda sums: np.clip(np.rint(sums.astype(np.float32) * factor), -limit, limit).astype(np.int32)


def once_with_eight_bits(real: np.ndarray) -> Rescale:
    """A multiplier with only eight bits after the point, rounded once, halves up: XNNPACK's way between two scales."""
    multiplier = np.rint(np.float32(256) * np.asarray(real, np.float32)).astype(np.int32)
    return lambda sums: (sums * multiplier + 128) >> 8


def one_shift(ratios: np.ndarray) -> tuple[np.ndarray, int]:
    """Write some numbers as integers of at most 21 bits that share one power of two: multipliers, shift.

    This is for XNNPACK's addition: with a shift in common, products can be added up first and rounded once, halves up.
    """
    ratios = np.asarray(ratios, np.float32)
    shift = 20 - int(np.floor(np.log2(ratios.max())))
    return np.rint(ratios * np.float32(2.0**shift)).astype(np.int32), shift


def multipliers(real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the multipliers and the shifts of one or more real numbers, int32 each."""
    pairs = np.array([fixed_point.quantize_multiplier(float(number)) for number in np.atleast_1d(real)], np.int32)
    return pairs[:, 0], pairs[:, 1]


MICRO = "TensorFlow Lite Micro"

# Of a transposed convolution, the built-in kernel rounds so where the filters fill groups of eight, the rest `twice`.
PRODUCTS = (*WEIGHED, "TRANSPOSE_CONV")

ROUNDINGS = {  # kernels: {operator: how it rounds}, where that is not `twice`
    "reference": {"FULLY_CONNECTED": once_in_float64},
    "built-in": dict.fromkeys((*PRODUCTS, "QUANTIZE"), twice_half_up),
    "XNNPACK": dict.fromkeys((*PRODUCTS, "MEAN", "MUL"), once_in_float32)
    | {"ADD": one_shift, "SUB": one_shift, "QUANTIZE": once_with_eight_bits},
    MICRO: {},
}
