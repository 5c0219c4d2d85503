"""One function for each figure, one style for all of them.

Every function returns a `Picture`: as the last expression of a cell it shows itself, with alternative text that says
what there is to see.  float32 is always blue and int8 always vermilion; markers or hatching say the same without colour
(palette: Okabe and Ito, Color Universal Design, 2008).
"""

import base64
import html
import io
import itertools
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("agg", force=False)

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from helpers import frontier as frontiers
from helpers import pruning, qat, quantization, simulation
from helpers.arena import Allowance, Plan, Ram, alive
from helpers.board import Board
from helpers.course import Station
from helpers.datasets import Pets
from helpers.debugging import LayerError
from helpers.energy import Cost, Inference
from helpers.evaluation import Score
from helpers.floats import Number
from helpers.inspection import Tensor
from helpers.latency import Median, Timings
from helpers.microcontroller import KERNELS, POINTWISE, Count, Counts
from helpers.models import LayerCost
from helpers.own_pictures import Answers
from helpers.processor import Ceilings
from helpers.roofline import Prediction

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
        self._png = b""
        plt.close(figure)

    def png(self) -> bytes:
        """Return the figure as a PNG file, the same bytes for the same figure."""
        if not self._png:  # drawn once: the layout may settle a little differently the second time
            buffer = io.BytesIO()
            self.figure.savefig(buffer, format="png", metadata={"Software": None})
            self._png = buffer.getvalue()
        return self._png

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        data = {"image/png": self.png(), "text/plain": self.alt}
        return data, {"image/png": {"alt": self.alt, "smallest_text": _smallest_text(self.figure)}}


def _smallest_text(figure: Figure) -> float:
    """Return the size of the smallest letters in a drawn figure, in pixels of its PNG (72 points are an inch)."""
    hidden = [axis for axes in figure.axes if not axes.axison for axis in (axes.xaxis, axes.yaxis)]
    unseen = {text for axis in hidden for text in axis.findobj(Text)}
    shown = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return round(min(text.get_fontsize() for text in shown if text not in unseen) * figure.dpi / 72, 1)


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


# --- 00: the map --------------------------------------------------------------------------------------------------


class LinkedPicture(Picture):
    """A picture with places that lead somewhere; where places cannot be laid over it, the links stand below it.

    Args of the class besides those of `Picture`:
        links: {(left, bottom, width, height) as shares of the figure: (address, name)}.
    """

    def __init__(self, figure: Figure, alt: str, links: dict[tuple[float, float, float, float], tuple[str, str]]):
        super().__init__(figure, alt)
        self.links = links

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        data, metadata = super()._repr_mimebundle_()
        about = metadata["image/png"]
        picture = base64.b64encode(data["image/png"]).decode("ascii")
        image = f'<img src="data:image/png;base64,{picture}" alt="{html.escape(self.alt)}" style="display:block" '
        image += f'data-smallest-text="{about["smallest_text"]}">'
        places = " ".join(_link(place, *target) for place, target in self.links.items())
        page = f'<div style="position:relative;display:inline-block">{image}{places}</div>'
        return data | {"text/html": page}, metadata


def _link(place: tuple[float, float, float, float], address: str, name: str) -> str:
    """Return a link that lies invisibly over a part of a picture: left, bottom, width and height as shares of it."""
    left, bottom, width, height = (100 * share for share in place)
    where = f"left:{left:.1f}%;top:{100 - bottom - height:.1f}%;width:{width:.1f}%;height:{height:.1f}%"
    hidden = "position:absolute;overflow:hidden;color:transparent"
    return (
        f'<a href="{html.escape(address)}" title="{html.escape(name)}" style="{hidden};{where}">{html.escape(name)}</a>'
    )


def course_map(stations: Sequence[Station]) -> LinkedPicture:
    """Draw the notebooks of the course as boxes that lead to them: two first, then any of the others, then the last.

    Args:
        stations: from `course.stations`.
    """
    first, second, *middle, last = stations
    figure, axis = _axes(11, 5.8)
    figure.set_layout_engine("none")
    axis.set_position((0, 0, 1, 1))
    axis.axis("off")
    axis.set(xlim=(0, 1), ylim=(0, 1))
    tops = np.linspace(0.93, 0.08, len(middle) + 1)
    gap = tops[0] - tops[1]
    boxes = {first: (0.01, 0.4, 0.15, 0.2), second: (0.265, 0.4, 0.165, 0.2), last: (0.84, 0.4, 0.15, 0.2)}
    boxes |= {s: (0.51, top - 0.9 * gap, 0.26, 0.78 * gap) for s, top in zip(middle, tops[:-1], strict=True)}
    for station, (left, bottom, width, height) in boxes.items():
        look = {"facecolor": "#F1F8F6", "edgecolor": GREEN, "linewidth": 2}
        axis.add_patch(plt.Rectangle((left, bottom), width, height, **look))
        wide = 31 if station in middle else 18
        words = textwrap.fill(station.question, wide)
        axis.text(left + 0.012, bottom + height - 0.018, station.title, va="top", fontweight="bold", fontsize=12.5)
        axis.text(left + 0.012, bottom + height - 0.065, words, va="top", fontsize=11)
    _map_arrows(axis, boxes, stations)
    links = {place: (station.file, station.title) for station, place in boxes.items()}
    asked = "; ".join(f"{s.title}: {s.question}" for s in stations)
    return LinkedPicture(
        figure,
        f"Map of the course, {len(stations)} boxes. An arrow named {first.makes} leads from the first notebook to the "
        f"second, and arrows named {second.makes} from there to {len(middle)} notebooks that can be read in any order; "
        f"all lead to the last. {asked}",
        links,
    )


def _map_arrows(axis, boxes: dict[Station, tuple[float, float, float, float]], stations: Sequence[Station]) -> None:
    """Draw what is passed on: from the first to the second, from there to the middle ones, from those to the last."""
    first, second, *middle, last = stations
    arrow = {"arrowstyle": "-|>", "color": GREY, "linewidth": 1.5, "shrinkA": 2, "shrinkB": 2}

    def side(station: Station, right: bool) -> tuple[float, float]:
        left, bottom, width, height = boxes[station]
        return left + width * right, bottom + height / 2

    pairs = [(first, second), *((second, s) for s in middle), *((s, last) for s in middle)]
    for start, end in pairs:
        axis.annotate("", side(end, False), side(start, True), arrowprops=arrow)
    x, y = (np.add(side(first, True), side(second, False))) / 2
    axis.text(x, y + 0.02, first.makes, ha="center", va="bottom", fontsize=11)
    left, bottom, width, _ = boxes[second]
    axis.text(left + width / 2, bottom - 0.02, f"{second.makes} for all", ha="center", va="top", fontsize=11)
    left, bottom, width, _ = boxes[last]
    axis.text(left + width / 2, bottom - 0.02, "your numbers", ha="center", va="top", fontsize=11)


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


def confusion(score: Score, classes: Sequence[str], name: str = "float32", threshold: float = 0.5) -> Picture:
    """Show how often each of two classes is taken for the other: counts, and shares of the true class.

    Args:
        score: of a model on pictures of two classes.
        classes: their names.
        name: of the model.
        threshold: the probability of the second class above which it is the answer; 0.5 means that the larger one is.
    """
    predictions = (score.probabilities[:, 1] > threshold).astype(int)
    right = np.mean(predictions == score.labels)
    counts = np.zeros((len(classes), len(classes)), int)
    np.add.at(counts, (score.labels, predictions), 1)
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
    axis.set_title(f"{name}: {right:.1%} right")
    wrong = _join([f"{shares[i, 1 - i]:.1%} of the {c}s are taken for the other class" for i, c in enumerate(classes)])
    called = f"called a {classes[1]} above {threshold:g}"
    return Picture(figure, f"Confusion matrix of the {name} model, {len(score.labels):,} pictures, {called}: {wrong}.")


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
    axis.legend(ncols=3, loc="lower right", fontsize=11)
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
        right.annotate(f"1/{1 / scale:.0f}", (scale, row), (9, -4), textcoords="offset points", fontsize=11)
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


# --- 03: fewer bits -----------------------------------------------------------------------------------------------


def precision_axes(values: np.ndarray, name: str = "this layer", count: int = 25) -> Picture:
    """Join some weights of a layer, on an axis of float32, to their codes, on the shorter axis of int8.

    Args:
        values: weights, any shape; they are quantized with one symmetric scale.
        name: of the layer.
        count: how many are drawn: the smallest, the largest, and evenly many between any two others.
    """
    values = np.ravel(values)
    shown = np.quantile(values, np.linspace(0, 1, count), method="nearest")
    scale, _ = quantization.symmetric_parameters(values)
    codes = quantization.quantize(shown, scale, narrow=True)
    heights = shown / np.abs(values).max()
    figure, axis = _axes(9, 5)
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
    axis.set_title(f"{np.unique(values).size:,} different weights of {name}, 255 codes")
    return Picture(
        figure,
        f"Upright axes. {count} weights of {name}, from {shown[0]:.3g} to {shown[-1]:.3g} in float32, are joined by "
        f"dashed lines to their int8 codes, from {codes[0]} to {codes[-1]}. Most lie close together around zero.",
    )


# --- 03: weights --------------------------------------------------------------------------------------------------

GRID_STEP, SMALL_GRID_STEP = 8, 16  # every 8th (16th) int8 code gets a tick under a histogram; all would run together
BITS_LOOKS = {8: (VERMILION, "s", "-"), 4: (BLACK, "^", "--"), 3: (GREEN, "D", "-."), 2: (PURPLE, "v", ":")}
PERCENTILES = 100 - np.geomspace(1, 0.001, 31)  # from 99 to 99.999


