"""The operators of a full-int8 file, one function for each.

It is called once, when the file is loaded: it checks that the operator is one that it can do exactly, turns scales into
multipliers, and returns what computes the output from the inputs.  Which types, ranges and scales each operator has is
the LiteRT 8-bit quantization specification (https://ai.google.dev/edge/litert/models/quantization_spec).
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from helpers.integer import fixed_point, softmax
from helpers.integer.fixed_point import INT8, INT32_MAX
from helpers.integer.rounding import Rescale, once_in_float32, once_in_float64, one_shift, twice
from helpers.integer.softmax import EXP_BITS
from helpers.integer.sums import convolution, depthwise_convolution, fully_connected, largest_sum, windows
from helpers.numbers.quantization import round_half_away
from helpers.tflite.inspect import Operator, Tensor

WEIGHTS = "int8 or int4"  # 4-bit weights are unpacked when the file is loaded; after that they are small int8 codes
ADD_SHIFT = 20  # bits an addition makes room for: 255 << 20 still fits into 32 bits
Compute = Callable[..., np.ndarray]  # arrays of all inputs (None for one left out) -> array of the output


@dataclasses.dataclass(frozen=True)
class Step:
    """One operator with its tensors (an input left out is None), and how it rounds."""

    operator: Operator
    inputs: tuple[Tensor | None, ...]
    output: Tensor
    rounding: Callable[[np.ndarray], Rescale] = twice

    def option(self, name: str, default=0):
        """Return a setting of the operator; files leave out what has its default value."""
        return self.operator.options.get(name, default)

    def pair(self, name: str) -> tuple[int, int]:
        """Return a setting for height and width: "stride_{}" stands for stride_h and stride_w."""
        return self.option(name.format("h"), 1), self.option(name.format("w"), 1)

    def refuse(self, why: str) -> NotImplementedError:
        """Return the error that this operator cannot be done."""
        return NotImplementedError(
            f"The integer network cannot do the {self.operator.name} that makes tensor {self.output.index}: {why}."
        )

    def expect(self, *dtypes: str) -> None:
        """Check the types: of the inputs in their order (the last one also for all that follow), then of the output.

        Two types that will both do have " or " between them.
        """
        *inputs, output = dtypes
        for i, tensor in enumerate(self.inputs):
            expected = inputs[min(i, len(inputs) - 1)]
            if tensor is not None and tensor.dtype not in expected.split(" or "):
                raise self.refuse(f"its input {i} should be {expected} and is {tensor.dtype}; it takes full-int8 files")
        if self.output.dtype != output:
            raise self.refuse(f"its output should be {output} and is {self.output.dtype}; it takes full-int8 files")

    def constant(self, number: int) -> np.ndarray:
        """Return the values of an input that must be known when the file is loaded."""
        if self.inputs[number].data is None:
            raise self.refuse(f"its input {number} should be a constant")
        return self.inputs[number].data

    @property
    def limits(self) -> tuple[int, int]:
        """The codes that the fused activation lets through."""
        try:
            return fixed_point.activation_range(
                self.option("fused_activation_function", "NONE"), *parameters(self.output)
            )
        except NotImplementedError as error:
            raise self.refuse(f"{error}".rstrip(".")) from None

    @property
    def geometry(self) -> dict[str, object]:
        """Strides, padding and dilations, as `convolution` takes them."""
        return {
            "strides": self.pair("stride_{}"),
            "padding": self.option("padding", "SAME"),
            "dilations": self.pair("dilation_{}_factor"),
        }


def parameters(tensor: Tensor) -> tuple[np.float32, int]:
    """Return scale and zero point of a tensor that has one of each."""
    return tensor.scale[0], int(tensor.zero_point[0])


def _weighed(step: Step, sums: Callable, rows: np.ndarray, bias: np.ndarray | None) -> Compute:
    """Prepare an operator that adds up products: check its sums, and bring them back to codes.

    Args:
        step: the operator.
        sums: gives the sums for an input, int32.
        rows: the weights, one row for each channel of the output: int8 [channels, length].
        bias: int32 [channels] or None.
    """
    data, weights = step.inputs[:2]
    if weights.zero_point.any():
        raise step.refuse("its weights have a zero point other than 0, against the 8-bit quantization specification")
    largest = largest_sum(rows, parameters(data)[1]) + (0 if bias is None else int(np.abs(bias.astype(np.int64)).max()))
    if largest > INT32_MAX:
        raise step.refuse(f"its sums could reach {largest:,}, too much for 32 bits")
    rescale, limits, zero_point = step.rounding(effective_scales(step)), step.limits, parameters(step.output)[1]
    return lambda codes, *_: fixed_point.clip_codes(rescale(sums(codes)), zero_point, limits)


def _bias(step: Step) -> np.ndarray | None:
    return step.constant(2) if len(step.inputs) > 2 and step.inputs[2] is not None else None


def effective_scales(step: Step) -> np.ndarray:
    """Return input scale * weight scale / output scale, float64, one or one for each channel.

    A sum of products has the scale input scale * weight scale (equation 3 of arXiv:1712.05877).  TFLite computes this
    in float64, from scales in float32; two exceptions decide about single codes.
    """
    data, weights, output = (t.scale for t in (*step.inputs[:2], step.output))
    if step.rounding is once_in_float32:  # XNNPACK stays in float32
        return (data * weights / output).astype(np.float64)
    wide = data.astype(np.float64) * weights.astype(np.float64)
    if step.operator.name == "FULLY_CONNECTED" and len(weights) == 1 and step.rounding is not once_in_float64:
        wide = (data * weights).astype(np.float64)  # this product alone in float32
    return wide / output.astype(np.float64)


def _conv_2d(step: Step) -> Compute:
    step.expect("int8", WEIGHTS, "int32", "int8")
    weights, bias, zero_point = step.constant(1), _bias(step), parameters(step.inputs[0])[1]
    if weights.shape[3] != step.inputs[0].shape[3]:
        raise step.refuse("it is a grouped convolution")
    geometry = step.geometry
    sums = lambda codes: convolution(codes, weights, bias, zero_point, **geometry)  # noqa: E731
    return _weighed(step, sums, weights.reshape(len(weights), -1), bias)


def _depthwise_conv_2d(step: Step) -> Compute:
    step.expect("int8", WEIGHTS, "int32", "int8")
    weights, bias, zero_point = step.constant(1), _bias(step), parameters(step.inputs[0])[1]
    geometry = step.geometry
    sums = lambda codes: depthwise_convolution(codes, weights, bias, zero_point, **geometry)  # noqa: E731
    return _weighed(step, sums, weights.reshape(-1, weights.shape[3]).T, bias)


def _fully_connected(step: Step) -> Compute:
    step.expect("int8", WEIGHTS, "int32", "int8")
    data, output = step.inputs[0], step.output
    weights, bias, zero_point = step.constant(1), _bias(step), parameters(data)[1]
    if output.shape[0] != data.shape[0]:
        raise step.refuse("it makes several rows of one picture")

    def sums(codes: np.ndarray) -> np.ndarray:
        rows = codes.reshape(len(codes), *output.shape[1:-1], weights.shape[1])
        return fully_connected(rows, weights, bias, zero_point)

    return _weighed(step, sums, weights, bias)


def _max_pool_2d(step: Step) -> Compute:
    """The largest code is the code of the largest number, so nothing is rescaled; padding never wins."""
    step.expect("int8", "int8")
    kernel, strides = (step.option("filter_height"), step.option("filter_width")), step.pair("stride_{}")
    padding, limits = step.option("padding", "SAME"), step.limits

    def compute(codes: np.ndarray) -> np.ndarray:
        patches = windows(codes, kernel, strides, padding, fill=INT8[0])
        largest = patches[:, :, :, 0, 0].copy()
        for y, x in np.ndindex(kernel):
            np.maximum(largest, patches[:, :, :, y, x], out=largest)
        return np.clip(largest, *limits, out=largest)

    return compute


def _average_pool_2d(step: Step) -> Compute:
    """The mean of the codes inside the picture; the padding does not count.

    Halves are rounded away from the *code* 0, which is not the number 0.
    """
    step.expect("int8", "int8")
    kernel, strides = (step.option("filter_height"), step.option("filter_width")), step.pair("stride_{}")
    padding, limits = step.option("padding", "SAME"), step.limits

    def compute(codes: np.ndarray) -> np.ndarray:
        total = windows(codes, kernel, strides, padding).sum(axis=(3, 4), dtype=np.int32)
        inside = np.ones((1, *codes.shape[1:3], 1), np.int8)
        count = windows(inside, kernel, strides, padding).sum(axis=(3, 4), dtype=np.int32)
        means = np.sign(total) * ((np.abs(total) + count // 2) // count)
        return np.clip(means, *limits).astype(np.int8)

    return compute


def mean_multiplier(multiplier: int, shift: int, count: int) -> tuple[int, int]:
    """Divide a fixed-point multiplier by a count, keeping as many bits as fit (TFLite's QuantizedMeanOrSum)."""
    bits = min(count.bit_length() - 1, 32, 31 + shift)
    return (multiplier << bits) // count, shift - bits


def _mean(step: Step) -> Compute:
    """The mean is a sum whose multiplier has the division in it."""
    step.expect("int8", "int32", "int8")
    data, output = step.inputs[0], step.output
    axes = tuple(sorted({int(axis) % len(data.shape) for axis in np.ravel(step.constant(1))}))
    if 0 in axes:
        raise step.refuse("it takes the mean over pictures")
    (scale, zero_point), (output_scale, output_zero_point) = parameters(data), parameters(output)
    count, keep = math.prod(data.shape[axis] for axis in axes), bool(step.option("keep_dims"))
    ratio = float(scale) / float(output_scale)
    multiplier, shift = mean_multiplier(*fixed_point.quantize_multiplier(ratio), count)
    rescale = step.rounding(ratio / count)

    def compute(codes: np.ndarray, _) -> np.ndarray:
        sums = codes.sum(axis=axes, keepdims=keep, dtype=np.int32) - np.int32(zero_point * count)
        means = fixed_point.requantize(sums, multiplier, shift) if step.rounding is twice else rescale(sums)
        return fixed_point.clip_codes(means, output_zero_point)

    return compute


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
    scales = [float(parameters(tensor)[0]) for tensor in step.inputs]
    common = 2 * max(scales)
    ratios = [_below_one(step, scale / common) for scale in scales]
    return ratios, _below_one(step, common / (2**ADD_SHIFT * float(parameters(step.output)[0])))


def _add(step: Step) -> Compute:
    """Two numbers with different scales are brought to one common scale, with 20 bits to spare, before they are added.

    The common scale is twice the larger one, so that neither multiplier exceeds 1/2 and the sum fits into 32 bits.
    """
    step.expect("int8", "int8")
    pairs, (output_scale, output_zero_point) = [parameters(t) for t in step.inputs], parameters(step.output)
    ratios, (multiplier, shift) = addition_ratios(step)
    inputs = [(*ratio, zero_point) for ratio, (_, zero_point) in zip(ratios, pairs, strict=True)]
    limits = step.limits
    if step.rounding is one_shift:
        return _add_and_shift(pairs, output_scale, output_zero_point, limits)

    def compute(*codes: np.ndarray) -> np.ndarray:
        rescaled = [
            fixed_point.requantize((q.astype(np.int32) - np.int32(z)) << ADD_SHIFT, m, s)
            for q, (m, s, z) in zip(codes, inputs, strict=True)
        ]
        return fixed_point.to_codes(rescaled[0] + rescaled[1], multiplier, shift, output_zero_point, limits)

    return compute


def _add_and_shift(pairs: list, output_scale: np.float32, zero_point: int, limits: tuple[int, int]) -> Compute:
    """The same as XNNPACK does it: both inputs in units of the output's last bits, added up, rounded once."""
    multipliers, shift = one_shift([scale / output_scale for scale, _ in pairs])
    half = 1 << (shift - 1)

    def compute(*codes: np.ndarray) -> np.ndarray:
        sums = sum(
            (q.astype(np.int32) - np.int32(z)) * m for q, (_, z), m in zip(codes, pairs, multipliers, strict=True)
        )
        return fixed_point.clip_codes((sums + half) >> shift, zero_point, limits)

    return compute


def _mul(step: Step) -> Compute:
    """A product of codes has the product of the scales."""
    step.expect("int8", "int8")
    (scale_a, zero_a), (scale_b, zero_b) = (parameters(t) for t in step.inputs)
    output_scale, zero_point = parameters(step.output)
    rescale, limits = step.rounding(scale_a * scale_b / output_scale), step.limits  # in float32, as TFLite does

    def compute(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        products = (a.astype(np.int32) - np.int32(zero_a)) * (b.astype(np.int32) - np.int32(zero_b))
        return fixed_point.clip_codes(rescale(products), zero_point, limits)

    return compute


def _relu(step: Step, activation: str = "RELU") -> Compute:
    """An activation of its own: rescale, then clip."""
    step.expect("int8", "int8")
    (scale, zero_point), (output_scale, output_zero_point) = parameters(step.inputs[0]), parameters(step.output)
    multiplier, shift = fixed_point.quantize_multiplier(
        float(scale / output_scale)
    )  # divided in float32, as TFLite does
    limits = fixed_point.activation_range(activation, output_scale, output_zero_point)

    def compute(codes: np.ndarray) -> np.ndarray:
        return fixed_point.to_codes(
            codes.astype(np.int32) - np.int32(zero_point), multiplier, shift, output_zero_point, limits
        )

    return compute


def _relu6(step: Step) -> Compute:
    return _relu(step, "RELU6")


def softmax_constants(step: Step) -> tuple[int, int, int]:
    """Return multiplier and shift of a difference of codes, and the smallest difference that counts; see `softmax`."""
    beta, (scale, _) = float(step.option("beta", 1.0)), parameters(step.inputs[0])
    real = min(beta * float(scale) * 2 ** (31 - EXP_BITS), 2.0**31 - 1)
    if real <= 1:
        raise step.refuse(f"the scale of its input, {scale:.3g}, is so small that TFLite would end the whole process")
    multiplier, shift = fixed_point.quantize_multiplier(real)
    return multiplier, shift, -math.floor((2**EXP_BITS - 1) * 2 ** (31 - EXP_BITS) / 2**shift)


def _softmax(step: Step) -> Compute:
    step.expect("int8", "int8")
    constants = softmax_constants(step)
    return lambda codes: softmax.softmax(codes, *constants)


def _pad(step: Step) -> Compute:
    """Padding with the real number 0, whose code is the zero point, or with a code that the file gives (PADV2)."""
    step.expect("int8", "int32", "int8", "int8")
    widths = tuple(map(tuple, step.constant(1).reshape(-1, 2).tolist()))
    if any(widths[0]):
        raise step.refuse("it adds pictures")
    fill = int(np.ravel(step.constant(2))[0]) if len(step.inputs) > 2 else parameters(step.output)[1]
    return lambda codes, *_: np.pad(codes, widths, constant_values=fill)


def _reshape(step: Step) -> Compute:
    step.expect(step.inputs[0].dtype, "int32", step.inputs[0].dtype)
    if step.output.shape[:1] != step.inputs[0].shape[:1]:
        raise step.refuse("it mixes pictures")
    return lambda codes, *_: codes.reshape(len(codes), *step.output.shape[1:])


def _shape(step: Step) -> Compute:
    """How many pictures there are and how large: networks that take any number of them ask when they run."""
    step.expect("int8", "int32")
    return lambda codes: np.array(codes.shape, np.int32)


def _strided_slice(step: Step) -> Compute:
    """One number, or some, out of a shape."""
    step.expect("int32", "int32")
    begin, end, stride = (step.constant(i) for i in (1, 2, 3))
    if len(begin) != 1 or step.option("ellipsis_mask") or step.option("new_axis_mask"):
        raise step.refuse("it cuts more than a list of numbers")
    if step.option("shrink_axis_mask"):
        return lambda numbers, *_: numbers[begin[0]]
    first, last = (None if step.option(name) else int(i[0]) for name, i in (("begin_mask", begin), ("end_mask", end)))
    return lambda numbers, *_: numbers[first : last : int(stride[0])]


def _pack(step: Step) -> Compute:
    """Numbers side by side, to make a shape."""
    step.expect("int32", "int32")
    return lambda *numbers: np.stack(numbers, axis=step.option("axis"))


def _concatenation(step: Step) -> Compute:
    """TFLite insists on equal scales and zero points here, so that codes can be copied as they are."""
    step.expect("int8", "int8")
    axis = step.option("axis") % len(step.output.shape)
    if axis == 0:
        raise step.refuse("it mixes pictures")
    if any(parameters(t) != parameters(step.output) for t in step.inputs):
        raise step.refuse("its inputs differ in scale or zero point from its output")
    return lambda *codes: np.concatenate(codes, axis=axis)


def _quantize(step: Step) -> Compute:
    """From real numbers to codes at the entrance of the network, or from one scale to another inside it."""
    data, (scale, zero_point) = step.inputs[0], parameters(step.output)
    step.expect(data.dtype if data.dtype in ("float32", "uint8") else "int8", "int8")
    if data.dtype == "float32":
        return lambda x: np.clip(round_half_away(x / scale) + zero_point, *INT8).astype(np.int8)
    input_scale, input_zero_point = parameters(data)
    multiplier, shift = fixed_point.quantize_multiplier(float(input_scale) / float(scale))
    return lambda q: fixed_point.to_codes(
        q.astype(np.int32) - np.int32(input_zero_point), multiplier, shift, zero_point
    )


def _dequantize(step: Step) -> Compute:
    """(code - zero point) * scale, at the exit of the network."""
    step.expect("int8", "float32")
    scale, zero_point = parameters(step.inputs[0])
    return lambda codes: (codes.astype(np.int32) - zero_point).astype(np.float32) * scale


OPERATORS: dict[str, Callable[[Step], Compute]] = {
    "ADD": _add,
    "AVERAGE_POOL_2D": _average_pool_2d,
    "CONCATENATION": _concatenation,
    "CONV_2D": _conv_2d,
    "DEPTHWISE_CONV_2D": _depthwise_conv_2d,
    "DEQUANTIZE": _dequantize,
    "FULLY_CONNECTED": _fully_connected,
    "MAX_POOL_2D": _max_pool_2d,
    "MEAN": _mean,
    "MUL": _mul,
    "PACK": _pack,
    "PAD": _pad,
    "PADV2": _pad,
    "QUANTIZE": _quantize,
    "RELU": _relu,
    "RELU6": _relu6,
    "RESHAPE": _reshape,
    "SHAPE": _shape,
    "SOFTMAX": _softmax,
    "STRIDED_SLICE": _strided_slice,
}
