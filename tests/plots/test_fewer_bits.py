"""Figures of fewer bits: cliffs, losses and repairs are those of the scores."""

from pathlib import Path

import numpy as np
import pytest

import figure_rules
from helpers import plots
from helpers.measure import accuracy
from helpers.measure.debugging import LayerError
from helpers.measure.latency import Timings
from helpers.methods import simulation
from helpers.plots import fewer_bits, style
from plots_data import counted, panel_title, suptitle

ERRORS = [
    LayerError("conv1", "CONV_2D", "a", 100, 0.02, 50.0, 50.0, -5.0),
    LayerError("pool1", "MAX_POOL_2D", "b", 100, 0.02, 0.0, 0.0, float("inf")),
    LayerError("dense", "FULLY_CONNECTED", "c", 2, 0.03, 0.3, 0.3, 40.0),
]
REPAIRED = {"float32": counted(180), "broken": counted(130), "int16x8": counted(179), "better range": counted(150)}
REPAIR_TIMES = Timings({name: np.full(5, 2e-3 * 3**i) for i, name in enumerate(REPAIRED)})

WHOLE_AND_LESS = {8: counted(180), 4: counted(170), 3: counted(120)}
SENSITIVITIES = {
    "conv1": simulation.Sensitivity(counted(140), counted(170), 0.2),
    "conv2": simulation.Sensitivity(counted(180), counted(120), 0.1),
}

