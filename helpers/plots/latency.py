"""Times: of files, of published networks, against a roofline."""

import numpy as np
from matplotlib.ticker import FuncFormatter

from helpers.measure.ceilings import Ceilings
from helpers.measure.latency import Median, Timings
from helpers.measure.roofline import Prediction
from helpers.plots import style
from helpers.plots.style import BLACK, COLOURS, GREEN, GREY, HATCHES, MARKERS, PURPLE, Picture


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
    figure, axes = style.axes(5.2 * len(predictions), 4.8, ncols=len(predictions), sharey=True, squeeze=False)
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
        style.plain_log(axis, reach[0], reach[-1])
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
    peaks = style.join([f"{rate / 1e9:.0f} billion for {kind}" for kind, rate in ceilings.macs.items()])
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
    figure, axis = style.axes(9, 1.6 + 0.6 * len(measured))
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
    axis.set_title("How much faster int8 is depends on the kernels")
    axis.invert_yaxis()
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=11)
    found = style.join(
        [f"{t.ratio('float32', 'int8').value:.1f} times as fast with the {k} kernels" for k, t in timings.items()]
    )
    return Picture(
        figure,
        f"Bars of the time for one picture by kernel set and file. Against float32, int8 is {found}.",
    )
