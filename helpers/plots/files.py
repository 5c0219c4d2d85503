"""What is in the files: where their bytes go, what calibration does, how codes differ."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from helpers.plots import style, wording
from helpers.plots.style import BLUE, COLOURS, GREEN, GREY, HATCHES, MARKERS, ORANGE, PURPLE, Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from helpers.measure.accuracy import Score

PURPOSE_LOOKS = ((BLUE, ""), (GREEN, "//"), (ORANGE, "xx"), (PURPLE, ".."), (GREY, "\\\\"))  # colour, hatching
A_FEW = 10  # calibration pictures at most


def file_bytes(sizes: dict[str, dict[str, int]]) -> Picture:
    """Show where the bytes of several files go, as stacked bars.

    Args:
        sizes: {file: {purpose: bytes}}, from `inspect.bytes_by_purpose`; the first is what the others come from.

    Raises:
        ValueError: there are no purposes, or more than there are looks for.
    """
    looks = style.paired(next(iter(sizes.values())), PURPOSE_LOOKS, "purposes of bytes")
    figure, axis = style.axes(9, 1.2 + 0.75 * len(sizes))
    start = np.zeros(len(sizes))
    for purpose, (colour, hatch) in looks:
        widths = np.array([parts[purpose] for parts in sizes.values()]) / 1e3
        axis.barh(list(sizes), widths, left=start, color=colour, hatch=hatch, edgecolor="white", label=purpose)
        start += widths
    for row, width in enumerate(start):
        axis.text(width, row, f" {width:,.1f} kB", va="center")
    axis.set(xlabel="kB (1000 bytes)", title=_what_shrinks(list(sizes.values())), xlim=(0, start.max() * 1.15))
    axis.invert_yaxis()
    axis.legend(ncols=3, loc="lower right", fontsize=11)
    shares = [
        f"{name}: {parts['weights'] / sum(parts.values()):.1%} of {sum(parts.values()):,} bytes"
        for name, parts in sizes.items()
    ]
    return Picture(figure, f"Stacked bars of the bytes in each file. The weights take {style.join(shares)}.")


def _what_shrinks(files: Sequence[dict[str, int]]) -> str:
    """Return whether weights, and what else is in a file, take fewer bytes in all files after the first.

    Args:
        files: {purpose: bytes} each, one purpose being "weights".
    """
    weights = np.array([parts["weights"] for parts in files])
    rest = np.array([sum(parts.values()) for parts in files]) - weights
    if len(files) == 1:
        return f"The weights take {weights[0] / (weights + rest)[0]:.1%} of the file"
    smaller = [sizes[1:] < sizes[0] for sizes in (weights, rest)]
    if any(some.any() and not some.all() for some in smaller):
        return "What shrinks differs from file to file"
    return {
        (True, False): "The weights shrink, the rest of the file does not",
        (True, True): "The weights shrink, and so does the rest of the file",
        (False, True): "The weights do not shrink, the rest of the file does",
        (False, False): "Neither the weights nor the rest of the file shrink",
    }[tuple(bool(some.all()) for some in smaller)]


def calibrations(results: dict[str, tuple[Score, float]], float_score: Score) -> Picture:
    """Show accuracy and input scale for each set of calibration pictures.

    Args:
        results: {calibration set: (score of the int8 file, scale of its input)}.  Sets of good pictures are named by
            their number, "10 pictures".
        float_score: of the float32 file on the same pictures, drawn as a line.
    """
    names = list(results)
    figure, (left, right) = style.axes(10, 0.9 + 0.5 * len(names), ncols=2, sharey=True, width_ratios=(2, 1))
    for row, (score, scale) in enumerate(results.values()):
        style.interval_bar(left, score, row, "int8")
        right.plot(scale, row, MARKERS["int8"], color=COLOURS["int8"], markersize=8)
        words = f"1/{1 / scale:.0f}" if scale <= 1 else f"{scale:.3g}"
        right.annotate(words, (scale, row), (9, -4), textcoords="offset points", fontsize=11)
    left.axvline(100 * float_score.accuracy, color=COLOURS["float32"], linestyle="--", label="float32")
    left.set(xlabel="accuracy (%), 95% interval", yticks=range(len(names)), yticklabels=names)
    left.set_title(_enough_pictures({name: score for name, (score, _) in results.items()}, float_score))
    style.plain_log(right, 0.4 * min(s for _, s in results.values()), 20 * max(s for _, s in results.values()))
    right.set(xlabel="width of one input step", title="Input scale")
    left.invert_yaxis()
    left.legend()
    listed = style.join(
        [f"{name} {score.accuracy:.1%} at scale {scale:.4f}" for name, (score, scale) in results.items()]
    )
    return Picture(
        figure,
        f"Accuracy of the int8 file by calibration pictures, float32 at {float_score.accuracy:.1%}: {listed}.",
    )


def _enough_pictures(scores: dict[str, Score], float_score: Score) -> str:
    """Return how many calibration pictures are enough: with so many, and all larger sets, a paired test finds no loss.

    Args:
        scores: {calibration set: score of the int8 file}; "10 pictures" is a set of 10 good ones.
        float_score: of the float32 file on the same pictures.
    """
    numbers = {name: re.fullmatch(r"([\d,]+) pictures?", name) for name in scores}
    sets = {int(match[1].replace(",", "")): scores[name] for name, match in numbers.items() if match}
    enough = []
    for count in sorted(sets, reverse=True):
        if wording.less_accurate(sets[count], float_score):
            break
        enough.append(count)
    if any(1 < count <= A_FEW for count in enough):
        return "A few good pictures are enough"
    if enough:
        return f"{wording.counted(enough[-1], 'good picture')} {'are' if enough[-1] > 1 else 'is'} enough"
    if sets:
        return f"Even {wording.counted(max(sets), 'good picture')} {'are' if max(sets) > 1 else 'is'} not enough"
    return _losing_sets(scores, float_score)


def _losing_sets(scores: dict[str, Score], float_score: Score) -> str:
    """Return after which calibrations a paired test finds that the int8 file is less accurate than float32."""
    losing = [name for name, score in scores.items() if wording.less_accurate(score, float_score)]
    return f"Less accurate than float32: {wording.few(losing)}" if losing else "No less accurate than float32"


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
    axis.set_title(_off_by(values))
    listed = style.join(
        [f"{share:.1f}% of the values differ by {value}" for value, share in zip(values, shares, strict=True)]
    )
    return Picture(figure, f"Bar chart of the difference between truncated and rounded input codes: {listed}.")


def _off_by(differences: np.ndarray) -> str:
    """Return by how many codes truncating is wrong, where it is.

    Args:
        differences: all that occur, integers [n].
    """
    wrong = sorted({abs(int(value)) for value in differences} - {0})
    if not wrong:
        return "Truncating gives the same codes as rounding"
    codes = f"{wrong[-1]} codes" if wrong[-1] > 1 else "one code"
    return f"Where truncating goes wrong, it is off by {'up to ' if len(wrong) > 1 else ''}{codes}"
