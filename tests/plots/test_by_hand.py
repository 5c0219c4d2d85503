"""The figures of quantization by hand: what they draw is what the arithmetic gives."""

import numpy as np
import pytest

import figure_rules
from helpers import plots
from helpers.numbers import quantization
from helpers.plots import style

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
        ["3 output channels of conv1", "255 for the widest down to 26, half of the channels below 64"],
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


def test_a_channel_as_wide_as_the_widest_has_all_levels():
    right = plots.channel_ranges(np.array([[2.0], [-2], [1]]), 0).figure.axes[1]
    np.testing.assert_allclose(right.get_lines()[0].get_ydata(), [255, 255, 128])


def test_weights_are_joined_to_their_codes():
    values = np.array([-1, 0.5, 0.9])
    picture = plots.precision_axes(values, count=3)
    joins = [line.get_ydata() for line in picture.figure.axes[0].get_lines() if line.get_linestyle() == "--"]
    np.testing.assert_allclose(joins, [[-1, -0.7], [0.5, 0.7 * 64 / 127], [0.9, 0.7 * 114 / 127]])
