"""A whole picture on the emulated board: which layers take the instructions, and on which processor how many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from helpers.plots import style
from helpers.plots.style import BLACK, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, Picture

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from helpers.board.inference import Inference

LOOKS = ((VERMILION, ""), (SKY, "//"), (GREEN, ".."), (ORANGE, "++"), (PURPLE, "\\\\"), (GREY, "xx"))
SMALL, REST = 0.005, "all else"  # kinds with less than this share in every version are drawn as one
MILLION = 1e6


def instructions_of_a_picture(
    found: Sequence[Inference], estimated: Mapping[str, tuple[float, float]], shown: int = 8
) -> Picture:
    """Show the instructions of one picture: of its largest layers, and of all of them by what they do.

    Left, for the first two versions: the layers that take the most in the first one, and all others together.  Right,
    for every version: what its instructions do, stacked, and beside it what had been estimated.

    Args:
        found: what was counted, the first two of one processor.
        estimated: {label of a version: instructions, the fewest and the most}; not every version has to be there.
        shown: so many layers.
    """
    figure, (left, right) = style.axes(13, 5.4, ncols=2, width_ratios=(1, 1.15))
    first, second = found[:2]
    names = _layer_bars(left, first, second, shown)
    left.set_title(_most(first))
    _stacks(right, found)
    for row, one in enumerate(found):
        if one.label in estimated:
            low, high = (end / MILLION for end in estimated[one.label])
            right.plot([low, high], [row + 0.42] * 2, color=BLACK, linewidth=3, marker="|", markersize=9)
    title = _compared(found)
    right.set_title(title)
    right.legend(loc="upper right", fontsize=11)
    sources = style.join(sorted({one.source for one in found}))
    figure.suptitle(f"One picture on the emulated board: instructions, {sources}", fontsize=13)
    listed = [
        f"{one.label} {one.instructions / MILLION:.1f} million ("
        + ", ".join(f"{kind} {count / one.instructions:.1%}" for kind, count in one.by_kind().items())
        + ")"
        for one in found
    ]
    before = [f"{name} {low / MILLION:.0f} to {high / MILLION:.0f}" for name, (low, high) in estimated.items()]
    return Picture(
        figure,
        f"Bars of instructions for one picture, {sources}. {'; '.join(listed)}. Estimated before, in millions: "
        f"{'; '.join(before) or 'nothing'}. The layers with the most, by {first.label}: {', '.join(names)}. "
        f"{_most(first)}. {title}.".replace("\n", " "),
    )


def _layer_bars(axis, first: Inference, second: Inference, shown: int) -> list[str]:
    """Draw the layers that take the most instructions in the first version, and return them with their numbers."""
    order = sorted(range(len(first.steps)), key=lambda i: -first.steps[i].instructions)
    top, others = sorted(order[:shown]), order[shown:]
    groups = [[i] for i in top] + ([others] if others else [])
    labels = [first.steps[i].layer for i in top] + [f"{len(others)} others"] * bool(others)
    for number, (one, (colour, hatch)) in enumerate(zip((first, second), LOOKS, strict=False)):
        sums = [sum(one.steps[i].instructions for i in group) / MILLION for group in groups]
        rows = [row + 0.4 * (number - 0.5) for row in range(len(groups))]
        axis.barh(rows, sums, 0.38, color=colour, hatch=hatch, edgecolor="white", label=one.label)
    axis.set(yticks=range(len(groups)), yticklabels=labels, ylim=(len(groups) - 0.4, -0.6))
    axis.set_xlabel("million instructions")
    axis.grid(False, axis="y")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, fontsize=11)
    return [f"{labels[row]} {first.steps[i].instructions / MILLION:.1f} million" for row, i in enumerate(top)]


def _stacks(axis, found: Sequence[Inference]) -> None:
    """Draw a bar for each version, stacked by what the instructions do."""
    counted = [one.by_kind() for one in found]
    large = [
        kind
        for kind in dict.fromkeys(kind for counts in counted for kind in counts)
        if any(counts.get(kind, 0) >= SMALL * one.instructions for one, counts in zip(found, counted, strict=True))
    ]
    for row, (one, counts) in enumerate(zip(found, counted, strict=True)):
        start = 0.0
        sizes = {kind: counts.get(kind, 0) for kind in large}
        sizes[REST] = one.instructions - sum(sizes.values())
        for kind, (colour, hatch) in style.paired(sizes, LOOKS, "kinds of layers"):
            size, label = sizes[kind] / MILLION, kind if row == 0 else None
            axis.barh(row, size, 0.6, start, color=colour, hatch=hatch, edgecolor="white", label=label)
            start += size
        axis.text(start, row, f" {start:.1f}", va="center", fontsize=11)
    axis.set(yticks=range(len(found)), yticklabels=[one.label.replace(", ", ",\n", 1) for one in found])
    axis.set(ylim=(len(found) - 0.4, -0.6), xlim=(0, 1.15 * max(one.instructions for one in found) / MILLION))
    axis.set_xlabel("million instructions, black: as estimated before")
    axis.grid(False, axis="y")


def _most(one: Inference) -> str:
    """Return how many of the layers take half of the instructions, as a title."""
    sizes, total, number = sorted((step.instructions for step in one.steps), reverse=True), 0, 0
    while 2 * total < one.instructions:
        total += sizes[number]
        number += 1
    return f"{number} of {len(sizes)} layers {'takes' if number == 1 else 'take'}\nhalf of all instructions"


def _compared(found: Sequence[Inference]) -> str:
    """Return how many instructions the other versions take of those of the first, as a title of two lines."""
    first, *others = found
    names = [one.label.removeprefix(f"{first.core}, ") if one.core == first.core else one.core for one in others]
    times = [
        f"{name} {one.instructions / first.instructions:.2g} times" for name, one in zip(names, others, strict=True)
    ]
    return f"Beside {first.label}:\n{style.join(times)} as many"
