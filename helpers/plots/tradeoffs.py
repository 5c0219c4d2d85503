"""Accuracy against what it costs: intervals, the Pareto front, the number of pictures a test needs."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patheffects import withStroke

from helpers.plots import wording
from helpers.plots.style import (
    BLUE,
    COLOURS,
    GREEN,
    GREY,
    MARKERS,
    PURPLE,
    Picture,
    axes,
    interval_bar,
    join,
    paired,
    plain_log,
    split_by_pictures,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from helpers.measure.accuracy import Score
    from helpers.measure.latency import Timings

DESIGN_LOOKS = ((GREEN, "-"), (PURPLE, "--"))  # of the designs of a test: colour, line


def accuracies(scores: dict[str, Score]) -> Picture:
    """Show the accuracy of each file with its 95% interval, and the first one's interval as a band.

    A file that has seen fewer pictures has no mark: in words, on how many of them it gives the first one's answer.
    """
    figure, axis = axes(8, 1 + 0.5 * len(scores))
    first, (whole, partly) = next(iter(scores)), split_by_pictures(scores)
    low, high = scores[first].interval
    for row, (name, score) in enumerate(scores.items()):
        if name in whole:
            interval_bar(axis, score, row, name)
        else:
            words = f"{first}'s answer on {score.same_answers(scores[first])} of {len(score.labels)} pictures"
            axis.text(50 * (low + high), row, words, ha="center", va="center", color=COLOURS[name])
    axis.axvspan(100 * low, 100 * high, color=BLUE, alpha=0.08)
    axis.set(
        yticks=range(len(scores)),
        yticklabels=scores,
        xlabel="accuracy on the test split (%), 95% Wilson interval",
    )
    axis.set_title(_overlap({name: score.interval for name, score in whole.items()}))
    axis.set_ylim(len(scores) - 0.5, -0.5)
    listed = join([f"{name} {score}" for name, score in whole.items()])
    words = "".join(f" {name}: {score.beside(scores[first])} pictures as {first}." for name, score in partly.items())
    return Picture(
        figure,
        f"Accuracy of each file with its 95% interval: {listed}. The shaded band is {first}'s interval.{words}",
    )


def _overlap(intervals: dict[str, tuple[float, float]]) -> str:
    """Return whether the intervals of several files overlap, all of them with each other, or which lie apart.

    Args:
        intervals: {file: (low, high)}; the others are compared with the first.
    """
    first, (low, high) = next(iter(intervals.items()))
    below = [name for name, (_, end) in intervals.items() if end < low]
    above = [name for name, (start, _) in intervals.items() if start > high]
    if below or above:
        where = [f"below {first}'s: {wording.few(below)}"] * bool(below)
        where += [f"above {first}'s: {wording.few(above)}"] * bool(above)
        return "Whole interval " + ";\n".join(where)
    if max(start for start, _ in intervals.values()) > min(end for _, end in intervals.values()):
        return f"Each interval overlaps {first}'s, but not each other one"
    return "The intervals overlap: look at the pictures, not at the dots" if len(intervals) > 1 else "One interval"


def tradeoff(scores: dict[str, Score], timings: Timings, sizes: dict[str, int], kernels: str) -> Picture:
    """Show accuracy over latency, one point for each file; the area of a point is the size of the file.

    A file that has seen fewer pictures than the others is left out.

    Args:
        scores, timings, sizes: by the same names; sizes in bytes.
        kernels: the kernel set of the timings.
    """
    figure, axis = axes(8, 4.6)
    scores, partly = split_by_pictures(scores)
    for name, score in scores.items():
        time, (low, high) = timings.milliseconds(name), score.interval
        look = {"color": COLOURS[name], "marker": MARKERS[name]}
        axis.vlines(time.value, 100 * low, 100 * high, color=COLOURS[name], linewidth=1.5)
        axis.hlines(100 * score.accuracy, time.low, time.high, color=COLOURS[name], linewidth=1.5)
        label = f"{name}, {sizes[name] / 1e3:,.0f} kB"
        area = 60 + sizes[name] / 3e3  # square points
        axis.scatter(time.value, 100 * score.accuracy, s=area, edgecolor="white", label=label, zorder=3, **look)
    everything = [timings.milliseconds(name).value for name in scores]
    plain_log(axis, 0.6 * min(everything), 1.6 * max(everything))
    axis.set(xlabel=f"time for one picture (ms), {kernels} kernels, one thread", ylabel="accuracy (%)")
    axis.set_title("Up and to the left is better; a small mark is a small file")
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=11)
    listed = [
        f"{n} {scores[n].accuracy:.1%} in {timings.milliseconds(n).value:.2f} ms and {sizes[n] / 1e3:,.0f} kB"
        for n in scores
    ]
    left_out = f" Not shown, on fewer pictures: {join(list(partly))}." if partly else ""
    words = f"Scatter of accuracy over time for one picture, marks sized by file: {join(listed)}.{left_out}"
    return Picture(figure, words)


def frontier(record: dict, cost: str = "XNNPACK") -> Picture:
    """Show accuracy over cost for a family of networks, with an arrow from each float32 network to its int8 twin.

    The steps are the two fronts: the networks of one kind that no other of that kind beats.  The bars through a mark
    are the 95 % intervals of its accuracy and of its time.

    Args:
        record: from `pareto.record`.
        cost: a kernel set, for the time of one picture, or "bytes", for the size of the file.
    """
    from helpers.measure import pareto  # it loads TensorFlow, with which the record was measured

    figure, axis = axes(10, 5)
    costs, networks = pareto.costs_of(record, cost), record["networks"]
    unit = 1e-3 if cost == pareto.FILE_SIZE else 1.0
    everything = [unit * c for pair in costs.values() for c in pair.values()]
    plain_log(axis, 0.6 * min(everything), 1.9 * max(everything))
    marks = {}
    for name, pair in networks.items():
        start, end = ((unit * costs[name][kind], 100 * pair[kind]["accuracy"]) for kind in pareto.KINDS)
        axis.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": GREY, "linewidth": 1}, zorder=1)
        marks[name] = start, end
    for kind in pareto.KINDS:
        _front(axis, kind, [unit * costs[n][kind] for n in networks], [networks[n][kind] for n in networks], cost)
    what = "size of the file (kB)" if unit != 1 else f"time for one picture (ms), {cost} kernels, one thread"
    axis.set(xlabel=what, ylabel=f"accuracy (%), {record['pictures']:,} pictures")
    times = [match["speed_up"] or 0.0 for match in record["matches"][cost]]
    on_front, better = _on_front(times, "smaller" if unit != 1 else "faster")
    axis.set_title(f"{record['data'].capitalize()}: for {on_front},\n{better}")
    axis.legend(loc="lower right")
    _name_marks(axis, {name: start for name, (start, _) in marks.items()}, [end for _, end in marks.values()])
    won = [time for time in times if time > 1]
    middle = f", {np.median(won):.1f} times{' in the middle' if len(won) > 1 else ''}" if won else ""
    return Picture(
        figure,
        f"Scatter of accuracy over {what} for {wording.counted(len(networks), 'network')} on {record['data']}, each as "
        f"float32 and as int8, with the front of each kind. For {on_front}, {better}{middle}.",
    )


def _on_front(times: Sequence[float], cheaper: str) -> tuple[str, str]:
    """Return for how many float32 networks an int8 network is as accurate and cheaper, as two parts of a sentence.

    Args:
        times: how many times as cheap the int8 network is, for each float32 network on its front; 0 if there is none.
        cheaper: what cheaper means, "faster" or "smaller".
    """
    won = sum(time > 1 for time in times)
    front = f"{'their' if len(times) != 1 else 'its'} front"
    networks = f"{won or 'none'} of {wording.counted(len(times), 'float32 network')} on {front}"
    return networks, f"an int8 network is as accurate and {cheaper}"


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
    for (name, place), (x, y) in zip(marks.items(), where[: len(marks)], strict=True):
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
    from helpers.measure import pareto

    accuracies = [100 * row["accuracy"] for row in rows]
    for cost, row in zip(costs, rows, strict=True):
        axis.vlines(cost, 100 * row["low"], 100 * row["high"], color=COLOURS[kind], linewidth=1, alpha=0.5)
        if time := row["milliseconds"].get(kernels):
            axis.hlines(100 * row["accuracy"], time["low"], time["high"], color=COLOURS[kind], linewidth=3, alpha=0.5)
    look = {"color": COLOURS[kind], "marker": MARKERS[kind], "edgecolor": "white", "s": 70, "zorder": 3}
    axis.scatter(costs, accuracies, label=kind, **look)
    best = pareto.front(costs, accuracies)
    x, y = [costs[i] for i in best], [accuracies[i] for i in best]
    style = "-" if kind == "float32" else "--"
    axis.step([*x, axis.get_xlim()[1]], [*y, y[-1]], where="post", color=COLOURS[kind], linestyle=style, linewidth=1.5)


def power(curves: dict[str, tuple[np.ndarray, np.ndarray]], loss: float, pictures: int) -> Picture:
    """Show how the chance to notice a loss grows with the number of pictures, for several designs of the test.

    Args:
        curves: {design: (numbers of pictures, chance 0 to 1)}.
        loss: of accuracy, 0 to 1.
        pictures: of the reader's own test split.

    Raises:
        ValueError: there is no curve, or more than there are looks for.
    """
    looks = paired(curves, DESIGN_LOOKS, "designs")
    figure, axis = axes(8, 4)
    plain_log(axis, min(n.min() for n, _ in curves.values()), max(n.max() for n, _ in curves.values()))
    for name, (colour, style) in looks:
        numbers, chances = curves[name]
        axis.plot(numbers, 100 * chances, color=colour, linestyle=style, linewidth=2, label=name)
    split = wording.counted(pictures, "picture")
    axis.axvline(pictures, color=GREY, linestyle=":", label=f"this test split, {split}")
    axis.axhline(80, color=GREY, linewidth=0.8)
    axis.set(xlabel="test pictures", ylabel="chance to notice (%)", ylim=(0, 102))
    here = join([f"{_chance(pictures, *curve)} with {name}" for name, curve in curves.items()])
    axis.set_title(f"A loss of {100 * loss:.1f} points is noticed on {split}:\n{textwrap.fill(here, 68)}")
    axis.legend(loc="upper left", fontsize=11)
    return Picture(
        figure,
        f"Curves of the chance to notice a loss of {100 * loss:.1f} points, "
        f"{_chances_run([chances for _, chances in curves.values()])}. On {split} it is {here}.",
    )


def best_of(chosen: dict[int, np.ndarray], accuracy: float) -> Picture:
    """Show what the best of k equally good models scores on the test split that chose it.

    Args:
        chosen: {k: the score of the chosen model, 0 to 1, in each of many repetitions}, fewest models first.
        accuracy: of every one of these models, 0 to 1, on all the pictures there are.
    """
    counts = np.array([*chosen])
    low, high = (100 * np.percentile([*chosen.values()], p, axis=1) for p in (2.5, 97.5))
    means = 100 * np.array([scores.mean() for scores in chosen.values()])
    figure, axis = axes(8, 4)
    plain_log(axis, counts.min(), counts.max())
    axis.fill_between(counts, low, high, color=BLUE, alpha=0.15, label="19 of 20 repetitions")
    axis.plot(counts, means, color=BLUE, marker="o", linewidth=2, label="on average")
    axis.axhline(100 * accuracy, color=GREY, linestyle=":", label="on all other pictures")
    axis.set(xlabel="models to choose from", ylabel="score of the best (%)")
    end = f"the best of {counts[-1]:,} scores {means[-1]:.1f}% on average"
    axis.set_title(f"Models that are right on {accuracy:.1%} of all pictures:\n{end} on the split that chose it")
    axis.legend(loc="lower right", fontsize=11)
    run = wording.trend(means) if len(means) > 1 else "is one point"
    return Picture(
        figure,
        f"Score of the best of k models on the split that chose it, over k from {counts[0]:,} to {counts[-1]:,}; each "
        f"model is right on {accuracy:.1%} of all pictures. The average {run}, from {means[0]:.1f}% to "
        f"{means[-1]:.1f}%. Of {counts[-1]:,} models, 19 of 20 repetitions give {low[-1]:.1f}% to {high[-1]:.1f}%.",
    )


def _chance(pictures: int, numbers: np.ndarray, chances: np.ndarray) -> str:
    """Return the chance on a number of pictures, as a share; where the curve does not reach, what its nearer end is.

    Args:
        pictures: how many.
        numbers, chances: the curve, [n] each, fewest pictures first.
    """
    chance = f"{np.interp(pictures, numbers, chances):.0%}"
    if numbers[0] <= pictures <= numbers[-1]:
        return chance
    return f"beyond the curve ({chance} on {numbers[0] if pictures < numbers[0] else numbers[-1]:,})"


def _chances_run(curves: Sequence[np.ndarray]) -> str:
    """Return how some curves of chances run: 'rising with the number of pictures from nothing to certainty'.

    Args:
        curves: chances 0 to 1 each; up to 10% counts as nothing and from 99% as certainty.
    """
    starts, ends = [curve[0] for curve in curves], [curve[-1] for curve in curves]
    start, end = (wording.spread(chances, "{:.0%}".format) for chances in (starts, ends))
    if not all(wording.trend(curve) == "rises" for curve in curves):
        return f"{start} on the fewest pictures, {end} on the most"
    start, end = "nothing" if max(starts) <= 0.1 else start, "certainty" if min(ends) >= 0.99 else end
    return f"rising with the number of pictures from {start} to {end}"
