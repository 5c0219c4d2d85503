"""One function for each figure, one style for all of them.

Every function returns a `Picture`: as the last expression of a cell it shows itself, with alternative text that says
what there is to see.  float32 is always blue and int8 always vermilion; markers or hatching say the same without colour
(palette: Okabe and Ito, Color Universal Design, 2008).
"""

import io
from collections.abc import Sequence

import matplotlib

matplotlib.use("agg", force=False)

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from helpers.datasets import Pets
from helpers.evaluation import Score
from helpers.latency import Timings
from helpers.own_pictures import Answers

BLACK, BLUE, SKY, GREEN = "#000000", "#0072B2", "#56B4E9", "#009E73"
ORANGE, VERMILION, PURPLE, GREY = "#E69F00", "#D55E00", "#CC79A7", "#8C8C8C"
COLOURS = {
    "float32": BLUE,
    "dynamic range": GREEN,
    "float16": SKY,
    "int8, float in/out": ORANGE,
    "int8": VERMILION,
    "int16x8": PURPLE,
}
MARKERS = {
    "float32": "o",
    "dynamic range": "^",
    "float16": "D",
    "int8, float in/out": "v",
    "int8": "s",
    "int16x8": "P",
}
HATCHES = {
    "float32": "",
    "dynamic range": "..",
    "float16": "xx",
    "int8, float in/out": "\\\\",
    "int8": "//",
    "int16x8": "++",
}
STYLE = {
    "figure.dpi": 110,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E5E5E5",
    "legend.frameon": False,
    "hatch.linewidth": 0.6,
}
matplotlib.rcParams.update(STYLE)


class Picture:
    """A finished figure and the text that stands for it where it cannot be seen."""

    def __init__(self, figure: Figure, alt: str):
        self.figure, self.alt = figure, alt
        plt.close(figure)

    def png(self) -> bytes:
        """Return the figure as a PNG file, the same bytes for the same figure."""
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", metadata={"Software": None})
        return buffer.getvalue()

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        return {"image/png": self.png(), "text/plain": self.alt}, {"image/png": {"alt": self.alt}}


def _axes(width: float = 8, height: float = 4, **grid):
    """Return a new figure of `width` by `height` inches and its axes."""
    return plt.subplots(figsize=(width, height), **grid)


def _plain_log(axis, low: float, high: float) -> None:
    """Make a logarithmic x axis from `low` to `high` with plain numbers on it, not powers of ten."""
    axis.set(xscale="log", xlim=(low, high))
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 500 * low else (1,), numticks=20))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_locator(NullLocator())


