"""Numbers and their codes: axes of fewer bits, the number line, errors by bits, ranges of channels and activations."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np

from helpers.numbers import quantization
from helpers.plots import style, wording
from helpers.plots.style import BLACK, BLUE, COLOURS, GREEN, GREY, MARKERS, ORANGE, PURPLE, VERMILION, Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOKS = ((BLACK, "o"), (VERMILION, "D"), (PURPLE, "s"), (GREEN, "v"), (ORANGE, "^"))  # of curves over the bits


def precision_axes(values: np.ndarray, name: str = "this layer", count: int = 25) -> Picture:
    """Join some weights of a layer, on an axis of float32, to their codes, on the shorter axis of int8.

    Args:
        values: weights, any shape; they are quantized with one symmetric scale.
        name: of the layer.
        count: how many are drawn at most: the smallest, the largest, and evenly many between any two others.
    """
    values = np.ravel(values)
    count = min(count, values.size)
    shown = np.quantile(values, np.linspace(0, 1, count), method="nearest")
    scale, _ = quantization.symmetric_parameters(values)
    codes = quantization.quantize(shown, scale, narrow=True)
    heights = shown / (np.abs(values).max() or 1)
    figure, axis = style.axes(9, 5)
    axis.vlines(0, heights.min(), heights.max(), color=COLOURS["float32"], linewidth=2.5)
    axis.vlines(1, -0.7 * 128 / 127, 0.7, color=COLOURS["int8"], linewidth=2.5)
    for height, code in zip(heights, codes, strict=True):
        axis.plot([0, 1], [height, 0.7 * code / 127], "--", color=GREY, linewidth=0.9)
    axis.plot(np.zeros(count), heights, MARKERS["float32"], color=COLOURS["float32"], markersize=7)
    axis.plot(np.ones(count), 0.7 * codes / 127, MARKERS["int8"], color=COLOURS["int8"], markersize=6)
    for value, height in ((shown[0], heights[0]), (0, 0), (shown[-1], heights[-1])):
        axis.text(-0.06, height, f"{value:.3g}", ha="right", va="center", fontsize=13)
    for code in (-128, 0, 127):
        axis.text(1.06, 0.7 * code / 127, f"{code}", ha="left", va="center", fontsize=13)
    axis.text(0, 1.12, "float32", ha="center", color=COLOURS["float32"], fontsize=14, fontweight="bold")
    axis.text(1, 0.82, "int8", ha="center", color=COLOURS["int8"], fontsize=14, fontweight="bold")
    axis.set(xlim=(-0.4, 1.4), ylim=(-1.1, 1.25))
    axis.axis("off")
    axis.set_title(f"{wording.counted(np.unique(values).size, 'different weight')} of {name}, 255 codes")
    joined = "are joined by dashed lines to their int8 codes" if count > 1 else "is joined by a dashed line to its code"
    return Picture(
        figure,
        f"Upright axes. {wording.counted(count, 'weight')} of {name}, from {shown[0]:.3g} to {shown[-1]:.3g} in "
        f"float32, {joined}, from {codes[0]} to {codes[-1]}. {_where_most_lie(values)}.",
    )


def _where_most_lie(values: np.ndarray) -> str:
    """Return whether more than half of some weights are at most a quarter as far from zero as the farthest of them.

    Args:
        values: weights, any shape.
    """
    sizes = np.abs(values)
    if np.mean(sizes <= sizes.max() / 4) > 0.5:
        return "Most lie close together around zero"
    return f"At least half of all weights lie within {np.median(sizes):.3g} of zero"


def discretized(values: np.ndarray, bits: Sequence[int] = (8, 4, 3, 2), name: str = "these weights") -> Picture:
    """Show the histogram of a layer beside the combs it becomes with fewer and fewer bits.

    Args:
        values: weights, any shape; they are quantized with one symmetric scale.
        bits: of one code, one panel each.
        name: of the layer.
    """
    values = np.ravel(values)
    low, high = float(values.min()), float(values.max())
    margin = 0.04 * (high - low) or 1
    figure, axes = style.axes(2.5 * (len(bits) + 1), 3.6, ncols=len(bits) + 1, sharex=True)
    axes[0].hist(values, 120, color=COLOURS["float32"])
    axes[0].set(title="float32", ylabel="weights in a bin, or on a code")
    listed = []
    for axis, b in zip(axes[1:], bits, strict=True):
        codes, counts = np.unique(quantization.fake_quantize(values, b), return_counts=True)
        axis.vlines(codes, 0, counts, color=COLOURS["int8"], linewidth=max(1.0, 4 - b / 2.2))
        axis.set_ylim(0)
        axis.set_title(f"{b} bits, {wording.counted(len(codes), 'value')}")
        most = f"{counts.max() / values.size:.0%} on {'one of them' if len(codes) > 1 else 'it'}"
        listed.append(f"{wording.counted(len(codes), 'different value')} at {b} bits, {most}")
    for axis in axes:
        axis.set_xlim(low - margin, high + margin)
        axis.locator_params(axis="both", nbins=4)
    figure.supxlabel(f"value of a weight: {name}", fontsize=12)
    return Picture(
        figure,
        f"Histogram of {wording.counted(values.size, 'weight')} of {name}, "
        f"{wording.counted(np.unique(values).size, 'different value')}, and "
        f"{'the combs that are' if len(bits) > 1 else 'the comb that is'} left: {'; '.join(listed)}.",
    )


def comb(layers: dict[str, np.ndarray], layer: str | None = None, bits: int = 4) -> Picture:
    """Show the histogram of one layer beside the comb that is left of it; in a page, of any layer and with 2 to 8 bits.

    Args:
        layers: {name: weights, any shape}.
        layer: the one that is shown; the first, if none is named.
        bits: of one code.

    Raises:
        ValueError: there is no such layer.
    """
    layer = next(iter(layers), None) if layer is None else layer
    if layer not in layers:
        raise ValueError(f"Expected one of the layers {', '.join(layers)}; found {layer!r}.")
    picture = discretized(layers[layer], [bits], layer)
    picture.live = functools.partial(_live_comb, layers, layer, bits)
    return picture


def _live_comb(layers: dict[str, np.ndarray], layer: str, bits: int) -> dict:
    """Return the bars of each layer, and how many of its weights are on each code with each number of bits."""
    told = {name: _counted(np.ravel(values)) for name, values in layers.items()}
    return {"figure": "comb", "layer": layer, "bits": bits, "layers": told}


def _counted(values: np.ndarray) -> dict:
    """Return ends, number, bars and combs of some weights, [n]."""
    combs = {}
    for bits in range(2, 9):
        scale, _ = quantization.symmetric_parameters(values, bits)
        largest = quantization.code_range(bits, narrow=True)[1]
        codes = quantization.quantize(values, scale, 0, bits, narrow=True).astype(int)
        combs[bits] = np.bincount(codes + largest, minlength=2 * largest + 1).tolist()
    return {
        "low": float(values.min()),
        "high": float(values.max()),
        "count": values.size,
        "different": np.unique(values).size,
        "bars": np.histogram(values, 120)[0].tolist(),
        "combs": combs,
    }


def zero_on_a_code(low: float = -5.4, high: float = 4.5, bits: int = 4) -> Picture:
    """Show the codes of a range twice: spread from end to end, and moved until one of them stands for 0.

    Args:
        low, high: the range.
        bits: of one code.

    Raises:
        ValueError: the range is empty.
    """
    if not low < high:
        raise ValueError(f"Expected a range with its smallest number first; found {low:g} to {high:g}.")
    step = (high - low) / (2**bits - 1)
    missed = float(quantization.decompress(quantization.compress(np.array([0.0]), low, high, bits), low, high, bits)[0])
    scale, zero_point = quantization.affine_parameters(low, high, bits)
    codes = np.arange(2**bits)
    lines = {"even": low + codes * step, "moved": float(scale) * (codes - 2 ** (bits - 1) - zero_point)}
    figure, axis = style.axes(10, 3.4)
    for height, (colour, numbers) in zip((1, 0), zip((BLUE, VERMILION), lines.values(), strict=True), strict=True):
        axis.vlines(numbers, height - 0.16, height + 0.16, color=colour, linewidth=max(0.6, 2.6 - bits / 4))
        axis.hlines(height, numbers[0], numbers[-1], color=colour, linewidth=1.2)
    axis.axvline(0, color=BLACK, linestyle="--", linewidth=1.2)
    axis.plot(missed, 1, MARKERS["float32"], color=BLUE, markersize=9)
    axis.plot(0, 0, MARKERS["int8"], color=VERMILION, markersize=9)
    label = {"fontsize": 12, "ha": "center", "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1.5}}
    axis.text(missed, 1.28, f"0 comes back as {missed:.3g}", **label)
    axis.text(0, -0.45, f"0 is code {zero_point}, and comes back as 0", **label)
    axis.set(
        ylim=(-0.8, 1.6), yticks=(0, 1), yticklabels=("moved", "spread evenly"), xlabel="number that a code stands for"
    )
    axis.grid(visible=False)
    axis.set_title(_zero_title(low, high, missed / step))
    ends = lines["moved"]
    return Picture(
        figure,
        f"Two lines with {2**bits} codes each. Spread evenly from {low:g} to {high:g}, with steps of {step:.4g}, 0 "
        f"comes back as {missed:.3g}. Moved until zero is a code, {zero_point}, they reach from {ends[0]:.4g} to "
        f"{ends[-1]:.4g}, with steps of {scale:.4g}.",
        {"figure": "zero_point", "low": low, "high": high, "bits": bits},
    )


def _zero_title(low: float, high: float, missed: float) -> str:
    """Return how far zero is from a code, and what moving the codes does about it.

    Args:
        low, high: the range.
        missed: how many steps the number that comes back for 0 is away from it.
    """
    if not low <= 0 <= high:
        return "Zero lies outside the range; made wider and moved, the codes have one for it"
    if abs(missed) < 0.005:
        return "Zero falls on a code by itself"
    return f"Zero misses the nearest code by {abs(missed):.2f} of a step; moved, the codes have one for it"


def number_line(
    values: Sequence[float], low: float = -5.4, high: float = 4.5, bits: int = 8, zero: str = "anywhere"
) -> Picture:
    """Draw the lecture's number line: numbers, the codes they become, and the numbers that come back.

    Numbers that share a code are drawn in vermilion, and their box is hatched.  An error below a millionth of the range
    is called exact: float32 has no more digits.

    Args:
        values: the numbers, drawn in order of size; what lies outside the range is clipped.
        low, high: the range that is spread over the codes.
        bits: of one code.
        zero: where 0.0 may fall: "anywhere" (the lecture's mapping: the ends are exact, and the codes unsigned), "on a
            code" (the range moves by less than a step, as for activations) or "in the middle" (symmetric, as for
            weights).

    Raises:
        ValueError: there is no number, or no such mapping.
    """
    values = np.sort(np.asarray(values, np.float64).ravel())
    if values.size == 0:
        raise ValueError("Expected at least one number to draw; found none.")
    codes, restored, step = _coded(values, low, high, bits, zero)
    slots = np.linspace(low, high, len(values) + 2)[1:-1]  # where the texts stand, so that they do not overlap
    width = min(0.8 * (slots[1] - slots[0]) if len(slots) > 1 else (high - low) / 4, (high - low) / 6)
    figure, axis = style.axes(max(8, 1.15 * len(values)), 5)
    shared = {code for code in codes if (codes == code).sum() > 1}
    shown = {"ha": "center", "va": "center", "fontsize": 12}
    for value, code, back, slot in zip(values, codes, restored, slots, strict=True):
        look = {"color": VERMILION if code in shared else BLUE, "linewidth": 1.4}
        axis.plot([value, slot], [4, 3.45], **look)
        axis.plot(value, 4, "o", color=look["color"], markersize=7)
        axis.text(slot, 3.25, f"{value:g}", **shown)
        axis.plot([slot, slots[codes == code].mean()], [3.05, 2.3], **look, linestyle=(0, (4, 2)))
        axis.plot([slots[codes == code].mean(), slot], [1.7, 1.2], **look, linestyle=(0, (4, 2)))
        error = f"{back - value:+.1g}" if abs(back - value) > 1e-6 * (high - low) else "exact"
        axis.text(slot, 0.85, f"{back:.3g}\n{error}", **shown)
        axis.plot([slot, back], [0.5, 0], **look)
        axis.plot(back, 0, "s", color=look["color"], markersize=7)
    for code in dict.fromkeys(codes):
        _code_box(axis, slots[codes == code].mean(), width, code, (codes == code).sum())
    for height, text in ((4, "the numbers, float32"), (0, "what comes back, and its error")):
        axis.hlines(height, low, high, color=BLACK, linewidth=2)
        axis.vlines((low, high), height - 0.12, height + 0.12, color=BLACK, linewidth=2)
        axis.text(low, height + (0.42 if height else -0.42), text, fontsize=12, va="center")
    axis.text(low - 0.02 * (high - low), 2, f"codes of\n{bits} bits", fontsize=12, va="center", ha="right")
    axis.set(xlim=(low - 0.13 * (high - low), high + 0.03 * (high - low)), ylim=(-0.7, 4.7))
    axis.axis("off")
    axis.set_title(_number_line_title(values, codes, restored, step))
    triples = zip(values, codes, restored, strict=True)
    listed = style.join([f"{v:g} becomes code {c} and comes back as {b:.4g}" for v, c, b in triples])
    all_codes = 2**bits - (zero == "in the middle")
    live = {"figure": "number_line", "values": values.tolist(), "low": low, "high": high, "bits": bits, "zero": zero}
    return Picture(figure, f"A number line from {low:g} to {high:g} with {all_codes} codes: {listed}.", live)


def _number_line_title(values: np.ndarray, codes: np.ndarray, restored: np.ndarray, step: float) -> str:
    """Return how many numbers share their code with another number, or came back more than a step away from themselves.

    Args:
        values, codes, restored: numbers, their codes, and what comes back, each [n].
        step: between two neighbouring codes.
    """
    start = f"{wording.counted(len(values), 'number')}, {wording.counted(len(set(codes)), 'code')}"
    lost = len(set(values)) - len(set(codes))
    far = int(np.sum(np.abs(restored - values) > 1.001 * step))
    if lost:
        return f"{start}: {lost} can no longer be told apart"
    if far:
        return f"{start}: {far} outside the range, cut off at its end"
    return f"{start}: each comes back near itself"


def _coded(values: np.ndarray, low: float, high: float, bits: int, zero: str) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the codes of some numbers, what comes back of them, and the step, by the mapping of a number line."""
    if zero == "anywhere":
        codes = quantization.compress(values, low, high, bits)
        return codes, quantization.decompress(codes, low, high, bits), (high - low) / (2**bits - 1)
    if zero == "on a code":
        scale, zero_point = quantization.affine_parameters(low, high, bits)
        codes = quantization.quantize(values, scale, zero_point, bits)
    elif zero == "in the middle":
        scale, zero_point = quantization.symmetric_parameters([low, high], bits)
        codes = quantization.quantize(values, scale, zero_point, bits, narrow=True)
    else:
        raise ValueError(f"Zero may fall 'anywhere', 'on a code' or 'in the middle'; found {zero!r}.")
    return codes, quantization.dequantize(codes, scale, zero_point), float(scale)


