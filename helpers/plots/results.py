"""The whole course in one figure, and the reader's own pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from helpers.plots import style, wording
from helpers.plots.style import COLOURS, HATCHES, MARKERS, Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from helpers.measure.own_answers import Answers


def overview(images: np.ndarray, comparison: dict, kernels: str = "XNNPACK") -> Picture:
    """Show some pictures, and the size, accuracy and time of each kind of file.

    Args:
        images: uint8 [n, height, width, 3]; the first four are shown, and white where there are fewer.
        comparison: from `summary.comparison`.
        kernels: the kernel set of the times.
    """
    rows = comparison["models"]
    names = list(rows)
    figure, axes = style.axes(13, 3.6, ncols=4, width_ratios=(1.15, 1, 1, 1))
    images = images[:4]
    four = np.concatenate([images, np.full((4 - len(images), *images.shape[1:]), 255, np.uint8)])
    mosaic = np.concatenate([np.concatenate(list(four[i : i + 2]), axis=1) for i in (0, 2)])
    axes[0].imshow(mosaic, interpolation="nearest")
    axes[0].axis("off")
    axes[0].set_title("Cat or dog?")
    _bars(axes[1], names, [row["bytes"] / 1e3 for row in rows.values()], "size of the file (kB)", "{:,.0f}")
    shares = {name: row for name, row in rows.items() if not row.get("partly")}
    for row, (name, model) in enumerate(rows.items()):
        if name not in shares:
            centre = 50 * (rows["float32"]["low"] + rows["float32"]["high"])
            axes[2].text(centre, row, _as_float32(model), ha="center", va="center", fontsize=11, color=COLOURS[name])
            continue
        axes[2].plot([100 * model["low"], 100 * model["high"]], [row, row], color=COLOURS[name], linewidth=2.5)
        axes[2].plot(100 * model["accuracy"], row, MARKERS[name], color=COLOURS[name], markersize=9)
    axes[2].set(
        xlabel="accuracy (%), 95% interval", yticks=range(len(names)), yticklabels=[], ylim=(len(names) - 0.5, -0.5)
    )
    times = [row["milliseconds"][kernels]["value"] for row in rows.values()]
    for row, (name, time) in enumerate(zip(names, times, strict=True)):  # no bars: on this axis they have no length
        axes[3].plot(time, row, MARKERS[name], color=COLOURS[name], markersize=9)
        axes[3].annotate(f"{time:.2f}", (time, row), (8, 0), textcoords="offset points", va="center", fontsize=11)
    axes[3].set(xlabel=f"ms for one picture, {kernels}", yticks=range(len(names)), ylim=(len(names) - 0.5, -0.5))
    style.plain_log(axes[3], 0.6 * min(times), 4 * max(times))
    axes[3].set_yticklabels([])
    for axis, title in zip(axes[1:], _against_float32(rows, kernels), strict=True):
        axis.set_title(title)
    listed = [
        f"{n} {rows[n]['bytes'] / 1e3:,.0f} kB, "
        f"{'{:.1%}'.format(rows[n]['accuracy']) if n in shares else _as_float32(rows[n])}, {t:.2f} ms"
        for n, t in zip(names, times, strict=True)
    ]
    shown = f"{('No', 'One of the', 'Two', 'Three', 'Four')[len(images)]} {comparison['data']}"
    return Picture(figure, f"{shown}, then size, accuracy and time for each kind of file: {'; '.join(listed)}.")


def _against_float32(rows: dict[str, dict], kernels: str) -> tuple[str, str, str]:
    """Return how the other files compare with float32 in size, accuracy and time, a title each.

    A file is as accurate if McNemar's test finds no difference; without the test, if the intervals overlap.  It is
    faster if the 95% interval of its speed-up lies above 1; without that interval, if its time is shorter.

    Args:
        rows: {kind of file: what `summary.comparison` says about it}.
        kernels: the kernel set of the times.
    """
    others = [row for name, row in rows.items() if name != "float32"]
    if "float32" not in rows or not others:
        return "Size", "Accuracy", "Time"
    first = rows["float32"]
    smaller = sum(row["bytes"] < first["bytes"] for row in others)
    faster = sum(_faster(row, first, kernels) for row in others)
    scored = [row for row in others if not row.get("partly")]
    losing = sum(_less_accurate(row, first) for row in scored)
    accurate = f"{losing} of {len(scored)} less accurate" if losing else "As accurate"
    quick = _so_many("faster", faster, len(others))
    quick += ", with fast kernels" if quick == "Faster" and kernels == "XNNPACK" else ""
    return _so_many("smaller", smaller, len(others)), accurate, quick


def _as_float32(row: dict) -> str:
    from helpers.measure.accuracy import as_float32  # it loads SciPy, which no figure needs before it is drawn

    return as_float32(row["same_as_float32"], row["pictures"])


def _less_accurate(row: dict, first: dict) -> bool:
    """Return whether a file is less accurate than another, beyond chance."""
    differs = row["p_value"] < wording.LEVEL if "p_value" in row else row["high"] < first["low"]
    return differs and row["accuracy"] < first["accuracy"]


def _faster(row: dict, first: dict, kernels: str) -> bool:
    """Return whether a file is faster than another with some kernels."""
    if "ratio" in row:
        return row["ratio"][kernels]["low"] > 1
    return row["milliseconds"][kernels]["value"] < first["milliseconds"][kernels]["value"]


def _so_many(word: str, count: int, everything: int) -> str:
    """Return a word for all files, 'Smaller', for some, '2 of 5 smaller', or for none, 'None smaller'."""
    return word.capitalize() if count == everything else f"{count} of {everything} {word}" if count else f"None {word}"


def _bars(axis, names: Sequence[str], values: Sequence[float], label: str, form: str) -> None:
    """Draw one bar for each kind of file, in its look, with its value written behind it."""
    for row, (name, value) in enumerate(zip(names, values, strict=True)):
        axis.barh(row, value, color=COLOURS[name], hatch=HATCHES[name], edgecolor="white")
        axis.text(value, row, " " + form.format(value), va="center", fontsize=11)
    axis.set(xlabel=label, yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5))
    axis.set_xlim(0, 1.3 * max(values))


def own_pets(answers: Answers, columns: int = 4) -> Picture:
    """Show each picture above what every file says about it and how sure it is.

    Args:
        answers: from `own_answers.compare`.
        columns: pictures in a row.
    """
    count, kinds = len(answers.names), list(answers.probabilities)
    columns = min(columns, max(count, 2))
    rows = -(-count // columns)
    figure, axes = style.axes(
        2.6 * columns, 3.3 * rows + 0.8, nrows=2 * rows, ncols=columns, squeeze=False, height_ratios=[4, 1.2] * rows
    )
    for place in axes.flat:
        place.axis("off")
    for i in range(count):
        above, below = axes[i // columns * 2 : i // columns * 2 + 2, i % columns]
        above.imshow(answers.images[i], interpolation="nearest")
        above.set_title(
            style.shorten(answers.names[i]), fontsize=11, fontweight="normal", loc="center", parse_math=False
        )
        _confidences(below, {kind: (answers.predictions(kind)[i], answers.confidences(kind)[i]) for kind in kinds})
    agree = sum(len({answers.predictions(kind)[i] for kind in kinds}) == 1 for i in range(count))
    figure.suptitle(_agreement(kinds, agree, count), fontweight="bold", x=0.01, ha="left", fontsize=13)
    figure.supxlabel("probability of the predicted class (%)", fontsize=11)
    listed = [
        f"{name}: "
        + style.join([f"{k} says {answers.predictions(k)[i]}, {answers.confidences(k)[i]:.1%}" for k in kinds])
        for i, name in enumerate(answers.names)
    ]
    shown = "Pictures, each" if count > 1 else "A picture"
    return Picture(figure, f"{shown} above bars of how sure the files are. {'; '.join(listed)}.")


def _agreement(kinds: Sequence[str], agree: int, count: int) -> str:
    """Return on how many pictures all kinds of files give the same class."""
    pictures = wording.counted(count, "picture")
    return f"{style.join(kinds)} agree on {agree} of {pictures}" if len(kinds) > 1 else f"{kinds[0]} on {pictures}"


def _confidences(axis, answers: dict[str, tuple[str, float]]) -> None:
    """Draw one bar for each kind of file: its length is the probability, its label the predicted class."""
    axis.axis("on")
    for row, (kind, (name, sure)) in enumerate(answers.items()):
        axis.barh(row, 100 * sure, color=COLOURS[kind], hatch=HATCHES[kind], edgecolor="white")
        label = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        axis.text(3, row, f"{name} {sure:.1%}", va="center", fontsize=11, bbox=label)
    axis.set(xlim=(0, 100), xticks=(0, 50, 100), yticks=range(len(answers)), yticklabels=answers)
    axis.tick_params(labelsize=11)
    axis.invert_yaxis()
