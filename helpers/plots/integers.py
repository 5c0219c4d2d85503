"""A layer in integers: where one value of a convolution comes from."""

from __future__ import annotations

import base64
import functools
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Rectangle

from helpers.plots import style
from helpers.plots.style import ORANGE, VERMILION, Picture

if TYPE_CHECKING:
    from helpers.integer.one_value import Convolution


def one_convolution(layer: Convolution, row: int = 20, column: int = 20, channel: int = 0) -> Picture:
    """Show what one value of a convolution sees, where it goes, and each integer on the way there.

    Args:
        layer: from `one_value.first_convolution`; its input is a picture in colours.
        row, column, channel: of the value in the output.

    Raises:
        IndexError: the output has no such value.
    """
    from helpers.integer import one_value  # it loads what reads .tflite files

    steps = one_value.trace(layer, row, column, channel)
    figure, (before, after, ledger) = style.axes(11.5, 4, ncols=3, width_ratios=(1, 1, 1.35))
    before.imshow((layer.codes.astype(int) + 128).astype(np.uint8), interpolation="nearest")
    after.imshow(layer.outputs(channel), cmap="gray", vmin=-128, vmax=127, interpolation="nearest")
    height, width = layer.weights.shape[1:3]
    corner = (column * layer.strides[1] - layer.before[1] - 0.5, row * layer.strides[0] - layer.before[0] - 0.5)
    for line in ({"edgecolor": "black", "linewidth": 4}, {"edgecolor": VERMILION, "linewidth": 2}):
        before.add_patch(Rectangle(corner, width, height, fill=False, **line))
        after.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, **line))
    before.set_title(f"{height} × {width} pixels ...", fontsize=12)
    after.set_title(f"... become one code of filter {channel}", fontsize=12)
    for axis in (before, after):
        axis.grid(visible=False)
    _write(ledger, steps)
    where = f"row {row}, column {column}, filter {channel}"
    figure.suptitle(f"{where}: {len(steps)} steps, all of them in integers", fontweight="bold", x=0.01, ha="left")
    listed = style.join([f"{words}: {value:,}" for words, value in steps])
    return Picture(
        figure,
        f"One value of a convolution ({where}), step by step: {listed}.",
        functools.partial(_live, layer, row, column, channel),
    )


def _write(axis, steps: list[tuple[str, int]]) -> None:
    """Write the steps below each other, with their numbers at the right."""
    axis.axis("off")
    for line, (words, value) in enumerate(steps):
        last = line == len(steps) - 1
        look = {"transform": axis.transAxes, "va": "center", "fontsize": 12, "fontweight": "bold" if last else "normal"}
        height = 0.95 - 0.9 * line / (len(steps) - 1)
        axis.text(0, height, words, **look)
        axis.text(1, height, f"{value:,}", ha="right", color=ORANGE if last else "black", **look)


def _live(layer: Convolution, row: int, column: int, channel: int) -> dict:
    """Return what the live figure needs: the layer with the codes of its picture."""
    return {
        "figure": "convolution",
        "row": row,
        "column": column,
        "channel": channel,
        "codes": base64.b64encode(layer.codes.tobytes()).decode("ascii"),
        "input": layer.codes.shape,
        "output": layer.shape,
        "weights": base64.b64encode(layer.weights.tobytes()).decode("ascii"),
        "kernel": layer.weights.shape[1:3],
        "bias": layer.bias.tolist(),
        "multipliers": layer.multipliers.tolist(),
        "shifts": layer.shifts.tolist(),
        "zero_points": (layer.zero_point, layer.output_zero_point),
        "limits": layer.limits,
        "strides": layer.strides,
        "before": layer.before,
    }