def _code_box(axis, place: float, width: float, code: int, numbers: int) -> None:
    """Draw the box of one code; one that several numbers share is hatched."""
    look = {"facecolor": "white", "edgecolor": VERMILION if numbers > 1 else BLUE, "linewidth": 2}
    box = plt.Rectangle((place - width / 2, 1.7), width, 0.6, hatch="//" if numbers > 1 else "", **look)
    axis.add_patch(box)
    label = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    axis.text(place, 2, f"{code}", ha="center", va="center", fontsize=13, fontweight="bold", bbox=label)


def sqnr_by_bits(curves: dict[str, dict[int, float]]) -> Picture:
    """Show the signal-to-noise ratio over the bits of a code, against the line of 6 dB for each bit.

    Args:
        curves: {what was quantized: {bits: decibels}}; the line of the theory ends where the first curve does.

    Raises:
        ValueError: there is no curve, or more than there are looks for, or one of them has fewer than two points.
    """
    looks = style.paired(curves, LOOKS, "curves")
    if short := [name for name, points in curves.items() if len(points) < 2]:
        raise ValueError(f"Expected at least two numbers of bits in each curve; found fewer in {style.join(short)}.")
    figure, axis = style.axes(8, 4.4)
    for name, (colour, marker) in looks:
        points = curves[name]
        label = f"{name}: {_slope(points):.2f} dB a bit"
        axis.plot(list(points), list(points.values()), marker + "-", color=colour, label=label)
    first = next(iter(curves.values()))
    start, bits = max(first), np.array(sorted(first))
    axis.plot(bits, first[start] - 6.02 * (start - bits), "--", color=GREY, label="theory: 6.02 dB a bit")
    axis.set(xlabel="bits of one code", ylabel="signal to quantization noise (dB)", xticks=bits)
    axis.set_title(_worth_of_a_bit(list(curves.values())))
    axis.legend(loc="upper left", fontsize=11)
    listed = style.join([f"{name} gains {_slope(points):.2f} dB a bit" for name, points in curves.items()])
    return Picture(figure, f"Lines of the signal-to-noise ratio from {bits[0]} to {bits[-1]} bits: {listed}.")


