"""Activations: functions of one code, which are tables of 256 codes; PRELU, whose slope is a tensor; softmax.

They follow activations.cc of TensorFlow Lite and the headers leaky_relu.h, prelu.h, hard_swish.h and softmax.h in
kernels/internal/reference/.  TensorFlow Lite keeps a table for LOGISTIC and TANH only; a table for the others gives the
same codes, because one code goes in and one comes out.
"""

import math
from collections.abc import Callable

import numpy as np

from helpers.integer import fixed_point, softmax
from helpers.integer.fixed_point import INT8, quantize_multiplier
from helpers.integer.softmax import EXP_BITS
from helpers.integer.step import Compute, Step, parameters
from helpers.numbers.quantization import round_half_away

EVERY_CODE = np.arange(256, dtype=np.uint8).view(np.int8)  # 0 to 127, then -128 to -1: as their bits count
INT16 = (-32768, 32767)


def by_table(function: Callable[[np.ndarray], np.ndarray]) -> Compute:
    """Return what looks up each code in a table of what the function makes of all 256 codes.

    Args:
        function: of int8 [256]; returns int8 [256].
    """
    table = function(EVERY_CODE)
    return lambda codes, *_: table[codes.view(np.uint8)]


def rescaled(step: Step, limits: tuple[int, int] = INT8) -> Compute:
    """Return what brings codes from the scale of the input to that of the output, and clips them."""
    (scale, zero_point), (output_scale, output_zero_point) = parameters(step.inputs[0]), parameters(step.output)
    multiplier = quantize_multiplier(float(scale / output_scale))  # divided in float32, as TFLite does

    def code(codes: np.ndarray) -> np.ndarray:
        centred = codes.astype(np.int32) - np.int32(zero_point)
        return fixed_point.to_codes(centred, *multiplier, output_zero_point, limits)

    return by_table(code)


def relu(step: Step) -> Compute:
    """An activation that is an operator of its own (RELU, RELU6, RELU_N1_TO_1, RELU_0_TO_1): rescale, then clip."""
    step.expect("int8", "int8")
    step.makes(step.inputs[0].shape)
    return rescaled(step, fixed_point.activation_range(step.operator.name, *parameters(step.output)))


def leaky_relu(step: Step) -> Compute:
    """Numbers below zero are multiplied by a small slope: a multiplier for them, and one for the others."""
    step.expect("int8", "int8")
    step.makes(step.inputs[0].shape)
    (scale, zero_point), (output_scale, output_zero_point) = parameters(step.inputs[0]), parameters(step.output)
    slope = np.float32(step.option("alpha"))
    if not slope >= 0:
        raise step.refuse(f"its slope below zero is {slope}, and it knows slopes from 0 on")
    above = quantize_multiplier(float(scale / output_scale))
    below = quantize_multiplier(float(scale * slope / output_scale))

    def code(codes: np.ndarray) -> np.ndarray:
        centred = codes.astype(np.int32) - np.int32(zero_point)
        numbers = [fixed_point.requantize(centred, *multiplier) for multiplier in (above, below)]
        return fixed_point.clip_codes(np.where(centred >= 0, *numbers), output_zero_point)

    return by_table(code)


