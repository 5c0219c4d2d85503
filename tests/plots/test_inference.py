"""The figure of a whole picture: bars as long as the instructions, and words that follow from them."""

import pytest

import figure_rules
from helpers import plots
from helpers.board.inference import Inference, Step
from helpers.plots import inference
from plots_data import panel_title


def made_up(label, sizes, kinds=("CONV_2D", "ADD", "CONV_2D", "MEAN")):
    steps = [
        Step(kind, f"layer{i}", 10, size, size, 2 * size)
        for i, (kind, size) in enumerate(zip(kinds, sizes, strict=True))
    ]
    return Inference(label, tuple(steps), (1, 2), 1000, 100, 10, 5, "measured")


FOUND = [
    made_up("Cortex-M4F, SMLAD", (6e6, 1e6, 2e6, 1e4)),
    made_up("Cortex-M4F, plain C", (12e6, 1e6, 4e6, 1e4)),
    made_up("Cortex-M0+, plain C", (30e6, 2e6, 8e6, 1e4)),
]
ESTIMATED = {"Cortex-M4F, SMLAD": (7e6, 8e6), "Cortex-M0+, plain C": (30e6, 50e6)}


@pytest.fixture(scope="module")
def picture():
    return plots.instructions_of_a_picture(FOUND, ESTIMATED, shown=2)


def test_it_keeps_the_rules():
    named = (
        "Cortex-M4F, SMLAD 9.0 million (convolution 88.8%, addition 11.1%, mean and softmax 0.1%)",
        "Cortex-M0+, plain C 40.0 million",
        "Cortex-M4F, SMLAD 7 to 8; Cortex-M0+, plain C 30 to 50",
        "layer0 6.0 million, layer2 2.0 million. 1 of 4 layers takes half of all instructions",
        "Beside Cortex-M4F, SMLAD: plain C 1.9 times and Cortex-M0+ 4.4 times as many",
    )
    figure_rules.check(lambda: plots.instructions_of_a_picture(FOUND, ESTIMATED, shown=2), named)


def test_bars_are_as_long_as_the_instructions(picture):
    left, right = picture.figure.axes
    widths = [round(bar.get_width(), 3) for bar in left.patches]
    assert widths == [6.0, 2.0, 1.01, 12.0, 4.0, 1.01]  # layer0, layer2 and the others, twice
    assert [label.get_text() for label in left.get_yticklabels()] == ["layer0", "layer2", "2 others"]
    rows = {}
    for bar in right.patches:
        row = round(bar.get_y() + bar.get_height() / 2)
        rows[row] = rows.get(row, 0) + bar.get_width()
    assert [round(rows[row], 2) for row in range(3)] == [9.01, 17.01, 40.01]
    lines = [tuple(line.get_xdata()) for line in right.lines]
    assert lines == [(7.0, 8.0), (30.0, 50.0)]


def test_small_kinds_are_one(picture):
    legend = [text.get_text() for text in picture.figure.axes[1].get_legend().get_texts()]
    assert legend == ["convolution", "addition", "all else"]


def test_titles_follow_the_numbers():
    even = made_up("Cortex-M4F, SMLAD", (1e6, 1e6, 1e6, 1e6))
    assert inference._most(even) == "2 of 4 layers take\nhalf of all instructions"
    fewer = made_up("Cortex-M4F, plain C", (1e6, 1e6, 0, 0))
    assert inference._compared([even, fewer]) == "Beside Cortex-M4F, SMLAD:\nplain C 0.5 times as many"
    shown = plots.instructions_of_a_picture([even, fewer], {})
    assert "Estimated before, in millions: nothing." in shown.alt
    assert panel_title(shown, 1).startswith("Beside Cortex-M4F")
