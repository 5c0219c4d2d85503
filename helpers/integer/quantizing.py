"""From real numbers to codes and back, and from one kind of code to another: QUANTIZE and DEQUANTIZE.

They follow quantize.h, dequantize.h and requantize.h in kernels/internal/reference/ of TensorFlow Lite.
"""

import numpy as np

from helpers.integer.step import CODES, Compute, Step, parameters
from helpers.numbers.quantization import round_half_away

ANY_CODE = " or ".join(CODES)


def quantize(step: Step) -> Compute:
    """From real numbers to codes at the entrance of the network, or from one scale or type to another inside it."""
    step.expect(f"float32 or {ANY_CODE}", ANY_CODE)
    step.makes(step.inputs[0].shape)
    scale, zero_point = parameters(step.output)
    dtype, limits = step.output.dtype, CODES[step.output.dtype]
    if step.inputs[0].dtype == "float32":
        return lambda x: np.clip(round_half_away(x / scale) + zero_point, *limits).astype(dtype)
    input_scale, input_zero_point = parameters(step.inputs[0])
    rescale = step.rounding(float(input_scale) / float(scale))

    def compute(codes: np.ndarray) -> np.ndarray:
        centred = codes.astype(np.int32) - np.int32(input_zero_point)
        return np.clip(rescale(centred) + np.int32(zero_point), *limits).astype(dtype)

    return compute


def dequantize(step: Step) -> Compute:
    """(code - zero point) * scale, at the exit of the network; a float16 number is a float32 number already."""
    step.expect(f"float16 or {ANY_CODE}", "float32")
    step.makes(step.inputs[0].shape)
    if step.inputs[0].dtype == "float16":
        return lambda numbers: numbers.astype(np.float32)
    scale, zero_point = parameters(step.inputs[0])
    return lambda codes: (codes.astype(np.int32) - zero_point).astype(np.float32) * scale
