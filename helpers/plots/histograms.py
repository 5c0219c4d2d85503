"""Histograms of weights: layer by layer, pruned, peaked or flat, clipped."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from helpers.numbers import quantization
from helpers.numbers.errors import max_error, rmse, sqnr
from helpers.plots import style, wording
from helpers.plots.style import BITS_LOOKS, COLOURS, GREY, GRID_STEP, ORANGE, SKY, SMALL_GRID_STEP, Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from helpers.measure.accuracy import Score

PERCENTILES = 100 - np.geomspace(1, 0.001, 31)  # from 99 to 99.999
FINE = 4096  # sizes of weights that a live figure tells apart


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
    names = sorted(weights, key=style.natural)
    columns = min(columns, max(len(names), 3))
    rows = -(-len(names) // columns)
    figure, axes = style.axes(10.5, 1.85 * rows + 0.5, nrows=rows, ncols=columns, squeeze=False)
    for axis in axes.flat[len(names) :]:
        axis.remove()
    for axis, name in zip(axes.flat[: len(names)], names, strict=True):
        values = np.ravel(weights[name])
        _weight_histogram(axis, values, bins=41, every=SMALL_GRID_STEP)
        axis.set_title(f"{name}: {values.size:,}", fontsize=11)
        axis.axvline(0, color=GREY, linewidth=0.8, zorder=0)
        axis.set(xlabel=f"{style.short(values.min())} to {style.short(values.max())}", xticks=[], yticks=[])
    one = sum(_hump_count(weights[name]) == 1 for name in names)
    have = "has" if one == 1 else "have"
    figure.suptitle(
        f"{one} of {wording.counted(len(names), 'layer')} {have} one hump; the value farthest from zero sets the grid",
        fontweight="bold",
        x=0.01,
        ha="left",
        fontsize=13,
    )
    figure.supylabel("weights in a bin (each panel its own scale)", fontsize=11)
    figure.supxlabel(f"value of the weight (smallest to largest); {_ticks(SMALL_GRID_STEP)}", fontsize=11)
    text = f"Histograms of the weights of {wording.counted(len(names), 'layer')} with the int8 grid under each; "
    text += f"{one} {have} one hump. {_codes_used({name: _codes_for_most(weights[name]) for name in names})}."
    return Picture(figure, text)


def _codes_used(within: dict[str, int]) -> str:
    """Return how many codes the middle 99% of the weights use, in the layers with the fewest and the most.

    Args:
        within: {layer: codes from 1 to 255}.
    """
    fewest, most = min(within, key=within.get), max(within, key=within.get)
    words = f"The middle 99% of the weights use {within[fewest]} of the 255 codes in {fewest}"
    if len(within) > 1 and within[fewest] == within[most]:
        words = f"The middle 99% of the weights use {within[fewest]} of the 255 codes in each of them"
    elif len(within) > 1:
        words += f" and {within[most]} in {most}"
    others = "; the other codes are there for the few values farthest from zero"
    return words + (others if within[fewest] < 255 else "")


def pruned_histograms(stages: dict[str, tuple[np.ndarray, Score]], layer: str) -> Picture:
    """Show one layer's weights that are not zero before and after pruning, with accuracy and number of humps.

    Args:
        stages: {stage: (weights of the layer, any shape; score of the whole network)}, such as "trained", "pruned" and
            "fine-tuned".
        layer: its name.
    """
    figure, axes = style.axes(3.5 * len(stages), 4, ncols=len(stages), squeeze=False, sharex=True)
    farthest, listed = max(float(np.abs(w).max()) for w, _ in stages.values()), []
    for axis, (stage, (weights, score)) in zip(axes[0], stages.items(), strict=True):
        left = weights[weights != 0]
        count, gap = _hump_count(left), float(np.abs(left).min())
        _weight_histogram(axis, left, bins=np.linspace(-farthest, farthest, 82), every=GRID_STEP, room=1.45)
        axis.set_title(f"{stage}: {_humps(count)}\n{score}", fontsize=12)
        axis.set(xlabel=f"weights of {layer} that are not 0")
        words = f"{left.size:,}\nof {weights.size:,}\n|w| ≥ {gap:.2g}"
        axis.text(0.98, 0.97, words, transform=axis.transAxes, ha="right", va="top", fontsize=11)
        total = wording.counted(weights.size, "weight")
        listed.append(f"{stage}: {_humps(count)}, {left.size:,} of {total} left, none nearer to zero")
        listed[-1] += f" than {gap:.2g}, accuracy {score}"
    axes[0, 0].set_ylabel("weights in a bin")
    title = _humps_title([_hump_count(w[w != 0]) for w, _ in stages.values()])
    figure.suptitle(title, fontweight="bold", x=0.01, ha="left", fontsize=13)
    figure.supxlabel(_ticks(GRID_STEP), fontsize=11)
    return Picture(figure, f"Histograms of the weights of {layer}, int8 grid under each. {'; '.join(listed)}.")


def _humps_title(counts: Sequence[int]) -> str:
    """Return what pruning does to the humps of a histogram.

    Args:
        counts: of humps at each stage, the first before pruning and the last after it.
    """
    before = _humps(counts[0]).capitalize()
    if len(counts) == 1:
        return before
    return f"{before} before, {_humps(counts[-1]) if counts[0] != counts[-1] else 'and as many'} after pruning"


def equal_range(peaked: np.ndarray, flat: np.ndarray, names: Sequence[str] = ("peaked", "flat")) -> Picture:
    """Show two layers of equal range in eight bits, with their errors and signal-to-noise ratios.

    Both are quantized symmetrically with one scale each; the second is multiplied by a number first that makes its
    value farthest from zero that of the first.  (Scaling a layer scales its step and its errors too, and leaves its
    signal-to-noise ratio as it is.)

    Args:
        peaked, flat: weights of two layers, any shape.
        names: what they are called.
    """
    factor = float(np.abs(peaked).max() / np.abs(flat).max())
    layers = {names[0]: np.ravel(peaked), names[1]: np.ravel(flat) * np.float32(factor)}
    figure, axes = style.axes(10, 4.2, ncols=2, sharex=True)
    errors, ratios, listed = [], [], []
    for axis, (name, values) in zip(axes, layers.items(), strict=True):
        restored = quantization.fake_quantize(values)
        errors.append(max_error(values, restored))
        ratios.append(sqnr(values, restored))
        words = f"largest error {errors[-1]:.3g}\nRMSE {rmse(values, restored):.3g}\nSQNR {ratios[-1]:.1f} dB"
        _weight_histogram(axis, values, bins=81, every=GRID_STEP, room=1.45)
        axis.text(0.98, 0.97, words, transform=axis.transAxes, ha="right", va="top", fontsize=11)
        scaled = f", times {factor:.2g}" if name == names[1] and not np.isclose(factor, 1) else ""
        axis.set(xlabel=f"weights of {name}{scaled}", ylabel="weights in a bin")
        axis.set_title(f"RMS {np.sqrt(np.mean(values**2.0)):.2g}, farthest {np.abs(values).max():.2g}", fontsize=12)
        listed.append(f"{name}: " + words.replace("\n", ", "))
    figure.suptitle(_equal_title(errors, ratios), fontweight="bold", x=0.01, ha="left", fontsize=13)
    figure.supxlabel(_ticks(GRID_STEP), fontsize=11)
    return Picture(figure, f"Histograms of two layers of equal range, the int8 grid under each. {'; '.join(listed)}.")


def _equal_title(errors: Sequence[float], ratios: Sequence[float]) -> str:
    """Return what two layers of equal range share, and how far apart their signal-to-noise ratios are.

    Args:
        errors: the largest of each.
        ratios: of each, in decibels.
    """
    same = "equal largest error" if np.isclose(*errors, rtol=0.05) else "equal steps"
    apart = f"{abs(ratios[1] - ratios[0]):.0f}"
    if apart == "0":
        return f"Equal range, {same}, and equal signal-to-noise ratios"
    return f"Equal range, {same}, but signal-to-noise ratios {apart} dB apart"


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
    figure, (left, right) = style.axes(10.5, 4.3, ncols=2, width_ratios=(1.25, 1))
    full = {b: _clipped(values, 100, b) for b in bits}
    chosen = {b: _clipped(values, percentile, b) for b in bits}
    listed, best_of = [], {}
    for b in bits:
        colour, marker, line = BITS_LOOKS.get(b, (GREY, "o", ":"))
        gains = np.array([_clipped(values, p, b)["sqnr"] for p in PERCENTILES]) - full[b]["sqnr"]
        best_of[b] = float(gains.max()), float(PERCENTILES[int(gains.argmax())])
        left.plot(100 - PERCENTILES, gains, line, color=colour, marker=marker, markevery=5, label=f"{b} bits")
        best = int(gains.argmax())
        listed.append(
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
    alt = f"Clipping the range of {name}, signal-to-noise ratio by percentile. {'; '.join(listed)}."
    return Picture(figure, alt, functools.partial(_live_clipping, values, name, percentile, full, best_of))


def _live_clipping(values: np.ndarray, name: str, percentile: float, full: dict, best: dict) -> dict:
    """Return how many weights there are of each size, in `FINE` bins, and what the full range gives.

    Args:
        values, name, percentile: see `clipping`.
        full: {bits: what the full range gives}.
        best: {bits: (the largest gain of those tried, its percentile)}.
    """
    sizes = np.abs(np.ravel(values)).astype(np.float64)
    return {
        "figure": "clip",
        "name": name,
        "end": float(np.percentile(sizes, percentile) / sizes.max()),
        "farthest": float(sizes.max()),
        "signal": float(np.square(sizes).sum()),
        "sizes": np.histogram(sizes, FINE, (0, sizes.max()))[0].tolist(),
        "bars": np.histogram(values, 121, (-sizes.max(), sizes.max()))[0].tolist(),
        "full": {b: [parts["sqnr"], parts["noise"], parts["bulk_rmse"]] for b, parts in full.items()},
        "best": best,
    }


def _noise_bars(axis, noise: dict[int, tuple[dict, dict]], percentile: float) -> None:
    """Draw the noise power of the bulk and of the clipped weights, with that of the full range as 1."""
    rows, names = [], []
    for b, both in noise.items():
        rows += [(parts["bulk"] / both[0]["noise"], parts["clipped"] / both[0]["noise"]) for parts in both]
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
    restored = quantization.fake_quantize(values, bits, scale=quantization.symmetric_parameters(end, bits)[0])
    squares, outside = (values - restored).astype(np.float64) ** 2, np.abs(values) > end
    return {
        "sqnr": sqnr(values, restored),
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
    farthest = max(127 * float(scale), float(np.abs(values).max()))  # float32 may round the scale down
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
    from helpers.numbers import histograms  # it loads SciPy, which takes a second

    return len(histograms.humps(values))


def _humps(count: int) -> str:
    return f"{('no', 'one', 'two', 'three')[count] if count < 4 else count} hump{'s' * (count != 1)}"