def layer_histograms(weights: dict[str, np.ndarray], columns: int = 7) -> Picture:
    """Show the histogram of each layer's weights with the int8 grid under it, a small panel for every layer.

    The grid is that of symmetric quantization with one scale a layer; of its 255 codes every 16th has a tick.

    Args:
        weights: {layer: float32 array of any shape}; the panels come in the order of the names, conv2 before conv10.
        columns: panels in a row.

    Raises:
        ValueError: there are no layers.
    """
    if not weights:
        raise ValueError("Expected the weights of at least one layer; found none.")
    names = sorted(weights, key=_natural)
    columns = min(columns, max(len(names), 3))
    rows = -(-len(names) // columns)
    figure, axes = _axes(10.5, 1.85 * rows + 0.5, nrows=rows, ncols=columns, squeeze=False)
    for axis in axes.flat[len(names) :]:
        axis.remove()
    for axis, name in zip(axes.flat, names, strict=False):
        values = np.ravel(weights[name])
        _weight_histogram(axis, values, bins=41, every=SMALL_GRID_STEP)
        axis.set_title(f"{name}: {values.size:,}", fontsize=11)
        axis.axvline(0, color=GREY, linewidth=0.8, zorder=0)
        axis.set(xlabel=f"{_short(values.min())} to {_short(values.max())}", xticks=[], yticks=[])
    one = sum(_hump_count(weights[name]) == 1 for name in names)
    figure.suptitle(
        f"{one} of {len(names)} layers have one hump; the value farthest from zero sets the grid",
        fontweight="bold",
        x=0.01,
        ha="left",
        fontsize=13,
    )
    figure.supylabel("weights in a bin (each panel its own scale)", fontsize=11)
    figure.supxlabel(f"value of the weight (smallest to largest); {_ticks(SMALL_GRID_STEP)}", fontsize=11)
    within = {name: _codes_for_most(weights[name]) for name in names}
    fewest, most = min(within, key=within.get), max(within, key=within.get)
    text = f"Histograms of the weights of {len(names)} layers with the int8 grid under each; {one} have one hump."
    text += f" The middle 99% of the weights use {within[fewest]} of the 255 codes in {fewest} and {within[most]} in"
    return Picture(figure, f"{text} {most}; the other codes are there for the few values farthest from zero.")


def pruned_histograms(stages: dict[str, tuple[np.ndarray, Score]], layer: str) -> Picture:
    """Show one layer's weights that are not zero before and after pruning, with accuracy and number of humps.

    Args:
        stages: {stage: (weights of the layer, any shape; score of the whole network)}, such as "trained", "pruned" and
            "fine-tuned".
        layer: its name.
    """
    figure, axes = _axes(3.5 * len(stages), 4, ncols=len(stages), squeeze=False, sharex=True)
    farthest, found = max(float(np.abs(w).max()) for w, _ in stages.values()), []
    for axis, (stage, (weights, score)) in zip(axes[0], stages.items(), strict=True):
        left = weights[weights != 0]
        count, gap = _hump_count(left), float(np.abs(left).min())
        _weight_histogram(axis, left, bins=np.linspace(-farthest, farthest, 82), every=GRID_STEP, room=1.45)
        axis.set_title(f"{stage}: {_humps(count)}\n{score}", fontsize=12)
        axis.set(xlabel=f"weights of {layer} that are not 0")
        said = f"{left.size:,}\nof {weights.size:,}\n|w| ≥ {gap:.2g}"
        axis.text(0.98, 0.97, said, transform=axis.transAxes, ha="right", va="top", fontsize=11)
        found.append(f"{stage}: {_humps(count)}, {left.size:,} of {weights.size:,} weights left, none nearer to zero")
        found[-1] += f" than {gap:.2g}, accuracy {score}"
    axes[0, 0].set_ylabel("weights in a bin")
    counts = [_hump_count(w[w != 0]) for w, _ in stages.values()]
    changed = counts[0] != counts[-1]
    title = f"{_humps(counts[0]).capitalize()} before, {_humps(counts[-1]) if changed else 'and as many'} after pruning"
    figure.suptitle(title, fontweight="bold", x=0.01, ha="left", fontsize=13)
    figure.supxlabel(_ticks(GRID_STEP), fontsize=11)
    return Picture(figure, f"Histograms of the weights of {layer}, int8 grid under each. {'; '.join(found)}.")


def equal_range(peaked: np.ndarray, flat: np.ndarray, names: Sequence[str] = ("peaked", "flat")) -> Picture:
    """Show two layers of equal range in eight bits: the same errors, but not the same signal-to-noise ratio.

    Both are quantized symmetrically with one scale each; the second is multiplied by a number first that makes its
    value farthest from zero that of the first.  (Scaling a layer scales its step and its errors too, and leaves its
    signal-to-noise ratio as it is.)

    Args:
        peaked, flat: weights of two layers, any shape.
        names: what they are called.
    """
    factor = float(np.abs(peaked).max() / np.abs(flat).max())
    layers = {names[0]: np.ravel(peaked), names[1]: np.ravel(flat) * np.float32(factor)}
    figure, axes = _axes(10, 4.2, ncols=2, sharex=True)
    errors, ratios, found = [], [], []
    for axis, (name, values) in zip(axes, layers.items(), strict=True):
        restored = quantization.fake_quantize(values)
        errors.append(quantization.max_error(values, restored))
        ratios.append(quantization.sqnr(values, restored))
        said = f"largest error {errors[-1]:.3g}\nRMSE {quantization.rmse(values, restored):.3g}"
        said += f"\nSQNR {ratios[-1]:.1f} dB"
        _weight_histogram(axis, values, bins=81, every=GRID_STEP, room=1.45)
        axis.text(0.98, 0.97, said, transform=axis.transAxes, ha="right", va="top", fontsize=11)
        scaled = f", times {factor:.2g}" if name == names[1] and not np.isclose(factor, 1) else ""
        axis.set(xlabel=f"weights of {name}{scaled}", ylabel="weights in a bin")
        axis.set_title(f"RMS {np.sqrt(np.mean(values**2.0)):.2g}, farthest {np.abs(values).max():.2g}", fontsize=12)
        found.append(f"{name}: " + said.replace("\n", ", "))
    same = "equal largest error" if np.isclose(*errors, rtol=0.05) else "equal steps"
    title = f"Equal range, {same}, but signal-to-noise ratios {abs(ratios[1] - ratios[0]):.0f} dB apart"
    figure.suptitle(title, fontweight="bold", x=0.01, ha="left", fontsize=13)
    figure.supxlabel(_ticks(GRID_STEP), fontsize=11)
    return Picture(figure, f"Histograms of two layers of equal range, the int8 grid under each. {'; '.join(found)}.")


def clipping(values: np.ndarray, name: str, bits: Sequence[int] = (8, 4), percentile: float = 99.9) -> Picture:
    """Show what it buys and costs to end the range at a percentile of |w| instead of at the largest value.

    Left the change of the signal-to-noise ratio over the percentile, right where the noise comes from, for the full
    range and for one percentile.

    Args:
        values: weights of a layer, any shape.
        name: of the layer.
        bits: numbers of bits to compare.
        percentile: the one to look at closely.
    """
    figure, (left, right) = _axes(10.5, 4.3, ncols=2, width_ratios=(1.25, 1))
    full = {b: _clipped(values, 100, b) for b in bits}
    chosen = {b: _clipped(values, percentile, b) for b in bits}
    said = []
    for b in bits:
        colour, marker, line = BITS_LOOKS.get(b, (GREY, "o", ":"))
        gains = np.array([_clipped(values, p, b)["sqnr"] for p in PERCENTILES]) - full[b]["sqnr"]
        left.plot(100 - PERCENTILES, gains, line, color=colour, marker=marker, markevery=5, label=f"{b} bits")
        best = int(gains.argmax())
        said.append(
            f"{b} bits: {full[b]['sqnr']:.1f} dB over the full range, {chosen[b]['sqnr']:.1f} dB at {percentile:g}, "
            f"best of those tried {gains[best]:+.1f} dB at {PERCENTILES[best]:.3f}; root mean square error of the bulk "
            f"{full[b]['bulk_rmse']:.2g} before and {chosen[b]['bulk_rmse']:.2g} after, of the clipped weights "
            f"{chosen[b]['clipped_rmse']:.2g}"
        )
    left.axhline(0, color=GREY, linewidth=1)
    left.axvline(100 - percentile, color=GREY, linewidth=1, linestyle=":")
    left.set(xscale="log", xlim=(1, 0.001), xlabel=f"percentile of |w| at which the range ends: {name}")
    left.set_xticks([1, 0.1, 0.01, 0.001], ["99", "99.9", "99.99", "99.999"])
    left.xaxis.set_minor_locator(NullLocator())
    left.set(ylabel="change of the SQNR (dB)")
    gains = [f"{chosen[b]['sqnr'] - full[b]['sqnr']:+.1f} dB ({b} bits)" for b in bits]
    left.set_title(f"The range ends at {percentile:g}: {', '.join(gains)}", fontsize=12)
    left.legend()
    _noise_bars(right, {b: (full[b], chosen[b]) for b in bits}, percentile)
    return Picture(figure, f"Clipping the range of {name}, signal-to-noise ratio by percentile. {'; '.join(said)}.")


def _noise_bars(axis, noise: dict[int, tuple[dict, dict]], percentile: float) -> None:
    """Draw the noise power of the bulk and of the clipped weights, with that of the full range as 1."""
    rows, names = [], []
    for b, both in noise.items():
        rows += [(found["bulk"] / both[0]["noise"], found["clipped"] / both[0]["noise"]) for found in both]
        names += [f"{b} bits, full range", f"{b} bits, {percentile:g}"]
    bulk, clipped = np.array(rows).T
    axis.barh(names, bulk, color=SKY, edgecolor="white", label="bulk: rounded")
    axis.barh(names, clipped, left=bulk, color=ORANGE, edgecolor="white", hatch="//", label="outliers: clipped")
    for row, total in enumerate(bulk + clipped):
        axis.text(total, row, f" {total:.2f}", va="center", fontsize=11)
    axis.set(xlabel="noise power (full range = 1)", xlim=(0, 1.2 * (bulk + clipped).max()))
    axis.set_ylim(len(names) + 0.4, -0.6)  # room for the legend under the bars
    axis.set_title("Where the noise comes from", fontsize=12)
    axis.legend(loc="lower right", fontsize=11)


def _clipped(values: np.ndarray, percentile: float, bits: int) -> dict[str, float]:
    """Quantize with a range that ends at a percentile of |w|; return SQNR (dB), mean noise power and its two parts."""
    values = np.ravel(values)
    end = np.percentile(np.abs(values), percentile)
    scale, zero_point = quantization.symmetric_parameters(end, bits)
    restored = quantization.dequantize(quantization.quantize(values, scale, zero_point, bits, narrow=True), scale)
    squares, outside = (values - restored).astype(np.float64) ** 2, np.abs(values) > end
    return {
        "sqnr": quantization.sqnr(values, restored),
        "noise": squares.mean(),
        "bulk": squares[~outside].sum() / values.size,
        "clipped": squares[outside].sum() / values.size,
        "bulk_rmse": np.sqrt(squares[~outside].mean()),
        "clipped_rmse": np.sqrt(squares[outside].mean()) if outside.any() else 0.0,
    }


def _weight_histogram(axis, values: np.ndarray, bins: int | np.ndarray, every: int, room: float = 1.12) -> None:
    """Draw a histogram of weights, symmetric about zero, with a tick under it for each `every`-th int8 code.

    Args:
        bins: their edges, or how many of equal width at most.
        room: how high the axis goes, with the highest bin as 1.
    """
    scale, _ = quantization.symmetric_parameters(values)
    farthest = 127 * float(scale)
    if not np.ndim(bins):  # fewer bins for few weights: Rice's rule
        bins = np.linspace(-farthest, farthest, min(bins, int(2 * values.size ** (1 / 3)) // 2 * 2 + 1) + 1)
    counts, edges = np.histogram(values, bins)
    axis.stairs(counts, edges, fill=True, color=COLOURS["float32"])
    top = counts.max()
    codes = np.arange(-127 // every * every, 128, every)
    codes = codes[np.abs(codes) <= 127]
    axis.vlines(codes * float(scale), -0.16 * top, -0.05 * top, color=COLOURS["int8"], linewidth=0.9)
    axis.set_ylim(-0.2 * top, room * top)
    axis.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axis.yaxis.set_major_formatter(FuncFormatter(_count_label))
    axis.grid(visible=False, axis="x")


def _ticks(every: int) -> str:
    return f"ticks: every {every}th int8 code, one scale for the layer"


def _count_label(count: float, _) -> str:
    """Write counts in thousands as 20k, and nothing under the axis."""
    return "" if count < 0 else f"{count / 1000:g}k" if count >= 1000 else f"{count:g}"


def _codes_for_most(values: np.ndarray, share: float = 0.99) -> int:
    """Return how many of the 255 symmetric int8 codes the middle `share` of the weights use, zero in the middle."""
    scale, _ = quantization.symmetric_parameters(values)
    end = np.quantile(np.abs(values), share)
    return 2 * int(quantization.quantize(end, scale, narrow=True)) + 1


def _hump_count(values: np.ndarray) -> int:
    return len(pruning.humps(values))


def _humps(count: int) -> str:
    return f"{('no', 'one', 'two', 'three')[count] if count < 4 else count} hump{'s' * (count != 1)}"


def _natural(name: str) -> list:
    """Return a key that sorts names with numbers in them as people do: conv2 before conv10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _short(value: float) -> str:
    return f"{value:.2g}".replace("-", "−")


# --- 04: by hand --------------------------------------------------------------------------------------------------


def discretized(values: np.ndarray, bits: Sequence[int] = (8, 4, 3, 2), name: str = "these weights") -> Picture:
    """Show the histogram of a layer beside the combs it becomes with fewer and fewer bits.

    Args:
        values: weights, any shape; they are quantized with one symmetric scale.
        bits: of one code, one panel each.
        name: of the layer.
    """
    values = np.ravel(values)
    low, high = float(values.min()), float(values.max())
    figure, axes = _axes(2.5 * (len(bits) + 1), 3.6, ncols=len(bits) + 1, sharex=True)
    axes[0].hist(values, 120, color=COLOURS["float32"])
    axes[0].set(title="float32", ylabel="weights in a bin, or on a code")
    found = []
    for axis, b in zip(axes[1:], bits, strict=True):
        codes, counts = np.unique(quantization.fake_quantize(values, b), return_counts=True)
        axis.vlines(codes, 0, counts, color=COLOURS["int8"], linewidth=max(1.0, 4 - b / 2.2))
        axis.set_ylim(0)
        axis.set_title(f"{b} bits, {len(codes)} values")
        found.append(f"{len(codes)} different values at {b} bits, {counts.max() / values.size:.0%} on one of them")
    for axis in axes:
        axis.set_xlim(low - 0.04 * (high - low), high + 0.04 * (high - low))
        axis.locator_params(axis="both", nbins=4)
    figure.supxlabel(f"value of a weight: {name}", fontsize=12)
    return Picture(
        figure,
        f"Histogram of {values.size:,} weights of {name}, {np.unique(values).size:,} different values, and the combs "
        f"that are left: {'; '.join(found)}.",
    )


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
    codes, restored = _coded(values, low, high, bits, zero)
    slots = np.linspace(low, high, len(values) + 2)[1:-1]  # where the texts stand, so that they do not overlap
    width = min(0.8 * (slots[1] - slots[0]) if len(slots) > 1 else (high - low) / 4, (high - low) / 6)
    figure, axis = _axes(max(8, 1.15 * len(values)), 5)
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
    lost = len(values) - len(set(codes))
    axis.set_title(
        f"{len(values)} numbers, {len(set(codes))} codes: "
        + (f"{lost} can no longer be told apart" if lost else "each comes back near itself")
    )
    triples = zip(values, codes, restored, strict=True)
    found = _join([f"{v:g} becomes code {c} and comes back as {b:.4g}" for v, c, b in triples])
    return Picture(figure, f"A number line from {low:g} to {high:g} with {2**bits} codes: {found}.")


def _coded(values: np.ndarray, low: float, high: float, bits: int, zero: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the codes of some numbers and what comes back of them, by the mapping that a number line shows."""
    if zero == "anywhere":
        codes = quantization.compress(values, low, high, bits)
        return codes, quantization.decompress(codes, low, high, bits)
    if zero == "on a code":
        scale, zero_point = quantization.affine_parameters(low, high, bits)
        codes = quantization.quantize(values, scale, zero_point, bits)
    elif zero == "in the middle":
        scale, zero_point = quantization.symmetric_parameters([low, high], bits)
        codes = quantization.quantize(values, scale, zero_point, bits, narrow=True)
    else:
        raise ValueError(f"Zero may fall 'anywhere', 'on a code' or 'in the middle'; found {zero!r}.")
    return codes, quantization.dequantize(codes, scale, zero_point)


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
    """
    figure, axis = _axes(8, 4.4)
    looks = zip(curves.items(), (BLACK, VERMILION, PURPLE, GREEN, ORANGE), "oDsv^", strict=False)
    for (name, points), colour, marker in looks:
        label = f"{name}: {_slope(points):.2f} dB a bit"
        axis.plot(list(points), list(points.values()), marker + "-", color=colour, label=label)
    first = next(iter(curves.values()))
    start, bits = max(first), np.array(sorted(first))
    axis.plot(bits, first[start] - 6.02 * (start - bits), "--", color=GREY, label="theory: 6.02 dB a bit")
    axis.set(xlabel="bits of one code", ylabel="signal to quantization noise (dB)", xticks=bits)
    slopes = [_slope(points) for points in curves.values()]
    ends = sorted({f"{min(slopes):.1f}", f"{max(slopes):.1f}"})
    axis.set_title(f"Each bit more is worth {' to '.join(ends)} dB")
    axis.legend(loc="upper left", fontsize=11)
    found = _join([f"{name} gains {_slope(points):.2f} dB a bit" for name, points in curves.items()])
    return Picture(figure, f"Lines of the signal-to-noise ratio from {bits[0]} to {bits[-1]} bits: {found}.")


def _slope(points: dict[int, float]) -> float:
    """Return the decibels gained with each bit from 4 bits up, by least squares; below, a symmetric code is odd."""
    points = {b: decibels for b, decibels in points.items() if b >= min(4, max(points) - 1)}
    return float(np.polyfit(list(points), list(points.values()), 1)[0])


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
    shares = largest / largest.max()
    order = np.argsort(-largest)
    figure, (left, right) = _axes(10, 3.8, ncols=2)
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
        f"Ranges of the {len(order)} output channels of {name}, and the levels each can use with a shared scale: from "
        f"{codes} for the widest down to {levels.min():.0f}, half of the channels below {np.median(levels):.0f}.",
    )


def activation_ranges(activations: dict[str, tuple[np.ndarray, float, float]]) -> Picture:
    """Show the values of some activations during calibration, and the range that the int8 file gives them.

    Args:
        activations: {tensor: (values, low, high)}; low and high are what the smallest and the largest code stand for.
    """
    columns = min(3, len(activations))
    rows = -(-len(activations) // columns)
    figure, axes = _axes(3.5 * columns, 2.5 * rows + 0.5, nrows=rows, ncols=columns, squeeze=False)
    for place in axes.flat[len(activations) :]:
        place.axis("off")
    found, label = [], {"fontsize": 11, "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1.5, "alpha": 0.8}}
    for axis, (name, (values, low, high)) in zip(axes.flat, activations.items(), strict=False):
        values = np.ravel(values)
        axis.hist(values, 100, color=COLOURS["float32"], log=True)
        axis.axvspan(low, high, color=COLOURS["int8"], alpha=0.12)
        for end in (low, high):
            axis.axvline(end, color=COLOURS["int8"], linestyle="--", linewidth=1.6)
        axis.set_title(name, fontsize=11)
        axis.text(0.97, 0.93, f"{low:.3g} to {high:.3g}", transform=axis.transAxes, ha="right", va="top", **label)
        outside = np.mean((values < low) | (values > high))
        found.append(f"{name} {low:.3g} to {high:.3g}, {outside:.2%} of the values outside")
    figure.supxlabel("value of the activation; dashed: the ends of the int8 range", fontsize=12)
    figure.supylabel("values (log)", fontsize=12)
    return Picture(figure, f"Histograms of activations during calibration, with their int8 ranges: {'; '.join(found)}.")


# --- 03: energy, bits and memory ----------------------------------------------------------------------------------

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
TINTS = ("#CFE3F5", "#F4DDAE", "#BFE3D6", "#F0D5E3")  # of the branches of a tree


def flash_budget(sizes: dict[str, int], board: Board) -> Picture:
    """Show the size of each file against the flash of a board.

    Args:
        sizes: {kind of file: bytes}.
        board: from `board.boards`.
    """
    names, values = list(sizes), list(sizes.values())
    flash = board.flash_bytes
    figure, axis = _axes(9.5, 1.5 + 0.5 * len(names))
    for row, (name, size) in enumerate(sizes.items()):
        axis.barh(row, size / 1e3, color=COLOURS[name], hatch=HATCHES[name], edgecolor="white")
        label = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        axis.text(size / 1e3, row, f" {size / 1e3:,.0f} kB, {size / flash:.0%}", va="center", bbox=label, zorder=3)
    axis.axvline(flash / 1e3, color=BLACK, linestyle="--", linewidth=2)
    words = f"flash: {_binary(flash)}"
    axis.annotate(words, (flash / 1e3, 1), (-6, -4), ("data", "axes fraction"), "offset points", ha="right", va="top")
    axis.set(xlabel="kB (1000 bytes), and share of the flash", yticks=range(len(names)), yticklabels=names)
    axis.set(xlim=(0, 1.22 * max(flash, *values) / 1e3), ylim=(len(names) - 0.4, -1.1))
    fits = [name for name in names if sizes[name] <= flash]
    if len(fits) == len(names):
        title = f"Every file fits into the flash of the {board.name}"
    else:
        title = f"Too large for the flash of the {board.name}: {_join([name for name in names if name not in fits])}"
    axis.set_title(title)
    found = _join([f"{name} {size / 1e3:,.0f} kB or {size / flash:.0%}" for name, size in sizes.items()])
    return Picture(figure, f"Bars of the file sizes against {_binary(flash)} of flash: {found}. {title}.")


def ram_budget(costs: Sequence[LayerCost], board: Board) -> Picture:
    """Show the activations in memory while each layer runs, in float32 and in int8, against the RAM of a board.

    Args:
        costs: from `models.layer_costs`: `live` numbers of 4 bytes in float32 and of 1 byte in int8.
        board: from `board.boards`.
    """
    live, places = np.array([cost.live for cost in costs]), np.arange(len(costs))
    figure, axis = _axes(min(11, 4 + 0.5 * len(costs)), 4.8)
    peak = int(live.argmax())
    for shift, (name, width) in zip((-0.2, 0.2), (("float32", 4), ("int8", 1)), strict=True):
        look = {"color": COLOURS[name], "hatch": HATCHES[name], "edgecolor": "white", "label": name}
        axis.bar(places + shift, width * live / 1e3, 0.4, **look)
    largest = f"{4e-3 * live[peak]:,.0f} kB in float32, {1e-3 * live[peak]:,.0f} kB in int8"
    axis.text(peak - 0.4, 4e-3 * live[peak], largest, va="bottom")
    axis.axhline(board.ram_bytes / 1e3, color=BLACK, linestyle="--", linewidth=2)
    words = f"RAM: {_binary(board.ram_bytes)}"
    axis.annotate(words, (1, board.ram_bytes / 1e3), (-4, 4), ("axes fraction", "data"), "offset points", ha="right")
    axis.set(ylabel="activations (kB of 1000 bytes)", xlabel="layer, in the order in which they run", xticks=places)
    axis.set_xticklabels([cost.name for cost in costs], rotation=90 if len(costs) > 12 else 0, fontsize=11)
    axis.set(ylim=(0, 1.15 * max(4 * live.max(), board.ram_bytes) / 1e3), xlim=(-0.6, len(costs) - 0.4))
    fits = [name for name, width in (("float32", 4), ("int8", 1)) if width * live.max() <= board.ram_bytes]
    words = {2: "Both fit into the RAM", 1: "Only int8 fits into the RAM", 0: "Neither fits into the RAM"}[len(fits)]
    axis.set_title(f"{words}: the peak is at {costs[peak].name}")
    axis.legend(loc="upper right")
    return Picture(
        figure,
        f"Bars of activation memory by layer. The peak, at {costs[peak].name}, is {largest}; the {board.name} has "
        f"{board.ram_bytes / 1e3:,.0f} kB of RAM. {words}.",
    )


def _binary(size: int) -> str:
    """Return bytes as makers of boards count them: 1 KB is 1,024 bytes."""
    return f"{size / 2**20:g} MB" if size >= 2**20 else f"{size / 2**10:g} KB"


def energy_per_operation(costs: dict[tuple[str, str, str], Cost]) -> Picture:
    """Show the published energy and chip area of an operation, on logarithmic axes.

    Args:
        costs: from `energy.costs`.
    """
    kinds = [("add", of) for of in TYPE_LOOKS] + [("multiply", of) for of in TYPE_LOOKS]
    reads = [(operation, of) for quantity, operation, of in costs if quantity == "energy" and of not in TYPE_LOOKS]
    figure, (left, right) = _axes(11, 5.2, ncols=2, width_ratios=(1.25, 1), sharey=True)
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
        _plain_log(axis, 0.5 * min(values), (60 if quantity == "energy" else 6) * max(values))
    labels = [f"{operation} {of}".replace("read 64 bits", "read 64 bits,") for operation, of in kinds + reads]
    left.set(yticks=range(len(labels)), yticklabels=labels, xlabel="energy (pJ)")
    right.set_xlabel("chip area (µm²)")
    right.text(0.05, 0.2, "memory and instructions:\nno area published", transform=right.transAxes, color="#555555")
    left.invert_yaxis()
    times = {q: costs[q, "multiply", "float32"].value / costs[q, "multiply", "int8"].value for q in ("energy", "area")}
    left.set_title(f"float32 × float32: {times['energy']:.1f} times int8's energy")
    right.set_title(f"and {times['area']:.0f} times its area")
    dram = costs["energy", "read 64 bits", "DRAM"].value / costs["energy", "multiply", "float32"].value
    found = _join([f"{o} {of} {costs['energy', o, of].value:g} pJ" for o, of in kinds])
    return Picture(
        figure,
        f"Bars of the published energy and area per operation at 45 nm: {found}. Reading 64 bits from DRAM takes "
        f"{dram:,.0f} times as much as a float32 multiplication, an instruction's overhead "
        f"{costs['energy', 'instruction', 'overhead'].value:g} pJ.",
    )


def energy_per_inference(estimates: dict[str, tuple[Inference, Inference]]) -> Picture:
    """Show the estimated energy of one inference, by what it is spent on, for several machines.

    Args:
        estimates: {machine: (float32, int8)}, from `energy.estimate`; each machine has an axis of its own.
    """
    figure, axes = _axes(10, 0.9 + 1.45 * len(estimates), nrows=len(estimates), squeeze=False)
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
        axis.set_title(f"{machine}: int8 takes {start[1] / start[0]:.0%} of float32", fontsize=12)
    axes[-1, 0].set_xlabel("energy of one inference (µJ at 45 nm): an estimate from published costs, not measured")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), ncols=4, loc="outside upper left")
    found = [
        f"{machine}: float32 {first.total:,.0f} µJ, int8 {second.total:,.0f} µJ, {first.total / second.total:.1f} to 1"
        for machine, (first, second) in estimates.items()
    ]
    return Picture(figure, f"Stacked bars of the estimated energy of one inference. {'; '.join(found)}.")


def number_bits(numbers: Sequence[Number]) -> Picture:
    """Show the bits of a number in several formats as boxes, with the value that is stored and its error.

    Letters say what a bit is for: S sign, E exponent, F fraction, I the bits of an integer.

    Args:
        numbers: from `floats.in_formats`.
    """
    figure, axis = _axes(11, 0.7 + 1.5 * len(numbers))
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
    axis.set_title("The same number in different bits: " + ", ".join(f"{k} {name}" for k, name in names.items()))
    found = [f"{n.format} {' '.join(p.bits for p in n.parts)} stores {n.shown}, error {n.error_text}" for n in numbers]
    return Picture(figure, f"Boxes with the bits of a number by sign, exponent and fraction: {'; '.join(found)}.")


def tree(root: str, branches: dict, title: str) -> Picture:
    """Draw a small tree from left to right, its text wrapped; each branch of the root has a colour of its own.

    Args:
        root: text of the first box.
        branches: {text: branches of that box}, nested; {} ends a branch.
        title: what to see.
    """
    levels, leaves = _depth(branches) + 1, _leaves(branches)
    figure, axis = _axes(min(11, 1 + 3.4 * levels), 0.8 + 1.0 * leaves)
    axis.set(xlim=(-0.02, levels - 0.1), ylim=(leaves - 0.45, -0.55))
    axis.axis("off")
    figure.suptitle(title, fontweight="bold", x=0.01, ha="left", fontsize=13)
    _box(axis, 0, (leaves - 1) / 2, root, "white")
    _branches(axis, branches, 1, 0, (leaves - 1) / 2, None)
    return Picture(figure, f"{title}. A tree: {root}: {_told(branches)}.".replace("\n", " "))


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


def _told(branches: dict) -> str:
    """Return the text of a tree in one line."""
    return "; ".join(f"{words} ({_told(below)})" if below else words for words, below in branches.items())


def reasons(size: str, latency: str, portability: str) -> Picture:
    """Draw the map of the chapter: three reasons to quantize, each with what this run found.

    Args:
        size, latency, portability: one short sentence each, with its number.
    """
    found = {"size": {size: {}}, "latency": {latency: {}}, "portability": {portability: {}}}
    return tree("Why quantize?", found, "Three reasons, each with a number from this run")


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
        tensors: of a full int8 file, from `inspection.tensors`.  The small network stands for it.

    Raises:
        ValueError: the file has no weights, no biases or no activations with a scale.
    """
    roles = {"weights": ("weights",), "biases": ("bias",), "activations": ("input", "activation", "output")}
    kept = {part: [t for t in tensors if t.role in names and len(t.scale)] for part, names in roles.items()}
    if not all(kept.values()):
        raise ValueError("Expected the tensors of a full int8 file: weights, biases and activations, each with scales.")
    figure, axes = _axes(11, 4.6, ncols=3)
    for axis, (part, found) in zip(axes, kept.items(), strict=True):
        _small_network(axis, part)
        words = "\n".join(_quantized(found))
        axis.text(0.5, -0.06, words, transform=axis.transAxes, ha="center", va="top", fontsize=12)
        axis.set_title(part, loc="center", fontsize=15)
        axis.axis("off")
    figure.suptitle("Three things to quantize, each in its own way", fontweight="bold", x=0.01, ha="left", fontsize=13)
    found = [f"{part}: {', '.join(_quantized(those))}" for part, those in kept.items()]
    return Picture(figure, f"A small network three times, with one part lit each time. {'; '.join(found)}.")


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
    many = [len(t.scale) > 1 for t in tensors]
    own = f"one scale for each {'channel' if all(many) else 'channel or tensor' if any(many) else 'tensor'}"
    spread = f"{zeros.min()}" if zeros.min() == zeros.max() else f"{zeros.min()} to {zeros.max()}"
    return [
        f"{len(tensors)} tensor{'s' * (len(tensors) > 1)}, {values:,} values",
        f"{_join(sorted({t.dtype for t in tensors}))}, {own}",
        f"scale {scales.min():.2g} to {scales.max():.2g}",
        f"zero point {spread}",
    ]


# --- 03: latency --------------------------------------------------------------------------------------------------


def slide_latencies(timings: dict[str, Timings], published: dict[str, dict[str, float]], kernels: str) -> Picture:
    """Show the lecture's bar chart as measured here, beside the lecture's own values, each pair with its ratio.

    Args:
        timings: {architecture: timings of "float32" and "int8"}.
        published: {architecture: {"float32": milliseconds, "int8": milliseconds}}.
        kernels: the kernel set of the timings.
    """
    kinds = ("float32", "int8")
    here = {name: {kind: t.milliseconds(kind).value for kind in kinds} for name, t in timings.items()}
    ratios = {name: t.ratio(*kinds).value for name, t in timings.items()}
    theirs = {name: published[name]["float32"] / published[name]["int8"] for name in here}
    figure, axes = _axes(10, 1.6 + 0.85 * len(here), ncols=2, sharey=True)
    _paired_bars(axes[0], here, ratios, f"this computer: ms per inference, one thread, {kernels}")
    _paired_bars(axes[1], published, theirs, "the lecture's chart: ms per inference, read off its bars")
    axes[0].legend(loc="lower right")
    low, high = min(ratios.values()), max(ratios.values())
    figure.suptitle(
        f"Here int8 is {low:.1f} to {high:.1f} times as fast as float32; "
        f"in the lecture's chart {min(theirs.values()):.1f} to {max(theirs.values()):.1f} times",
        fontweight="bold", x=0.01, ha="left", fontsize=13,
    )  # fmt: skip
    found = [
        f"{name} {here[name]['float32']:.1f} and {here[name]['int8']:.1f} ms here ({ratios[name]:.2f} times), "
        f"{published[name]['float32']:.0f} and {published[name]['int8']:.0f} ms there ({theirs[name]:.2f} times)"
        for name in here
    ]
    return Picture(figure, f"Bars of the time for one picture in float32 and int8: {'; '.join(found)}.")


def _paired_bars(axis, times: dict[str, dict[str, float]], ratios: dict[str, float], label: str) -> None:
    """Draw a float32 and an int8 bar for each network, with the times and how many times as fast int8 is."""
    for i, kind in enumerate(("float32", "int8")):
        rows, values = np.arange(len(ratios)) + 0.4 * i - 0.2, [times[name][kind] for name in ratios]
        look = {"color": COLOURS[kind], "hatch": HATCHES[kind], "edgecolor": "white"}
        axis.barh(rows, values, 0.38, label=kind, **look)
        for row, value, ratio in zip(rows, values, ratios.values(), strict=True):
            text = f" {value:,.0f}" if value >= 100 or value == round(value) else f" {value:.1f}"
            axis.text(value, row, text + (f"  ({ratio:.1f}×)" if kind == "int8" else ""), va="center", fontsize=11)
    axis.set(xlabel=label, yticks=range(len(ratios)), yticklabels=ratios)
    axis.set(xlim=(0, 1.2 * max(pair["float32"] for pair in times.values())), ylim=(len(ratios) - 0.5, -0.5))
    axis.xaxis.label.set_fontsize(11)


def roofline(predictions: dict[str, dict[str, Prediction]], ceilings: Ceilings) -> Picture:
    """Show where the layers of some networks lie under this computer's ceilings: one panel for each network.

    A mark is a layer at the speed that the model allows it; its area is its share of the network's predicted time.

    Args:
        predictions: {network: {"float32": prediction, "int8": prediction}}.
        ceilings: of this computer.
    """
    figure, axes = _axes(5.2 * len(predictions), 4.8, ncols=len(predictions), sharey=True, squeeze=False)
    counted = {
        name: {kind: [i for i, layer in enumerate(told.layers) if layer.macs] for kind, told in pair.items()}
        for name, pair in predictions.items()
    }
    everything = [
        told.layers[i].intensity
        for name, pair in predictions.items()
        for kind, told in pair.items()
        for i in counted[name][kind]
    ]
    reach = np.geomspace(min(everything) / 2, 2 * max(everything), 200)
    for axis, (name, pair) in zip(axes.flat, predictions.items(), strict=True):
        for kind, told in pair.items():
            look, rows = {"color": COLOURS[kind]}, counted[name][kind]
            axis.plot(reach, np.minimum(ceilings.macs[kind], reach * told.bandwidth) / 1e9, linewidth=1.8, **look)
            x = [told.layers[i].intensity for i in rows]
            y = [told.layers[i].macs / told.seconds[i] / 1e9 for i in rows]
            area = 30 + 900 * told.seconds[rows] / told.total  # square points
            marks = {"marker": MARKERS[kind], "edgecolor": "white", "alpha": 0.75, "zorder": 3}
            axis.scatter(x, y, s=area, label=f"{kind}, {told.waiting:.0%} of the time waiting", **look, **marks)
        axis.plot(reach, reach * ceilings.memory / 1e9, color=GREY, linestyle="--", linewidth=1.5, label="main memory")
        axis.set(xlabel="multiply-accumulates for each byte moved", title=name)
        axis.set(yscale="log", ylim=(min(everything) * ceilings.memory / 2e9, 2 * max(ceilings.macs.values()) / 1e9))
        _plain_log(axis, reach[0], reach[-1])
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.legend(loc="lower right", fontsize=11)
    axes[0, 0].set_ylabel("billion multiply-accumulates a second")
    figure.suptitle(
        "Under the slope a layer waits for memory, under the flat roof for arithmetic",
        fontweight="bold", x=0.01, ha="left", fontsize=13,
    )  # fmt: skip
    found = [
        f"{name} spends {pair['float32'].waiting:.0%} of its predicted time waiting for memory in float32 and "
        f"{pair['int8'].waiting:.0%} in int8"
        for name, pair in predictions.items()
    ]
    peaks = _join([f"{rate / 1e9:.0f} billion for {kind}" for kind, rate in ceilings.macs.items()])
    return Picture(
        figure,
        f"Speed over arithmetic intensity, both logarithmic. The roofs are {peaks} multiply-accumulates a second, "
        f"main memory gives {ceilings.memory / 1e9:.0f} GB/s. {'; '.join(found)}.",
    )


def ratios(predicted: dict[str, dict[str, float]], measured: dict[str, Median]) -> Picture:
    """Show predicted beside measured ratios of float32 time to int8 time.

    Args:
        predicted: {name of the prediction: {network: ratio}}, at most three.
        measured: {network: ratio}.
    """
    looks = [{"marker": "D", "color": GREY}, {"marker": "^", "color": PURPLE}, {"marker": "v", "color": GREEN}]
    figure, axis = _axes(9, 1.6 + 0.6 * len(measured))
    for row, (name, found) in enumerate(measured.items()):
        told = [values[name] for values in predicted.values()]
        ends = [min(*told, found.value), max(*told, found.value)]
        axis.plot(ends, [row, row], color="#CCCCCC", linewidth=2, zorder=1)
        axis.plot([found.low, found.high], [row, row], color=BLACK, linewidth=3, zorder=2)
        axis.text(found.value, row - 0.18, f"{found.value:.2f}", ha="center", va="bottom", fontsize=11)
    for (name, values), look in zip(predicted.items(), looks, strict=False):
        axis.scatter([values[n] for n in measured], range(len(measured)), s=80, zorder=3, label=name, **look)
    axis.scatter(
        [m.value for m in measured.values()], range(len(measured)), s=80, color=BLACK, zorder=4, label="measured"
    )
    axis.axvline(1, color=BLACK, linewidth=1, linestyle=":")
    axis.set(yticks=range(len(measured)), yticklabels=measured, ylim=(len(measured) - 0.5, -0.6))
    largest = max([m.high for m in measured.values()] + [v for values in predicted.values() for v in values.values()])
    axis.set(xlabel="float32 time / int8 time (1 = equally fast)", xlim=(0, 1.15 * largest))
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=11)
    first = next(iter(predicted.values()))
    short = sum(m.value < first[name] for name, m in measured.items())
    axis.set_title(f"Of {len(measured)} networks, {short} gain less from int8 than the peaks promise")
    said = [
        f"{name}: measured {m.value:.2f}, "
        + ", ".join(f"{told} {values[name]:.2f}" for told, values in predicted.items())
        for name, m in measured.items()
    ]
    return Picture(figure, f"How many times as fast int8 is as float32, predicted and measured. {'; '.join(said)}.")


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
            axis.text(m.high * 1.04, row, f"{m.value:.2f}", va="center", fontsize=11)
    everything = [t.milliseconds(name).value for t in timings.values() for name in names]
    _plain_log(axis, 0.6 * min(everything), 1.6 * max(everything))
    rows = {"yticks": range(len(timings)), "yticklabels": timings}
    axis.set(xlabel="time for one picture (ms), one thread", **rows)
    axis.set_title("How much faster int8 is depends on the kernels")
    axis.invert_yaxis()
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=11)
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
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=11)
    found = [
        f"{n} {scores[n].accuracy:.1%} in {timings.milliseconds(n).value:.2f} ms and {sizes[n] / 1e3:,.0f} kB"
        for n in scores
    ]
    return Picture(figure, f"Scatter of accuracy over time for one picture, marks sized by file: {_join(found)}.")


# --- 05: the frontier ---------------------------------------------------------------------------------------------


def frontier(record: dict, cost: str = "XNNPACK") -> Picture:
    """Show accuracy over cost for a family of networks, with an arrow from each float32 network to its int8 twin.

    The steps are the two fronts: the networks of one kind that no other of that kind beats.  The bars through a mark
    are the 95 % intervals of its accuracy and of its time.

    Args:
        record: from `helpers.frontier.record`.
        cost: a kernel set, for the time of one picture, or "bytes", for the size of the file.
    """
    figure, axis = _axes(10, 5)
    costs, networks = frontiers.costs_of(record, cost), record["networks"]
    unit = 1e-3 if cost == frontiers.FILE_SIZE else 1.0
    everything = [unit * c for pair in costs.values() for c in pair.values()]
    _plain_log(axis, 0.6 * min(everything), 1.9 * max(everything))
    marks = {}
    for name, pair in networks.items():
        start, end = ((unit * costs[name][kind], 100 * pair[kind]["accuracy"]) for kind in frontiers.KINDS)
        axis.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": GREY, "linewidth": 1}, zorder=1)
        marks[name] = start, end
    for kind in frontiers.KINDS:
        _front(axis, kind, [unit * costs[n][kind] for n in networks], [networks[n][kind] for n in networks], cost)
    what = "size of the file (kB)" if unit != 1 else f"time for one picture (ms), {cost} kernels, one thread"
    axis.set(xlabel=what, ylabel=f"accuracy (%), {record['pictures']:,} pictures")
    found = [match["speed_up"] for match in record["matches"][cost] if (match["speed_up"] or 0) > 1]
    of = f"{len(found)} of {len(record['matches'][cost])} float32 networks on their front"
    cheaper = "smaller" if unit != 1 else "faster"
    axis.set_title(f"{record['data'].capitalize()}: for {of},\nan int8 network is as accurate and {cheaper}")
    axis.legend(loc="lower right")
    _name_marks(axis, {name: start for name, (start, _) in marks.items()}, [end for _, end in marks.values()])
    times = f", {np.median(found):.1f} times in the middle" if found else ""
    return Picture(
        figure,
        f"Scatter of accuracy over {what} for {len(networks)} networks on {record['data']}, each as float32 and "
        f"as int8, with the front of each kind. For {of}, an int8 network is as accurate and {cheaper}{times}.",
    )


def _name_marks(axis, marks: dict[str, tuple[float, float]], others: Sequence[tuple[float, float]]) -> None:
    """Write each name beside its mark, where it covers the least of other marks and of names already written.

    Args:
        axis: with its final limits.
        marks: {name: place in the units of the axes}.
        others: places of marks without a name.
    """
    axis.figure.draw_without_rendering()  # only then it is known where a place lies on the page
    points, height = 72 / axis.figure.dpi, 14.0
    where = [points * axis.transData.transform(place) for place in (*marks.values(), *others)]
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in where]
    for (name, place), (x, y) in zip(marks.items(), where, strict=False):
        width = 6.8 * len(name)
        shifts = [(7, -12), (7, 4), (7, -4), (-width / 2, 8), (-width / 2, -18), (-width - 7, 4), (-width - 7, -12)]
        boxes = [(x + dx, y + dy, x + dx + width, y + dy + height) for dx, dy in shifts]
        best = min(range(len(shifts)), key=lambda i: sum(_covered(boxes[i], other) for other in taken))
        taken.append(boxes[best])
        halo = [withStroke(linewidth=3, foreground="white")]
        shift = (shifts[best][0], shifts[best][1] + 2)
        axis.annotate(name, place, shift, textcoords="offset points", fontsize=12, color=BLUE, path_effects=halo)


