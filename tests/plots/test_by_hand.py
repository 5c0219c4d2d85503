"""The figures of quantization by hand: what they draw is what the arithmetic gives."""

import numpy as np
import pytest

import figure_rules
from helpers import plots
from helpers.numbers import quantization
from helpers.plots import style
from plots_data import panel_title

RNG = np.random.default_rng(2)
BELL = RNG.normal(size=5000)
LECTURE = [4.5, -5.4, 0.0, 0.01, 2.5]

# Each figure, and what its description must name.
FIGURES = {
    "precision_axes": (
        lambda: plots.precision_axes(BELL, "conv1"),
        ["25 weights of conv1", f"from {BELL.min():.3g} to {BELL.max():.3g}"],
    ),
    "discretized": (
        lambda: plots.discretized(np.array([-1.0, -0.2, 0.1, 0.2, 1]), (2, 3), "conv1"),
        ["5 weights of conv1, 5 different", "3 different values at 2 bits, 60% on one", "5 different values at 3 bits"],
    ),
    "comb": (
        lambda: plots.comb({"conv1": np.array([-1.0, -0.2, 0.1, 0.2, 1]), "conv2": BELL}, bits=3),
        ["5 weights of conv1", "5 different values at 3 bits"],
    ),
    "zero_on_a_code": (
        plots.zero_on_a_code,
        ["with 16 codes each", "from -5.4 to 4.5, with steps of 0.66, 0 comes back as -0.12", "from -5.28 to 4.62"],
    ),
    "number_line": (
        lambda: plots.number_line(LECTURE),
        ["-5.4 to 4.5 with 256 codes", "0.01 becomes code 139 and comes back as -0.003529", "4.5 becomes code 255"],
    ),
    "sqnr_by_bits": (
        lambda: plots.sqnr_by_bits({"a": {b: 6.02 * b for b in range(2, 9)}, "b": {b: 5 * b - 3 for b in range(2, 9)}}),
        ["from 2 to 8 bits", "a gains 6.02 dB a bit and b gains 5.00 dB a bit"],
    ),
    "channel_ranges": (
        lambda: plots.channel_ranges(np.array([[1.0, -2], [0.5, 0.1], [0.2, 0]]), 0, "conv1"),
        ["3 output channels of conv1", "255 for the widest down to 26, the median is 64"],
    ),
    "activation_ranges": (
        lambda: plots.activation_ranges({"relu1": (np.array([0, 1, 2, 9.0]), 0.0, 6.0)}),
        ["relu1 0 to 6, 25.00% of the values outside"],
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_keeps_the_rules(name):
    figure_rules.check(*FIGURES[name])


def texts(picture: plots.Picture) -> list[str]:
    return [text.get_text() for text in picture.figure.axes[0].texts]


def marks(picture: plots.Picture, marker: str) -> list[tuple[float, str]]:
    """Return place and colour of each mark of a kind on a number line."""
    lines = picture.figure.axes[0].get_lines()
    return [(float(line.get_xdata()[0]), line.get_color()) for line in lines if line.get_marker() == marker]


def test_a_number_line_shows_numbers_codes_and_errors():
    shown = texts(plots.number_line(LECTURE))
    step = 9.9 / 255
    assert {"0", "139", "203", "255"} <= set(shown)
    assert "-5.4\nexact" in shown and "4.5\nexact" in shown
    assert f"{203 * step - 5.4:.3g}\n{203 * step - 5.4 - 2.5:+.1g}" in shown


def test_numbers_that_share_a_code_are_coloured():
    picture = plots.number_line(LECTURE)
    shared = [value for value, colour in marks(picture, "o") if colour == style.VERMILION]
    assert shared == [0.0, 0.01]
    back = [value for value, _ in marks(picture, "s")]
    np.testing.assert_allclose(back, quantization.decompress([0, 139, 139, 203, 255], -5.4, 4.5))
    assert picture.figure.axes[0].get_title(loc="left") == "5 numbers, 4 codes: 1 can no longer be told apart"
    assert plots.number_line([-1, 1], -1, 1).figure.axes[0].get_title(loc="left").endswith("comes back near itself")


@pytest.mark.parametrize(
    ("zero", "codes"),
    [("anywhere", ["0", "139", "255"]), ("on a code", ["-128", "11", "127"]), ("in the middle", ["0"])],
)
def test_where_zero_falls(zero, codes):
    picture = plots.number_line([-5.4, 0, 4.5], zero=zero)
    assert set(codes) <= set(texts(picture))
    assert ("0\nexact" in texts(picture)) == (zero != "anywhere")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"values": []}, "at least one number"),
        ({"values": [1], "zero": "nowhere"}, "found 'nowhere'"),
        ({"values": [1], "low": 2, "high": 1}, "low < high"),
        ({"values": [1], "bits": 1}, "from 2 to 16; found 1"),
        ({"values": [np.nan]}, "NaN"),
    ],
)
def test_what_cannot_be_drawn(arguments, said):
    with pytest.raises(ValueError, match=said):
        plots.number_line(**arguments)