def _join(items: Sequence[str]) -> str:
    """Join words as in a sentence: 'a, b and c'."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


# --- 01: the data and the training --------------------------------------------------------------------------------


def pictures(images: np.ndarray, captions: Sequence[str], title: str, columns: int = 6) -> Picture:
    """Show pictures in a grid, each under its caption.

    Args:
        images: uint8 [n, height, width, 3].
        captions: n short texts.
        title: what to see.
        columns: pictures in a row.

    Raises:
        ValueError: the captions do not match the pictures, or there is nothing to show.
    """
    if len(images) == 0 or len(images) != len(captions):
        raise ValueError(
            f"Expected one caption for each picture, at least one; found {len(images)} and {len(captions)}."
        )
    columns = min(columns, max(len(images), 3))
    rows = -(-len(images) // columns)
    figure, axes = _axes(1.75 * columns, 2.0 * rows + 0.4, nrows=rows, ncols=columns, squeeze=False)
    for place in axes.flat:
        place.axis("off")
    for place, image, caption in zip(axes.flat, images, captions, strict=False):
        place.imshow(image, interpolation="nearest")
        place.set_title(caption, fontsize=11, fontweight="normal", loc="center")
    figure.suptitle(title, fontweight="bold", x=0.01, ha="left", fontsize=13)
    return Picture(
        figure,
        f"{title}. A grid of {len(images)} pictures, captioned: {'; '.join(captions)}.".replace("\n", " "),
    )


def class_balance(pets: Pets) -> Picture:
    """Show how many cats and dogs each split holds."""
    splits = list(pets.counts)
    dogs = np.array([int(pets.arrays(split)[1].sum()) for split in splits])
    cats = np.array([pets.counts[split] for split in splits]) - dogs
    figure, axis = _axes(8, 2.6)
    axis.barh(splits, cats, color=SKY, edgecolor="white", label="cats")
    axis.barh(splits, dogs, left=cats, color=ORANGE, edgecolor="white", hatch="//", label="dogs")
    for row, (c, d) in enumerate(zip(cats, dogs, strict=True)):
        axis.text(c + d, row, f" {c:,} cats, {d:,} dogs", va="center")
    equal = np.allclose(cats, dogs, rtol=0.1)
    title = "Both classes are there in equal parts" if equal else "The classes are not there in equal parts"
    axis.set(xlabel="pictures", title=title, xlim=(0, (cats + dogs).max() * 1.35))
    axis.invert_yaxis()
    axis.legend(ncols=2, loc="lower right")
    share = _join([f"{c / (c + d):.0%} cats in {s}" for s, c, d in zip(splits, cats, dogs, strict=True)])
    return Picture(figure, f"Stacked bars of cats and dogs in each split: {share}.")


def training_curves(history: dict[str, list[float]]) -> Picture:
    """Show loss and accuracy of each epoch, on training and validation pictures."""
    figure, (left, right) = _axes(9, 3.6, ncols=2)
    epochs = np.arange(1, len(history["loss"]) + 1)
    for axis, name, unit, factor in (
        (left, "loss", "cross-entropy (nats)", 1),
        (right, "accuracy", "accuracy (%)", 100),
    ):
        axis.plot(epochs, factor * np.array(history[name]), "o-", color=BLACK, label="training (augmented)")
        axis.plot(epochs, factor * np.array(history[f"val_{name}"]), "s--", color=GREEN, label="validation")
        axis.set(xlabel="epoch", ylabel=unit, xticks=epochs[:: max(1, len(epochs) // 6)])
    left.set_title("The loss falls")
    right.set_title("The accuracy rises")
    left.legend()
    ends = f"from {history['val_accuracy'][0]:.1%} to {history['val_accuracy'][-1]:.1%}"
    text = f"Two line charts over {len(epochs)} epochs: the loss falls on training and validation pictures, and the"
    return Picture(figure, f"{text} validation accuracy goes {ends}.")


def confusion(score: Score, classes: Sequence[str], name: str = "float32") -> Picture:
    """Show how often each class is taken for each other: counts, and shares of the true class."""
    counts = np.zeros((len(classes), len(classes)), int)
    np.add.at(counts, (score.labels, score.predictions), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axis = _axes(4.8, 3.8)
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axis.grid(False)
    for (row, column), share in np.ndenumerate(shares):
        text = f"{counts[row, column]:,}\n{share:.1%}"
        axis.text(column, row, text, ha="center", va="center", color="white" if share > 0.5 else "black")
    ticks = range(len(classes))
    axis.set(
        xticks=ticks,
        yticks=ticks,
        xticklabels=classes,
        yticklabels=classes,
        xlabel="predicted",
        ylabel="true",
    )
    axis.set_title(f"{name}: {score.accuracy:.1%} right")
    wrong = _join([f"{shares[i, 1 - i]:.1%} of the {c}s are taken for the other class" for i, c in enumerate(classes)])
    return Picture(figure, f"Confusion matrix of the {name} model, {len(score.labels):,} pictures: {wrong}.")


# --- 02: the files ------------------------------------------------------------------------------------------------


def file_bytes(sizes: dict[str, dict[str, int]]) -> Picture:
    """Show where the bytes of several files go, as stacked bars.

    Args:
        sizes: {file: {purpose: bytes}}, from `inspection.bytes_by_purpose`.
    """
    purposes = list(next(iter(sizes.values())))
    figure, axis = _axes(9, 1.2 + 0.75 * len(sizes))
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
    axis.legend(ncols=3, loc="lower right", fontsize=10)
    shares = [
        f"{name}: {parts['weights'] / sum(parts.values()):.1%} of {sum(parts.values()):,} bytes"
        for name, parts in sizes.items()
    ]
    return Picture(figure, f"Stacked bars of the bytes in each file. The weights take {_join(shares)}.")


def calibrations(results: dict[str, tuple[Score, float]], float_score: Score) -> Picture:
    """Show accuracy and input scale for each set of calibration pictures.

    Args:
        results: {calibration set: (score of the int8 file, scale of its input)}.
        float_score: of the float32 file, drawn as a line.
    """
    names = list(results)
    figure, (left, right) = _axes(10, 0.9 + 0.5 * len(names), ncols=2, sharey=True, width_ratios=(2, 1))
    for row, (score, scale) in enumerate(results.values()):
        _interval(left, score, row, "int8")
        right.plot(scale, row, MARKERS["int8"], color=COLOURS["int8"], markersize=8)
        right.annotate(f"1/{1 / scale:.0f}", (scale, row), (9, -4), textcoords="offset points", fontsize=10)
    left.axvline(100 * float_score.accuracy, color=COLOURS["float32"], linestyle="--", label="float32")
    left.set(xlabel="accuracy (%), 95% interval", yticks=range(len(names)), yticklabels=names)
    left.set_title("A few good pictures are enough")
    _plain_log(right, 0.4 * min(s for _, s in results.values()), 20 * max(s for _, s in results.values()))
    right.set(xlabel="width of one input step", title="Input scale")
    left.invert_yaxis()
    left.legend()
    found = _join([f"{name} {score.accuracy:.1%} at scale {scale:.4f}" for name, (score, scale) in results.items()])
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
    figure, axis = _axes(6.5, 3)
    axis.bar(values, shares, color=COLOURS["int8"], width=0.6, edgecolor="white", hatch=HATCHES["int8"])
    for value, share in zip(values, shares, strict=True):
        axis.text(value, share, f"{share:.1f}%", ha="center", va="bottom")
    axis.set(xlabel="truncated code minus rounded code", ylabel="input values (%)", ylim=(0, 112), xticks=values)
    axis.set_title("Where truncating goes wrong, it is off by one code")
    found = _join(
        [f"{share:.1f}% of the values differ by {value}" for value, share in zip(values, shares, strict=True)]
    )
    return Picture(figure, f"Bar chart of the difference between truncated and rounded input codes: {found}.")


# --- 05: accuracy and latency -------------------------------------------------------------------------------------


def _interval(axis, score: Score, row: float, name: str) -> None:
    """Draw one accuracy with its 95% interval on a row, in the look of its kind of file."""
    low, high = score.interval
    axis.plot([100 * low, 100 * high], [row, row], color=COLOURS[name], linewidth=2.5)
    axis.plot(100 * score.accuracy, row, MARKERS[name], color=COLOURS[name], markersize=9, markeredgecolor="white")


def accuracies(scores: dict[str, Score]) -> Picture:
    """Show the accuracy of each file with its 95% interval."""
    figure, axis = _axes(8, 1 + 0.5 * len(scores))
    for row, (name, score) in enumerate(scores.items()):
        _interval(axis, score, row, name)
    low, high = scores[next(iter(scores))].interval
    axis.axvspan(100 * low, 100 * high, color=BLUE, alpha=0.08)
    axis.set(
        yticks=range(len(scores)),
        yticklabels=scores,
        xlabel="accuracy on the test split (%), 95% Wilson interval",
    )
    axis.set_title("The intervals overlap: look at the pictures, not at the dots")
    axis.invert_yaxis()
    found = _join([f"{name} {score}" for name, score in scores.items()])
    return Picture(
        figure,
        f"Accuracy of each file with its 95% interval: {found}. The shaded band is float32's interval.",
    )


def latencies(timings: dict[str, Timings]) -> Picture:
    """Show the median time of one picture for each kernel set and each file, on a logarithmic axis.

    Args:
        timings: {kernel set: timings}.
    """
    names = list(next(iter(timings.values())).seconds)
    figure, axis = _axes(9, 1.5 + 0.22 * len(names) * len(timings))
    height = 0.8 / len(names)
    for i, name in enumerate(names):
        rows = np.arange(len(timings)) + (i - (len(names) - 1) / 2) * height
        values = [t.milliseconds(name) for t in timings.values()]
        errors = np.array([[m.value - m.low, m.high - m.value] for m in values]).T
        look = {"color": COLOURS[name], "hatch": HATCHES[name], "edgecolor": "white"}
        axis.barh(rows, [m.value for m in values], height, xerr=errors, label=name, ecolor=BLACK, **look)
        for row, m in zip(rows, values, strict=True):
            axis.text(m.high * 1.04, row, f"{m.value:.2f}", va="center", fontsize=9)
    everything = [t.milliseconds(name).value for t in timings.values() for name in names]
    _plain_log(axis, 0.6 * min(everything), 1.6 * max(everything))
    rows = {"yticks": range(len(timings)), "yticklabels": timings}
    axis.set(xlabel="time for one picture (ms), one thread", **rows)
    axis.set_title("How much faster int8 is depends on the kernels")
    axis.invert_yaxis()
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=10)
    found = _join(
        [f"{t.ratio('float32', 'int8').value:.1f} times as fast with the {k} kernels" for k, t in timings.items()]
    )
    return Picture(
        figure,
        f"Bars of the time for one picture by kernel set and file. Against float32, int8 is {found}.",
    )


def tradeoff(scores: dict[str, Score], timings: Timings, sizes: dict[str, int], kernels: str) -> Picture:
    """Show accuracy over latency, one point for each file; the area of a point is the size of the file.

    Args:
        scores, timings, sizes: by the same names; sizes in bytes.
        kernels: the kernel set of the timings.
    """
    figure, axis = _axes(8, 4.6)
    for name, score in scores.items():
        time, (low, high) = timings.milliseconds(name), score.interval
        look = {"color": COLOURS[name], "marker": MARKERS[name]}
        axis.vlines(time.value, 100 * low, 100 * high, color=COLOURS[name], linewidth=1.5)
        axis.hlines(100 * score.accuracy, time.low, time.high, color=COLOURS[name], linewidth=1.5)
        label = f"{name}, {sizes[name] / 1e3:,.0f} kB"
        area = 60 + sizes[name] / 3e3  # square points
        axis.scatter(time.value, 100 * score.accuracy, s=area, edgecolor="white", label=label, zorder=3, **look)
    everything = [timings.milliseconds(name).value for name in scores]
    _plain_log(axis, 0.6 * min(everything), 1.6 * max(everything))
    axis.set(xlabel=f"time for one picture (ms), {kernels} kernels, one thread", ylabel="accuracy (%)")
    axis.set_title("Up and to the left is better; a small mark is a small file")
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=10)
    found = [
        f"{n} {scores[n].accuracy:.1%} in {timings.milliseconds(n).value:.2f} ms and {sizes[n] / 1e3:,.0f} kB"
        for n in scores
    ]
    return Picture(figure, f"Scatter of accuracy over time for one picture, marks sized by file: {_join(found)}.")


# --- 08: the whole course in one figure ---------------------------------------------------------------------------


def overview(images: np.ndarray, comparison: dict, kernels: str = "XNNPACK") -> Picture:
    """Show some pictures, and the size, accuracy and time of each kind of file.

    Args:
        images: uint8 [n, height, width, 3]; the first four are shown, and white where there are fewer.
        comparison: from `summary.comparison`.
        kernels: the kernel set of the times.
    """
    rows = comparison["models"]
    names = list(rows)
    figure, axes = _axes(13, 3.6, ncols=4, width_ratios=(1.15, 1, 1, 1))
    images = images[:4]
    four = np.concatenate([images, np.full((4 - len(images), *images.shape[1:]), 255, np.uint8)])
    mosaic = np.concatenate([np.concatenate(list(four[i : i + 2]), axis=1) for i in (0, 2)])
    axes[0].imshow(mosaic, interpolation="nearest")
    axes[0].axis("off")
    axes[0].set_title("Cat or dog?")
    _bars(axes[1], names, [row["bytes"] / 1e3 for row in rows.values()], "size of the file (kB)", "{:,.0f}")
    for row, (name, found) in enumerate(rows.items()):
        axes[2].plot([100 * found["low"], 100 * found["high"]], [row, row], color=COLOURS[name], linewidth=2.5)
        axes[2].plot(100 * found["accuracy"], row, MARKERS[name], color=COLOURS[name], markersize=9)
    axes[2].set(
        xlabel="accuracy (%), 95% interval", yticks=range(len(names)), yticklabels=[], ylim=(len(names) - 0.5, -0.5)
    )
    times = [row["milliseconds"][kernels]["value"] for row in rows.values()]
    _bars(axes[3], names, times, f"ms for one picture, {kernels}", "{:.2f}")
    _plain_log(axes[3], 0.6 * min(times), 4 * max(times))
    axes[3].set_yticklabels([])
    for axis, title in zip(axes[1:], ("Smaller", "As accurate", "Faster, with fast kernels"), strict=True):
        axis.set_title(title)
    found = [
        f"{n} {rows[n]['bytes'] / 1e3:,.0f} kB, {rows[n]['accuracy']:.1%}, {t:.2f} ms"
        for n, t in zip(names, times, strict=True)
    ]
    shown = f"{('No', 'One', 'Two', 'Three', 'Four')[len(images)]} {comparison['data']}"
    return Picture(figure, f"{shown}, then size, accuracy and time for each kind of file: {'; '.join(found)}.")


def _bars(axis, names: Sequence[str], values: Sequence[float], label: str, form: str) -> None:
    """Draw one bar for each kind of file, in its look, with its value written behind it."""
    for row, (name, value) in enumerate(zip(names, values, strict=True)):
        axis.barh(row, value, color=COLOURS[name], hatch=HATCHES[name], edgecolor="white")
        axis.text(value, row, " " + form.format(value), va="center", fontsize=10)
    axis.set(xlabel=label, yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5))
    axis.set_xlim(0, 1.3 * max(values))


# --- one's own pictures -------------------------------------------------------------------------------------------


def own_pets(answers: Answers, columns: int = 4) -> Picture:
    """Show each picture above what every file says about it and how sure it is.

    Args:
        answers: from `own_pictures.compare`.
        columns: pictures in a row.
    """
    count, kinds = len(answers.names), list(answers.probabilities)
    columns = min(columns, max(count, 2))
    rows = -(-count // columns)
    figure, axes = _axes(
        2.6 * columns, 3.3 * rows + 0.8, nrows=2 * rows, ncols=columns, squeeze=False, height_ratios=[4, 1.2] * rows
    )
    for place in axes.flat:
        place.axis("off")
    for i in range(count):
        above, below = axes[i // columns * 2 : i // columns * 2 + 2, i % columns]
        above.imshow(answers.images[i], interpolation="nearest")
        above.set_title(_shown(answers.names[i]), fontsize=11, fontweight="normal", loc="center", parse_math=False)
        _confidences(below, {kind: (answers.predictions(kind)[i], answers.confidences(kind)[i]) for kind in kinds})
    agree = sum(len({answers.predictions(kind)[i] for kind in kinds}) == 1 for i in range(count))
    figure.suptitle(
        f"{_join(kinds)} agree on {agree} of {count} pictures", fontweight="bold", x=0.01, ha="left", fontsize=13
    )
    figure.supxlabel("probability of the predicted class (%)", fontsize=11)
    found = [
        f"{name}: " + _join([f"{k} says {answers.predictions(k)[i]}, {answers.confidences(k)[i]:.1%}" for k in kinds])
        for i, name in enumerate(answers.names)
    ]
    return Picture(figure, f"Pictures, each above bars of how sure the files are. {'; '.join(found)}.")


def _confidences(axis, said: dict[str, tuple[str, float]]) -> None:
    """Draw one bar for each kind of file: its length is the probability, its label the predicted class."""
    axis.axis("on")
    for row, (kind, (name, sure)) in enumerate(said.items()):
        axis.barh(row, 100 * sure, color=COLOURS[kind], hatch=HATCHES[kind], edgecolor="white")
        label = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        axis.text(3, row, f"{name} {sure:.1%}", va="center", fontsize=10, bbox=label)
    axis.set(xlim=(0, 100), xticks=(0, 50, 100), yticks=range(len(said)), yticklabels=said)
    axis.tick_params(labelsize=9)
    axis.invert_yaxis()


def _shown(name: str, longest: int = 20) -> str:
    """Return a file's name short enough for a caption, with a question mark for what the font cannot write."""
    known = get_font(findfont(FontProperties())).get_charmap()
    name = "".join(c if ord(c) in known else "?" for c in name)
    return name if len(name) <= longest else f"{name[: longest // 2 - 1]}…{name[-longest // 2 :]}"
