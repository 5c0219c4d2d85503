"""Fewer bits, part by part: cliffs, sensitivity, noise, layers that hurt, repairs."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter

from helpers.plots import style, wording
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

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from helpers.measure.accuracy import Score
    from helpers.measure.debugging import LayerError
    from helpers.measure.latency import Timings
    from helpers.methods.simulation import Sensitivity

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
    from helpers.measure import accuracy  # it loads SciPy, which takes a second

    looks = style.paired(sweeps, CURVES, "sweeps")
    figure, axis = style.axes(9, 4.6)
    wholes = whole if isinstance(whole, dict) else dict.fromkeys(sweeps, whole)
    cliffs = {name: accuracy.cliff(scores, wholes[name], points) for name, scores in sweeps.items()}
    if not isinstance(whole, dict):
        axis.axhline(100 * whole.accuracy, color=BLUE, linestyle="--", label=f"float32: {whole.accuracy:.1%}")
    for name, look in looks:
        _sweep(axis, f"{name}: {_cliff(cliffs[name])}", sweeps[name], cliffs[name], look)
        if isinstance(whole, dict):
            axis.axhline(100 * wholes[name].accuracy, color=look[0], linestyle=(0, (2, 3)), linewidth=1)
    bits = sorted({b for scores in sweeps.values() for b in scores})
    axis.set(xlabel=f"bits of one {what}, fewer to the right", ylabel="accuracy (%), 95% Wilson interval", xticks=bits)
    axis.set_xlim(bits[-1] + 0.3, bits[0] - 0.3)
    axis.legend(loc="lower left", fontsize=11)
    most = max(_lost(wholes[name], score) for name, scores in sweeps.items() for score in scores.values())
    axis.set_title(_cliffs(cliffs, points, most))
    listed = "; ".join(
        f"{name}, float32 {wholes[name].accuracy:.1%}: "
        + ", ".join(f"{score.accuracy:.1%} at {b}" for b, score in scores.items())
        + f" bits, {_cliff(cliffs[name])}"
        for name, scores in sweeps.items()
    )
    return Picture(figure, f"Lines of the accuracy over the bits of one {what}. {listed}.")


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


def _cliffs(cliffs: dict[str, int | None], points: float, most: float) -> str:
    """Return the title of a figure with these cliffs.

    Args:
        cliffs: {curve: bits at which it breaks off, or None}.
        points: of accuracy whose loss makes a cliff, if it is more than chance.
        most: points that are lost anywhere.
    """
    places, with_one = sorted({b for b in cliffs.values() if b}), [name for name, b in cliffs.items() if b]
    ring = f"(ring: more than {points:g} points lost)"
    if not places:
        if most > points:
            return f"No cliff: more than {points:g} points lost, but that may be chance"
        return f"No cliff: nowhere more than {points:g} points lost"
    if len(cliffs) == 2 and len(places) == 2:
        (one, first), (other, second) = cliffs.items()
        return f"The cliff is at {first} bits {one},\nat {second} bits {other} {ring}"
    where = f"{wording.spread(places, '{:d}'.format)} bits"
    if len(with_one) == len(cliffs):
        return f"The cliff is at {where} {ring}"
    have = "has" if len(with_one) == 1 else "have"
    return f"{len(with_one)} of {len(cliffs)} curves {have} a cliff, at {where} {ring}"


def _lost(whole: Score, score: Score) -> float:
    """Return by how many percentage points a score is below another."""
    return 100 * (whole.accuracy - score.accuracy)


def sensitivity(
    sensitivities: dict[str, Sensitivity], whole: Score, everything: Score, most: int = 10, name: str = "the network"
) -> Picture:
    """Show what each part of a network costs when only it is quantized, and what is left when all but it are.

    Args:
        sensitivities: {part: Sensitivity}, from `simulation.Simulation.sensitivity`, on the same pictures as the rest.
        whole: of the float32 network.
        everything: with all parts quantized.
        most: the parts that hurt most, so many of them.
        name: of the network, for the description.
    """
    parts = sorted(sensitivities, key=lambda part: -_loss(whole, sensitivities[part].only)[0])[:most]
    rows, total = np.arange(len(parts)), _lost(whole, everything)
    figure, (left, right) = style.axes(10, 1.9 + 0.34 * len(parts), ncols=2, sharex=True, sharey=True)
    sides = (left, "only", ORANGE, ""), (right, "rest", GREEN, "//")
    for axis, side, colour, hatch in sides:
        losses = np.array([_loss(whole, getattr(sensitivities[part], side)) for part in parts])
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
    lost = {
        part: [_loss(whole, score)[0] for score in (sensitivities[part].only, sensitivities[part].rest)]
        for part in parts
    }
    title = _costs(parts[0], lost[parts[0]][0], total)
    figure.suptitle(title, fontweight="bold", x=0.01, ha="left", fontsize=13)
    listed = style.join([f"{part} {only:.1f} and {rest:.1f}" for part, (only, rest) in lost.items()])
    most_costly = (
        f"{len(parts)} of {wording.counted(len(sensitivities), 'part')} that {'cost' if len(parts) > 1 else 'costs'}"
    )
    return Picture(
        figure,
        f"Bars of the points of accuracy that {name} loses, with only one part quantized and with all but it, the "
        f"{most_costly} most: {listed}. All quantized: {total:.1f}. {_what_helps(sensitivities, everything)}.",
    )


def _costs(part: str, single: float, total: float) -> str:
    """Return what quantizing one part costs beside quantizing all of them, in percentage points; less than 0 is a gain.

    Args:
        part: that costs most.
        single: points lost with only this part quantized.
        total: points lost with all parts quantized.
    """
    if single <= 0:
        return f"No part alone costs accuracy, all together {wording.points(total)}"
    rest = f"{total:.1f}" if total >= 0 else wording.points(total)
    return f"{part} alone costs {single:.1f} points, all together {rest}"


def _what_helps(sensitivities: dict[str, Sensitivity], everything: Score) -> str:
    """Return which part is best left in float32, if a paired test finds that this is better than leaving out none.

    Args:
        sensitivities: {part: Sensitivity}.
        everything: with all parts quantized, on the same pictures.
    """
    right = {part: int(one.rest.correct.sum()) for part, one in sensitivities.items()}
    best = [part for part in sensitivities if right[part] == max(right.values())]
    if not wording.less_accurate(everything, sensitivities[best[0]].rest):
        return "Leaving out one part helps no more than chance does"
    return f"Leaving out {wording.few(best)} helps{' most' if len(sensitivities) > 1 else ''}"


def _loss(whole: Score, score: Score) -> tuple[float, float]:
    """Return the points of accuracy lost on the same pictures, and half of the 95% interval of this difference.

    The variance counts only pictures that one of the two gets right: Agresti, *Categorical Data Analysis*, 3rd edition
    2013, section 11.1.
    """
    differences = whole.correct.astype(float) - score.correct
    return 100 * differences.mean(), 100 * 1.96 * differences.std() / np.sqrt(len(differences))


def tensor_sqnr(decibels: dict[str, tuple[float, float]], what: str = "quantized") -> Picture:
    """Show the signal-to-noise ratio of each tensor, in the order in which the network makes them.

    Args:
        decibels: {tensor: (alone, accumulated)} in decibels, from `simulation.Simulation.tensor_sqnr`; those above 100,
            where only float32's own rounding is left, are not drawn.
        what: was done, for the title, such as "4-bit weights per tensor".

    Raises:
        ValueError: nothing was rounded.
    """
    names, values = list(decibels), np.array(list(decibels.values()), float)
    values[~np.isfinite(values) | (values > 100)] = np.nan
    if np.isnan(values).all():
        raise ValueError("Expected at least one tensor with an error; found none: quantize something first.")
    figure, axis = style.axes(10, 4.8)
    places = np.arange(len(names))
    axis.plot(places, values[:, 0], "s", linestyle="--", color=GREEN, label="only this layer quantized")
    axis.plot(places, values[:, 1], "o-", color=BLACK, label="everything before it as well")
    axis.axhline(0, color=GREY, linewidth=1)
    axis.set_xticks(places, names, rotation=90, fontsize=11)
    axis.set(xlabel="tensor, in the order of the network", ylabel="signal to quantization noise (dB)")
    own = {name: decibels for name, decibels in zip(names, values[:, 0], strict=True) if np.isfinite(decibels)}
    accumulated = values[np.isfinite(values[:, 1]), 1]
    axis.set_title(textwrap.fill(f"{style.shorten(what, 40)}: {_worst_tensor(own, accumulated)}", 93))
    axis.legend(loc="best", fontsize=11)
    worst = f"The worst alone is {min(own, key=own.get)}" if own else "None has an error of its own"
    listed = "; ".join(
        f"{name} " + " and ".join("no error" if np.isnan(v) else f"{v:.1f}" for v in pair)
        for name, pair in zip(names, values, strict=True)
    )
    return Picture(
        figure,
        f"Lines of the signal-to-noise ratio in decibels through the network, {what}, alone and accumulated. {worst}. "
        f"{listed}.",
    )


def _worst_tensor(own: dict[str, float], accumulated: Sequence[float]) -> str:
    """Return which tensor has the lowest signal-to-noise ratio on its own, and what is left at the end.

    Args:
        own: {tensor: decibels with only its layer quantized}, of those with an error.
        accumulated: decibels of those with an error, in the order of the network.
    """
    worst = min(own, key=own.get, default=None)
    words = [f"{worst} is worst on its own ({own[worst]:.0f} dB)"] if own else []
    if len(accumulated):
        last = f"{accumulated[-1]:.0f}"
        words.append(f"{last} dB {'is' if last in ('1', '-1') else 'are'} left at the end")
    return "; ".join(words)


def layer_errors(layers: Sequence[LayerError]) -> Picture:
    """Show by how many steps each quantized operator differs from its float32 twin, as two tools measure it.

    Args:
        layers: of `debugging.Debugger`; operators that only copy codes have no error and are left out.

    Raises:
        ValueError: no operator has an error.
    """
    layers = [layer for layer in layers if max(layer.steps, layer.own_steps) > 0.01]
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
    ordered = sorted(layers, key=lambda layer: -layer.steps)
    axis.set_title(_off_by_steps(ordered))
    largest = style.join([f"{layer.layer} {layer.steps:.2g}" for layer in ordered[:3]])
    median = np.median([layer.steps for layer in layers])
    twins = "their float32 twins, in steps of their" if len(layers) > 1 else "its float32 twin, in steps of its"
    return Picture(
        figure,
        f"Bars of the error of {wording.counted(len(layers), 'operator')} against {twins} output, on a log axis; "
        f"rounding alone makes 0.29. The largest: {largest}. The median is {median:.2g}. {_own_measure(layers)}.",
    )


def _off_by_steps(layers: Sequence[LayerError]) -> str:
    """Return how far the worst operator is off, and the others: most of them, if more than half are within a quarter.

    Args:
        layers: at least one, the largest error first.
    """
    worst, others = layers[0], np.array([layer.steps for layer in layers[1:]])
    words = f"{worst.layer} is off by {worst.steps:.2g} steps"
    if not len(others):
        return words
    median = float(np.median(others))
    if f"{others.min():.2g}" == f"{worst.steps:.2g}":
        return f"Each operator is off by {worst.steps:.2g} steps"
    if len(others) == 1:
        return f"{words}, {layers[1].layer} by {median:.2g}"
    alike = np.mean(np.abs(others - median) <= 0.25 * median) > 0.5
    spread = wording.spread(others, "{:.2g}".format)
    return f"{words}, most others by {median:.2g}" if alike else f"{words}, the others by {spread}"


def _own_measure(layers: Sequence[LayerError]) -> str:
    """Return whether the errors that we compute ourselves are those of TensorFlow's debugger, to 1%."""
    theirs, ours = (np.array([getattr(layer, name) for layer in layers]) for name in ("steps", "own_steps"))
    apart = np.abs(ours - theirs)
    if (apart <= 0.01 * theirs).all():
        return "Our own measure gives the same"
    worst = int(np.argmax(apart))
    return f"Our own measure differs, most for {layers[worst].layer}: {ours[worst]:.2g}"


