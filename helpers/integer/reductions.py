"""Along some axes only one number stays: MEAN, SUM, REDUCE_MAX, REDUCE_MIN.

They follow reduce.h in kernels/internal/reference/ of TensorFlow Lite (QuantizedMeanOrSum).
"""

import math

import numpy as np

from helpers.integer import fixed_point
from helpers.integer.fixed_point import INT8, INT32_MAX
from helpers.integer.rounding import twice
from helpers.integer.step import Compute, Step, parameters
from helpers.numbers.quantization import round_half_away


def reduced_axes(step: Step) -> tuple[int, ...]:
    """Return the axes that an operator takes together, counted from the front."""
    rank = len(step.inputs[0].shape)
    return tuple(sorted({step.axis(rank, axis) for axis in np.ravel(step.constant(1))}))


def _checked(step: Step) -> tuple[tuple[int, ...], bool]:
    """Check types and shapes; return the axes, and whether they stay with the length 1."""
    step.expect("int8", "int32", "int8")
    axes, keep, shape = reduced_axes(step), bool(step.option("keep_dims")), step.inputs[0].shape
    together = math.prod(shape[axis] for axis in axes)
    if not 0 < 255 * together <= INT32_MAX:
        raise step.refuse(f"it takes {together:,} codes together, which is none, or too many for 32 bits")
    step.makes(tuple(1 if i in axes else n for i, n in enumerate(shape) if keep or i not in axes))
    return axes, keep


def mean_multiplier(multiplier: int, shift: int, count: int) -> tuple[int, int]:
    """Divide a fixed-point multiplier by a count, keeping as many bits as fit (TFLite's QuantizedMeanOrSum)."""
    bits = min(count.bit_length() - 1, 32, 31 + shift)
    return (multiplier << bits) // count, shift - bits


def mean(step: Step) -> Compute:
    """The mean is a sum whose multiplier has the division in it."""
    axes, keep = _checked(step)
    (scale, zero_point), (output_scale, output_zero_point) = parameters(step.inputs[0]), parameters(step.output)
    count = math.prod(step.inputs[0].shape[axis] for axis in axes)
    ratio = float(scale) / float(output_scale)
    multiplier, shift = mean_multiplier(*fixed_point.quantize_multiplier(ratio), count)
    rescale = step.rounding(ratio / count)

    def compute(codes: np.ndarray, _) -> np.ndarray:
        sums = codes.sum(axis=axes, keepdims=keep, dtype=np.int32) - np.int32(zero_point * count)
        means = fixed_point.requantize(sums, multiplier, shift) if step.rounding is twice else rescale(sums)
        return fixed_point.clip_codes(means, output_zero_point)

    return compute


def add_up(step: Step) -> Compute:
    """The sum of numbers, brought to the scale of the output in float32, for TFLite has no integer kernel for it.

    This follows the built-in kernels.  The reference kernel takes int8 codes for uint8 ones (LiteRT 2.3.0): it adds 256
    for each negative code and clips to 0 and 255, so that its sum of 50 and -50 is not 0.
    """
    axes, keep = _checked(step)
    (scale, zero_point), (output_scale, output_zero_point) = parameters(step.inputs[0]), parameters(step.output)
    count, ratio = math.prod(step.inputs[0].shape[axis] for axis in axes), scale / output_scale
    offset = np.float32(-zero_point) * ratio * np.float32(count)

    def compute(codes: np.ndarray, _) -> np.ndarray:
        sums = codes.sum(axis=axes, keepdims=keep, dtype=np.int32)
        steps = round_half_away(sums.astype(np.float32) * ratio + offset)
        return np.clip(steps + output_zero_point, *INT8).astype(np.int8)

    return compute


def largest(step: Step) -> Compute:
    """The largest code is that of the largest number: TFLite insists on one scale for both."""
    axes, keep = _checked(step)
    step.same_scale()
    return lambda codes, _: codes.max(axis=axes, keepdims=keep)


def smallest(step: Step) -> Compute:
    """The smallest code is that of the smallest number: TFLite insists on one scale for both."""
    axes, keep = _checked(step)
    step.same_scale()
    return lambda codes, _: codes.min(axis=axes, keepdims=keep)
