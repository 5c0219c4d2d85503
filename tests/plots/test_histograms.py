"""Histograms of weights: every weight in a bin, ticks on codes, titles from the counts."""

import numpy as np
import pytest

import figure_rules
from helpers import plots
from helpers.plots import histograms
from plots_data import SCORES, panel_title, suptitle

RNG = np.random.default_rng(5)
PEAKED = RNG.laplace(0, 0.01, 20_000).astype(np.float32)
FLAT = RNG.uniform(-2, 2, 3000).astype(np.float32)
PRUNED = np.where(np.abs(PEAKED) > 0.01, PEAKED, 0)

# Each figure, and what its description must name.
FIGURES = {
    "layer_histograms": (
        lambda: plots.layer_histograms({"conv10": PEAKED.reshape(10, -1), "conv2": FLAT}),
        ["of 2 layers", "codes in conv10", "253 in conv2"],
    ),
    "pruned_histograms": (
        lambda: plots.pruned_histograms(
            {"trained": (PEAKED, SCORES["float32"]), "pruned": (PRUNED, SCORES["int8"])}, "dense6"
        ),
        [
            f"trained: one hump, 20,000 of 20,000 weights left, none nearer to zero than {np.abs(PEAKED).min():.2g}",
            f"pruned: two humps, {np.count_nonzero(PRUNED):,} of 20,000 weights left, none nearer to zero than 0.01",
            f"accuracy {SCORES['int8']}",
        ],
    ),
    "equal_range": (
        lambda: plots.equal_range(PEAKED, FLAT, ("dense6", "conv1")),
        [f"dense6: largest error {np.abs(PEAKED).max() / 254:.2g}", "SQNR", "conv1: largest error"],
    ),
    "clipping": (
        lambda: plots.clipping(PEAKED, "dense6"),
        ["8 bits: ", "4 bits: ", "at 99.9, best of those tried"],
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_keeps_the_rules(name):
    figure_rules.check(*FIGURES[name])


def test_every_layer_has_its_panel_in_the_order_of_the_numbers():
    names = ["dense", "conv10", "conv2", "conv1"]
    axes = plots.layer_histograms(dict.fromkeys(names, PEAKED)).figure.axes
    assert [a.get_title(loc="left") for a in axes] == [
        f"{name}: 20,000" for name in ("conv1", "conv2", "conv10", "dense")
    ]
    assert sum(axes[0].patches[0].get_data().values) == 20_000, "every weight is in some bin"
    with pytest.raises(ValueError, match="at least one layer"):
        plots.layer_histograms({})


@pytest.mark.parametrize("count", [1, 14, 19, 28])
def test_any_number_of_layers(count):
    picture = plots.layer_histograms({f"conv{i}": FLAT for i in range(count)})
    assert len(picture.figure.axes) == count
    layers = f"{count} layers have" if count > 1 else "1 layer has"
    assert suptitle(picture).startswith(f"{count} of {layers} one hump")


def test_the_ticks_under_a_histogram_are_codes_of_the_grid():
    axes = plots.equal_range(PEAKED, FLAT).figure.axes[0]
    (ticks,) = [c for c in axes.collections if len(c.get_segments()) > 1]
    found = np.array([segment[0][0] for segment in ticks.get_segments()]) / (np.abs(PEAKED).max() / 127)
    np.testing.assert_allclose(found, np.arange(-120, 128, 8), atol=1e-3)


def test_the_title_of_the_pruned_layer_counts_humps():
    def titled(before, after):
        return suptitle(plots.pruned_histograms({"a": (before, SCORES["int8"]), "b": (after, SCORES["int8"])}, "x"))

    assert titled(PEAKED, PRUNED) == "One hump before, two humps after pruning"
    assert titled(PEAKED, PEAKED) == "One hump before, and as many after pruning"


def test_layers_of_equal_range_differ_in_their_signal_and_not_in_their_errors():
    """Errors are even over half a step to both sides, so the SQNR differs by the power of the weights alone."""
    picture = plots.equal_range(PEAKED, FLAT)
    flat = FLAT * np.abs(PEAKED).max() / np.abs(FLAT).max()
    expected = 10 * np.log10(np.mean(flat.astype(np.float64) ** 2) / np.mean(PEAKED.astype(np.float64) ** 2))
    assert suptitle(picture) == (
        f"Equal range, equal largest error, but signal-to-noise ratios {expected:.0f} dB apart"
    )
    assert f"times {np.abs(PEAKED).max() / np.abs(FLAT).max():.2g}" in picture.figure.axes[1].get_xlabel()


def test_clipping_adds_up_and_is_what_a_loop_finds():
    """One weight at 1 among 9,999 in [-0.1, 0.1]: at the 99.9th percentile its error is 0.9, the others' a tenth."""
    values = np.append(np.linspace(-0.1, 0.1, 9999), 1).astype(np.float32)
    full, clipped = histograms._clipped(values, 100, 4), histograms._clipped(values, 99.9, 4)
    for found in (full, clipped):
        assert found["bulk"] + found["clipped"] == pytest.approx(found["noise"])
        assert found["sqnr"] == pytest.approx(10 * np.log10(np.mean(values.astype(float) ** 2) / found["noise"]))
    assert full["clipped"] == 0
    end, squares = np.percentile(np.abs(values), 99.9), []
    outside = np.count_nonzero(np.abs(values) > end)  # the others lie just outside
    assert clipped["clipped_rmse"] == pytest.approx(0.9 / np.sqrt(outside), rel=0.01)
    for value in values:
        code = max(-7, min(7, round(float(value) / (end / 7))))
        squares.append((float(value) - code * end / 7) ** 2)
    assert clipped["noise"] == pytest.approx(np.mean(squares), rel=1e-4)


def test_clipping_says_what_it_costs_and_what_it_buys():
    picture = plots.clipping(PEAKED, "dense6")
    gains = {
        b: histograms._clipped(PEAKED, 99.9, b)["sqnr"] - histograms._clipped(PEAKED, 100, b)["sqnr"] for b in (8, 4)
    }
    assert gains[8] < 0 < gains[4]
    title = picture.figure.axes[0].get_title(loc="left")
    assert title == f"The range ends at 99.9: {gains[8]:+.1f} dB (8 bits), {gains[4]:+.1f} dB (4 bits)"


def test_the_weight_farthest_from_zero_is_in_a_bin():
    """Also where float32 rounds the scale, a 127th of it, down: for about half of all numbers."""
    for farthest in np.float32(np.linspace(0.1, 0.2, 40)):
        axes = plots.equal_range(np.array([-0.05, 0, 0.05, farthest], np.float32), FLAT).figure.axes[0]
        assert sum(axes.patches[0].get_data().values) == 4


def test_layers_without_one_hump_are_not_counted():
    two = np.concatenate([FLAT - 5, FLAT + 5])
    picture = plots.layer_histograms({"conv1": two, "conv2": two, "conv3": FLAT})
    assert suptitle(picture).startswith("1 of 3 layers has one hump") and "each; 1 has one hump" in picture.alt


@pytest.mark.parametrize(
    ("within", "words"),
    [
        ({"a": 145, "b": 249}, "in a and 249 in b; the other codes are there for the few values farthest from zero"),
        ({"a": 145, "b": 145}, "use 145 of the 255 codes in each of them; the other codes are there for the few"),
        ({"a": 145}, "use 145 of the 255 codes in a; the other"),
    ],
)
def test_codes_are_left_over_only_where_they_are(within, words):
    assert words in histograms._codes_used(within)
    assert histograms._codes_used({"a": 255}).endswith("use 255 of the 255 codes in a")


def test_one_stage_has_no_before_and_after():
    picture = plots.pruned_histograms({"trained": (PEAKED, SCORES["int8"])}, "x")
    assert suptitle(picture) == "One hump"


def test_layers_of_equal_signal_are_not_apart():
    assert suptitle(plots.equal_range(PEAKED, PEAKED)) == (
        "Equal range, equal largest error, and equal signal-to-noise ratios"
    )
    assert (
        histograms._equal_title((1, 2), (40, 47)) == "Equal range, equal steps, but signal-to-noise ratios 7 dB apart"
    )


def test_clipping_that_costs_is_no_gain():
    """Weights that are all at the ends: to clip them gains nothing at any number of bits."""
    picture = plots.clipping(FLAT, "flat", percentile=50)
    changes = [float(part.split(" dB")[0]) for part in panel_title(picture).split(": ")[1].split(", ")]
    assert max(changes) < 0