def repairs(scores: dict[str, Score], files: dict[str, Path], timings: Timings, kernels: str) -> Picture:
    """Show accuracy, size and time of a network, of what went wrong, and of each way to repair it.

    Args:
        scores: by the names of the files: float32 first, then the file that went wrong, then the repaired ones, on the
            same pictures or, where kernels are slow, on the first ones of them: then in words, how often the answer is
            float32's.
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
    float_accuracy, partly = 100 * scores[whole].accuracy, style.split_by_pictures(scores)[1]
    left.axvspan(float_accuracy - 1, float_accuracy + 1, color=COLOURS["float32"], alpha=0.12, label="within 1 point")
    times = {name: timings.milliseconds(name) for name in scores}
    for row, (name, score) in enumerate(scores.items()):
        colour, (low, high), time = colours[name], score.interval, times[name]
        if name in partly:
            left.text(float_accuracy, row, f"{score.beside(scores[whole])} ", ha="right", va="center", color=colour)
        else:
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
    lowest = min(100 * score.interval[0] for name, score in scores.items() if name not in partly)
    left.set(xlabel="accuracy (%), 95% interval", yticks=range(len(scores)), yticklabels=scores, title="Accuracy")
    left.set_xlim(lowest - 0.3 * (101 - lowest), 101)
    left.legend(loc="lower left", fontsize=11)
    left.set_ylim(len(scores) - 0.5, -0.5)
    middle.set(xlabel="file (kB)", title="Size")
    right.set(xlabel=f"one picture (ms), {kernels}", title="Time")
    middle.margins(x=0.35)
    style.plain_log(right, 0.5 * min(t.value for t in times.values()), 5 * max(t.value for t in times.values()))
    same = {name: 100 * scores[whole].correct[: len(score.labels)].mean() for name, score in scores.items()}
    good = sum(100 * scores[name].accuracy >= same[name] - 1 for name in mended)
    title = _repaired(same[broken] - 100 * scores[broken].accuracy, good, len(mended))
    figure.suptitle(title, fontweight="bold", x=0.01, ha="left", fontsize=13)
    listed = [
        f"{name} {score.beside(scores[whole]) if name in partly else score}, "
        f"{files[name].stat().st_size / 1e3:,.0f} kB, {times[name].value:.2f} ms"
        for name, score in scores.items()
    ]
    return Picture(figure, f"Accuracy, file size and time for one picture of {len(scores)} files: {'; '.join(listed)}.")


def _repaired(lost: float, good: int, repairs: int) -> str:
    """Return what went wrong and how many repairs helped.

    Args:
        lost: percentage points of accuracy below float32 on the same pictures; less than 0 is a gain.
        good: repairs that come within 1 point of float32.
        repairs: all of them.
    """
    many = f"{good or 'none'} of {wording.counted(repairs, 'repair')}"
    if lost <= 1:
        return f"{wording.points(lost)}: little to repair; {many} {'is' if good < 2 else 'are'} within 1 of float32"
    brings = f"{'bring' if good > 1 else 'brings'} them back to within 1"
    return f"{wording.points(lost, 0)}; {many} {brings}"