def _covered(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the area that two boxes (left, bottom, right, top) share."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return max(width, 0) * max(height, 0)


def _front(axis, kind: str, costs: Sequence[float], rows: Sequence[dict], kernels: str) -> None:
    """Draw the marks of one kind of file with their intervals, and the steps of its Pareto front."""
    accuracies = [100 * row["accuracy"] for row in rows]
    for cost, row in zip(costs, rows, strict=True):
        axis.vlines(cost, 100 * row["low"], 100 * row["high"], color=COLOURS[kind], linewidth=1, alpha=0.5)
        if time := row["milliseconds"].get(kernels):
            axis.hlines(100 * row["accuracy"], time["low"], time["high"], color=COLOURS[kind], linewidth=3, alpha=0.5)
    look = {"color": COLOURS[kind], "marker": MARKERS[kind], "edgecolor": "white", "s": 70, "zorder": 3}
    axis.scatter(costs, accuracies, label=kind, **look)
    best = frontiers.pareto(costs, accuracies)
    x, y = [costs[i] for i in best], [accuracies[i] for i in best]
    style = "-" if kind == "float32" else "--"
    axis.step([*x, axis.get_xlim()[1]], [*y, y[-1]], where="post", color=COLOURS[kind], linestyle=style, linewidth=1.5)


def power(curves: dict[str, tuple[np.ndarray, np.ndarray]], loss: float, pictures: int) -> Picture:
    """Show how the chance to notice a loss grows with the number of pictures, for several designs of the test.

    Args:
        curves: {design: (numbers of pictures, chance 0 to 1)}.
        loss: of accuracy, 0 to 1.
        pictures: of the reader's own test split.
    """
    figure, axis = _axes(8, 4)
    _plain_log(axis, min(n.min() for n, _ in curves.values()), max(n.max() for n, _ in curves.values()))
    for (name, (numbers, chances)), colour, style in zip(curves.items(), (GREEN, PURPLE), ("-", "--"), strict=False):
        axis.plot(numbers, 100 * chances, color=colour, linestyle=style, linewidth=2, label=name)
    axis.axvline(pictures, color=GREY, linestyle=":", label=f"this test split, {pictures:,} pictures")
    axis.axhline(80, color=GREY, linewidth=0.8)
    axis.set(xlabel="test pictures", ylabel="chance to notice (%)", ylim=(0, 102))
    here = {name: float(np.interp(pictures, *curve)) for name, curve in curves.items()}
    said = _join([f"{chance:.0%} with {name}" for name, chance in here.items()])
    axis.set_title(f"A loss of {100 * loss:.1f} points is noticed on {pictures:,} pictures:\n{said}")
    axis.legend(loc="upper left", fontsize=11)
    return Picture(
        figure,
        f"Curves of the chance to notice a loss of {100 * loss:.1f} points, rising with the number of pictures from "
        f"nothing to certainty. On {pictures:,} pictures it is {said}.",
    )


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
        axis.text(value, row, " " + form.format(value), va="center", fontsize=11)
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
        axis.text(3, row, f"{name} {sure:.1%}", va="center", fontsize=11, bbox=label)
    axis.set(xlim=(0, 100), xticks=(0, 50, 100), yticks=range(len(said)), yticklabels=said)
    axis.tick_params(labelsize=11)
    axis.invert_yaxis()


def _shown(name: str, longest: int = 20) -> str:
    """Return a file's name short enough for a caption, with a question mark for what the font cannot write."""
    known = get_font(findfont(FontProperties())).get_charmap()
    name = "".join(c if ord(c) in known else "?" for c in name)
    return name if len(name) <= longest else f"{name[: longest // 2 - 1]}…{name[-longest // 2 :]}"


# --- simulation: fewer bits, part by part -------------------------------------------------------------------------

CURVES = (  # of settings or networks, none of them a file: colour, marker, line
    (BLACK, "o", "-"),
    (PURPLE, "s", "--"),
    (GREEN, "^", "-."),
    (ORANGE, "D", ":"),
    (SKY, "v", "-"),
    (GREY, "P", "--"),
)


def accuracy_by_bits(
    sweeps: dict[str, dict[int, Score]], whole: Score | dict[str, Score], what: str = "weight", points: float = 5.0
) -> Picture:
    """Show the accuracy over the bits of a code, with 95% intervals as bands and a ring where it breaks off.

    Args:
        sweeps: {network or setting: {bits: Score}}, from `simulation.Simulation.sweep`.
        whole: the float32 network on the same pictures, or one for each of the sweeps by its name; drawn as dashed
            lines.
        what: has so many bits, such as "weight" or "activation".
        points: of accuracy whose loss makes a cliff, see `simulation.cliff`.

    Raises:
        ValueError: there is no sweep, or more than there are looks for.
    """
    if not 1 <= len(sweeps) <= len(CURVES):
        raise ValueError(f"Expected 1 to {len(CURVES)} sweeps in one figure; found {len(sweeps)}: draw several.")
    figure, axis = _axes(9, 4.6)
    wholes = whole if isinstance(whole, dict) else dict.fromkeys(sweeps, whole)
    cliffs = {name: simulation.cliff(scores, wholes[name], points) for name, scores in sweeps.items()}
    if not isinstance(whole, dict):
        axis.axhline(100 * whole.accuracy, color=BLUE, linestyle="--", label=f"float32: {whole.accuracy:.1%}")
    for (name, scores), look in zip(sweeps.items(), CURVES, strict=False):
        _sweep(axis, f"{name}: {_cliff(cliffs[name])}", scores, cliffs[name], look)
        if isinstance(whole, dict):
            axis.axhline(100 * wholes[name].accuracy, color=look[0], linestyle=(0, (2, 3)), linewidth=1)
    bits = sorted({b for scores in sweeps.values() for b in scores})
    axis.set(xlabel=f"bits of one {what}, fewer to the right", ylabel="accuracy (%), 95% Wilson interval", xticks=bits)
    axis.set_xlim(bits[-1] + 0.3, bits[0] - 0.3)
    axis.legend(loc="lower left", fontsize=11)
    axis.set_title(_cliffs(cliffs, points))
    told = "; ".join(
        f"{name}, float32 {wholes[name].accuracy:.1%}: "
        + ", ".join(f"{score.accuracy:.1%} at {b}" for b, score in scores.items())
        + f" bits, {_cliff(cliffs[name])}"
        for name, scores in sweeps.items()
    )
    return Picture(figure, f"Lines of the accuracy over the bits of one {what}. {told}.")


def _sweep(axis, label: str, scores: dict[int, Score], cliff: int | None, look: tuple[str, str, str]) -> None:
    """Draw the curve of one sweep, its intervals as a band, and a ring around its cliff."""
    (colour, marker, line), bits = look, sorted(scores)
    low, high = 100 * np.transpose([scores[b].interval for b in bits])
    axis.fill_between(bits, low, high, color=colour, alpha=0.12, linewidth=0)
    values = [100 * scores[b].accuracy for b in bits]
    axis.plot(bits, values, marker, linestyle=line, color=colour, markersize=7, label=label)
    if cliff:
        ring = {"markersize": 18, "markerfacecolor": "none", "markeredgewidth": 2}
        axis.plot(cliff, 100 * scores[cliff].accuracy, "o", color=colour, **ring)


def _cliff(bits: int | None) -> str:
    return f"cliff at {bits} bits" if bits else "no cliff"


def _cliffs(found: dict[str, int | None], points: float) -> str:
    """Return the title of a figure with these cliffs."""
    bits = sorted({b for b in found.values() if b})
    if not bits:
        return f"No cliff: nowhere more than {points:g} points lost"
    if len(found) == 2 and len(bits) == 2:
        (one, first), (other, second) = found.items()
        return f"The cliff is at {first} bits {one},\nat {second} bits {other} (ring: more than {points:g} points lost)"
    where = f"{bits[0]} bits" if len(bits) == 1 else f"{bits[0]} to {bits[-1]} bits"
    return f"The cliff is at {where} (ring: more than {points:g} points lost)"


def sensitivity(
    found: dict[str, simulation.Sensitivity], whole: Score, everything: Score, most: int = 10, name: str = "the network"
) -> Picture:
    """Show what each part of a network costs when only it is quantized, and what is left when all but it are.

    Args:
        found: {part: Sensitivity}, from `simulation.Simulation.sensitivity`, on the same pictures as the others.
        whole: of the float32 network.
        everything: with all parts quantized.
        most: the parts that hurt most, so many of them.
        name: of the network, for the description.
    """
    parts = list(found)[:most]
    rows, total = np.arange(len(parts)), 100 * (whole.accuracy - everything.accuracy)
    figure, (left, right) = _axes(10, 1.9 + 0.34 * len(parts), ncols=2, sharex=True, sharey=True)
    sides = (left, "only", ORANGE, ""), (right, "rest", GREEN, "//")
    for axis, side, colour, hatch in sides:
        losses = np.array([_loss(whole, getattr(found[part], side)) for part in parts])
        look = {"color": colour, "hatch": hatch, "edgecolor": "white", "ecolor": BLACK, "capsize": 3}
        axis.barh(rows, losses[:, 0], xerr=losses[:, 1], **look)
        axis.axvline(0, color=BLUE, linestyle="--", label="float32")
        axis.axvline(total, color=VERMILION, linestyle="--", label=f"all quantized: {total:.1f}")
        axis.set_xlabel("points of accuracy lost, 95% interval")
    left.set(yticks=rows, yticklabels=parts)
    left.invert_yaxis()
    left.set_title("Only this one quantized", fontweight="normal")
    right.set_title("All but this one quantized", fontweight="normal")
    right.legend(loc="lower left", bbox_to_anchor=(1, 0), fontsize=11)
    lost = {part: [_loss(whole, score)[0] for score in (found[part].only, found[part].rest)] for part in parts}
    best = min(found, key=lambda part: _loss(whole, found[part].rest)[0])
    title = f"{parts[0]} alone costs {lost[parts[0]][0]:.1f} points, all together {total:.1f}"
    figure.suptitle(title, fontweight="bold", x=0.01, ha="left", fontsize=13)
    told = _join([f"{part} {only:.1f} and {rest:.1f}" for part, (only, rest) in lost.items()])
    return Picture(
        figure,
        f"Bars of the points of accuracy that {name} loses, with only one part quantized and with all but it, the "
        f"{len(parts)} of {len(found)} parts that cost most: {told}. All quantized: {total:.1f}. Leaving out {best} "
        f"helps most.",
    )


def _loss(whole: Score, score: Score) -> tuple[float, float]:
    """Return the points of accuracy lost on the same pictures, and half of the 95% interval of this difference.

    The variance counts only pictures that one of the two gets right: Agresti, *Categorical Data Analysis*, 3rd edition
    2013, section 11.1.
    """
    differences = whole.correct.astype(float) - score.correct
    return 100 * differences.mean(), 100 * 1.96 * differences.std() / np.sqrt(len(differences))


def tensor_sqnr(found: dict[str, tuple[float, float]], what: str = "quantized") -> Picture:
    """Show the signal-to-noise ratio of each tensor, in the order in which the network makes them.

    Args:
        found: {tensor: (alone, accumulated)} in decibels, from `simulation.Simulation.tensor_sqnr`; those above 100,
            where only float32's own rounding is left, are not drawn.
        what: was done, for the title, such as "4-bit weights per tensor".

    Raises:
        ValueError: nothing was rounded.
    """
    names, values = list(found), np.array(list(found.values()), float)
    values[~np.isfinite(values) | (values > 100)] = np.nan
    if np.isnan(values).all():
        raise ValueError("Expected at least one tensor with an error; found none: quantize something first.")
    figure, axis = _axes(10, 4.8)
    places, bare = np.arange(len(names)), f"{_shown(what, 40)}: "
    axis.plot(places, values[:, 0], "s", linestyle="--", color=GREEN, label="only this layer quantized")
    axis.plot(places, values[:, 1], "o-", color=BLACK, label="everything before it as well")
    axis.axhline(0, color=GREY, linewidth=1)
    axis.set_xticks(places, names, rotation=90, fontsize=11)
    axis.set(xlabel="tensor, in the order of the network", ylabel="signal to quantization noise (dB)")
    worst = int(np.nanargmin(values[:, 0])) if np.isfinite(values[:, 0]).any() else int(np.nanargmin(values[:, 1]))
    end = int(np.flatnonzero(np.isfinite(values[:, 1]))[-1])
    alone, last = values[worst, 0], values[end, 1]
    axis.set_title(f"{bare}{names[worst]} is worst on its own ({alone:.0f} dB); {last:.0f} dB are left at the end")
    axis.legend(loc="best", fontsize=11)
    told = "; ".join(
        f"{name} " + " and ".join("no error" if np.isnan(v) else f"{v:.1f}" for v in pair)
        for name, pair in zip(names, values, strict=True)
    )
    return Picture(
        figure,
        f"Lines of the signal-to-noise ratio in decibels through the network, {what}, alone and accumulated. The worst "
        f"alone is {names[worst]}. {told}.",
    )


# --- 06: qat ------------------------------------------------------------------------------------------------------


def straight_through(low: float = -1.0, high: float = 1.5, bits: int = 3) -> Picture:
    """Show what fake quantization gives on the way forward, and the slope it tells the training on the way back.

    Both are asked of `qat.FakeQuantize`, number by number.

    Args:
        low, high: the range of the codes.
        bits: of a code; few, so that the steps can be seen.
    """
    reach = 0.3 * (high - low)
    x = np.linspace(low - reach, high + reach, 2001, dtype=np.float32)
    y, slope = qat.response(qat.FakeQuantize(low, high, bits), x)
    figure, (upper, lower) = plt.subplots(2, 1, figsize=(9, 6), sharex=True, height_ratios=(2, 1))
    upper.plot(x, x, color=BLUE, linestyle="--", label="float32: what comes in")
    upper.plot(x, y, color=BLACK, linewidth=2.5, label=f"forward: the nearest of {2**bits} values")
    upper.set(ylabel="what goes on")
    jumps = x[1:][np.diff(y) > 0]
    lower.vlines(jumps, 0, 1, color=GREY, linestyle=":", linewidth=1.5, label="the staircase: it jumps here, else 0")
    lower.plot(x, slope, color=GREEN, linewidth=2.5, linestyle="-.", label="what the training is told")
    lower.set(xlabel="weight or activation", ylabel="slope", yticks=[0, 1], ylim=(-0.15, 1.9))
    inside = x[slope > 0]
    for axis in (upper, lower):
        axis.axvspan(inside.min(), inside.max(), color=GREEN, alpha=0.08)
        axis.legend(loc="upper left", fontsize=11)
    upper.set_title("Forward a staircase, backward a straight line")
    return Picture(
        figure,
        f"Two panels over the incoming number. Above, a staircase of {len(np.unique(y))} values from {y.min():.2g} to "
        f"{y.max():.2g} along the diagonal. Below, its slope: zero but for {len(jumps)} jumps, while the training is "
        f"told {slope.max():.0f} from {inside.min():.2g} to {inside.max():.2g} and {slope.min():.0f} outside.",
    )


def qat_recovery(whole: Score, found: dict[int, tuple[Score, Score]]) -> Picture:
    """Show accuracy over the bits of the weights, quantized after the training and trained on with the rounding.

    Args:
        whole: of the float32 network.
        found: {bits: (after the training, trained on)}, on the same pictures.

    Raises:
        ValueError: there is nothing to show.
    """
    if not found:
        raise ValueError("Expected the scores of at least one number of bits; found none.")
    figure, axis = _axes(8.5, 4.4)
    low, high = whole.interval
    axis.axhspan(100 * low, 100 * high, color=BLUE, alpha=0.1)
    axis.axhline(100 * whole.accuracy, color=BLUE, linewidth=2, label="float32")
    bits = sorted(found, reverse=True)
    looks = (("after the training (PTQ)", PURPLE, "v", -0.06), ("trained on with rounding (QAT)", GREEN, "D", 0.06))
    for i, (label, colour, marker, shift) in enumerate(looks):
        scores, places = [found[b][i] for b in bits], np.arange(len(bits)) + shift
        axis.vlines(places, *(100 * np.array([s.interval for s in scores]).T), color=colour, linewidth=2)
        values = [100 * s.accuracy for s in scores]
        axis.plot(places, values, marker, color=colour, linestyle="--" if i == 0 else "-", markersize=9, label=label)
    axis.set_xticks(range(len(bits)), bits)
    axis.set(xlabel="bits of a weight", ylabel=f"accuracy (%), {len(whole.labels):,} pictures")
    axis.margins(x=0.15)
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=11)
    most = max(bits, key=lambda b: found[b][1].accuracy - found[b][0].accuracy)
    lost, left = (100 * (whole.accuracy - score.accuracy) for score in found[most])
    axis.set_title(f"{most} bits: {lost:.1f} points lost, {left:.1f} after training with the rounding")
    told = "; ".join(f"{b} bits {found[b][0]} and {found[b][1]}" for b in bits)
    return Picture(
        figure,
        f"Accuracy over the bits of a weight, with 95% intervals. float32 {whole}. Quantized after the training, and "
        f"trained on with the rounding: {told}.",
    )