def _worth_of_a_bit(curves: Sequence[dict[int, float]]) -> str:
    """Return what a bit more is worth, as a title; on average only, where some step is off by more than half a bit.

    Args:
        curves: {bits: decibels} each.
    """
    steps = [np.diff(list(_regular(points).values())) / np.diff(list(_regular(points))) for points in curves]
    even = all((np.abs(step - _slope(points)) <= 3).all() for points, step in zip(curves, steps, strict=True))
    worth = f"{wording.spread([_slope(points) for points in curves])} dB"
    return f"Each bit more is worth {worth}" if even else f"On average, a bit more is worth {worth}"


def _slope(points: dict[int, float]) -> float:
    """Return the decibels gained with each bit, by least squares."""
    points = _regular(points)
    return float(np.polyfit(list(points), list(points.values()), 1)[0])


def _regular(points: dict[int, float]) -> dict[int, float]:
    """Return the points from 4 bits up, fewest bits first; below, a symmetric code is odd.  Two points always stay."""
    return {b: points[b] for b in sorted(points) if b >= min(4, sorted(points)[-2])}


def channel_ranges(weights: np.ndarray, axis: int = 0, name: str = "this layer", bits: int = 8) -> Picture:
    """Show the range of each output channel of a layer, and which part of a shared int8 range it uses.

    Args:
        weights: any shape.
        axis: of the output channels.
        name: of the layer.
        bits: of one code.
    """
    codes = 2 * quantization.code_range(bits, narrow=True)[1] + 1
    low, high = quantization.value_range(weights, axis)
    largest = np.maximum(-low, high)
    shares = largest / (largest.max() or 1)
    order = np.argsort(-largest)
    figure, (left, right) = style.axes(10, 3.8, ncols=2)
    places = np.arange(len(order))
    left.vlines(places, low[order], high[order], color=COLOURS["int8"], linewidth=max(1, 240 / len(order) * 0.6))
    left.axhspan(-largest.max(), largest.max(), color=GREY, alpha=0.15)
    left.set(xlabel="output channel, widest first", ylabel="weights, smallest to largest")
    left.xaxis.get_major_locator().set_params(integer=True)
    if len(order) < 10:
        left.margins(x=0.1)
    left.set_title("One scale for all: the grey band")
    levels = (codes - 1) * shares[order] + 1
    right.plot(places, levels, "o", color=COLOURS["int8"], markersize=4)
    right.axhline(codes, color=BLACK, linestyle="--", label="with a scale of its own")
    right.set(xlabel="output channel, widest first", ylabel="levels the channel can use", ylim=(0, codes * 275 / 255))
    right.xaxis.get_major_locator().set_params(integer=True)
    right.set_title(f"What is left of the {codes} levels")
    right.legend(loc="center right", fontsize=11)
    return Picture(
        figure,
        f"Ranges of the {wording.counted(len(order), 'output channel')} of {name}, and the levels each can use with a "
        f"shared scale: {_levels_left(levels)}.",
    )


