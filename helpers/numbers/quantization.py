"""The arithmetic of quantization: from numbers to a few integer codes, back again, and what is lost on the way.

A code q stands for the number r = scale * (q - zero_point): Jacob et al., *Quantization and Training of Neural Networks
for Efficient Integer-Arithmetic-Only Inference*, arXiv 1712.05877, equation 1.  The conventions for int8 are those of
the LiteRT 8-bit quantization specification: weights are symmetric, with codes from -127 to 127 and zero point 0;
activations are asymmetric, with codes from -128 to 127.
"""

import numpy as np

MOST_BITS = 16  # of a code; the arithmetic below is exact for them
SHRINK = 2.0 ** -np.arange(0, 10, 0.125)  # shares of the full range that a search for the best one tries


def code_range(bits: int = 8, narrow: bool = False) -> tuple[int, int]:
    """Return the smallest and the largest signed code.

    Args:
        bits: of one code, 2 to 16.
        narrow: leave out the smallest code, so that the range is symmetric: -127 to 127 instead of -128 to 127.

    Raises:
        ValueError: that is no number of bits a code can have here.
    """
    if not 2 <= bits <= MOST_BITS or bits != int(bits):
        raise ValueError(f"Expected a whole number of bits from 2 to {MOST_BITS}; found {bits}.")
    largest = 2 ** (int(bits) - 1) - 1
    return -largest - (not narrow), largest


# --- choosing scale and zero point --------------------------------------------------------------------------------


def affine_parameters(low: float, high: float, bits: int = 8) -> tuple[np.float32, int]:
    """Return scale and zero point that spread the codes evenly over the range from `low` to `high`.

    Between 2^bits levels lie 2^bits - 1 steps: 255 for eight bits, not 256.  The range is widened to contain zero, and
    moved by half a step at most, so that zero falls on a code exactly.  TensorFlow's converter does the same for
    activations (GetAsymmetricQuantizationParams in its quantization_utils.cc), but in float32: where zero lies halfway
    between two codes it may take the other one.

    Args:
        low, high: the smallest and the largest value, low <= high.
        bits: of one code.

    Returns:
        scale as float32, the width of one step, and zero point, the code of 0.0.  A range with nothing but zero in it
        has scale 1 (the converter widens it to a millionth on either side).

    Raises:
        ValueError: an end of the range is NaN or infinite, they are the wrong way round, or they lie so far apart
            (or so close together) that float32 cannot hold the scale.
    """
    low, high = float(low), float(high)
    if not low <= high or np.isinf([low, high]).any():
        raise ValueError(f"Expected two finite numbers, low <= high; found {low} and {high}.")
    smallest, largest = code_range(bits)
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        return np.float32(1), smallest
    step = (high - low) / (largest - smallest)
    scale = _float32(step)
    from_low, from_high = smallest - low / step, largest - high / step  # equal but for what float64 rounds off
    zero_point = from_low if -smallest - low / step < largest + high / step else from_high
    return scale, int(np.clip(round_half_away(zero_point), smallest, largest))


def symmetric_parameters(values: np.ndarray, bits: int = 8, axis: int | None = None) -> tuple[np.ndarray, int]:
    """Return scale and zero point for values spread around zero: what TensorFlow's converter does for weights.

    Only the value farthest from zero decides: it gets the largest code, and its mirror image the smallest.

    Args:
        values: any shape, at least one value.
        bits: of one code; the range of codes is the narrow one, -127 to 127 for eight bits.
        axis: None for one scale for all values (per tensor); else one scale for each index along this axis (per
            channel).

    Returns:
        scale as float32, a number or [channels], and the zero point 0.  Values that are all zero have scale 1.

    Raises:
        ValueError: there are no values, one is NaN or infinite, or float32 cannot hold the scale.
    """
    farthest = reach(values, axis)
    scale = np.where(farthest > 0, farthest / code_range(bits, narrow=True)[1], 1.0)
    return _float32(scale), 0


