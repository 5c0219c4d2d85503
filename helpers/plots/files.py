"""What is in the files: where their bytes go, what calibration does, how codes differ."""

import numpy as np

from helpers.measure.accuracy import Score
from helpers.plots import style
from helpers.plots.style import BLUE, COLOURS, GREEN, GREY, HATCHES, MARKERS, ORANGE, PURPLE, Picture


def file_bytes(sizes: dict[str, dict[str, int]]) -> Picture:
    """Show where the bytes of several files go, as stacked bars.

    Args:
        sizes: {file: {purpose: bytes}}, from `inspect.bytes_by_purpose`.
    """
    purposes = list(next(iter(sizes.values())))
    figure, axis = style.axes(9, 1.2 + 0.75 * len(sizes))
    start = np.zeros(len(sizes))
    looks = zip(purposes, (BLUE, GREEN, ORANGE, PURPLE, GREY), ("", "//", "xx", "..", "\\\\"), strict=True)
    for purpose, colour, hatch in looks:
        widths = np.array([parts[purpose] for parts in sizes.values()]) / 1e3
        axis.barh(list(sizes), widths, left=start, color=colour, hatch=hatch, edgecolor="white", label=purpose)
        start += widths
    for row, width in enumerate(start):
        axis.text(width, row, f" {width:,.1f} kB", va="center")
    axis.set(
        xlabel="kB (1000 bytes)",
        title="The weights shrink, the rest of the file does not",
        xlim=(0, start.max() * 1.15),
    )
    axis.invert_yaxis()
    axis.legend(ncols=3, loc="lower right", fontsize=11)
    shares = [
        f"{name}: {parts['weights'] / sum(parts.values()):.1%} of {sum(parts.values()):,} bytes"
        for name, parts in sizes.items()
    ]
    return Picture(figure, f"Stacked bars of the bytes in each file. The weights take {style.join(shares)}.")


def calibrations(results: dict[str, tuple[Score, float]], float_score: Score) -> Picture:
    """Show accuracy and input scale for each set of calibration pictures.

    Args:
        results: {calibration set: (score of the int8 file, scale of its input)}.
        float_score: of the float32 file, drawn as a line.
    """
    names = list(results)
    figure, (left, right) = style.axes(10, 0.9 + 0.5 * len(names), ncols=2, sharey=True, width_ratios=(2, 1))
    for row, (score, scale) in enumerate(results.values()):
        style.interval_bar(left, score, row, "int8")
        right.plot(scale, row, MARKERS["int8"], color=COLOURS["int8"], markersize=8)
        right.annotate(f"1/{1 / scale:.0f}", (scale, row), (9, -4), textcoords="offset points", fontsize=11)
    left.axvline(100 * float_score.accuracy, color=COLOURS["float32"], linestyle="--", label="float32")
    left.set(xlabel="accuracy (%), 95% interval", yticks=range(len(names)), yticklabels=names)
    left.set_title("A few good pictures are enough")
    style.plain_log(right, 0.4 * min(s for _, s in results.values()), 20 * max(s for _, s in results.values()))
    right.set(xlabel="width of one input step", title="Input scale")
    left.invert_yaxis()
    left.legend()
    found = style.join(
        [f"{name} {score.accuracy:.1%} at scale {scale:.4f}" for name, (score, scale) in results.items()]
    )
    return Picture(
        figure,
        f"Accuracy of the int8 file by calibration pictures, float32 at {float_score.accuracy:.1%}: {found}.",
    )


def code_differences(differences: np.ndarray) -> Picture:
    """Show by how many codes truncating differs from rounding, for every input value.

    Args:
        differences: integers, truncated code minus rounded code, any shape.
    """
    values, counts = np.unique(differences, return_counts=True)
    shares = 100 * counts / differences.size
    figure, axis = style.axes(6.5, 3)
    axis.bar(values, shares, color=COLOURS["int8"], width=0.6, edgecolor="white", hatch=HATCHES["int8"])
    for value, share in zip(values, shares, strict=True):
        axis.text(value, share, f"{share:.1f}%", ha="center", va="bottom")
    axis.set(xlabel="truncated code minus rounded code", ylabel="input values (%)", ylim=(0, 112), xticks=values)
    axis.set_title("Where truncating goes wrong, it is off by one code")
    found = style.join(
        [f"{share:.1f}% of the values differ by {value}" for value, share in zip(values, shares, strict=True)]
    )
    return Picture(figure, f"Bar chart of the difference between truncated and rounded input codes: {found}.")
