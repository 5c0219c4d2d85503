"""Two tensors become one, number by number: ADD, SUB, MUL, MAXIMUM, MINIMUM; shapes are broadcast as NumPy does.

They follow add.h, sub.h, mul.h and maximum_minimum.h in kernels/internal/reference/ of TensorFlow Lite.  Networks that
take any number of pictures also calculate with shapes; those are plain int32 numbers.
"""

from collections.abc import Callable

import numpy as np

from helpers.integer import fixed_point
from helpers.integer.rounding import one_shift
from helpers.integer.step import Compute, Step, parameters

ADD_SHIFT = 20  # bits an addition makes room for: 255 << 20 still fits into 32 bits
WHOLE = ("int32", "int64")  # types of plain whole numbers, without a scale


def _two_of_a_kind(step: Step) -> bool:
    """Check types and shapes of an operator with two inputs; return whether they are whole numbers without a scale."""
    step.needs(2)
    dtype = step.inputs[0].dtype if step.inputs[0].dtype in WHOLE else "int8"
    step.expect(dtype, dtype)
    step.makes(step.broadcast())
    return dtype in WHOLE


def _on_whole_numbers(step: Step, function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Compute:
    """Return what applies a function of NumPy to whole numbers."""
    if step.option("fused_activation_function", "NONE") != "NONE":
        raise step.refuse("it has a fused activation for numbers without a scale")
    return function


def _below_one(step: Step, real: float) -> tuple[int, int]:
    """Return the multiplier of a number that TFLite insists on being below 1."""
    if real >= 1:
        raise step.refuse(
            f"the scale of its output is too small for its inputs (a multiplier of {real:.3g}, which "
            "should be below 1), and TFLite would end the whole process"
        )
    return fixed_point.quantize_multiplier(real)


def addition_ratios(step: Step) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """Return multiplier and shift of each input of an addition, to the common scale, and from there to the output."""
    scales = [float(parameters(tensor)[0]) for tensor in step.inputs[:2]]
    common = 2 * max(scales)
    ratios = [_below_one(step, scale / common) for scale in scales]
    return ratios, _below_one(step, common / (2**ADD_SHIFT * float(parameters(step.output)[0])))


def add(step: Step, subtract: bool = False) -> Compute:
    """Two numbers with different scales are brought to one common scale, with 20 bits to spare, before they are added.

    The common scale is twice the larger one, so that neither multiplier exceeds 1/2 and the sum fits into 32 bits.
    """
    if _two_of_a_kind(step):
        return _on_whole_numbers(step, np.subtract if subtract else np.add)
    pairs, (output_scale, output_zero_point) = [parameters(t) for t in step.inputs[:2]], parameters(step.output)
    ratios, (multiplier, shift) = addition_ratios(step)
    inputs = [(*ratio, zero_point) for ratio, (_, zero_point) in zip(ratios, pairs, strict=True)]
    limits = step.limits
    if step.rounding is one_shift:
        return _add_and_shift(pairs, output_scale, output_zero_point, limits, subtract)

    def compute(*codes: np.ndarray) -> np.ndarray:
        a, b = (
            fixed_point.requantize((q.astype(np.int32) - np.int32(z)) << ADD_SHIFT, m, s)
            for q, (m, s, z) in zip(codes, inputs, strict=True)
        )
        return fixed_point.to_codes(a - b if subtract else a + b, multiplier, shift, output_zero_point, limits)

    return compute


def subtract(step: Step) -> Compute:
    """An addition of the second number's opposite."""
    return add(step, subtract=True)


def _add_and_shift(
    pairs: list, output_scale: np.float32, zero_point: int, limits: tuple[int, int], subtract: bool
) -> Compute:
    """The same as XNNPACK does it: both inputs in units of the output's last bits, added up, rounded once."""
    multipliers, shift = one_shift([scale / output_scale for scale, _ in pairs])
    signs, half = (1, -1 if subtract else 1), 1 << (shift - 1)

    def compute(*codes: np.ndarray) -> np.ndarray:
        a, b = (
            (q.astype(np.int32) - np.int32(z)) * (m * sign)
            for q, (_, z), m, sign in zip(codes, pairs, multipliers, signs, strict=True)
        )
        return fixed_point.clip_codes((a + b + half) >> shift, zero_point, limits)

    return compute


def multiply(step: Step) -> Compute:
    """A product of codes has the product of the scales."""
    if _two_of_a_kind(step):
        return _on_whole_numbers(step, np.multiply)
    (scale_a, zero_a), (scale_b, zero_b) = (parameters(t) for t in step.inputs[:2])
    output_scale, zero_point = parameters(step.output)
    rescale, limits = step.rounding(scale_a * scale_b / output_scale), step.limits  # in float32, as TFLite does

    def compute(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        products = (a.astype(np.int32) - np.int32(zero_a)) * (b.astype(np.int32) - np.int32(zero_b))
        return fixed_point.clip_codes(rescale(products), zero_point, limits)

    return compute


def maximum(step: Step) -> Compute:
    """The larger of two codes is the code of the larger number, if both have one scale."""
    if not _two_of_a_kind(step):
        step.same_scale()
    return np.maximum


def minimum(step: Step) -> Compute:
    """The smaller of two codes is the code of the smaller number, if both have one scale."""
    if not _two_of_a_kind(step):
        step.same_scale()
    return np.minimum
