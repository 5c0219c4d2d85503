"""One value of a convolution, step by step: the products, the sum, and the way back to eight bits."""

import dataclasses
from pathlib import Path

import numpy as np

from helpers.integer import fixed_point, sums
from helpers.integer.layers import effective_scales
from helpers.integer.step import Step, parameters
from helpers.tflite import inspect


@dataclasses.dataclass(frozen=True)
class Convolution:
    """A convolution of a full-int8 file together with what it reads, in nothing but integers.

    Attributes:
        codes: of the input, int8 [height, width, channels].
        zero_point: of the input.
        weights: int8 [filters, kernel height, kernel width, channels].
        bias: int32 [filters].
        multipliers, shifts: of the filters, from `fixed_point.quantize_multiplier`: int64 and int32 [filters].
        output_zero_point: of the output.
        limits: the smallest and the largest code that the activation lets through.
        strides: (height, width).
        padding: "SAME" or "VALID".
        shape: of the output, (height, width, filters).
    """

    codes: np.ndarray
    zero_point: int
    weights: np.ndarray
    bias: np.ndarray
    multipliers: np.ndarray
    shifts: np.ndarray
    output_zero_point: int
    limits: tuple[int, int]
    strides: tuple[int, int]
    padding: str
    shape: tuple[int, int, int]

    @property
    def before(self) -> tuple[int, int]:
        """Rows of padding above the picture and columns to its left."""
        sizes = zip(self.codes.shape, self.weights.shape[1:3], self.strides, strict=False)
        return tuple(sums.output_length(*size, self.padding)[1] for size in sizes)

    def window(self, row: int, column: int) -> np.ndarray:
        """Return the codes less the zero point under the kernel at one place of the output, int32; padding is 0."""
        centred = self.codes[np.newaxis].astype(np.int32) - self.zero_point
        return sums.windows(centred, self.weights.shape[1:3], self.strides, self.padding)[0, row, column]

    def outputs(self, channel: int) -> np.ndarray:
        """Return the codes of one output channel, int8 [height, width]."""
        one = slice(channel, channel + 1)
        codes, weights, bias = self.codes[np.newaxis], self.weights[one], self.bias[one]
        added = sums.convolution(codes, weights, bias, self.zero_point, self.strides, self.padding)
        multiplier, shift = self.multipliers[one], self.shifts[one]
        return fixed_point.to_codes(added, multiplier, shift, self.output_zero_point, self.limits)[0, :, :, 0]


def first_convolution(path: Path, codes: np.ndarray) -> Convolution:
    """Return the convolution with which a full-int8 file begins, and a picture that it reads.

    Args:
        path: of the .tflite file.
        codes: the picture, int8 [height, width, channels]; see `interpreter.quantize_input`.

    Raises:
        ValueError: the file begins with another operator or with a dilated convolution, or the picture has another
            shape or type.
    """
    known, operator = inspect.tensors(path), inspect.operators(path)[0]
    if operator.name != "CONV_2D":
        raise ValueError(f"Expected a file that begins with CONV_2D; {Path(path).name} begins with {operator.name}.")
    step = Step(operator, tuple(known[i] if i >= 0 else None for i in operator.inputs), known[operator.outputs[0]])
    step.expect("int8", "int8", "int32", "int8")
    entry, weights, bias = step.inputs
    if codes.shape != entry.shape[1:] or codes.dtype != np.int8:
        expected, found = list(entry.shape[1:]), f"{codes.dtype} {list(codes.shape)}"
        raise ValueError(f"Expected the codes of one picture, int8 {expected}; found {found}.")
    if step.geometry["dilations"] != (1, 1):
        raise ValueError(f"Expected a convolution without dilation; {Path(path).name} begins with a dilated one.")
    scales = np.broadcast_to(effective_scales(step), len(weights.data))
    multipliers, shifts = np.array([fixed_point.quantize_multiplier(scale) for scale in scales]).T
    return Convolution(
        codes=codes,
        zero_point=parameters(entry)[1],
        weights=weights.data,
        bias=bias.data,
        multipliers=multipliers,
        shifts=shifts.astype(np.int32),
        output_zero_point=parameters(step.output)[1],
        limits=step.limits,
        strides=step.geometry["strides"],
        padding=step.geometry["padding"],
        shape=step.output.shape[1:],
    )


def trace(layer: Convolution, row: int, column: int, channel: int) -> list[tuple[str, int]]:
    """Return how one value of the output comes about: what is done in each step, and the number that it leaves.

    Args:
        layer: the convolution.
        row, column, channel: of the value.

    Raises:
        IndexError: the output has no such value.
    """
    if not all(0 <= at < size for at, size in zip((row, column, channel), layer.shape, strict=True)):
        sizes = " x ".join(map(str, layer.shape))
        raise IndexError(f"Expected one of {sizes} values, counted from 0; found {row}, {column}, {channel}.")
    weights = layer.weights[channel].astype(np.int32)
    multiplier, shift, bias = int(layer.multipliers[channel]), int(layer.shifts[channel]), int(layer.bias[channel])
    value = np.sum(layer.window(row, column) * weights, dtype=np.int32, keepdims=True)
    steps = [(f"the sum of {weights.size} products", value)]
    steps.append((f"plus the bias, {bias:,}", value := value + np.int32(bias)))
    if shift > 0:
        steps.append((f"shifted by {shift} to the left", value := value << np.int32(shift)))
    value = fixed_point.saturating_rounding_doubling_high_mul(value, multiplier)
    steps.append((f"times {multiplier:,} / 2³¹, rounded", value))
    if shift < 0:
        value = fixed_point.rounding_divide_by_pot(value, -shift)
        steps.append((f"shifted by {-shift} to the right, rounded", value))
    steps.append((f"plus the zero point, {layer.output_zero_point}", value := value + layer.output_zero_point))
    steps.append(("clipped to {} … {}".format(*layer.limits), np.clip(value, *layer.limits)))
    return [(words, number.item()) for words, number in steps]