# --- 06: debugging ------------------------------------------------------------------------------------------------


def layer_errors(layers: Sequence[LayerError]) -> Picture:
    """Show by how many steps each quantized operator differs from its float32 twin, as two tools measure it.

    Args:
        layers: of `debugging.Debugger`; operators that only copy codes have no error and are left out.

    Raises:
        ValueError: no operator has an error.
    """
    layers = [layer for layer in layers if layer.steps > 0.01 and layer.own_steps > 0.01]
    if not layers:
        raise ValueError("Expected at least one operator whose output differs from its float32 twin; found none.")
    figure, axis = _axes(9.5, 4.2)
    places = np.arange(len(layers))
    ours = {"color": BLACK, "markersize": 5, "label": "our own measure, from the tensors"}
    axis.bar(places, [layer.steps for layer in layers], color=SKY, label="TensorFlow's debugger")
    axis.plot(places, [layer.own_steps for layer in layers], "D", **ours)
    axis.axhline(12**-0.5, color=GREY, linestyle="--", label="rounding the output, and no more")
    axis.set_xticks(places, [layer.layer for layer in layers], rotation=60, ha="right", rotation_mode="anchor")
    axis.set(ylabel="error (steps of the output)", yscale="log", ylim=(0.1, None))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.margins(x=0.01)
    axis.legend(loc="upper right", fontsize=11)
    worst = max(layers, key=lambda layer: layer.steps)
    others = float(np.median([layer.steps for layer in layers]))
    axis.set_title(f"{worst.layer} is off by {worst.steps:.2g} steps, most others by {others:.2g}")
    found = _join([f"{layer.layer} {layer.steps:.2g}" for layer in sorted(layers, key=lambda e: -e.steps)[:3]])
    return Picture(
        figure,
        f"Bars of the error of {len(layers)} operators against their float32 twins, in steps of their output, on a log "
        f"axis; rounding alone makes 0.29. The largest: {found}. The median is {others:.2g}. Our own measure gives the "
        "same.",
    )


