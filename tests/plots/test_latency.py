"""Figures of times: bars and marks where the numbers are, titles that follow the intervals."""

import dataclasses

import numpy as np
import pytest

import figure_rules
from helpers import plots
from helpers.measure.latency import Median, Timings
from plots_data import BOUNDS, CEILINGS, PAIRS, PREDICTION, SLIDE, TIMES, panel_title, suptitle

RATIOS = {"A": Median(2.5, 2.4, 2.6), "B": Median(4.2, 4.0, 4.5)}
PREDICTED = {"from peaks": {"A": 4.0, "B": 4.1}, "by sort": {"A": 3.0, "B": 4.0}}

# Each figure, and what its description must name.
FIGURES = {
    "slide_latencies": (
        lambda: plots.slide_latencies(PAIRS, SLIDE, "XNNPACK"),
        ["A 9.0 and 3.0 ms here (3.00 times), 80 and 40 ms there (2.00 times)", "1480 and 970 ms there (1.53 times)"],
    ),
    "roofline": (
        lambda: plots.roofline(BOUNDS, CEILINGS),
        ["50 billion for float32 and 200 billion for int8", "20 GB/s", "A spends 9% of its predicted time waiting"],
    ),
    "ratios": (
        lambda: plots.ratios(PREDICTED, RATIOS),
        ["A: measured 2.50, from peaks 4.00, by sort 3.00", "B: measured 4.20"],
    ),
    "speed_ups_of_a_class": (
        lambda: plots.speed_ups_of_a_class([("A", 1.2), ("A", 1.4), ("B $x$", 3.0)]),
        ["on 3 machines, the median for each processor: A 1.3 (of 2); B $x$ 3.0 (of 1)"],
    ),
    "latencies": (
        lambda: plots.latencies(TIMES),
        [f"{TIMES['b'].ratio('float32', 'int8').value:.1f} times as fast with the b kernels"],
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_keeps_the_rules(name):
    figure_rules.check(*FIGURES[name])


def test_bars_of_the_slide_are_in_their_panels():
    here, there = FIGURES["slide_latencies"][0]().figure.axes
    widths = [[bar.get_width() for bars in axes.containers for bar in bars] for axes in (here, there)]
    np.testing.assert_allclose(widths, [[9, 18, 3, 3], [80, 1480, 40, 970]])
    assert "  (6.0×)" in "".join(text.get_text() for text in here.texts)
    assert here.figure._suptitle.get_text().startswith("Here int8 is 3.0 to 6.0 times as fast as float32")


def test_layers_lie_at_their_intensity_under_their_roof():
    """The convolution at the flat roof, the dense layer on the slope; pooling multiplies nothing and is left out."""
    axes = FIGURES["roofline"][0]().figure.axes[0]
    points = axes.collections[0].get_offsets()
    np.testing.assert_allclose(points, [[500, 50], [10**6 / 4_008_000, 5]])
    areas = axes.collections[0].get_sizes()
    np.testing.assert_allclose(areas, 30 + 900 * np.array([2e-3, 2e-4]) / PREDICTION.total)


@pytest.mark.parametrize(
    ("found", "title"),
    [
        ([("A", 1.5)], "1 machine, 1 kind of processor: 1.5 times as fast"),
        ([("A", 0.8), ("B", 3.2)], "2 machines, 2 kinds of processor: 0.8 to 3.2 times as fast"),
    ],
)
def test_the_title_spans_what_a_class_measured(found, title):
    assert panel_title(plots.speed_ups_of_a_class(found)) == title


def test_a_class_that_measured_nothing_has_no_figure():
    with pytest.raises(ValueError, match="at least one measured speed-up; found none"):
        plots.speed_ups_of_a_class([])


def test_the_title_counts_what_falls_short():
    axes = FIGURES["ratios"][0]().figure.axes[0]
    assert axes.get_title(loc="left") == "Of 2 networks, 1 gains less from int8 than the peaks promise"


def test_one_network_has_no_range():
    picture = plots.slide_latencies({"A": PAIRS["A"]}, SLIDE, "XNNPACK")
    assert suptitle(picture) == "Here int8 is 3.0 times as fast as float32; in the lecture's chart 2.0 times"


def test_int8_that_is_slower_here_is_not_called_fast():
    slow = Timings({"float32": np.full(5, 1e-3), "int8": np.full(5, 2e-3)})
    assert suptitle(plots.slide_latencies({"A": slow}, SLIDE, "b")).startswith("Here int8 is 0.5 times as fast")


def test_a_network_that_never_waits_is_not_said_to():
    quick = dataclasses.replace(PREDICTION, memory=np.zeros(3))
    assert (
        "A spends 0% of its predicted time waiting"
        in plots.roofline({"A": {"float32": quick, "int8": quick}}, CEILINGS).alt
    )


@pytest.mark.parametrize(
    ("predicted", "measured", "title"),
    [
        ({"at the peaks": 4.0}, [4.5, 5.0], "Of 2 networks, none gains less from int8 than the peaks promise"),
        ({"at the peaks": 4.0}, [3.0, 3.5], "Of 2 networks, 2 gain less from int8 than the peaks promise"),
        ({"at the peaks": 4.0}, [3.0], "Of 1 network, 1 gains less from int8 than the peaks promise"),
        ({"by kind of layer": 4.0}, [3.0], "Of 1 network, 1 gains less from int8 than predicted by kind of layer"),
    ],
)
def test_what_falls_short_of_which_prediction(predicted, measured, title):
    names = "AB"[: len(measured)]
    ratios = {name: Median(value, value, value) for name, value in zip(names, measured, strict=True)}
    picture = plots.ratios({name: dict.fromkeys(names, value) for name, value in predicted.items()}, ratios)
    assert panel_title(picture) == title


@pytest.mark.parametrize("count", [0, 4])
def test_no_prediction_is_dropped(count):
    predicted = {str(i): {"A": 2.0, "B": 3.0} for i in range(count)}
    with pytest.raises(ValueError, match=f"Expected 1 to 3 predictions in one figure; found {count}"):
        plots.ratios(predicted, RATIOS)


def spread_out(*speed_ups):
    """Return timings with kernel sets a, b, ..., on which int8 is so many times as fast, within a tenth."""
    noise = np.linspace(0.95, 1.05, 21)
    return {
        "abc"[i]: Timings({"float32": 1e-3 * noise * speed_up, "int8": np.full(21, 1e-3)})
        for i, speed_up in enumerate(speed_ups)
    }


@pytest.mark.parametrize(
    ("speed_ups", "title"),
    [
        ((3.5, 2.5), "How much faster int8 is depends on the kernels"),
        ((3.0, 3.0), "int8 is 3.0 times as fast as float32, whatever the kernels"),
        ((3.0,), "int8 is 3.0 times as fast as float32"),
        ((3.0, 1.0, 0.5), "int8 is faster than float32 with the a kernels only"),
        ((1.0, 0.5), "int8 is no faster than float32"),
    ],
)
def test_the_kernels_matter_only_where_the_intervals_differ(speed_ups, title):
    assert panel_title(plots.latencies(spread_out(*speed_ups))) == title