def _levels_left(levels: np.ndarray) -> str:
    """Return how many levels the channels can use: from the widest to the narrowest, and the half with the fewest.

    Args:
        levels: of each channel, widest first, float [n].
    """
    if levels[0] == levels[-1]:
        return f"{levels[0]:.0f} for {'each of them' if len(levels) > 1 else 'this one'}"
    half, median = np.sum(levels < np.median(levels)), f"{np.median(levels):.0f}"
    below = f"half of the channels below {median}" if 2 * half == len(levels) else f"the median is {median}"
    return f"from {levels[0]:.0f} for the widest down to {levels[-1]:.0f}, {below}"


def activation_ranges(activations: dict[str, tuple[np.ndarray, float, float]]) -> Picture:
    """Show the values of some activations during calibration, and the range that the int8 file gives them.

    Args:
        activations: {tensor: (values, low, high)}; low and high are what the smallest and the largest code stand for.
    """
    columns = min(3, len(activations))
    rows = -(-len(activations) // columns)
    figure, axes = style.axes(3.5 * columns, 2.5 * rows + 0.5, nrows=rows, ncols=columns, squeeze=False)
    for place in axes.flat[len(activations) :]:
        place.axis("off")
    listed, label = [], {"fontsize": 11, "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1.5, "alpha": 0.8}}
    for axis, (name, (values, low, high)) in zip(axes.flat[: len(activations)], activations.items(), strict=True):
        values = np.ravel(values)
        axis.hist(values, 100, color=COLOURS["float32"], log=True)
        axis.axvspan(low, high, color=COLOURS["int8"], alpha=0.12)
        for end in (low, high):
            axis.axvline(end, color=COLOURS["int8"], linestyle="--", linewidth=1.6)
        axis.set_title(name, fontsize=11)
        axis.text(0.97, 0.93, f"{low:.3g} to {high:.3g}", transform=axis.transAxes, ha="right", va="top", **label)
        outside = np.mean((values < low) | (values > high))
        listed.append(f"{name} {low:.3g} to {high:.3g}, {outside:.2%} of the values outside")
    figure.supxlabel("value of the activation; dashed: the ends of the int8 range", fontsize=12)
    figure.supylabel("values (log)", fontsize=12)
    start = "Histograms of activations during calibration, with their int8 ranges"
    return Picture(figure, f"{start}: {'; '.join(listed)}.")
