"""The layers that are counted: how their multipliers are written, and which of them a kernel does not take."""

import dataclasses

import numpy as np
import pytest

from helpers.board import counts
from helpers.board.layers import example
from helpers.board.routines import POINTWISE


@pytest.mark.parametrize("power, shifts", [(-25.0, {-24}), (-33.0, {0}), (6.0, {7})])
def test_the_shifts_are_those_drawn(power, shifts):
    layer = dataclasses.replace(
        example(POINTWISE), weight_scales=np.float32([2.0**power]), input_scale=1, output_scale=1
    )
    multiplier, shift = layer.multipliers()
    assert set(shift.tolist()) == shifts
    assert set(multiplier.tolist()) == ({0} if power < -32 else {2**30})


@pytest.mark.parametrize(
    "kernel, change, said",
    [
        ("depthwise_i8", {}, "computes a 3×3 depthwise convolution; found a 1×1"),
        ("pointwise_i8_smlad", {"codes": np.zeros((1, 3, 64), np.int8)}, "multiples of 2, 2, 4; found 3, 64, 64"),
        ("pointwise_i8", {"strides": (2, 2)}, r"takes stride 1; found \(2, 2\)"),
        (
            "pointwise_i8",
            {"codes": np.zeros((1, 1, 600), np.int8), "weights": np.zeros((64, 1, 1, 600), np.int8)},
            "up to 512 channels; found 600",
        ),
    ],
)
def test_layers_that_a_kernel_does_not_take(kernel, change, said):
    with pytest.raises(ValueError, match=said):
        counts.count("Cortex-M4F", kernel, dataclasses.replace(example(POINTWISE), **change))