@pytest.mark.parametrize("count", [1, 2, 30])
def test_any_number_of_numbers(count):
    assert plots.number_line(np.linspace(-5, 4, count)).png()


def test_a_comb_has_a_tooth_for_each_code():
    """As many teeth as values that are left, as high as their counts."""
    comb = plots.discretized(BELL, (4,)).figure.axes[1].collections[0]
    places, counts = np.unique(quantization.fake_quantize(BELL, 4), return_counts=True)
    teeth = np.array([segment[1] for segment in comb.get_segments()])
    np.testing.assert_allclose(teeth, np.stack([places, counts], axis=1))


def test_a_layer_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="Expected one of the layers conv1; found 'conv2'"):
        plots.comb({"conv1": BELL}, "conv2")


@pytest.mark.parametrize(
    ("low", "high", "bits", "title"),
    [
        (-5.4, 4.5, 4, "Zero misses the nearest code by 0.18 of a step; moved, the codes have one for it"),
        (-8, 7, 4, "Zero falls on a code by itself"),
        (0, 6, 8, "Zero falls on a code by itself"),
        (0.25, 3, 4, "Zero lies outside the range; made wider and moved, the codes have one for it"),
        (-3, -1, 2, "Zero lies outside the range; made wider and moved, the codes have one for it"),
    ],
)
def test_zero_misses_a_code_only_where_it_does(low, high, bits, title):
    picture = plots.zero_on_a_code(low, high, bits)
    assert panel_title(picture) == title
    moved = [segment[0, 0] for segment in picture.figure.axes[0].collections[2].get_segments()]
    assert len(moved) == 2**bits and np.min(np.abs(moved)) == 0


def test_a_range_the_wrong_way_round_is_refused():
    with pytest.raises(ValueError, match="its smallest number first; found 3 to 1"):
        plots.zero_on_a_code(3, 1)


def test_a_channel_as_wide_as_the_widest_has_all_levels():
    right = plots.channel_ranges(np.array([[2.0], [-2], [1]]), 0).figure.axes[1]
    np.testing.assert_allclose(right.get_lines()[0].get_ydata(), [255, 255, 128])


def test_weights_are_joined_to_their_codes():
    values = np.array([-1, 0.5, 0.9])
    picture = plots.precision_axes(values, count=3)
    joins = [line.get_ydata() for line in picture.figure.axes[0].get_lines() if line.get_linestyle() == "--"]
    np.testing.assert_allclose(joins, [[-1, -0.7], [0.5, 0.7 * 64 / 127], [0.9, 0.7 * 114 / 127]])


def test_channel_ranges_count_the_levels_of_fewer_bits():
    weights = np.array([[7.0, -1], [3.5, 1], [1, 0]])
    picture = plots.channel_ranges(weights, 0, "conv1", bits=4)
    assert "from 15 for the widest down to 3, the median is 8" in picture.alt
    np.testing.assert_allclose(picture.figure.axes[1].get_lines()[0].get_ydata(), [15, 8, 3])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (BELL, "Most lie close together around zero"),
        (np.array([-1.0, 0.9, 0.8, 1]), "At least half of all weights lie within 0.95 of zero"),
        (np.zeros(3), "0 to 0 in float32"),
        (np.array([2.0]), "1 weight of this layer, from 2 to 2 in float32, is joined by a dashed line to its code"),
    ],
)
def test_weights_lie_around_zero_only_where_they_do(values, words):
    alt = plots.precision_axes(values).alt
    assert words in alt
    assert ("around zero" in alt) == (np.abs(values).mean() < 0.9)