def repairs(scores: dict[str, Score], files: dict[str, Path], timings: Timings, kernels: str) -> Picture:
    """Show accuracy, size and time of a network, of what went wrong, and of each way to repair it.

    Args:
        scores: by the names of the files: float32 first, then the file that went wrong, then the repaired ones, on the
            same pictures or, where kernels are slow, on the first ones of them.
        files: {name: .tflite file}.
        timings: of these files.
        kernels: the kernel set of the timings.

    Raises:
        ValueError: there are fewer than three files.
    """
    whole, broken, *mended = scores
    if not mended:
        raise ValueError(f"Expected float32, a file that went wrong and a repaired one; found {_join(list(scores))}.")
    colours = {name: COLOURS.get(name, COLOURS["int8"]) for name in scores}
    figure, (left, middle, right) = _axes(11.5, 1.5 + 0.55 * len(scores), ncols=3, sharey=True, width_ratios=(2, 1, 1))
    float_accuracy = 100 * scores[whole].accuracy
    left.axvspan(float_accuracy - 1, float_accuracy + 1, color=COLOURS["float32"], alpha=0.12, label="within 1 point")
    times = {name: timings.milliseconds(name) for name in scores}
    for row, (name, score) in enumerate(scores.items()):
        colour, (low, high), time = colours[name], score.interval, times[name]
        left.plot([100 * low, 100 * high], [row, row], color=colour, linewidth=2.5)
        mark = {"marker": MARKERS.get(name, "s"), "markersize": 9, "markeredgecolor": "white"}
        left.plot(100 * score.accuracy, row, color=colour, **mark)
        left.annotate(f"{score.accuracy:.1%}", (100 * low, row), (-6, -4), textcoords="offset points", ha="right")
        look = {"color": colour, "hatch": HATCHES.get(name, "//"), "edgecolor": "white"}
        middle.barh(row, files[name].stat().st_size / 1e3, 0.6, **look)
        middle.text(files[name].stat().st_size / 1e3, row, f" {files[name].stat().st_size / 1e3:,.0f}", va="center")
        spread = [[time.value - time.low], [time.high - time.value]]
        right.barh(row, time.value, 0.6, xerr=spread, ecolor=BLACK, **look)
        right.text(1.1 * time.high, row, f"{time.value:.2f}" if time.value < 10 else f"{time.value:.0f}", va="center")
    lowest = min(100 * score.interval[0] for score in scores.values())
    few = {name: len(score.labels) for name, score in scores.items() if len(score.labels) < len(scores[whole].labels)}
    rows = [f"{name}\n({few[name]:,} pictures)" if name in few else name for name in scores]
    left.set(xlabel="accuracy (%), 95% interval", yticks=range(len(scores)), yticklabels=rows, title="Accuracy")
    left.set_xlim(lowest - 0.3 * (101 - lowest), 101)
    left.legend(loc="lower left", fontsize=11)
    left.invert_yaxis()
    middle.set(xlabel="file (kB)", title="Size")
    right.set(xlabel=f"one picture (ms), {kernels}", title="Time")
    middle.margins(x=0.35)
    _plain_log(right, 0.5 * min(t.value for t in times.values()), 5 * max(t.value for t in times.values()))
    lost = float_accuracy - 100 * scores[broken].accuracy
    same = {name: 100 * scores[whole].correct[: len(score.labels)].mean() for name, score in scores.items()}
    good = [name for name in mended if 100 * scores[name].accuracy >= same[name] - 1]
    title = f"{lost:.0f} points lost; {len(good)} of {len(mended)} repairs bring them back to within 1"
    figure.suptitle(title, fontweight="bold", x=0.01, ha="left", fontsize=13)
    found = [
        f"{name} {score}, {files[name].stat().st_size / 1e3:,.0f} kB, {times[name].value:.2f} ms"
        for name, score in scores.items()
    ]
    return Picture(figure, f"Accuracy, file size and time for one picture of {len(scores)} files: {'; '.join(found)}.")