def value_range(values: np.ndarray, axis: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and the largest value as float64: of all values, or for each index along an axis.

    Raises:
        ValueError: there are no values, or one is NaN or infinite.
    """
    values = np.asarray(values)
    if values.size == 0:
        raise ValueError("Expected at least one value to find a range for; found none.")
    if not np.isfinite(values).all():
        wrong = int(values.size - np.isfinite(values).sum())
        raise ValueError(
            f"Expected finite values; found {wrong} of {values.size} that are NaN or infinite: look where they arise."
        )
    others = other_axes(values, axis)
    return values.min(others).astype(np.float64), values.max(others).astype(np.float64)


def other_axes(values: np.ndarray, axis: int | None) -> tuple[int, ...] | None:
    """Return the axes over which something is found for each index along an axis; None, all of them, without one."""
    return None if axis is None else tuple(i for i in range(values.ndim) if i != axis % values.ndim)


def reach(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Return how far from zero values lie at most, as float64: all of them, or those for each index along an axis.

    Raises:
        ValueError: see `value_range`.
    """
    low, high = value_range(values, axis)
    return np.maximum(-low, high)


def best_range(values: np.ndarray, bits: int = 8, counts: np.ndarray | None = None) -> tuple[float, float]:
    """Return the range for which quantizing some numbers leaves the smallest mean squared error.

    A narrow range has small steps, and clips what lies outside; a wide one clips nothing, and has large steps.  The
    search begins with the smallest and the largest value (and zero, which a range contains), and moves one end after
    the other, as often as that helps, to the best of `SHRINK`.  The parameters are those of `affine_parameters`.

    Args:
        values: any shape, at least one; a few thousand are enough, because every one is quantized hundreds of times.
        bits: of one code.
        counts: how often each value was seen, in the shape of the values; if left out, once.

    Returns:
        low, high.

    Raises:
        ValueError: there are no values, or one is NaN or infinite.
    """
    widest = [min(0.0, float(value_range(values)[0])), max(0.0, float(value_range(values)[1]))]
    values = np.ravel(values).astype(np.float32)

    def error(low: float, high: float) -> float:
        parameters = affine_parameters(low, high, bits)
        errors = dequantize(quantize(values, *parameters, bits), *parameters).astype(np.float64) - values
        return float(np.average(errors**2, weights=None if counts is None else np.ravel(counts)))

    best, least = tuple(widest), error(*widest)
    before = np.inf
    while least < before:
        before = least
        for end in (0, 1):
            for value in widest[end] * SHRINK if widest[end] else ():
                candidate = (float(value), best[1]) if end == 0 else (best[0], float(value))
                if (candidate_error := error(*candidate)) < least:
                    best, least = candidate, candidate_error
    return best


def _float32(scale: float | np.ndarray) -> np.ndarray:
    """Return a scale as float32, the type in which a file stores it.

    Raises:
        ValueError: it is too large or too small for that.
    """
    with np.errstate(over="ignore", under="ignore"):
        rounded = np.float32(scale)
    if not np.all((rounded >= np.finfo(np.float32).tiny) & np.isfinite(rounded)):
        raise ValueError(
            f"Expected values whose scale fits into float32, 1.2e-38 to 3.4e38; found a scale of {np.min(scale):.3g} "
            f"to {np.max(scale):.3g}: bring the values to a sensible size first."
        )
    return rounded


# --- there and back -----------------------------------------------------------------------------------------------


def quantize(
    values: np.ndarray,
    scale: np.ndarray,
    zero_point: np.ndarray = 0,
    bits: int = 8,
    narrow: bool = False,
    axis: int | None = None,
) -> np.ndarray:
    """Turn numbers into codes: divide by the scale, round, add the zero point, clip.

    A number halfway between two codes goes to the one farther from zero, as in TFLite's QUANTIZE operator.

    Args:
        values: any shape; float32 is divided in float32, as TFLite does.
        scale, zero_point: one number each, or one for each index along `axis`.
        bits, narrow: see `code_range`; values outside the range get the nearest code there is.
        axis: of the channels, if there is more than one scale.

    Returns:
        codes in the shape of `values`: int8 for up to 8 bits, int16 above.

    Raises:
        ValueError: a value is NaN (an infinite one stops at the end of the range), or a scale is not above zero.
    """
    values = np.asarray(values)
    values = values if values.dtype == np.float32 else values.astype(np.float64)
    scale, zero_point = along(scale, values, axis), along(zero_point, values, axis)
    if np.isnan(values).any():
        raise ValueError(f"NaN has no code; found {int(np.isnan(values).sum())} of {values.size} values.")
    if not np.all(scale > 0):
        raise ValueError(f"A scale is the width of a step and above zero; found {np.min(scale)}.")
    smallest, largest = code_range(bits, narrow)
    with np.errstate(over="ignore"):  # a value far outside becomes infinite here, and the last code below
        steps = round_half_away(values / scale.astype(values.dtype))
    return np.clip(steps + zero_point, smallest, largest).astype(np.int8 if bits <= 8 else np.int16)


def dequantize(codes: np.ndarray, scale: np.ndarray, zero_point: np.ndarray = 0, axis: int | None = None) -> np.ndarray:
    """Turn codes back into numbers: scale * (code - zero_point), as float32.

    Args:
        codes: integers, any shape.
        scale, zero_point: one number each, or one for each index along `axis`.
        axis: of the channels, if there is more than one scale.
    """
    codes = np.asarray(codes)
    scale, zero_point = along(scale, codes, axis), along(zero_point, codes, axis)
    return scale.astype(np.float32) * (codes.astype(np.int64) - zero_point.astype(np.int64)).astype(np.float32)


def fake_quantize(
    values: np.ndarray, bits: int = 8, axis: int | None = None, scale: np.ndarray | None = None
) -> np.ndarray:
    """Return what is left of weights after symmetric quantization and back, as float32.

    Args:
        values: any shape.
        bits: of one code.
        axis: None for one scale (per tensor), else the axis of the channels.
        scale: if it is not that of `symmetric_parameters`.
    """
    scale = symmetric_parameters(values, bits, axis)[0] if scale is None else scale
    return dequantize(quantize(values, scale, 0, bits, narrow=True, axis=axis), scale, 0, axis)


def along(parameter: np.ndarray, values: np.ndarray, axis: int | None) -> np.ndarray:
    """Bring a scale or a zero point into a shape that lies along the axis of the channels.

    Raises:
        ValueError: there is more than one, but no axis that they fit.
    """
    parameter = np.asarray(parameter)
    if parameter.size == 1:
        return parameter.reshape(())
    if axis is None or parameter.shape != (values.shape[axis],):
        channels = "no axis" if axis is None else f"{values.shape[axis]} channels along axis {axis}"
        raise ValueError(f"Expected one scale and zero point for each channel; found {parameter.size} for {channels}.")
    shape = [1] * values.ndim
    shape[axis] = -1
    return parameter.reshape(shape)


def round_half_away(values: float | np.ndarray) -> np.ndarray:
    """Round to the nearest whole number, halves away from zero, as float64: C's `round`, where NumPy's goes to even.

    The fraction is compared, not moved by a half: the number just below 0.5 plus 0.5 would be rounded up to 1.
    """
    values = np.asarray(values, np.float64)
    whole = np.trunc(values)
    with np.errstate(invalid="ignore"):  # an infinite number has no fraction and stays infinite
        return whole + np.sign(values) * (np.abs(values - whole) >= 0.5)


# --- the lecture's mapping --------------------------------------------------------------------------------------------


def compress(values: np.ndarray, low: float, high: float, bits: int = 8) -> np.ndarray:
    """Turn numbers from `low` to `high` into unsigned codes, 0 for `low` and 2^bits - 1 for `high`.

    This is the lecture's way to store weights.  The ends come back exactly; zero need not, because it may lie between
    two codes.

    Args:
        values: any shape; what lies outside gets the code of the nearer end.
        low, high: the range, low < high.
        bits: of one code, 2 to 16.

    Returns:
        codes in the shape of `values`: uint8 for up to 8 bits, uint16 above.

    Raises:
        ValueError: the range is empty, infinite or the wrong way round, or a value is NaN.
    """
    steps = _unsigned_steps(low, high, bits)
    values = np.asarray(values, np.float64)
    if np.isnan(values).any():
        raise ValueError(f"NaN has no code; found {int(np.isnan(values).sum())} of {values.size} values.")
    places = (np.clip(values, low, high) - low) / (high - low)
    return round_half_away(places * steps).astype(np.uint8 if bits <= 8 else np.uint16)


def decompress(codes: np.ndarray, low: float, high: float, bits: int = 8) -> np.ndarray:
    """Turn the codes of `compress` back into numbers, as float64: code / (2^bits - 1) * (high - low) + low.

    Raises:
        ValueError: the range is empty, infinite or the wrong way round.
    """
    return np.asarray(codes) / _unsigned_steps(low, high, bits) * (high - low) + low


def _unsigned_steps(low: float, high: float, bits: int) -> int:
    """Return the number of steps between the smallest and the largest code, once the range has been looked at."""
    if not (low < high and np.isfinite([low, high]).all()):
        raise ValueError(f"Expected two finite numbers, low < high; found {low} and {high}.")
    smallest, largest = code_range(bits)
    return largest - smallest
