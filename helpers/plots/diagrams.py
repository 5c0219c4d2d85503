"""Diagrams: trees of reasons and kinds, and the parts of a network."""

from __future__ import annotations

import itertools
import textwrap
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np

from helpers.plots import style, wording
from helpers.plots.style import BLACK, COLOURS, GREY, ORANGE, Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from helpers.tflite.inspect import Tensor

TINTS = ("#CFE3F5", "#F4DDAE", "#BFE3D6", "#F0D5E3")  # of the branches of a tree


def tree(root: str, branches: dict, title: str) -> Picture:
    """Draw a small tree from left to right, its text wrapped; each branch of the root has a colour of its own.

    Args:
        root: text of the first box.
        branches: {text: branches of that box}, nested; {} ends a branch.
        title: what to see.
    """
    levels, leaves = _depth(branches) + 1, _leaves(branches)
    figure, axis = style.axes(min(11, 1 + 3.4 * levels), 0.8 + 1.0 * leaves)
    axis.set(xlim=(-0.02, levels - 0.1), ylim=(leaves - 0.45, -0.55))
    axis.axis("off")
    figure.suptitle(title, fontweight="bold", x=0.01, ha="left", fontsize=13)
    _box(axis, 0, (leaves - 1) / 2, root, "white")
    _branches(axis, branches, 1, 0, (leaves - 1) / 2, None)
    return Picture(figure, f"{title}. A tree: {root}: {_in_one_line(branches)}.".replace("\n", " "))


def _branches(axis, branches: dict, level: int, first: float, parent: float, tint: str | None) -> None:
    """Draw the boxes of one level below their parent, and all that hangs on them."""
    for i, (words, below) in enumerate(branches.items()):
        count = _leaves({words: below})
        y, colour = first + (count - 1) / 2, tint or TINTS[i % len(TINTS)]
        axis.plot([level - 0.12, level - 0.06, level - 0.06, level], [parent, parent, y, y], color=GREY, zorder=1)
        _box(axis, level, y, words, colour)
        _branches(axis, below, level + 1, first, y, colour)
        first += count


def _box(axis, level: int, y: float, words: str, colour: str) -> None:
    look = {"facecolor": colour, "edgecolor": BLACK, "linewidth": 1.2, "zorder": 2}
    axis.add_patch(plt.Rectangle((level, y - 0.4), 0.88, 0.8, **look))
    lines = "\n".join(textwrap.fill(line, 28) for line in words.split("\n"))
    axis.text(level + 0.44, y, lines, ha="center", va="center", fontsize=13, zorder=3, parse_math=False)


def _depth(branches: dict) -> int:
    return 1 + max(map(_depth, branches.values())) if branches else 0


def _leaves(branches: dict) -> int:
    return sum(_leaves(below) or 1 for below in branches.values())


def _in_one_line(branches: dict) -> str:
    """Return the text of a tree in one line."""
    return "; ".join(f"{words} ({_in_one_line(below)})" if below else words for words, below in branches.items())


def reasons(size: str, latency: str, portability: str) -> Picture:
    """Draw the map of the chapter: three reasons to quantize, each with what this run found.

    Args:
        size, latency, portability: one short sentence each, with its number.
    """
    branches = {"size": {size: {}}, "latency": {latency: {}}, "portability": {portability: {}}}
    return tree("Why quantize?", branches, _reasons_title(size, latency, portability))


def _reasons_title(*reasons: str) -> str:
    """Return a title for three reasons: a number is promised only if each of them has one."""
    all_numbers = all(any(letter.isdigit() for letter in reason) for reason in reasons)
    return f"Three reasons, {'each with a number from' if all_numbers else 'and what was found in'} this run"


def kinds_of_quantization(compression: str = "", inference: str = "") -> Picture:
    """Draw which kinds of quantization there are, and which of them this course runs.

    Args:
        compression, inference: what this run found for weight compression and for quantized inference, if anything.
    """
    after = {
        "weight compression,\nfor size": {compression: {}} if compression else {},
        "quantized inference,\nfor latency": {inference: {}} if inference else {},
    }
    kinds = {"post-training:\nthe network is trained already": after, "quantization-aware:\nwhile it is trained": {}}
    return tree("quantization", kinds, "This course runs both kinds of post-training quantization")