# --- 07: what a microcontroller would execute ---------------------------------------------------------------------

KERNEL_LOOKS = {  # how a kernel works: hatching; the colour says float32 or int8
    "float32": {"plain loop": "", "blocks of 2 × 2": "..", "vectors": "--"},
    "int8": {"plain loop": "//", "blocks of 2 × 2": "//..", "vectors": "//--", "SMLAD": "xx", "SDOT": "xx"},
}


def instructions(counts: Counts, core: str = "Cortex-M4F", layer: str = POINTWISE) -> Picture:
    """Show the instructions that a multiply-accumulate takes, on all processors, and kernel by kernel on one of them.

    Left, for each processor: the best float32 kernel, the best int8 kernel without instructions of its own, and the
    one with them.  Right: every kernel on one processor, with the cycles that its manual gives.

    Args:
        counts: from `microcontroller.counts`.
        core: the processor on the right, one with known cycles.
        layer: microcontroller.POINTWISE or DEPTHWISE.

    Raises:
        KeyError: there are no counts of that layer for the processor on the right.
    """
    chosen = [count for count in counts.found.values() if KERNELS[count.kernel].layer == layer]
    ours = [count for count in chosen if count.core == core]
    if not ours or not ours[0].cycles:
        raise KeyError(f"Expected counts of a {layer}, and cycles, for {core!r}; found neither or one of them.")
    best = {name: counts.fewest(name, layer) for name in dict.fromkeys(one.core for one in chosen)}
    figure, (left, right) = _axes(12, 5.2, ncols=2, width_ratios=(1.85, 1))
    _core_bars(left, best)
    _kernel_bars(right, ours)
    soft = [name for name, found in best.items() if max(found.values(), key=lambda c: c.per_mac).per_mac > 50]
    times = [counts.ratio(name, layer) for name in soft]
    spread = " to ".join(dict.fromkeys(f"{time:.0f}" for time in sorted(times)[:: max(1, len(times) - 1)]))
    left.set_title(f"Without an FPU, int8 takes {spread} times fewer" if soft else "All processors")
    winners = _fewer_than_float32(ours)
    without = f"{core}: no int8 kernel takes\nfewer instructions than float32"
    right.set_title(f"{core}: fewer instructions\nthan float32 with {_join(winners)} only" if winners else without)
    figure.suptitle(f"Instructions for one multiply-accumulate of a {layer} ({counts.source})", fontsize=13)
    listed = [f"{name} " + ", ".join(f"{w} {c.per_mac:.3g}" for w, c in found.items()) for name, found in best.items()]
    kernels = [
        f"{KERNELS[c.kernel].label} {c.per_mac:.3g} ({c.cycles_per_mac[0]:.3g} to {c.cycles_per_mac[1]:.3g} cycles)"
        for c in ours
    ]
    return Picture(
        figure,
        f"Bars of {counts.source} instructions per multiply-accumulate of a {layer}, on a logarithmic axis: "
        f"{'; '.join(listed)}. Beside it every kernel on the {core}: {', '.join(kernels)}; fewer than the best float32 "
        f"kernel: {_join(winners) if winners else 'none'}.",
    )


