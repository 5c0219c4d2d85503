"""The first layers of a network in bands of rows: what that saves in memory, and how many products it repeats.

Early in a network activations are large, and they decide how much RAM it needs.  But a row of the output of a layer
needs a few rows of its input only.  So the first layers can run band by band, and what lies between them is never in
memory as a whole.  Where windows overlap, two bands compute the same rows.  (Lin et al. 2021, "MCUNetV2:
Memory-Efficient Patch-based Inference for Tiny Deep Learning", arXiv:2110.15352.  Their patches have edges on all
sides; these bands are as wide as the picture.)  `firmware/bands.c` does it.
"""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

from helpers.base.tables import Table
from helpers.board import arena
from helpers.board.arena import Buffer
from helpers.board.windows import windows
from helpers.integer.operators import Step
from helpers.measure import roofline
from helpers.tflite import inspect

STAGES = ("CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D")  # operators that can run in bands
MOST = 8  # of them; MOST_STAGES in bands.h
Rows = tuple[int, int]  # the first, and the one behind the last


@dataclasses.dataclass(frozen=True)
class Bands:
    """How the beginning of a network is cut.

    Attributes:
        layers: so many operators run in bands, counted from the first.
        rows: of the output of the last of them that a band makes.
    """

    layers: int
    rows: int = 1


def stages(path: Path, bands: Bands) -> list[Step]:
    """Return the operators that run in bands.

    Raises:
        FileNotFoundError, ValueError: see `inspect.graph`; or these operators cannot run in bands.
    """
    graph = inspect.graph(path)
    if not 1 <= bands.layers <= MOST or bands.rows < 1:
        raise ValueError(f"Expected 1 to {MOST} layers and at least one row; found {bands.layers} and {bands.rows}.")
    for number, (operator, tensors) in enumerate(graph[: bands.layers]):
        readers = [step for step, _ in graph if operator.outputs[0] in step.inputs]
        alone = number == bands.layers - 1 or readers == [graph[number + 1][0]]
        if operator.name not in STAGES or tensors[0].data is not None or not alone:
            raise ValueError(
                f"The first {bands.layers} operators of {Path(path).name} cannot run in bands: expected "
                f"{', '.join(STAGES)}, each read by the next one only; operator {number} is {operator.name} and is "
                f"read by {len(readers)}."
            )
    return [Step(operator, tuple(inputs), output) for operator, (*inputs, output) in graph[: bands.layers]]


def needed_for(at: dict[str, int], wanted: Rows) -> Rows:
    """Return the rows of the input that some rows of the output are computed from, without those outside the picture.

    Args:
        at: from `windows.windows`.
        wanted: rows of the output.
    """
    first = wanted[0] * at["stride_height"] - at["pad_top"]
    end = (wanted[1] - 1) * at["stride_height"] - at["pad_top"] + at["height"]
    return max(first, 0), min(end, at["in_height"])


def rows(path: Path, bands: Bands) -> list[list[Rows]]:
    """Return the rows of each stage's output that each band computes: [bands][stages]."""
    chain = [windows(step) for step in stages(path, bands)]
    height, found = chain[-1]["out_height"], []
    for first in range(0, height, bands.rows):
        band = [(first, min(first + bands.rows, height))]
        for at in chain[:0:-1]:
            band.insert(0, needed_for(at, band[0]))
        found.append(band)
    return found


def buffers(path: Path, bands: Bands | None = None) -> list[Buffer]:
    """Return the buffers that a file needs if its first layers run in bands; see `arena.buffers`.

    All operators in the bands count as one, the first.
    """
    needed = arena.buffers(path)
    if bands is None:
        return needed
    merged = bands.layers - 1
    sizes = {
        step.output.index: max(end - first for first, end in of_stage) * math.prod(step.output.shape[2:])
        for step, of_stage in zip(stages(path, bands)[:-1], zip(*rows(path, bands), strict=True), strict=False)
    }
    return [
        dataclasses.replace(
            buffer,
            bytes=sizes.get(buffer.tensor, buffer.bytes),
            first=max(0, buffer.first - merged),
            last=max(0, buffer.last - merged),
        )
        for buffer in needed
    ]


def products(path: Path, bands: Bands) -> tuple[int, int]:
    """Return the products of the layers in the bands: if each is computed once, and as often as the bands need it."""
    once = often = 0
    for step, of_stage in zip(stages(path, bands), zip(*rows(path, bands), strict=True), strict=True):
        if step.operator.name in inspect.WEIGHED:
            channels = step.inputs[1].shape[3] if step.operator.name == "CONV_2D" else 1
            in_a_row = math.prod(step.output.shape[2:]) * math.prod(step.inputs[1].shape[1:3]) * channels
            once += step.output.shape[1] * in_a_row
            often += sum(end - first for first, end in of_stage) * in_a_row
    return once, often


def rows_table(path: Path, bands: Bands, number: int) -> Table:
    """Return the rows that each stage computes for one band.

    Args:
        path, bands: see `rows`.
        number: of the band, from 0.
    """
    lines = [
        [step.operator.name, inspect.layer_of(step.output.name), f"{first} to {end - 1}", step.output.shape[1]]
        for step, (first, end) in zip(stages(path, bands), rows(path, bands)[number], strict=True)
    ]
    return Table(["operator", "makes", "rows", "of"], lines)


def table(path: Path, choices: Sequence[Bands]) -> Table:
    """Return for each way of cutting the bytes alive at the peak, and the products that are repeated.

    Args:
        path: a full-int8 file.
        choices: ways to cut it.
    """
    all_products = sum(layer.macs for layer in roofline.layers(path))
    lines = [["not at all", f"{arena.peak(arena.buffers(path)):,}", "0", "0.0%"]]
    for bands in choices:
        once, often = products(path, bands)
        needed, repeated = buffers(path, bands), often - once
        shown = f"{bands.layers} layers, {bands.rows} row{'s' * (bands.rows > 1)} at a time"
        lines.append([shown, f"{arena.peak(needed):,}", f"{repeated:,}", f"{repeated / all_products:.1%}"])
    return Table(["in bands", "alive at the peak (bytes)", "products repeated", "of all products"], lines)