SMALL_NETWORK = (3, 3, 2, 1)  # inputs, two layers, output


def network_parts(tensors: Sequence[Tensor]) -> Picture:
    """Show a small network three times, its weights, biases and activations lit, each with what a file holds of them.

    Args:
        tensors: of a full int8 file, from `inspect.tensors`.  The small network stands for it.

    Raises:
        ValueError: the file has no weights, no biases or no activations with a scale.
    """
    roles = {"weights": ("weights",), "biases": ("bias",), "activations": ("input", "activation", "output")}
    kept = {part: [t for t in tensors if t.role in names and len(t.scale)] for part, names in roles.items()}
    if not all(kept.values()):
        raise ValueError("Expected the tensors of a full int8 file: weights, biases and activations, each with scales.")
    figure, axes = style.axes(11, 4.6, ncols=3)
    ways = {part: _quantized(chosen) for part, chosen in kept.items()}
    for axis, (part, lines) in zip(axes, ways.items(), strict=True):
        _small_network(axis, part)
        words = "\n".join(lines)
        axis.text(0.5, -0.06, words, transform=axis.transAxes, ha="center", va="top", fontsize=12)
        axis.set_title(part, loc="center", fontsize=15)
        axis.axis("off")
    figure.suptitle(_parts_title(kept), fontweight="bold", x=0.01, ha="left", fontsize=13)
    listed = [f"{part}: {', '.join(lines)}" for part, lines in ways.items()]
    return Picture(figure, f"A small network three times, with one part lit each time. {'; '.join(listed)}.")


def _parts_title(parts: dict[str, list[Tensor]]) -> str:
    """Return whether weights, biases and activations differ in their types or in how many scales they have."""
    different = {part: (_types(tensors), _scales(tensors)) for part, tensors in parts.items()}
    names = list(different)
    same = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :] if different[a] == different[b]]
    if not same:
        return "Three things to quantize, each in its own way"
    return f"Three things to quantize, {'all' if len(same) == 3 else style.join(same[0])} in the same way"


def _small_network(axis, lit: str) -> None:
    """Draw the network, with one part of it in colour and the rest in grey."""
    nodes = [[(x, i - (count - 1) / 2) for i in range(count)] for x, count in enumerate(SMALL_NETWORK)]
    pale = "#D5D5D5"
    weights, width = (COLOURS["int8"], 3) if lit == "weights" else (pale, 1.2)
    activations, biases = COLOURS["int8"] if lit == "activations" else pale, ORANGE if lit == "biases" else pale
    for left, right in zip(nodes, nodes[1:], strict=False):
        for (x0, y0), (x1, y1) in itertools.product(left, right):
            axis.plot([x0, x1], [y0, y1], color=weights, linewidth=width, zorder=1)
    for layer, places in enumerate(nodes):
        for x, y in places:
            axis.plot(x, y, "o", markersize=27, color=activations, markeredgecolor="white", zorder=2)
            if layer:  # inputs have no bias
                axis.plot(x + 0.2, y + 0.38, "s", markersize=13, color=biases, zorder=3)
    axis.set(xlim=(-0.4, 3.5), ylim=(-1.5, 1.7))


def _quantized(tensors: Sequence[Tensor]) -> list[str]:
    """Say in four lines what several quantized tensors have in common."""
    values = sum(int(np.prod(t.shape)) for t in tensors)
    scales = np.concatenate([t.scale for t in tensors])
    zeros = np.concatenate([t.zero_point for t in tensors])
    return [
        f"{wording.counted(len(tensors), 'tensor')}, {wording.counted(values, 'value')}",
        f"{_types(tensors)}, {_scales(tensors)}",
        f"scale {wording.spread(scales, '{:.2g}'.format)}",
        f"zero point {wording.spread(zeros, '{:d}'.format)}",
    ]


def _types(tensors: Sequence[Tensor]) -> str:
    return style.join(sorted({t.dtype for t in tensors}))


def _scales(tensors: Sequence[Tensor]) -> str:
    """Say how many scales each of several quantized tensors has."""
    many = [len(t.scale) > 1 for t in tensors]
    return f"one scale for each {'channel' if all(many) else 'channel or tensor' if any(many) else 'tensor'}"