def test_one_weight_is_singular():
    picture = plots.discretized(np.array([0.5]), (2,))
    assert (
        "1 weight of these weights, 1 different value, and the comb that is left: 1 different value at 2 bits"
        in picture.alt
    )
    assert picture.figure.axes[1].get_title(loc="left") == "2 bits, 1 value"
    assert panel_title(plots.precision_axes(np.array([2.0]))).startswith("1 different weight of")


@pytest.mark.parametrize(
    ("values", "zero", "title"),
    [
        ([-1, 1], "anywhere", "2 numbers, 2 codes: each comes back near itself"),
        ([0.5], "anywhere", "1 number, 1 code: each comes back near itself"),
        ([0, 7], "anywhere", "2 numbers, 2 codes: 1 outside the range, cut off at its end"),
        ([-3, 7], "on a code", "2 numbers, 2 codes: 2 outside the range, cut off at its end"),
        ([0.5, 0.5], "anywhere", "2 numbers, 1 code: each comes back near itself"),
        ([5, 7], "in the middle", "2 numbers, 1 code: 1 can no longer be told apart"),
    ],
)
def test_a_number_comes_back_near_itself_only_where_it_does(values, zero, title):
    picture = plots.number_line(values, -1, 1, zero=zero)
    assert panel_title(picture) == title
    assert f"with {255 if zero == 'in the middle' else 256} codes" in picture.alt


@pytest.mark.parametrize(
    ("curves", "title"),
    [
        ([{b: 6.02 * b for b in range(2, 9)}], "Each bit more is worth 6.0 dB"),
        ([{4: 0, 5: 9.8}, {4: 0, 5: 10.2}], "Each bit more is worth 9.8 to 10.2 dB"),
        ([{4: 0, 5: 20, 6: 10, 7: 30}], "On average, a bit more is worth 8.0 dB"),
        ([{8: 10, 4: 30}], "Each bit more is worth -5.0 dB"),
    ],
)
def test_each_bit_is_worth_the_same_only_where_it_is(curves, title):
    assert panel_title(plots.sqnr_by_bits({str(i): points for i, points in enumerate(curves)})) == title


def test_no_curve_is_dropped():
    curve = {4: 20.0, 8: 44.0}
    for count in (0, 6):
        with pytest.raises(ValueError, match=f"Expected 1 to 5 curves in one figure; found {count}"):
            plots.sqnr_by_bits({str(i): curve for i in range(count)})
    with pytest.raises(ValueError, match="at least two numbers of bits in each curve; found fewer in b"):
        plots.sqnr_by_bits({"a": curve, "b": {4: 20.0}})


@pytest.mark.parametrize(
    ("widths", "words"),
    [
        ([4, 3, 2, 1], "from 255 for the widest down to 64, half of the channels below 160"),
        ([4, 2, 2, 1], "from 255 for the widest down to 64, the median is 128"),
        (
            [1, 1],
            "2 output channels of this layer, and the levels each can use with a shared scale: 255 for each of them",
        ),
        ([1], "1 output channel of this layer, and the levels each can use with a shared scale: 255 for this one"),
        ([0, 0], "1 for each of them"),
    ],
)
def test_half_of_the_channels_are_below_only_where_they_are(widths, words):
    assert words in plots.channel_ranges(np.array(widths, float).reshape(-1, 1)).alt


def test_nothing_is_outside_a_range_that_holds_all():
    assert (
        "relu1 0 to 6, 0.00% of the values outside"
        in plots.activation_ranges({"relu1": (np.arange(5.0), 0.0, 6.0)}).alt
    )