def _fewer_than_float32(counts: Sequence[Count]) -> list[str]:
    """Return the int8 kernels with fewer instructions than the best float32 kernel, by how they work."""
    kinds = [(KERNELS[count.kernel], count.per_mac) for count in counts]
    limit = min(number for kernel, number in kinds if kernel.kind == "float32")
    return [kernel.how for kernel, number in kinds if kernel.kind == "int8" and number < limit]


def _core_bars(axis, best: dict[str, dict[str, Count]]) -> None:
    """Draw a group of bars for each processor, on a logarithmic axis."""
    names, place, middles = {}, 0.0, []
    for found in best.values():
        for name, count in found.items():
            kind = name if name in COLOURS else "int8"
            hatch = HATCHES[kind] if name == kind else "xx"
            label = {"float32": "float32", "int8": "int8"}.get(name, "int8 with SMLAD or SDOT")
            names[label] = axis.bar(place, count.per_mac, 0.9, color=COLOURS[kind], hatch=hatch, edgecolor="white")
            axis.text(place, 1.08 * count.per_mac, _two_digits(count.per_mac), ha="center", fontsize=11)
            place += 1.2
        middles.append(place - 1.2 * (len(found) + 1) / 2)
        place += 0.7
    numbers = [count.per_mac for found in best.values() for count in found.values()]
    axis.set(yscale="log", ylim=(min(0.1, 0.5 * min(numbers)), 8 * max(numbers)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.set_xticks(middles, [name.replace("Cortex-", "Cortex-\n").replace(" with", "\nwith") for name in best])
    axis.tick_params(axis="x", length=0)
    axis.grid(False, axis="x")
    axis.set_ylabel("instructions per multiply-accumulate")
    axis.legend(names.values(), names, loc="upper right", fontsize=11)


def _kernel_bars(axis, counts: Sequence[Count]) -> None:
    """Draw a bar for each kernel of one processor, and the cycles by its manual as a range."""
    for row, count in enumerate(counts):
        kernel = KERNELS[count.kernel]
        hatch = KERNEL_LOOKS[kernel.kind][kernel.how]
        axis.barh(row, count.per_mac, 0.62, color=COLOURS[kernel.kind], hatch=hatch, edgecolor="white")
        axis.text(count.per_mac, row + 0.02, f" {count.per_mac:.2f}", va="center", fontsize=11)
        axis.plot(count.cycles_per_mac, [row + 0.42] * 2, "|-", color=BLACK, markersize=8)
    axis.set(yticks=range(len(counts)), yticklabels=[KERNELS[c.kernel].label.replace(", ", ",\n") for c in counts])
    axis.set(ylim=(len(counts) - 0.3, -0.7), xlim=(0, 1.12 * max(c.cycles_per_mac[1] for c in counts)))
    axis.grid(False, axis="y")
    axis.set_xlabel("bars: instructions; lines: cycles,\nthe fewest and the most by the manual")


def _two_digits(number: float) -> str:
    return f"{number:.0f}" if number >= 10 else f"{number:.1f}" if number >= 1 else f"{number:.2f}"


# --- 07: the tensor arena -----------------------------------------------------------------------------------------

BESIDES = {"stack": (GREY, "\\\\"), "system": (SKY, "xx"), "runtime": (ORANGE, "..")}  # in RAM beside the activations


def memory_plan(plans: dict[str, Plan], board: Board) -> Picture:
    """Show where each activation is in the arena while the operators run, how much is alive, and the RAM of a board.

    A block is as wide as the time in which its buffer is needed, and as high as its bytes.  The stepped line is what is
    alive; where blocks reach above it, the planner has left gaps.

    Args:
        plans: {kind of file: plan}, from `arena.plan`.
        board: from `board.boards`.
    """
    figure, axes = _axes(5.6 * len(plans), 4.8, ncols=len(plans), sharey=True, squeeze=False)
    limit = board.ram_bytes
    top = 1.12 * max(limit, *(plan.head for plan in plans.values())) / 1e3
    found = []
    for axis, (kind, plan) in zip(axes[0], plans.items(), strict=True):
        used = alive(plan.buffers)
        _plan_blocks(axis, plan, kind, len(used), top)
        steps = np.arange(len(used) + 1) - 0.5
        axis.stairs(used / 1e3, steps, color=BLACK, linewidth=2, label="alive at the same time", baseline=None)
        axis.axhline(limit / 1e3, color=BLACK, linestyle="--", linewidth=2)
        words = f"RAM: {_binary(limit)}"
        axis.annotate(words, (1, limit / 1e3), (-4, 4), ("axes fraction", "data"), "offset points", ha="right")
        more = plan.head / used.max() - 1
        gaps = f"{more:.0%} more than is ever alive" if more >= 0.005 else "as much as is alive at the peak"
        fits = "less than the RAM" if plan.head <= limit else "more than the RAM"
        axis.set_title(f"{kind}: {plan.head / 1e3:,.0f} kB, {fits},\n{gaps}")
        axis.set(xlabel="operator, in the order in which they run", xlim=(-0.7, len(used) - 0.3), ylim=(0, top))
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        found.append(f"{kind} takes {plan.head:,} bytes, {fits}; {used.max():,} are alive at operator {used.argmax()}")
    axes[0, 0].set_ylabel("place in the arena (kB of 1000 bytes)")
    axes[0, 0].legend(loc="upper right")
    return Picture(
        figure,
        f"Blocks of memory, operator by operator, and the sum alive, against {_binary(limit)} of RAM of the "
        f"{board.name}. {'. '.join(found)}.",
    )


def _plan_blocks(axis, plan: Plan, kind: str, steps: int, top: float) -> None:
    """Draw a block for each buffer of a plan, with its name where there is room: a letter is 2% of the axis wide."""
    look = {"facecolor": COLOURS[kind], "alpha": 0.5, "hatch": HATCHES[kind], "edgecolor": "white", "linewidth": 1.5}
    for buffer, offset in zip(plan.buffers, plan.offsets, strict=True):
        left, width = buffer.first - 0.5, 1 + buffer.last - buffer.first
        bottom, height = offset / 1e3, buffer.bytes / 1e3
        axis.add_patch(plt.Rectangle((left, bottom), width, height, **look))
        paper = {"facecolor": "white", "edgecolor": "none", "alpha": 0.6, "pad": 1}
        place = {"ha": "center", "va": "center", "fontsize": 11, "bbox": paper, "zorder": 4}
        if width > 0.025 * steps * len(buffer.name) and height > 0.06 * top:
            axis.text(left + width / 2, bottom + height / 2, buffer.name, **place)
        elif height > 0.03 * top * len(buffer.name) and width > 0.03 * steps:
            axis.text(left + 0.5, bottom + height / 2, buffer.name, rotation=90, **place)


def ram_bar(files: dict[str, Ram], allowances: dict[str, Allowance], board: Board) -> Picture:
    """Show what a program with each file needs of a board's RAM, stacked: the bar of the lecture's slide.

    Args:
        files: {kind of file: its tensor arena}, from `arena.ram`.
        allowances: what the rest of the program needs, from `arena.allowances`.
        board: from `board.boards`.
    """
    figure, axis = _axes(10, 2.4 + 0.7 * len(files))
    limit, totals, found = board.ram_bytes, {}, []
    for row, (kind, ram) in enumerate(files.items()):
        besides = {name: one.bytes for name, one in allowances.items()}
        besides |= {} if ram.persistent is None else {"runtime": ram.persistent}
        start = _stacked(axis, row, besides)
        totals[kind] = start + ram.activations
        look = {"color": COLOURS[kind], "hatch": HATCHES[kind], "edgecolor": "white"}
        axis.barh(row, ram.activations / 1e3, 0.6, start / 1e3, **look)
        paper = {"va": "center", "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1.5}, "zorder": 3}
        if ram.activations > 0.3 * limit:
            axis.text(start / 1e3 + 8, row, f"activations\n{ram.activations / 1e3:,.0f} kB", **paper)
        axis.text(totals[kind] / 1e3, row, f" {totals[kind] / 1e3:,.0f} kB, {totals[kind] / limit:.0%}", **paper)
        listed = ", ".join(f"{name} {size:,}" for name, size in besides.items())
        found.append(f"{kind}: {listed}, activations {ram.activations:,}, together {totals[kind]:,} ({ram.source})")
    axis.axvline(limit / 1e3, color=BLACK, linestyle="--", linewidth=2)
    words = f"RAM: {_binary(limit)}"
    axis.annotate(words, (limit / 1e3, 1), (6, -4), ("data", "axes fraction"), "offset points", va="top")
    sources = _join(sorted({ram.source for ram in files.values()}))
    axis.set_xlabel(f"RAM (kB of 1000 bytes), the model itself stays in the flash;\ntensor arena {sources}")
    axis.set(yticks=range(len(files)), yticklabels=list(files), ylim=(len(files) - 0.4, -1.0))
    axis.set_xlim(0, 1.22 * max(limit, *totals.values()) / 1e3)
    figure.legend(loc="outside lower center", ncols=len(BESIDES))
    title = _fitting(totals, limit)
    axis.set_title(f"{title} the {_binary(limit)} of the {board.name}")
    return Picture(figure, f"Stacked bars of bytes of RAM against {limit:,}. {'; '.join(found)}. {title} the RAM.")


def _stacked(axis, row: int, sizes: dict[str, int]) -> int:
    """Draw what needs RAM beside the activations, one after the other, and return the bytes where it ends."""
    start = 0
    for name, size in sizes.items():
        colour, hatch = BESIDES[name]
        label = f"{name} {size / 1e3:,.0f} kB" if row == 0 else None
        axis.barh(row, size / 1e3, 0.6, start / 1e3, color=colour, hatch=hatch, edgecolor="white", label=label)
        start += size
    return start


def _fitting(totals: dict[str, int], limit: int) -> str:
    """Return which files fit, in words that what they are to fit into completes."""
    small, large = ([kind for kind in totals if (totals[kind] <= limit) == fits] for fits in (True, False))
    words = [f"{_join(small)} fit{'s' if len(small) == 1 else ''}"] if small else []
    words += [f"{_join(large)} {'does' if len(large) == 1 else 'do'} not fit"] if large else []
    return f"{', '.join(words)} into"