def prelu(step: Step) -> Compute:
    """Numbers below zero are multiplied by a slope out of a tensor, mostly one for each channel."""
    step.expect("int8", "int8")
    step.makes(step.broadcast())
    (scale, zero), (slope_scale, slope_zero), (output_scale, output_zero) = map(
        parameters, (*step.inputs[:2], step.output)
    )
    above = quantize_multiplier(float(scale / output_scale))
    below = quantize_multiplier(float(scale * slope_scale / output_scale))

    def compute(codes: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        centred = codes.astype(np.int32) - np.int32(zero)
        products = centred * (slopes.astype(np.int32) - np.int32(slope_zero))
        numbers = fixed_point.requantize(centred, *above), fixed_point.requantize(products, *below)
        return fixed_point.clip_codes(np.where(centred >= 0, *numbers), output_zero)

    return compute


# --- curves ---------------------------------------------------------------------------------------------------------


def curve(step: Step, function: Callable[[np.ndarray], np.ndarray]) -> Compute:
    """Return the table of a smooth function: from code to number, through the function, back to the nearest code.

    This is PopulateLookupTable of activations.cc, in float32.  TFLite takes exp and tanh from the C library; here they
    are computed in float64 and rounded.  The library's last bit decides where a number lies within a millionth of
    halfway between two codes: in 10,000 tables of random scales, 3 codes of TANH differed, and none of LOGISTIC.
    """
    step.expect("int8", "int8")
    step.makes(step.inputs[0].shape)
    (scale, zero_point), (output_scale, output_zero_point) = parameters(step.inputs[0]), parameters(step.output)

    def code(codes: np.ndarray) -> np.ndarray:
        numbers = scale * (codes.astype(np.int32) - np.int32(zero_point)).astype(np.float32)
        steps = round_half_away(function(numbers) * (np.float32(1) / output_scale))
        return np.clip(steps + output_zero_point, *INT8).astype(np.int8)

    return by_table(code)


def logistic(step: Step) -> Compute:
    """1 / (1 + exp(-x)), between 0 and 1; TFLite insists on the scale 1/256 for it."""
    if parameters(step.output)[0] != np.float32(1 / 256):
        raise step.refuse(
            f"its output has the scale {parameters(step.output)[0]}, and TensorFlow Lite takes 1/256 only"
        )

    def sigmoid(x: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):  # exp of a large number is infinite, and its reciprocal is 0
            return np.float32(1) / (np.float32(1) + np.exp(-x.astype(np.float64)).astype(np.float32))

    return curve(step, sigmoid)


def tanh(step: Step) -> Compute:
    """The hyperbolic tangent, between -1 and 1."""
    return curve(step, lambda x: np.tanh(x.astype(np.float64)).astype(np.float32))


def hard_swish(step: Step) -> Compute:
    """Computes x * min(max(x + 3, 0), 6) / 6 in 16-bit fixed point, as hard_swish.h does.

    The code is first shifted to the left by 7 bits.  One multiplier brings it to the scale of the output, another one
    to where 3.0 is 32768; there (x + 3) / 6 is clipped by the range of 16 bits.  Their product is the result.
    """
    step.expect("int8", "int8")
    step.makes(step.inputs[0].shape)
    (scale, zero_point), (output_scale, output_zero_point) = parameters(step.inputs[0]), parameters(step.output)
    fine = np.float32(1 / 128) * scale
    to_output, output_shift = _multiplier_of_16_bits(fine / output_scale)
    to_three, three_shift = _multiplier_of_16_bits(fine / np.float32(3 / 32768))
    if output_shift > 0:
        raise step.refuse(f"its output has a scale of {output_scale:.3g}, too small for its input's {scale:.3g}")

    def code(codes: np.ndarray) -> np.ndarray:
        x = (codes.astype(np.int32) - np.int32(zero_point)) << 7
        gate = _saturate(x << min(max(three_shift - 1, 0), 15))  # what is not 0 is beyond the range by then
        gate = _doubling_high_mul_of_16_bits(gate, to_three)
        gate = _saturate(gate << 1) if three_shift > 0 else fixed_point.rounding_divide_by_pot(gate, -three_shift)
        gate = (gate + 32768) >> 1  # 0 to 1, with 15 bits after the point
        product = gate * _doubling_high_mul_of_16_bits(x, to_output)
        product = (np.abs(product) >> 15) * np.sign(product)  # rounded towards zero
        return fixed_point.clip_codes(fixed_point.rounding_divide_by_pot(product, -output_shift), output_zero_point)

    return by_table(code)


def _multiplier_of_16_bits(real: np.float32) -> tuple[int, int]:
    """Return the upper half of a multiplier, rounded, and its shift (DownScaleInt32ToInt16Multiplier)."""
    multiplier, shift = quantize_multiplier(float(real))
    return min((multiplier + (1 << 15)) >> 16, INT16[1]), shift


def _doubling_high_mul_of_16_bits(a: np.ndarray, b: int) -> np.ndarray:
    """Multiply 16-bit fixed-point numbers: a * b / 2^15, halves up."""
    return (a * np.int32(b) + (1 << 14)) >> 15


def _saturate(x: np.ndarray) -> np.ndarray:
    return np.clip(x, *INT16)


# --- softmax --------------------------------------------------------------------------------------------------------


def softmax_constants(step: Step) -> tuple[int, int, int]:
    """Return multiplier and shift of a difference of codes, and the smallest difference that counts; see `softmax`."""
    beta, (scale, _) = float(step.option("beta", 1.0)), parameters(step.inputs[0])
    real = min(beta * float(scale) * 2 ** (31 - EXP_BITS), 2.0**31 - 1)
    if real <= 1:
        raise step.refuse(f"the scale of its input, {scale:.3g}, is so small that TFLite would end the whole process")
    multiplier, shift = quantize_multiplier(real)
    return multiplier, shift, -math.floor((2**EXP_BITS - 1) * 2 ** (31 - EXP_BITS) / 2**shift)


def softmax_of_codes(step: Step) -> Compute:
    """Probabilities of the last axis; see `softmax.softmax`."""
    step.expect("int8", "int8")
    step.makes(step.inputs[0].shape)
    constants = softmax_constants(step)
    return lambda codes: softmax.softmax(codes, *constants)
