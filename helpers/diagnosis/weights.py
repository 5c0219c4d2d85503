"""Weights and biases: scales, channels, sums that leave 32 bits.

What they should look like is the LiteRT 8-bit quantization specification
(https://ai.google.dev/edge/litert/models/quantization_spec).
"""

import numpy as np

from helpers.base.console import counted
from helpers.diagnosis.contents import Contents, Step
from helpers.diagnosis.finding import Finding, places
from helpers.integer.fixed_point import INT32_MAX
from helpers.integer.sums import largest_sum

WIDE = 100  # times the median range of a layer's channels
PER_CHANNEL = ("CONV_2D", "DEPTHWISE_CONV_2D")  # operators whose weights usually have a scale for each channel
BIAS_SCALE = 0.01  # how far the scale of a bias may be from input scale * weight scale, as a share of it


def check(contents: Contents) -> list[Finding]:
    """Return what is wrong with the integer weights and the biases of a file."""
    found = [one_scale(contents), dead_channels(contents), wide_channels(contents), zero_points(contents)]
    return [one for one in (*found, unsigned(contents), saturated(contents), bias_scales(contents)) if one]


def channels(step: Step) -> np.ndarray:
    """Return the codes of an operator's weights, one row for each channel of its output: [channels, values]."""
    weights = step.weights
    depthwise = step.operator.name == "DEPTHWISE_CONV_2D"
    axis = weights.axis if len(weights.scale) > 1 and not weights.block_size else (3 if depthwise else 0)
    return np.moveaxis(weights.data, axis, 0).reshape(weights.shape[axis], -1)


def _with_channels(contents: Contents) -> list[Step]:
    """Return the layers with signed weights of two dimensions or more."""
    signed = [step for step in contents.weighed if not step.weights.dtype.startswith("u")]
    return [step for step in signed if len(step.weights.shape) > 1 and step.weights.data.size]


def one_scale(contents: Contents) -> Finding | None:
    """Whether convolutions have one scale for all their weights, where one for each channel is usual."""
    alike = [
        step
        for step in _with_channels(contents)
        if step.operator.name in PER_CHANNEL and len(step.weights.scale) == 1 and len(channels(step)) > 1
    ]
    if not alike:
        return None
    largest = np.concatenate([np.abs(channels(step).astype(np.int32)).max(axis=1) for step in alike])
    limit = int(largest.max()) // 16  # four bits less than the widest channel has
    small = int(np.count_nonzero(largest <= limit))
    convolutions = sum(step.operator.name in PER_CHANNEL for step in contents.weighed)
    return Finding(
        "per_tensor_weights",
        "warning",
        f"{len(alike)} of {convolutions} convolutions have one scale for all their weights",
        f"{places([step.place for step in alike])}. "
        + (
            f"In {small:,} of their {len(largest):,} channels no weight has a code above {limit}, where the widest "
            f"reaches {largest.max()}: they have lost four bits."
            if small
            else f"No channel has lost four bits by it: in each a weight has a code above {limit}."
        ),
        "Convert with one scale for each channel, which every kernel takes and which costs no time: it is the "
        "converter's own choice. A depthwise convolution gains most.",
    )


def dead_channels(contents: Contents) -> Finding | None:
    """Whether a channel has no weight but 0, so that it says the same for every picture."""
    dead = {step.place: int((~channels(step).any(axis=1)).sum()) for step in _with_channels(contents)}
    dead = {place: count for place, count in dead.items() if count}
    if not dead:
        return None
    return Finding(
        "dead_channels",
        "warning",
        f"{counted(sum(dead.values()), 'output channel')} with no weight but 0",
        f"{places([f'{place}: {count:,}' for place, count in dead.items()])}.",
        "Where training left them so, remove them: they cost time and memory for nothing. Where the float32 weights "
        "are not 0, a neighbour with far larger weights sets the scale: convert with one scale for each channel.",
    )


