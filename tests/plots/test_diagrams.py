"""Trees with a box for every text, and the parts of a network as the file has them."""

import numpy as np
import pytest

import figure_rules
from helpers import plots
from helpers.tflite import inspect
from plots_data import suptitle


def made_up_tensor(role, shape, dtype, scale, zero_point):
    scale, zero_point = np.float32(scale), np.int64(zero_point)
    return inspect.Tensor(0, role, shape, dtype, scale, zero_point, 0, role, None)


TENSORS = [
    made_up_tensor("input", (1, 6), "int8", [0.00392], [-128]),
    made_up_tensor("weights", (4, 6), "int8", [0.1, 0.2, 0.3, 0.4], [0] * 4),
    made_up_tensor("bias", (4,), "int32", [0.001, 0.002, 0.003, 0.004], [0] * 4),
    made_up_tensor("output", (1, 4), "int8", [0.05], [3]),
    made_up_tensor("constant", (2,), "int32", [], []),
]

# Each figure, and what its description must name.
FIGURES = {
    "reasons": (
        lambda: plots.reasons("3.7 times smaller", "1.2 times as fast", "6 of 12 boards"),
        ["Why quantize?: size (3.7 times smaller); latency (1.2 times as fast); portability (6 of 12 boards)"],
    ),
    "kinds_of_quantization": (
        lambda: plots.kinds_of_quantization("180 kB"),
        ["weight compression, for size (180 kB); quantized inference, for latency); quantization-aware"],
    ),
    "network_parts": (
        lambda: plots.network_parts(TENSORS),
        [
            "weights: 1 tensor, 24 values, int8, one scale for each channel, scale 0.1 to 0.4, zero point 0",
            "biases: 1 tensor, 4 values, int32, one scale for each channel, scale 0.001 to 0.004, zero point 0",
            "activations: 2 tensors, 10 values, int8, one scale for each tensor, scale 0.0039 to 0.05, zero point -128",
        ],
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_keeps_the_rules(name):
    figure_rules.check(*FIGURES[name])


def test_a_tree_has_a_box_for_every_text():
    branches = {"one": {"two": {}, "three and a rather long text that must be wrapped": {}}, "four": {}}
    picture = plots.tree("root", branches, "A title")
    axes = picture.figure.axes[0]
    assert len(axes.patches) == len(axes.texts) == 5
    assert max(len(line) for text in axes.texts for line in text.get_text().split("\n")) <= 28
    places = [round(box.get_y() + 0.4, 6) for box in axes.patches]
    assert places == [1, 0.5, 0, 1, 2]  # root, one, two, three, four: a parent in the middle of its branches
    assert "one (two; three and a rather long text that must be wrapped); four" in picture.alt


def test_a_file_without_scales_has_no_parts_to_light():
    with pytest.raises(ValueError, match="tensors of a full int8 file: weights, biases and activations"):
        plots.network_parts([t for t in TENSORS if t.role != "bias"])


def test_a_number_is_promised_only_where_there_is_one():
    assert plots.reasons("4 times", "2 times", "6 of 12").alt.startswith(
        "Three reasons, each with a number from this run"
    )
    assert plots.reasons("4 times", "faster", "6 of 12").alt.startswith(
        "Three reasons, and what was found in this run."
    )


def test_what_was_not_run_has_no_branch():
    assert "for size; quantized inference, for latency)" in plots.kinds_of_quantization().alt


def test_parts_that_are_quantized_alike_have_no_way_of_their_own():
    """Biases of one scale each, in int8 as the activations are."""
    alike = [t if t.role != "bias" else made_up_tensor("bias", (4,), "int8", [0.1], [0]) for t in TENSORS]
    assert suptitle(plots.network_parts(TENSORS)) == "Three things to quantize, each in its own way"
    assert suptitle(plots.network_parts(alike)) == "Three things to quantize, biases and activations in the same way"
    one = made_up_tensor("weights", (1,), "int8", [0.1], [0])
    all_alike = [one if t.role == "weights" else t for t in alike]
    picture = plots.network_parts(all_alike)
    assert suptitle(picture) == "Three things to quantize, all in the same way"
    assert "weights: 1 tensor, 1 value, int8, one scale for each tensor, scale 0.1, zero point 0" in picture.alt
