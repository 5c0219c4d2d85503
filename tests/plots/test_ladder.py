"""Figures of the ladder: each title and description is that of the numbers, whichever way they go."""

import numpy as np
import pytest

import figure_rules
from helpers import plots
from helpers.numbers import quantization
from helpers.plots import ladder
from plots_data import counted, panel_title, suptitle

RNG = np.random.default_rng(2)
WEIGHTS = RNG.standard_t(4, (30, 40)).astype(np.float32)
RUNGS = {
    "nearest": {"layer": counted(110), "channel": counted(179)},
    "better": {"layer": counted(160), "channel": counted(170)},
    "best": {"layer": counted(178)},
}
FRONTS = {"everywhere": {200: counted(140), 400: counted(179)}, "mixed": {250: counted(179), 300: counted(150)}}
MEANS = np.linspace(-1, 1, 11)
SCALE = 1.0
PLACES = np.array([[0.22, 0.42], [0.62, 1.82]])


def learned():
    return plots.up_or_down(PLACES, np.array([[0, 1], [1, 2]]), SCALE, (2.0, 1.0))


FIGURES = {
    "rungs": (
        lambda: plots.rungs(RUNGS, counted(180)),
        ["4-bit weights", "float32 90.0%", "nearest 55.0% (layer) and 89.5% (channel)", "best 89.0% (layer)."],
    ),
    "range_errors": (
        lambda: plots.range_errors(WEIGHTS, 4, {"search": 0.5, "other": 0.7}, "conv"),
        ["of conv", "4-bit", "rounding rises, clipping falls", "search reaches to", "other reaches to"],
    ),
    "channel_means": (
        lambda: plots.channel_means(MEANS, {"rounded": MEANS + 0.2, "corrected": MEANS}, "conv"),
        ["11 channels of conv", "rounded 0.20 and corrected 0.00", "deviation of 0.63"],
    ),
    "up_or_down": (learned, ["25% of 4 weights go to the other code", "50% of that with the nearest codes"]),
    "byte_front": (
        lambda: plots.byte_front(FRONTS, counted(180)),
        ["float32 90.0%", "everywhere: 70.0% at 0.2 kB, 89.5% at 0.4 kB", "mixed: 89.5% at 0.2 kB, 75.0% at 0.3 kB"],
    ),
    "straight_through": (
        lambda: plots.straight_through(-1.0, 1.5, 3),
        ["8 values from -1.1 to 1.4", "told 1 from -1.1 to 1.4 and 0 outside"],
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_keeps_the_rules(name):
    figure_rules.check(*FIGURES[name])


def test_the_title_names_the_best_rung_and_not_the_last():
    lines = suptitle(plots.rungs(RUNGS, counted(180), "Weights")).split("\n")
    assert lines == ["Weights", "layer: 55.0%, at best 89.0% (best)", "channel: 89.5%"]
    worse = {"a": {"x": counted(170)}, "b": {"x": counted(120)}}
    assert suptitle(plots.rungs(worse, counted(180))).endswith("\nx: 85.0%"), "nothing has become better"


def test_the_rungs_stand_from_the_bottom_up_with_float32_beside_them():
    axis = plots.rungs(RUNGS, counted(180)).figure.axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == list(RUNGS)
    assert axis.get_ylim()[0] < axis.get_ylim()[1]
    layer = next(line for line in axis.get_lines() if line.get_label() == "layer")
    np.testing.assert_allclose(layer.get_xdata(), [55, 80, 89])
    np.testing.assert_allclose(layer.get_ydata(), [0.15, 1.15, 2.15])


def test_a_ladder_needs_rungs_and_at_most_two_series():
    with pytest.raises(ValueError, match="at least one rung; found none"):
        plots.rungs({}, counted(180))
    with pytest.raises(ValueError, match="1 to 2 series in one figure; found 3"):
        plots.rungs({"a": dict.fromkeys("xyz", counted(10))}, counted(180))


def test_rounding_and_clipping_add_up_to_the_error():
    axis = plots.range_errors(WEIGHTS, 4, {"all": 1.0}).figure.axes[0]
    total, inside, outside = (line.get_ydata() for line in axis.get_lines()[:3])
    np.testing.assert_allclose(total, inside + outside)
    full = quantization.fake_quantize(WEIGHTS, 4)
    assert total[-1] == pytest.approx(np.mean((full - WEIGHTS) ** 2), rel=1e-3)
    assert outside[-1] == 0
    assert "0% below min/max" in panel_title(plots.range_errors(np.float32([-1, 0.1, 1]), 2, {}))


def test_what_a_correction_leaves_is_named():
    title = panel_title(plots.channel_means(MEANS, {"rounded": MEANS + 0.2}, "conv"))
    assert title == f"conv, rounded: the means are off by {0.2 / MEANS.std():.0%} of their spread"


def test_the_shares_of_weights_that_go_up():
    axis = learned().figure.axes[0]
    heights = {round(bar.get_x() + bar.get_width() / 2, 3): bar.get_height() for bar in axis.patches}
    assert heights == {0.225: 0, 0.425: 100, 0.625: 100, 0.825: 100}
    assert panel_title(learned()) == "25% of the weights leave their nearest code; error of the output: 50% of before"
    nearest = plots.up_or_down(PLACES, np.round(PLACES), SCALE, (2.0, 2.0))
    assert panel_title(nearest).startswith("0% of the weights leave")


def test_a_front_that_never_comes_close_says_so():
    title = panel_title(plots.byte_front(FRONTS | {"bad": {100: counted(100)}}, counted(180)))
    assert title == "Within 1 point of float32 from\n0.4 kB everywhere, 0.2 kB mixed, never bad"


def test_a_slope_that_changes_is_not_straight():
    stairs, line = np.repeat(np.arange(4.0), 5), np.arange(20.0)
    assert ladder._both_ways(stairs, np.ones(5)) == "Forward a staircase, backward a straight line"
    assert ladder._both_ways(line, np.array([0.5, 1])) == "Forward no staircase, backward a curved line"
    assert panel_title(plots.straight_through(-2.0, 1.0, 2)) == "Forward a staircase, backward a straight line"