def wide_channels(contents: Contents) -> Finding | None:
    """Whether a channel's weights reach a hundred times as far as those of the median channel of its layer."""
    wide = {}
    for step in _with_channels(contents):
        if not step.weights.block_size and len(step.weights.scale) == len(rows := channels(step)) > 2:
            reach = np.abs(rows.astype(np.float64)).max(axis=1) * step.weights.scale
            median = np.median(reach[reach > 0]) if reach.any() else 0.0
            if median and (count := int((reach > WIDE * median).sum())):
                wide[step.place] = f"{count:,}, up to {reach.max() / median:,.0f} times"
    if not wide:
        return None
    return Finding(
        "wide_channels",
        "warning",
        f"Single channels are more than {WIDE} times as wide as the median of their layer",
        f"{places([f'{place}: {words}' for place, words in wide.items()])}.",
        "Their outputs share one scale with all others, whose activations are then rounded coarsely. Look at the batch "
        "normalisation before the conversion (a variance near 0?), or equalize the layers.",
    )


def zero_points(contents: Contents) -> Finding | None:
    """Whether int8 weights have a zero point other than 0."""
    odd = [step.place for step in contents.weighed if step.weights.dtype == "int8" and step.weights.zero_point.any()]
    if not odd:
        return None
    return Finding(
        "weights_zero_point",
        "severe",
        f"int8 weights with a zero point other than 0, in {counted(len(odd), 'operator')}",
        f"{places(odd)}. The specification asks for 0, and kernels do not look.",
        "Quantize the weights symmetrically, or convert again with another tool.",
    )


def unsigned(contents: Contents) -> Finding | None:
    """Whether weights are uint8, as converters made them before 2019."""
    old = [step.place for step in contents.weighed if step.weights.dtype == "uint8"]
    if not old:
        return None
    return Finding(
        "unsigned_weights",
        "warning",
        f"uint8 weights, a form that was given up in 2019, in {counted(len(old), 'operator')}",
        f"{places(old)}. It has one scale for a whole layer, and a zero point that costs time.",
        "Convert again with a converter of today. If only uint8 pictures are wanted, set inference_input_type to "
        "uint8: the inside is int8 then.",
    )


def saturated(contents: Contents) -> Finding | None:
    """Whether a bias stands at the end of 32 bits, or a sum could leave them."""
    full, beyond = [], []
    for step in contents.weighed:
        bias = step.bias
        if bias is None or bias.data is None or bias.dtype != "int32":
            continue
        if np.any(np.abs(bias.data.astype(np.int64)) >= INT32_MAX):
            full.append(step.place)
        elif step in _with_channels(contents) and step.weights.dtype == "int8" and step.read[:1]:
            zero_point = int(step.read[0].zero_point[0]) if len(step.read[0].zero_point) else 0
            if largest_sum(channels(step), zero_point) + int(np.abs(bias.data.astype(np.int64)).max()) > INT32_MAX:
                beyond.append(step.place)
    if not full and not beyond:
        return None
    parts = [f"At the end of 32 bits: {places(full)}."] if full else []
    parts += [f"Sum and bias could leave 32 bits: {places(beyond)}."] if beyond else []
    return Finding(
        "bias_saturates",
        "severe",
        f"Biases too large for their scale, in {counted(len(full) + len(beyond), 'operator')}",
        " ".join(parts),
        "The scale of a bias is input scale times weight scale, so one of these two is far too small: look for weights "
        "near 0 and for an input that was constant while the file was calibrated.",
    )


def bias_scales(contents: Contents) -> Finding | None:
    """Whether the scale of a bias is not input scale times weight scale, as kernels take for granted."""
    odd = []
    for step in contents.weighed:
        bias, scales = step.bias, [t.scale for t in step.read[:1]]
        if bias is None or bias.dtype != "int32" or not len(bias.scale) or not scales or len(scales[0]) != 1:
            continue
        expected = scales[0].astype(np.float64) * step.weights.scale
        if step.weights.block_size or len(expected) not in (1, len(bias.scale)):
            continue
        if np.any(np.abs(bias.scale - expected) > BIAS_SCALE * expected):
            worst = np.max(np.abs(np.log(np.maximum(bias.scale, 1e-30) / np.maximum(expected, 1e-30))))
            odd.append(f"{step.place}: off by a factor of {np.exp(worst):.3g}")
    if not odd:
        return None
    return Finding(
        "bias_scale",
        "severe",
        f"The scale of a bias is not input scale times weight scale, in {counted(len(odd), 'operator')}",
        f"{places(odd)}. Kernels add the bias to sums of products without looking at its scale.",
        "The file was made, or changed, by a tool that does not keep the specification: convert again.",
    )
