"""Fewer bits, part by part: cliffs, sensitivity, noise, training with the rounding, layers that hurt."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter

from helpers.measure import accuracy
from helpers.measure.accuracy import Score
from helpers.measure.debugging import LayerError
from helpers.measure.latency import Timings
from helpers.methods import qat, simulation
from helpers.plots import style
from helpers.plots.style import (
    BLACK,
    BLUE,
    COLOURS,
    GREEN,
    GREY,
    HATCHES,
    MARKERS,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    Picture,
)

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
        points: of accuracy whose loss makes a cliff, see `accuracy.cliff`.

    Raises:
        ValueError: there is no sweep, or more than there are looks for.
    """
    if not 1 <= len(sweeps) <= len(CURVES):
        raise ValueError(f"Expected 1 to {len(CURVES)} sweeps in one figure; found {len(sweeps)}: draw several.")
    figure, axis = style.axes(9, 4.6)
    wholes = whole if isinstance(whole, dict) else dict.fromkeys(sweeps, whole)
    cliffs = {name: accuracy.cliff(scores, wholes[name], points) for name, scores in sweeps.items()}
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
    figure, (left, right) = style.axes(10, 1.9 + 0.34 * len(parts), ncols=2, sharex=True, sharey=True)
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
    told = style.join([f"{part} {only:.1f} and {rest:.1f}" for part, (only, rest) in lost.items()])
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
    figure, axis = style.axes(10, 4.8)
    places, bare = np.arange(len(names)), f"{style.shorten(what, 40)}: "
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
    figure, axis = style.axes(8.5, 4.4)
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
    figure, axis = style.axes(9.5, 4.2)
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
    found = style.join([f"{layer.layer} {layer.steps:.2g}" for layer in sorted(layers, key=lambda e: -e.steps)[:3]])
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
        raise ValueError(
            f"Expected float32, a file that went wrong and a repaired one; found {style.join(list(scores))}."
        )
    colours = {name: COLOURS.get(name, COLOURS["int8"]) for name in scores}
    figure, (left, middle, right) = style.axes(
        11.5, 1.5 + 0.55 * len(scores), ncols=3, sharey=True, width_ratios=(2, 1, 1)
    )
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
    style.plain_log(right, 0.5 * min(t.value for t in times.values()), 5 * max(t.value for t in times.values()))
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
