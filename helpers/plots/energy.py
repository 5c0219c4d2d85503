"""What an operation and an inference cost in energy, and a number taken apart into its bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np

from helpers.numbers import floats
from helpers.plots import style
from helpers.plots.style import BLACK, BLUE, COLOURS, GREEN, GREY, HATCHES, ORANGE, PURPLE, VERMILION, Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from helpers.measure.energy import Cost, Inference
    from helpers.numbers.floats import Number

BIT_LOOKS = {"S": ("#F6C6A8", VERMILION), "E": ("#BFE3D6", GREEN), "F": ("#CFE3F5", BLUE), "I": ("#F4DDAE", ORANGE)}


TYPE_LOOKS = {  # of operations; float32, float16 and int8 look as the files do
    "int8": (COLOURS["int8"], HATCHES["int8"]),
    "int32": (GREY, "--"),
    "float16": (COLOURS["float16"], HATCHES["float16"]),
    "float32": (COLOURS["float32"], HATCHES["float32"]),
}


SPENT_LOOKS = {  # what energy is spent on
    "arithmetic": (GREEN, ""),
    "instructions": (GREY, "\\\\"),
    "weights": (ORANGE, "xx"),
    "activations": (PURPLE, ".."),
}


def energy_per_operation(costs: dict[tuple[str, str, str], Cost]) -> Picture:
    """Show the published energy and chip area of an operation, on logarithmic axes.

    Args:
        costs: from `energy.costs`.
    """
    kinds = [("add", of) for of in TYPE_LOOKS] + [("multiply", of) for of in TYPE_LOOKS]
    reads = [(operation, of) for quantity, operation, of in costs if quantity == "energy" and of not in TYPE_LOOKS]
    figure, (left, right) = style.axes(11, 5.2, ncols=2, width_ratios=(1.25, 1), sharey=True)
    for axis, quantity, names in ((left, "energy", kinds + reads), (right, "area", kinds)):
        for row, (operation, of) in enumerate(names):
            cost = costs[quantity, operation, of]
            colour, hatch = TYPE_LOOKS.get(of, (PURPLE, "..") if operation.startswith("read") else (BLACK, ""))
            axis.barh(row, cost.value, color=colour, hatch=hatch, edgecolor="white")
            words = f" {cost.low:,g}" if cost.low == cost.high else f" {cost.low:,g} to {cost.high:,g}"
            if cost.low < cost.high:
                axis.plot([cost.low, cost.high], [row, row], "|-", color=BLACK, markersize=9)
            axis.text(1.1 * cost.high, row, words, va="center", fontsize=12)
        values = [costs[quantity, *name].value for name in names]
        style.plain_log(axis, 0.5 * min(values), (60 if quantity == "energy" else 6) * max(values))
    labels = [f"{operation} {of}".replace("read 64 bits", "read 64 bits,") for operation, of in kinds + reads]
    left.set(yticks=range(len(labels)), yticklabels=labels, xlabel="energy (pJ)")
    right.set_xlabel("chip area (µm²)")
    if not any(("area", *name) in costs for name in reads):
        words = "memory and instructions:\nno area published"
        right.text(0.05, 0.2, words, transform=right.transAxes, color="#555555")
    left.invert_yaxis()
    times = {q: costs[q, "multiply", "float32"].value / costs[q, "multiply", "int8"].value for q in ("energy", "area")}
    left.set_title(f"float32 × float32: {times['energy']:.1f} times int8's energy")
    right.set_title(f"and {times['area']:.0f} times its area")
    dram = costs["energy", "read 64 bits", "DRAM"].value / costs["energy", "multiply", "float32"].value
    listed = style.join([f"{o} {of} {costs['energy', o, of].value:g} pJ" for o, of in kinds])
    return Picture(
        figure,
        f"Bars of the published energy and area per operation at 45 nm: {listed}. Reading 64 bits from DRAM takes "
        f"{dram:,.0f} times as much as a float32 multiplication, an instruction's overhead "
        f"{costs['energy', 'instruction', 'overhead'].value:g} pJ.",
    )


def energy_per_inference(estimates: dict[str, tuple[Inference, Inference]]) -> Picture:
    """Show the estimated energy of one inference, by what it is spent on, for several machines.

    Args:
        estimates: {machine: (first, second)}, mostly float32 and int8, from `energy.estimate`; each machine has an
            axis of its own.
    """
    figure, axes = style.axes(10, 0.9 + 1.45 * len(estimates), nrows=len(estimates), squeeze=False)
    for axis, (machine, pair) in zip(axes[:, 0], estimates.items(), strict=True):
        start = np.zeros(2)
        for part, (colour, hatch) in SPENT_LOOKS.items():
            widths = np.array([one.parts()[part] for one in pair])
            axis.barh([0, 1], widths, left=start, color=colour, hatch=hatch, edgecolor="white", label=part)
            start += widths
        for row, total in enumerate(start):
            axis.text(total, row, f" {total:,.0f} µJ", va="center")
        axis.set(yticks=[0, 1], yticklabels=[one.kind for one in pair], ylim=(1.5, -0.5), xlim=(0, 1.14 * start.max()))
        axis.set_ylabel("file")
        for label, one in zip(axis.get_yticklabels(), pair, strict=True):
            label.set(color=COLOURS[one.kind], fontweight="bold")
        axis.set_title(f"{machine}: {_energy_share(*pair)}", fontsize=12)
    axes[-1, 0].set_xlabel("energy of one inference (µJ at 45 nm): an estimate from published costs, not measured")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), ncols=4, loc="outside upper left")
    times = {machine: first.total / second.total for machine, (first, second) in estimates.items()}
    listed = [
        f"{machine}: {first.kind} {first.total:,.0f} µJ, {second.kind} {second.total:,.0f} µJ, "
        + (f"{times[machine]:.1f} to 1" if times[machine] >= 1 else f"{times[machine]:.2g} to 1")
        for machine, (first, second) in estimates.items()
    ]
    return Picture(figure, f"Stacked bars of the estimated energy of one inference. {'; '.join(listed)}.")


def _energy_share(first: Inference, second: Inference) -> str:
    """Return which share of the energy of one inference another takes: 'int8 takes 25% of float32'."""
    return f"{second.kind} takes {second.total / first.total:.0%} of {first.kind}"


def number_bits(numbers: Sequence[Number]) -> Picture:
    """Show the bits of a number in several formats as boxes, with the value that is stored and its error.

    Letters say what a bit is for: S sign, E exponent, F fraction, I the bits of an integer.

    Args:
        numbers: from `floats.in_formats`.
    """
    figure, axis = style.axes(11, 0.7 + 1.5 * len(numbers))
    longest = max(len(number.bits) for number in numbers)
    for row, number in enumerate(numbers):
        place, y = 0, -2.6 * row
        axis.text(-0.5, y + 0.5, number.format, ha="right", va="center", fontsize=15, fontweight="bold")
        for part in number.parts:
            fill, edge = BIT_LOOKS[part.letter]
            for bit in part.bits:
                axis.add_patch(plt.Rectangle((place, y), 1, 1, facecolor=fill, edgecolor=edge, linewidth=1.3))
                axis.text(place + 0.5, y + 0.47, bit, ha="center", va="center", fontsize=14)
                axis.text(place + 0.5, y + 1.28, part.letter, ha="center", va="center", fontsize=13, weight="bold")
                place += 1
        error = "exact" if number.error == 0 else f"error {number.error_text}"
        words = f"stores {number.shown}" + ("" if number.error is None else f",  {error}")
        axis.text(0, y - 0.5, f"{words}   ({number.kind})", va="center", fontsize=14, parse_math=False)
    axis.set(xlim=(-5.2, longest + 0.3), ylim=(-2.6 * len(numbers) + 1.5, 1.8))
    axis.axis("off")
    names = {part.letter: part.name for number in numbers for part in number.parts}
    different = "The same number in different bits" if len(numbers) > 1 else f"A number in {numbers[0].format}"
    axis.set_title(f"{different}: " + ", ".join(f"{letter} {name}" for letter, name in names.items()))
    kinds = style.join([name for letter, name in names.items() if letter != "I" or "F" not in names])
    listed = [f"{n.format} {' '.join(p.bits for p in n.parts)} stores {n.shown}, error {n.error_text}" for n in numbers]
    return Picture(figure, f"Boxes with the bits of a number by {kinds}: {'; '.join(listed)}.", _live_bits(numbers))


def _live_bits(numbers: Sequence[Number]) -> dict | None:
    """Return what a live figure of a finite number in all formats needs; None for any other choice of formats."""
    *_, integer = numbers
    code = int(integer.bits, 2)
    if [number.format for number in numbers] != list(floats.NAMES) or code == 0 or integer.asked is None:
        return None
    scale = integer.stored / (code - 256 * (code > 127))
    return {"figure": "number_bits", "number": str(float(integer.asked)), "scale": float(scale)}
