"""Operators that add up products: convolutions, dense layers, and the product of two tensors.

They follow conv.h, depthwise_conv.h, transpose_conv.h and fully_connected.h in kernels/internal/reference/integer_ops/
of TensorFlow Lite, and batch_matmul.h beside that folder.  How sums are added up is in `sums.py`, how they are brought
back to 8 bits in `rounding.py`.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from helpers.integer import fixed_point, sums
from helpers.integer.fixed_point import INT32_MAX
from helpers.integer.rounding import once_in_float32, once_in_float64
from helpers.integer.step import Compute, Step, parameters

WEIGHTS = "int8 or int4"  # 4-bit weights are unpacked when the file is loaded; after that they are small int8 codes


def effective_scales(step: Step) -> np.ndarray:
    """Return input scale * weight scale / output scale, float64, one or one for each channel.

    A sum of products has the scale input scale * weight scale (equation 3 of arXiv:1712.05877).  TFLite computes this
    in float64, from scales in float32; two exceptions decide about single codes.
    """
    data, weights, output = (t.scale for t in (*step.inputs[:2], step.output))
    if step.rounding is once_in_float32:  # XNNPACK stays in float32
        return (data * weights / output).astype(np.float64)
    wide = data.astype(np.float64) * weights.astype(np.float64)
    one_product = step.operator.name in ("FULLY_CONNECTED", "BATCH_MATMUL") and len(weights) == 1
    if one_product and step.rounding is not once_in_float64:
        wide = (data * weights).astype(np.float64)  # this product alone in float32
    return wide / output.astype(np.float64)


def _requantized(step: Step, add_up: Callable, largest: int) -> Compute:
    """Return what brings the sums of products back to codes.

    Args:
        step: the operator, with data and weights as its first two inputs.
        add_up: gives the sums for the inputs, int32.
        largest: no sum exceeds it.

    Raises:
        Refused: a sum, or what it becomes in the scale of the output, could be too large for 32 bits.
    """
    if largest > INT32_MAX:
        raise step.refuse(f"its sums could reach {largest:,}, too much for 32 bits")
    (_, zero_point), limits, scales = parameters(step.output), step.limits, effective_scales(step)
    if largest * scales.max() > INT32_MAX:
        raise step.refuse(
            f"its results could reach {largest * scales.max():.3g} times the scale of its output, too much for 32 bits"
        )
    rescale = step.rounding(scales)
    return lambda *inputs: fixed_point.clip_codes(rescale(add_up(*inputs)), zero_point, limits)


def _weighed(step: Step, add_up: Callable, rows: np.ndarray, axis: int) -> Compute:
    """Prepare an operator with constant weights: check them, and bring its sums back to codes.

    Args:
        step: the operator, with data, weights and bias as its inputs.
        add_up: gives the sums for an input, int32.
        rows: the weights, one row for each channel of the output: int8 [channels, length].
        axis: of the channels in the weights.
    """
    data, weights = step.inputs[:2]
    if weights.zero_point.any():
        raise step.refuse("its weights have a zero point other than 0, against the 8-bit quantization specification")
    one_each = len(weights.scale) == len(rows) and (weights.axis == axis or len(rows) == 1)
    if not (len(weights.scale) == 1 or one_each) or not ((weights.scale >= 0) & (weights.scale < math.inf)).all():
        raise step.broken(f"its weights have {len(rows)} channels and {len(weights.scale)} scales along {weights.axis}")
    bias = _bias(step, len(rows))
    largest = sums.largest_sum(rows, parameters(data)[1])
    return _requantized(
        step,
        lambda codes, *_: add_up(codes, bias),
        largest + (0 if bias is None else int(np.abs(bias.astype(np.int64)).max())),
    )


def _bias(step: Step, channels: int) -> np.ndarray | None:
    """Return the bias of an operator whose inputs are data, weights and bias: int32 [channels], or None."""
    if len(step.inputs) < 3 or step.inputs[2] is None:
        return None
    bias = step.constant(2)
    if bias.size != channels:
        raise step.broken(f"it has {channels} channels and a bias of {bias.size} numbers")
    return bias.reshape(channels)


def _filters(step: Step) -> tuple[np.ndarray, int, dict[str, object]]:
    """Check a convolution's types and shapes; return its weights, the input's zero point and its geometry."""
    step.expect("int8", WEIGHTS, "int32", "int8")
    weights, geometry = step.constant(1), step.geometry
    step.rank(4, 4)
    if weights.ndim != 4 or 0 in weights.shape:
        raise step.broken(f"its weights have the shape {list(weights.shape)}")
    n, *lengths, channels = step.inputs[0].shape
    spans = [(k - 1) * d + 1 for k, d in zip(weights.shape[1:3], geometry["dilations"], strict=True)]
    places = [
        sums.output_length(*one, geometry["padding"]) for one in zip(lengths, spans, geometry["strides"], strict=True)
    ]
    outputs = [place[0] for place in places]
    step.makes((n, *outputs, weights.shape[0 if step.operator.name == "CONV_2D" else 3]))
    padded = [length + place[1] + place[2] for length, place in zip(lengths, places, strict=True)]
    step.bounded("its input with padding", *padded, channels)
    step.bounded("what its filters see", *outputs, *weights.shape[1:3], channels)
    return weights, parameters(step.inputs[0])[1], geometry


def conv_2d(step: Step) -> Compute:
    """Each filter sees all channels of the input, or in a grouped convolution those of its group."""
    weights, zero_point, geometry = _filters(step)
    channels, seen = step.inputs[0].shape[3], weights.shape[3]
    if channels < seen or channels % seen or len(weights) % (channels // seen):
        raise step.broken(f"its {len(weights)} filters see {seen} channels, and its input has {channels}")
    add_up = lambda codes, bias: sums.convolution(codes, weights, bias, zero_point, **geometry)  # noqa: E731
    return _weighed(step, add_up, weights.reshape(len(weights), -1), 0)


def depthwise_conv_2d(step: Step) -> Compute:
    """Each channel of the input has filters of its own."""
    weights, zero_point, geometry = _filters(step)
    channels = step.inputs[0].shape[3]
    if len(weights) != 1 or not channels or weights.shape[3] % channels:
        raise step.broken(f"its filters have the shape {list(weights.shape)}, and its input {channels} channels")
    add_up = lambda codes, bias: sums.depthwise_convolution(codes, weights, bias, zero_point, **geometry)  # noqa: E731
    return _weighed(step, add_up, weights.reshape(-1, weights.shape[3]).T, 3)


def transpose_conv(step: Step) -> Compute:
    """Each pixel of the input lays its filter, times its value, on the output: a convolution backwards.

    The inputs are the shape of the output, which the file knows, then weights, data and bias.
    """
    step.needs(3)
    step = dataclasses.replace(step, inputs=(step.inputs[2], step.inputs[1], *step.inputs[3:]))
    step.expect("int8", "int8", "int32", "int8")
    step.rank(4, 4)
    weights, zero_point, geometry = step.constant(1), parameters(step.inputs[0])[1], step.geometry
    strides, padding = geometry["strides"], geometry["padding"]
    (n, *lengths, channels), (_, *outputs, filters) = step.inputs[0].shape, step.output.shape
    if weights.ndim != 4 or (len(weights), weights.shape[3]) != (filters, channels):
        raise step.broken(f"its weights have the shape {list(weights.shape)}")
    step.makes((n, *outputs, filters))
    for length, output, kernel, stride in zip(lengths, outputs, weights.shape[1:3], strides, strict=True):
        if sums.output_length(output, kernel, stride, padding)[0] != length:
            raise step.broken(f"it makes {outputs} of {lengths} with strides of {strides}")
    step.bounded("what it lays on its output", *lengths, *weights.shape[:3])

    def add_up(codes: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
        return sums.transposed_convolution(codes, weights, bias, zero_point, strides, padding, tuple(outputs))

    compute = _weighed(step, add_up, weights.reshape(filters, -1), 0)
    return lambda shape, weights, codes, *_: compute(codes)


def fully_connected(step: Step) -> Compute:
    """A dense layer; an input with more axes is laid out as rows as long as the weights."""
    step.expect("int8", WEIGHTS, "int32", "int8")
    weights, (_, zero_point) = step.constant(1), parameters(step.inputs[0])
    before, after = step.inputs[0].shape, step.output.shape
    if weights.ndim != 2 or 0 in weights.shape or math.prod(before) % weights.shape[1]:
        raise step.broken(f"its weights have the shape {list(weights.shape)}, and its input {list(before)}")
    units, length = weights.shape
    if not after or after[-1] != units or math.prod(before) // length * units != math.prod(after):
        raise step.broken(f"{units} units make no {list(after)} of {list(before)}")
    together = before[:1] == after[:1]  # each picture has rows of its own

    def add_up(codes: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
        found = sums.fully_connected(codes.reshape(-1, length), weights, bias, zero_point)
        return found.reshape(*(codes.shape[:1] if together else after[:1]), *after[1:])

    return _weighed(step, add_up, weights, 0)


def batch_matmul(step: Step) -> Compute:
    """The matrix product of two tensors in their last two axes; either may have these swapped (adj_x, adj_y)."""
    step.needs(2)
    step.expect("int8", "int8", "int8")
    if min(len(tensor.shape) for tensor in step.inputs[:2]) < 2:
        raise step.broken("its inputs should have two axes at least")
    zero_points = [parameters(tensor)[1] for tensor in step.inputs[:2]]
    swapped = [bool(step.option(name)) for name in ("adj_x", "adj_y")]
    (*first, rows, length), (*second, other, columns) = (
        (*tensor.shape[:-2], *tensor.shape[-2:][:: -1 if swap else 1])
        for tensor, swap in zip(step.inputs, swapped, strict=False)
    )
    if length != other:
        raise step.broken(f"it multiplies rows of {length} with columns of {other}")
    step.makes((*step.broadcast(tuple(first), tuple(second)), rows, columns))

    def add_up(*codes: np.ndarray) -> np.ndarray:
        a, b = (q.swapaxes(-1, -2) if swap else q for q, swap in zip(codes, swapped, strict=False))
        return sums.matrix_product(a, b, *zero_points)

    return _requantized(step, add_up, sums.largest_product(length, *zero_points))
