"""The ladder of post-training methods: rungs, ranges, means, roundings, budgets, and training with the rounding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np

from helpers.plots import style, wording
from helpers.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, Picture

if TYPE_CHECKING:
    from collections.abc import Mapping

    from helpers.measure.accuracy import Score

SIDES = ((PURPLE, "s"), (GREEN, "^"))  # of a ladder: colour and marker
FRONTS = ((BLACK, "o", "-"), (GREEN, "^", "--"), (ORANGE, "D", "-."), (SKY, "v", ":"))
POINT = 0.01  # of accuracy


def rungs(scores: Mapping[str, Mapping[str, Score]], whole: Score, what: str = "4-bit weights") -> Picture:
    """Show the accuracy of one method after the other, the first one at the bottom, with 95% intervals.

    Args:
        scores: {method: {series: Score}}, with at most two series; a method may lack one.
        whole: of the float32 network.
        what: was rounded, for the title.

    Raises:
        ValueError: there is no method, or there are more than two series.
    """
    if not scores:
        raise ValueError("Expected at least one rung; found none.")
    series = list(dict.fromkeys(name for rung in scores.values() for name in rung))
    looks = list(style.paired(series, SIDES, "series"))
    figure, axis = style.axes(9.5, 2.4 + 0.46 * len(scores))
    axis.axvline(100 * whole.accuracy, color=BLUE, linestyle="--", label=f"float32: {whole.accuracy:.1%}")
    band = [100 * (whole.accuracy - POINT), 100 * (whole.accuracy + POINT)]
    axis.axvspan(*band, color=BLUE, alpha=0.12, label="within 1 point of it")
    for place, (name, (colour, marker)) in enumerate(looks):
        rows = [i + 0.15 - 0.3 * place * (len(looks) > 1) for i, rung in enumerate(scores.values()) if name in rung]
        values = [rung[name] for rung in scores.values() if name in rung]
        for row, score in zip(rows, values, strict=True):
            axis.plot([100 * end for end in score.interval], [row, row], color=colour, linewidth=2.5)
        axis.plot(
            [100 * score.accuracy for score in values], rows, marker, color=colour, markersize=9, label=name, zorder=3
        )
    axis.set(yticks=range(len(scores)), yticklabels=scores, xlabel="accuracy (%), 95% Wilson interval")
    axis.set_ylim(-0.6, len(scores) - 0.4)
    axis.legend(loc="lower right", bbox_to_anchor=(1, 1.02), ncols=4, fontsize=11)
    figure.suptitle(_climbed(scores, series, what), fontweight="bold", x=0.01, ha="left", fontsize=13)
    listed = "; ".join(
        f"{name} " + " and ".join(f"{rung[one].accuracy:.1%} ({one})" for one in series if one in rung)
        for name, rung in scores.items()
    )
    return Picture(figure, f"{what}: accuracy from the first rung up, float32 {whole.accuracy:.1%}. {listed}.")


def _climbed(scores: Mapping[str, Mapping[str, Score]], series: list[str], what: str) -> str:
    """Return where each series begins, and with which rung it is best."""
    lines = []
    for name in series:
        own = {rung: sides[name].accuracy for rung, sides in scores.items() if name in sides}
        first, best = next(iter(own.values())), max(own, key=own.get)
        way = f", at best {own[best]:.1%} ({best})" if own[best] > first else ""
        lines.append(f"{name}: {first:.1%}{way}")
    return f"{what}\n" + "\n".join(lines)


def range_errors(weights: np.ndarray, bits: int, chosen: Mapping[str, float], name: str = "a layer") -> Picture:
    """Show what rounding and clipping cost at each range of the codes, and where some rules put its end.

    Args:
        weights: float32, any shape; one scale for all of them.
        bits: of a code.
        chosen: {rule: scale}.
        name: of the layer.
    """
    from helpers.numbers import quantization

    full = float(quantization.reach(weights))
    largest = quantization.code_range(bits)[1]
    shares = np.linspace(0.1, 1, 91)
    inside, outside = [], []
    for share in shares:
        errors = quantization.fake_quantize(weights, bits, None, np.float32(share * full / largest)) - weights
        clipped = np.abs(weights) > share * full
        inside.append(np.sum(errors[~clipped] ** 2, dtype=float) / weights.size)
        outside.append(np.sum(errors[clipped] ** 2, dtype=float) / weights.size)
    total = np.add(inside, outside)
    figure, axis = style.axes(9, 4.2)
    axis.plot(100 * shares, total, color=BLACK, linewidth=2.5, label="mean squared error")
    axis.plot(100 * shares, inside, "--", color=SKY, label="of it rounding")
    axis.plot(100 * shares, outside, "-.", color=VERMILION, label="of it clipping")
    places = {rule: 100 * float(scale) * largest / full for rule, scale in chosen.items()}
    for (rule, place), (colour, marker) in zip(
        places.items(), ((PURPLE, "s"), (GREEN, "^"), (ORANGE, "D")), strict=False
    ):
        height = np.interp(place, 100 * shares, total)
        axis.plot(place, height, marker, color=colour, markersize=11, label=f"{rule}: {place:.0f}% of the range")
    axis.set(xlabel="how far the codes reach (% of the largest weight)", ylabel="mean squared error")
    axis.set_ylim(0, 1.3 * max(total[-1], total.min()))
    axis.legend(fontsize=11)
    best = 100 * shares[np.argmin(total)]
    saved = 1 - total.min() / total[-1]
    axis.set_title(f"{name}, {bits} bits: the error is smallest at {best:.0f}% of the range, {saved:.0%} below min/max")
    reaches = [f"{rule} reaches to {place:.0f}%" for rule, place in places.items()]
    return Picture(
        figure,
        f"The mean squared error of the weights of {name} over the reach of {bits}-bit codes: rounding "
        f"{wording.trend(inside)}, clipping {wording.trend(outside)}, the sum is smallest at {best:.0f}% of the "
        f"largest weight, {saved:.0%} below its value at 100%." + (f" {style.join(reaches)}." if reaches else ""),
    )


def channel_means(exact: np.ndarray, others: Mapping[str, np.ndarray], name: str = "a layer") -> Picture:
    """Show the mean of each channel of a layer in some networks over its mean in the exact one.

    Args:
        exact: float [channels].
        others: {network: float [channels]}, one or two.
        name: of the layer.
    """
    figure, axis = style.axes(7.5, 4.8)
    ends = np.array(
        [min(exact.min(), *(m.min() for m in others.values())), max(exact.max(), *(m.max() for m in others.values()))]
    )
    axis.plot(ends, ends, "--", color=BLUE, label="as in float32")
    shifts = {}
    for (network, means), (colour, marker) in style.paired(
        list(others.items()), ((VERMILION, "s"), (GREEN, "^")), "networks"
    ):
        shifts[network] = float(np.sqrt(np.mean((means - exact) ** 2)))
        axis.plot(
            exact,
            means,
            marker,
            color=colour,
            alpha=0.8,
            label=f"{network}: off by {style.two_digits(shifts[network])}",
        )
    axis.set(xlabel="mean of the channel in float32", ylabel="mean of the same channel, rounded")
    axis.legend(fontsize=11)
    spread = float(np.std(exact))
    first = next(iter(shifts))
    axis.set_title(f"{name}, {first}: the means are off by {shifts[first] / spread:.0%} of their spread")
    listed = style.join([f"{network} {style.two_digits(shift)}" for network, shift in shifts.items()])
    return Picture(
        figure,
        f"The means of {len(exact)} channels of {name} over their means in float32, root mean square of the "
        f"differences: {listed}; the means themselves have a standard deviation of {style.two_digits(spread)}.",
    )


def up_or_down(
    weights: np.ndarray, codes: np.ndarray, scale: np.ndarray | float, errors: tuple[float, float]
) -> Picture:
    """Show which weights a rule rounds up, over how far they lie above the code below them.

    Args:
        weights: float, any shape.
        codes: chosen for them, each one of the two codes around its weight.
        scale: can be broadcast against the weights.
        errors: of the layer's output: with the nearest codes, with these.
    """
    exact = np.float64(weights) / scale
    share, up = (exact - np.floor(exact)).ravel(), (codes > exact).ravel()
    largest = np.abs(codes).max()
    free = ((np.abs(exact) < largest) & (np.abs(exact - np.round(exact)) > 1e-6)).ravel()
    edges = np.linspace(0, 1, 21)
    places = np.clip(np.digitize(share[free], edges) - 1, 0, 19)
    counts, ups = np.bincount(places, minlength=20), np.bincount(places, up[free], minlength=20)
    filled = counts > 0
    figure, axis = style.axes(9, 4.2)
    axis.bar(
        (edges[:-1] + 0.025)[filled],
        100 * ups[filled] / counts[filled],
        0.045,
        color=GREEN,
        hatch="//",
        edgecolor="white",
        label="rounded up by AdaRound",
    )
    axis.plot([0, 0.5, 0.5, 1], [0, 0, 100, 100], "--", color=BLUE, linewidth=2, label="rounded up to the nearest")
    axis.set(xlabel="how far the weight lies above the code below it (steps)", ylabel="weights rounded up (%)")
    axis.legend(loc="upper left", fontsize=11)
    other = float(np.mean(up[free] != (share[free] >= 0.5)))
    left = errors[1] / errors[0]
    axis.set_title(f"{other:.0%} of the weights leave their nearest code; error of the output: {left:.0%} of before")
    return Picture(
        figure,
        f"Bars of the share of weights that are rounded up, over their place between two codes, beside the step of "
        f"rounding to nearest at one half. {other:.0%} of {int(free.sum()):,} weights go to the other code, and the "
        f"mean squared error of the output is {left:.0%} of that with the nearest codes.",
    )


def byte_front(fronts: Mapping[str, Mapping[int, Score]], whole: Score) -> Picture:
    """Show accuracy over the bytes of all weights, with 95% intervals.

    Args:
        fronts: {how the bits were chosen: {bytes: Score}}; the first is the one that the others are compared with.
        whole: of the float32 network.
    """
    figure, axis = style.axes(9.5, 4.8)
    axis.axhline(100 * whole.accuracy, color=BLUE, linestyle="--", label=f"float32: {whole.accuracy:.1%}")
    for (name, points), (colour, marker, line) in style.paired(list(fronts.items()), FRONTS, "curves"):
        sizes = sorted(points)
        values = np.array([[points[s].accuracy, *points[s].interval] for s in sizes])
        axis.plot(
            np.array(sizes) / 1e3, 100 * values[:, 0], marker, linestyle=line, color=colour, markersize=8, label=name
        )
        axis.vlines(np.array(sizes) / 1e3, 100 * values[:, 1], 100 * values[:, 2], color=colour, alpha=0.5)
    axis.set(xlabel="weights and scales (kB)", ylabel="accuracy (%), 95% Wilson interval")
    axis.legend(loc="lower right", fontsize=11)
    axis.set_title(_smallest(fronts, whole))
    listed = "; ".join(
        f"{name}: " + ", ".join(f"{points[s].accuracy:.1%} at {s / 1e3:.1f} kB" for s in sorted(points))
        for name, points in fronts.items()
    )
    return Picture(figure, f"Accuracy over the size of the weights, float32 {whole.accuracy:.1%}. {listed}.")


def _smallest(fronts: Mapping[str, Mapping[int, Score]], whole: Score) -> str:
    """Return with how few bytes each way of choosing bits stays within a point of float32."""
    words = []
    for name, points in fronts.items():
        good = [size for size, score in points.items() if score.accuracy >= whole.accuracy - POINT]
        words.append(f"{min(good) / 1e3:.1f} kB {name}" if good else f"never {name}")
    return "Within 1 point of float32 from\n" + ", ".join(words)


def straight_through(low: float = -1.0, high: float = 1.5, bits: int = 3) -> Picture:
    """Show what fake quantization gives on the way forward, and the slope it tells the training on the way back.

    Both are asked of `qat.FakeQuantize`, number by number.

    Args:
        low, high: the range of the codes.
        bits: of a code; few, so that the steps can be seen.
    """
    from helpers.methods import qat  # it loads TensorFlow, which this figure asks

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
    upper.set_title(_both_ways(y, slope[slope > 0]))
    return Picture(
        figure,
        f"Two panels over the incoming number. Above, a staircase of {len(np.unique(y))} values from {y.min():.2g} to "
        f"{y.max():.2g} along the diagonal. Below, its slope: zero but for {len(jumps)} jumps, while the training is "
        f"told {slope.max():.0f} from {inside.min():.2g} to {inside.max():.2g} and {slope.min():.0f} outside.",
    )


def _both_ways(y: np.ndarray, slope: np.ndarray) -> str:
    """Return what a quantizer is on the way forward and on the way back.

    Args:
        y: what goes on, float32 [n], for numbers that come in at even distances.
        slope: what the training is told where it is not zero, float32 [m].
    """
    forward = "a staircase" if np.count_nonzero(np.diff(y)) < len(y) / 2 else "no staircase"
    return f"Forward {forward}, backward a {'straight' if np.ptp(slope) < 1e-6 else 'curved'} line"