# Each figure, and what its description must name.
FIGURES = {
    "accuracy_by_bits": (
        lambda: plots.accuracy_by_bits({"per channel": WHOLE_AND_LESS}, counted(180)),
        ["one weight", "float32 90.0%: 90.0% at 8, 85.0% at 4, 60.0% at 3 bits, cliff at 3 bits"],
    ),
    "sensitivity": (
        lambda: plots.sensitivity(SENSITIVITIES, counted(180), counted(120), name="a network"),
        [
            "the 2 of 2 parts",
            "conv1 20.0 and 5.0 and conv2 0.0 and 30.0",
            "All quantized: 30.0",
            "out conv1 helps most",
        ],
    ),
    "tensor_sqnr": (
        lambda: plots.tensor_sqnr({"picture": (146.0, 146.0), "conv1": (3.2, 3.1), "dense": (9.0, -1.5)}, "4 bits"),
        ["4 bits", "worst alone is conv1", "picture no error and no error; conv1 3.2 and 3.1; dense 9.0 and -1.5"],
    ),
    "layer_errors": (
        lambda: plots.layer_errors(ERRORS),
        ["2 operators", "conv1 50 and dense 0.3", "The median is 25"],
    ),
    "repairs": (
        lambda: plots.repairs(REPAIRED, dict.fromkeys(REPAIRED, Path(__file__)), REPAIR_TIMES, "XNNPACK"),
        ["of 4 files", f"float32 {REPAIRED['float32']}", f"broken {REPAIRED['broken']}", "2.00 ms"],
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_keeps_the_rules(name):
    figure_rules.check(*FIGURES[name])


def test_repairs_counts_those_that_came_back():
    picture = plots.repairs(REPAIRED, dict.fromkeys(REPAIRED, Path(__file__)), REPAIR_TIMES, "XNNPACK")
    assert picture.figure.get_suptitle() == "25 points lost; 1 of 2 repairs brings them back to within 1"
    with pytest.raises(ValueError, match="float32, a file that went wrong and a repaired one"):
        plots.repairs(dict(list(REPAIRED.items())[:2]), {}, REPAIR_TIMES, "XNNPACK")


def test_a_repaired_file_that_has_seen_fewer_pictures_has_words_and_no_mark():
    scores = REPAIRED | {"int16x8": counted(99, 100)}
    picture = plots.repairs(scores, dict.fromkeys(scores, Path(__file__)), REPAIR_TIMES, "XNNPACK")
    assert "int16x8 same answer on 99 of 100," in picture.alt
    assert "same answer on 99 of 100 " in [text.get_text() for text in picture.figure.axes[0].texts]
    assert picture.figure.get_suptitle() == "25 points lost; 1 of 2 repairs brings them back to within 1"


def test_errors_of_operators_that_only_copy():
    with pytest.raises(ValueError, match="at least one operator whose output differs"):
        plots.layer_errors(ERRORS[1:2])


@pytest.mark.parametrize(
    ("sweeps", "title"),
    [
        ({"a": WHOLE_AND_LESS}, "The cliff is at 3 bits (ring: more than 5 points lost)"),
        ({"a": WHOLE_AND_LESS, "b": WHOLE_AND_LESS}, "The cliff is at 3 bits (ring: more than 5 points lost)"),
        (
            {"a": WHOLE_AND_LESS, "b": {5: counted(150)}},
            "The cliff is at 3 bits a,\nat 5 bits b (ring: more than 5 points lost)",
        ),
        (
            {"a": {5: counted(150)}, "b": {8: counted(180)}, "c": WHOLE_AND_LESS},
            "2 of 3 curves have a cliff, at 3 to 5 bits (ring: more than",
        ),
        ({"a": {8: counted(180)}, "b": WHOLE_AND_LESS}, "1 of 2 curves has a cliff, at 3 bits (ring: more than"),
        ({"a": {8: counted(180)}}, "No cliff: nowhere more than 5 points lost"),
    ],
)
def test_the_cliff_is_named_and_ringed(sweeps, title):
    axes = plots.accuracy_by_bits(sweeps, counted(180)).figure.axes[0]
    assert axes.get_title(loc="left").startswith(title)
    rings = [tuple(map(float, np.ravel(line.get_data()))) for line in axes.get_lines() if line.get_markersize() == 18]
    cliffs = [(3.0, 60.0) if 3 in scores else (5.0, 75.0) for scores in sweeps.values() if min(scores) < 8]
    assert rings == cliffs
    assert axes.get_xlim()[0] > axes.get_xlim()[1], "from many bits to few"


def test_bands_are_wilson_intervals_and_float32_is_blue():
    axes = plots.accuracy_by_bits({"a": WHOLE_AND_LESS}, counted(180)).figure.axes[0]
    edges = axes.collections[0].get_paths()[0].vertices[:, 1]
    low, high = accuracy.wilson(120, 200)
    assert edges.min() == pytest.approx(100 * low)
    assert edges.max() == pytest.approx(100 * accuracy.wilson(180, 200)[1])
    assert 100 * high in edges
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert lines["float32: 90.0%"].get_color() == style.COLOURS["float32"]


def test_networks_have_lines_of_their_own():
    wholes = {"a": counted(180), "b": counted(160)}
    axes = plots.accuracy_by_bits({"a": WHOLE_AND_LESS, "b": WHOLE_AND_LESS}, wholes, "activation").figure.axes[0]
    assert {90.0, 80.0} <= {float(line.get_ydata()[0]) for line in axes.get_lines() if len(line.get_ydata()) == 2}
    assert axes.get_xlabel().startswith("bits of one activation")
    for count in (0, 7):
        with pytest.raises(ValueError, match=f"1 to 6 sweeps in one figure; found {count}"):
            plots.accuracy_by_bits({str(i): WHOLE_AND_LESS for i in range(count)}, counted(180))


def test_the_bars_of_sensitivity_are_points_lost():
    picture = FIGURES["sensitivity"][0]()
    left, right = picture.figure.axes
    widths = [[bar.get_width() for bar in axes.containers[-1]] for axes in (left, right)]
    np.testing.assert_allclose(widths, [[20, 0], [5, 30]], atol=1e-9)
    assert suptitle(picture) == "conv1 alone costs 20.0 points, all together 30.0"
    short = plots.sensitivity(SENSITIVITIES, counted(180), counted(120), most=1)
    assert "the 1 of 2 parts" in short.alt


def test_the_interval_of_a_loss_is_that_of_paired_pictures():
    """40 of 200 pictures lost, none won: variance (40/200 - (40/200)^2) / 200."""
    lost, half = fewer_bits._loss(counted(180), counted(140))
    assert lost == pytest.approx(20)
    assert half == pytest.approx(100 * 1.96 * np.sqrt((0.2 - 0.04) / 200))


def test_ratios_without_an_error_are_not_drawn():
    axes = FIGURES["tensor_sqnr"][0]().figure.axes[0]
    drawn = np.array([line.get_ydata() for line in axes.get_lines()[:2]])
    np.testing.assert_array_equal(drawn, [[np.nan, 3.2, 9.0], [np.nan, 3.1, -1.5]])
    with pytest.raises(ValueError, match="at least one tensor with an error"):
        plots.tensor_sqnr({"picture": (np.inf, np.inf), "conv1": (np.inf, 140.0)})


def test_a_loss_that_may_be_chance_is_no_cliff_and_not_denied():
    """Three of 40 pictures are 7.5 points, and p = 0.25."""
    picture = plots.accuracy_by_bits({"a": {8: counted(33, 40)}}, counted(36, 40))
    assert panel_title(picture) == "No cliff: more than 5 points lost, but that may be chance"
    assert "nowhere" not in panel_title(picture)


def test_parts_are_shown_from_the_most_costly_whatever_their_order():
    turned = dict(reversed(SENSITIVITIES.items()))
    picture = plots.sensitivity(turned, counted(180), counted(120))
    assert suptitle(picture) == "conv1 alone costs 20.0 points, all together 30.0"
    assert "conv1 20.0 and 5.0 and conv2 0.0 and 30.0" in picture.alt


def parts(**right):
    """Return sensitivities with so many right answers of 200: {part: (only it quantized, all but it)}."""
    return {name: simulation.Sensitivity(counted(only), counted(rest), 0.1) for name, (only, rest) in right.items()}


@pytest.mark.parametrize(
    ("found", "title", "words"),
    [
        (
            parts(a=(180, 120), b=(182, 121)),
            "No part alone costs accuracy, all together 30.0 points lost",
            "no more than chance",
        ),
        (
            parts(a=(170, 170), b=(175, 170)),
            "a alone costs 5.0 points, all together 30.0",
            "Leaving out a and b helps most",
        ),
        (parts(a=(170, 170)), "a alone costs 5.0 points, all together 30.0", "1 of 1 part that costs most"),
        (parts(a=(170, 170)), "a alone costs 5.0 points, all together 30.0", "Leaving out a helps."),
    ],
)
def test_a_part_costs_and_helps_only_where_it_does(found, title, words):
    picture = plots.sensitivity(found, counted(180), counted(120))
    assert suptitle(picture) == title and words in picture.alt


def test_all_parts_together_may_gain():
    picture = plots.sensitivity(parts(a=(170, 184)), counted(180), counted(184))
    assert suptitle(picture) == "a alone costs 5.0 points, all together 2.0 points gained"


@pytest.mark.parametrize(
    ("found", "title", "words"),
    [
        (
            {"a": (3.0, 3.0), "b": (9.0, 1.2)},
            "x: a is worst on its own (3 dB); 1 dB is left at the end",
            "worst alone is a",
        ),
        ({"a": (np.inf, 3.0)}, "x: 3 dB are left at the end", "None has an error of its own"),
        ({"a": (3.0, np.inf)}, "x: a is worst on its own (3 dB)", "worst alone is a"),
    ],
)
def test_the_worst_tensor_has_an_error_of_its_own(found, title, words):
    picture = plots.tensor_sqnr(found, "x")
    assert panel_title(picture) == title and words in picture.alt and "nan" not in picture.alt


def errors(*steps, ours=None):
    return [
        LayerError(f"n{i}", "CONV_2D", "t", 9, 0.1, s, s if ours is None else ours, 9.0) for i, s in enumerate(steps)
    ]


@pytest.mark.parametrize(
    ("steps", "title"),
    [
        ((48, 0.3, 0.31, 0.32), "n0 is off by 48 steps, most others by 0.31"),
        ((48, 0.1, 1, 20), "n0 is off by 48 steps, the others by 0.1 to 20"),
        ((0.3, 48), "n1 is off by 48 steps, n0 by 0.3"),
        ((48,), "n0 is off by 48 steps"),
        ((0.3, 0.3, 0.3), "Each operator is off by 0.3 steps"),
    ],
)
def test_most_others_are_off_by_what_most_of_them_are(steps, title):
    assert panel_title(plots.layer_errors(errors(*steps))) == title


def test_two_measures_agree_only_where_they_do():
    assert "Our own measure gives the same." in plots.layer_errors(errors(1, 2)).alt
    alt = plots.layer_errors(errors(1, 2, ours=1.5)).alt
    assert "Our own measure differs, most for n0: 1.5." in alt and "the same" not in alt
    assert "1 operator against its float32 twin, in steps of its output" in plots.layer_errors(errors(1)).alt
    assert "differs, most for n0: 0." in plots.layer_errors(errors(1, ours=0.0)).alt


@pytest.mark.parametrize(
    ("lost", "good", "repairs", "title"),
    [
        (20.6, 3, 3, "21 points lost; 3 of 3 repairs bring them back to within 1"),
        (20.6, 0, 2, "21 points lost; none of 2 repairs brings them back to within 1"),
        (20.6, 1, 1, "21 points lost; 1 of 1 repair brings them back to within 1"),
        (0.5, 2, 2, "0.5 points lost: little to repair; 2 of 2 repairs are within 1 of float32"),
        (-2.0, 1, 2, "2.0 points gained: little to repair; 1 of 2 repairs is within 1 of float32"),
    ],
)
def test_repairs_bring_back_only_what_was_lost(lost, good, repairs, title):
    assert fewer_bits._repaired(lost, good, repairs) == title


def test_a_file_that_did_not_go_wrong_has_little_to_repair():
    files = dict.fromkeys(REPAIRED, Path(__file__))
    picture = plots.repairs(REPAIRED | {"broken": counted(182)}, files, REPAIR_TIMES, "XNNPACK")
    assert suptitle(picture).startswith("1.0 points gained: little to repair; 1 of 2 repairs is within 1")
