"""Times: of files, of published networks, against a roofline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter

from helpers.plots import style, wording
from helpers.plots.style import BLACK, COLOURS, GREEN, GREY, HATCHES, MARKERS, PURPLE, Picture

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from helpers.measure.ceilings import Ceilings
    from helpers.measure.latency import Median, Timings
    from helpers.measure.roofline import Prediction

PREDICTED_LOOKS = ((GREY, "D"), (PURPLE, "^"), (GREEN, "v"))  # of predictions: colour, marker


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
    figure, axes = style.axes(10, 1.6 + 0.85 * len(here), ncols=2, sharey=True)
    _paired_bars(axes[0], here, ratios, f"this computer: ms per inference, one thread, {kernels}")
    _paired_bars(axes[1], published, theirs, "the lecture's chart: ms per inference, read off its bars")
    axes[0].legend(loc="lower right")
    title = _here_and_there(ratios.values(), theirs.values())
    figure.suptitle(title, fontweight="bold", x=0.01, ha="left", fontsize=13)
    listed = [
        f"{name} {here[name]['float32']:.1f} and {here[name]['int8']:.1f} ms here ({ratios[name]:.2f} times), "
        f"{published[name]['float32']:.0f} and {published[name]['int8']:.0f} ms there ({theirs[name]:.2f} times)"
        for name in here
    ]
    return Picture(figure, f"Bars of the time for one picture in float32 and int8: {'; '.join(listed)}.")


def _here_and_there(here: Iterable[float], there: Iterable[float]) -> str:
    """Return how many times as fast int8 is, from the least to the most, on this computer and in the lecture."""
    return (
        f"Here int8 is {wording.spread(here)} times as fast as float32; "
        f"in the lecture's chart {wording.spread(there)} times"
    )


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
    figure, axes = style.axes(5.2 * len(predictions), 4.8, ncols=len(predictions), sharey=True, squeeze=False)
    counted = {
        name: {kind: [i for i, layer in enumerate(one.layers) if layer.macs] for kind, one in pair.items()}
        for name, pair in predictions.items()
    }
    everything = [
        one.layers[i].intensity
        for name, pair in predictions.items()
        for kind, one in pair.items()
        for i in counted[name][kind]
    ]
    reach = np.geomspace(min(everything) / 2, 2 * max(everything), 200)
    for axis, (name, pair) in zip(axes.flat, predictions.items(), strict=True):
        for kind, one in pair.items():
            look, rows = {"color": COLOURS[kind]}, counted[name][kind]
            axis.plot(reach, np.minimum(ceilings.macs[kind], reach * one.bandwidth) / 1e9, linewidth=1.8, **look)
            x = [one.layers[i].intensity for i in rows]
            y = [one.layers[i].macs / one.seconds[i] / 1e9 for i in rows]
            area = 30 + 900 * one.seconds[rows] / one.total  # square points
            marks = {"marker": MARKERS[kind], "edgecolor": "white", "alpha": 0.75, "zorder": 3}
            axis.scatter(x, y, s=area, label=f"{kind}, {one.waiting:.0%} of the time waiting", **look, **marks)
        axis.plot(reach, reach * ceilings.memory / 1e9, color=GREY, linestyle="--", linewidth=1.5, label="main memory")
        axis.set(xlabel="multiply-accumulates for each byte moved", title=name)
        axis.set(yscale="log", ylim=(min(everything) * ceilings.memory / 2e9, 2 * max(ceilings.macs.values()) / 1e9))
        style.plain_log(axis, reach[0], reach[-1])
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.legend(loc="lower right", fontsize=11)
    axes[0, 0].set_ylabel("billion multiply-accumulates a second")
    figure.suptitle(
        "Under the slope a layer waits for memory, under the flat roof for arithmetic",
        fontweight="bold", x=0.01, ha="left", fontsize=13,
    )  # fmt: skip
    listed = [
        f"{name} spends {pair['float32'].waiting:.0%} of its predicted time waiting for memory in float32 and "
        f"{pair['int8'].waiting:.0%} in int8"
        for name, pair in predictions.items()
    ]
    peaks = style.join([f"{rate / 1e9:.0f} billion for {kind}" for kind, rate in ceilings.macs.items()])
    return Picture(
        figure,
        f"Speed over arithmetic intensity, both logarithmic. The roofs are {peaks} multiply-accumulates a second, "
        f"main memory gives {ceilings.memory / 1e9:.0f} GB/s. {'; '.join(listed)}.",
    )


def ratios(predicted: dict[str, dict[str, float]], measured: dict[str, Median]) -> Picture:
    """Show predicted beside measured ratios of float32 time to int8 time.

    Args:
        predicted: {name of the prediction: {network: ratio}}, one to three; the title compares with the first.
        measured: {network: ratio}.

    Raises:
        ValueError: there is no prediction, or more than there are looks for.
    """
    looks = style.paired(predicted, PREDICTED_LOOKS, "predictions")
    figure, axis = style.axes(9, 1.6 + 0.6 * len(measured))
    for row, (name, ratio) in enumerate(measured.items()):
        marks = [ratio.value, *(values[name] for values in predicted.values())]
        axis.plot([min(marks), max(marks)], [row, row], color="#CCCCCC", linewidth=2, zorder=1)
        axis.plot([ratio.low, ratio.high], [row, row], color=BLACK, linewidth=3, zorder=2)
        axis.text(ratio.value, row - 0.18, f"{ratio.value:.2f}", ha="center", va="bottom", fontsize=11)
    for name, (colour, marker) in looks:
        look = {"color": colour, "marker": marker, "label": name}
        axis.scatter([predicted[name][n] for n in measured], range(len(measured)), s=80, zorder=3, **look)
    axis.scatter(
        [m.value for m in measured.values()], range(len(measured)), s=80, color=BLACK, zorder=4, label="measured"
    )
    axis.axvline(1, color=BLACK, linewidth=1, linestyle=":")
    axis.set(yticks=range(len(measured)), yticklabels=measured, ylim=(len(measured) - 0.5, -0.6))
    largest = max([m.high for m in measured.values()] + [v for values in predicted.values() for v in values.values()])
    axis.set(xlabel="float32 time / int8 time (1 = equally fast)", xlim=(0, 1.15 * largest))
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=11)
    first = next(iter(predicted))
    short = sum(m.value < predicted[first][name] for name, m in measured.items())
    axis.set_title(_falling_short(short, len(measured), first))
    listed = [
        f"{name}: measured {m.value:.2f}, "
        + ", ".join(f"{prediction} {values[name]:.2f}" for prediction, values in predicted.items())
        for name, m in measured.items()
    ]
    return Picture(figure, f"How many times as fast int8 is as float32, predicted and measured. {'; '.join(listed)}.")


def _falling_short(short: int, networks: int, prediction: str) -> str:
    """Return how many networks gain less from int8 than a prediction says.

    Args:
        short: networks that do.
        networks: all of them.
        prediction: its name; one with "peaks" in it is what the peaks of the processor promise.
    """
    promise = "the peaks promise" if "peaks" in prediction else f"predicted {prediction}"
    gain = f"{short or 'none'} {'gain' if short > 1 else 'gains'}"
    return f"Of {wording.counted(networks, 'network')}, {gain} less from int8 than {promise}"


def latencies(timings: dict[str, Timings]) -> Picture:
    """Show the median time of one picture for each kernel set and each file, on a logarithmic axis.

    Args:
        timings: {kernel set: timings}.
    """
    names = list(next(iter(timings.values())).seconds)
    figure, axis = style.axes(9, 1.5 + 0.22 * len(names) * len(timings))
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
    style.plain_log(axis, 0.6 * min(everything), 1.6 * max(everything))
    rows = {"yticks": range(len(timings)), "yticklabels": timings}
    axis.set(xlabel="time for one picture (ms), one thread", **rows)
    speed_ups = {kernels: t.ratio("float32", "int8") for kernels, t in timings.items()}
    axis.set_title(_by_kernels(speed_ups))
    axis.invert_yaxis()
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=11)
    listed = style.join([f"{m.value:.1f} times as fast with the {k} kernels" for k, m in speed_ups.items()])
    return Picture(
        figure,
        f"Bars of the time for one picture by kernel set and file. Against float32, int8 is {listed}.",
    )


def _by_kernels(speed_ups: dict[str, Median]) -> str:
    """Return whether int8 is faster than float32, and whether the kernels differ in that, by the 95% intervals.

    Args:
        speed_ups: {kernel set: float32 time / int8 time}.
    """
    faster = [kernels for kernels, ratio in speed_ups.items() if ratio.low > 1]
    times = wording.spread([ratio.value for ratio in speed_ups.values()])
    if not faster:
        return "int8 is no faster than float32"
    if len(faster) < len(speed_ups):
        return f"int8 is faster than float32 with the {style.join(faster)} kernels only"
    if max(ratio.low for ratio in speed_ups.values()) > min(ratio.high for ratio in speed_ups.values()):
        return "How much faster int8 is depends on the kernels"
    return f"int8 is {times} times as fast as float32{', whatever the kernels' if len(speed_ups) > 1 else ''}"


def speed_ups_of_a_class(found: Sequence[tuple[str, float]]) -> Picture:
    """Show how many times as fast as float32 int8 was on the machines of a class, a row for each processor.

    Args:
        found: (processor, speed-up of int8) of each who measured it.

    Raises:
        ValueError: nobody did.
    """
    if not found:
        raise ValueError("Expected at least one measured speed-up; found none.")
    by_processor: dict[str, list[float]] = {}
    for processor, ratio in found:
        by_processor.setdefault(style.shorten(processor, 40), []).append(ratio)
    names = sorted(by_processor, key=lambda name: np.median(by_processor[name]))
    figure, axis = style.axes(9, 1.5 + 0.35 * len(names))
    for row, name in enumerate(names):
        ratios = by_processor[name]
        axis.plot(ratios, [row] * len(ratios), MARKERS["int8"], color=COLOURS["int8"], alpha=0.5, markersize=8)
        axis.plot(np.median(ratios), row, "|", color=BLACK, markersize=18, markeredgewidth=2)
    axis.axvline(1, color=GREY, linestyle="--")
    axis.set(xlabel="speed-up of int8 over float32, XNNPACK (line: median)", yticks=range(len(names)))
    axis.set_yticklabels(names, parse_math=False)
    axis.set_ylim(-0.7, len(names) - 0.3)
    span = wording.spread([ratio for _, ratio in found])
    machines, kinds = wording.counted(len(found), "machine"), wording.counted(len(names), "kind")
    axis.set_title(f"{machines}, {kinds} of processor: {span} times as fast")
    listed = "; ".join(f"{n} {np.median(by_processor[n]):.1f} (of {len(by_processor[n])})" for n in names)
    return Picture(figure, f"Speed-up of int8 over float32 on {machines}, the median for each processor: {listed}.")
