"""Activations byte by byte as TFLite's reference kernels have them: every code that goes in, with any scale."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import OpResolverType
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.integer.network import load_network
from one_operator import Operand, build, constant, int8, refused, run, same_bytes
from random_layers import RATIOS, SCALES, SEEDS, SIXTY, ZERO_POINTS, draw_codes

EVERY_CODE = np.arange(-128, 128, dtype=np.int8)[None]
INTO = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}  # scale and zero point of the outputs, as the converter has


@pytest.mark.parametrize("operator", INTO)
@given(scale=SCALES, zero=ZERO_POINTS)
@settings(max_examples=60, deadline=None, derandomize=True)  # the C library's last bit could decide in some
def test_curves(folder, operator, scale, zero):
    output = Operand(EVERY_CODE.shape, "int8", *INTO[operator])
    content = build(operator, [Operand(EVERY_CODE.shape, "int8", scale, zero)], output)
    found = same_bytes(content, EVERY_CODE, folder)
    assert (np.diff(found.astype(int)) >= 0).all()
    for kernels in (OpResolverType.BUILTIN, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES):
        np.testing.assert_array_equal(run(content, EVERY_CODE, kernels=kernels), found)


@given(SCALES, ZERO_POINTS, st.floats(1e-3, 1.0), ZERO_POINTS)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_hyperbolic_tangent_of_any_scale(folder, scale, zero, output_scale, output_zero):
    output = Operand(EVERY_CODE.shape, "int8", output_scale, output_zero)
    same_bytes(build("TANH", [Operand(EVERY_CODE.shape, "int8", scale, zero)], output), EVERY_CODE, folder)


@given(SCALES, ZERO_POINTS, st.floats(0.1, 100.0), ZERO_POINTS)
@SIXTY
def test_hard_swish(folder, scale, zero, ratio, output_zero):
    output = Operand(EVERY_CODE.shape, "int8", scale * ratio, output_zero)
    content = build("HARD_SWISH", [Operand(EVERY_CODE.shape, "int8", scale, zero)], output)
    same_bytes(content, EVERY_CODE, folder)


@given(SCALES, ZERO_POINTS, RATIOS, ZERO_POINTS, st.floats(0.0, 1.5, width=32))
@SIXTY
def test_leaky_relu(folder, scale, zero, ratio, output_zero, slope):
    output = Operand(EVERY_CODE.shape, "int8", scale * ratio, output_zero)
    inputs = [Operand(EVERY_CODE.shape, "int8", scale, zero)]
    same_bytes(build("LEAKY_RELU", inputs, output, alpha=slope), EVERY_CODE, folder)


@given(
    st.sampled_from([(1, 1, 3), (1, 4, 3), (5, 4, 3), (3,), (1,)]),
    st.tuples(SCALES, SCALES),
    RATIOS,
    st.tuples(ZERO_POINTS, ZERO_POINTS, ZERO_POINTS),
    SEEDS,
)
@SIXTY
def test_prelu(folder, shape, scales, ratio, zeros, seed):
    codes, slopes = draw_codes(seed, (2, 5, 4, 3)), draw_codes(seed + 1, shape)
    inputs = [
        Operand(codes.shape, "int8", scales[0], zeros[0]),
        Operand(shape, "int8", scales[1], zeros[1], 0, slopes),
    ]
    same_bytes(build("PRELU", inputs, Operand(codes.shape, "int8", scales[0] * ratio, zeros[2])), codes, folder)


@pytest.mark.parametrize("operator", ["RELU_N1_TO_1", "RELU_0_TO_1"])
@given(scale=SCALES, ratio=RATIOS, zero=ZERO_POINTS, output_zero=ZERO_POINTS)
@SIXTY
def test_activations_between_two_numbers(folder, operator, scale, ratio, zero, output_zero):
    output = Operand(EVERY_CODE.shape, "int8", scale * ratio, output_zero)
    content = build(operator, [Operand(EVERY_CODE.shape, "int8", scale, zero)], output)
    same_bytes(content, EVERY_CODE, folder)


def test_codes_of_any_layout_are_looked_up(folder):
    """Also where they come from a TRANSPOSE, which leaves them where they are."""
    content = build("TANH", [int8(2, 3, 4)], Operand((2, 3, 4), "int8", 1 / 128, 0))
    codes = draw_codes(5, (2, 4, 3)).transpose(0, 2, 1)
    assert not codes.flags.c_contiguous
    same_bytes(content, codes, folder)


# --- what is refused --------------------------------------------------------------------------------------------------


def test_what_the_kernels_refuse_is_refused(folder):
    refused(folder, build("LOGISTIC", [int8(1, 3)], int8(1, 3)), "TensorFlow Lite takes 1/256 only")
    with pytest.raises(RuntimeError, match="1. / 256"):
        run(build("LOGISTIC", [int8(1, 3)], int8(1, 3)), EVERY_CODE[:, :3])
    small = build("HARD_SWISH", [int8(1, 3)], int8(1, 3, scale=1e-5))
    refused(folder, small, "too small for its input's 0.1")
    with pytest.raises(RuntimeError, match="output_multiplier_exponent <= 0"):
        run(small, EVERY_CODE[:, :3])


def test_a_slope_that_turns_numbers_around_is_refused(folder):
    refused(folder, build("LEAKY_RELU", [int8(1, 3)], int8(1, 3), alpha=-0.5), "its slope below zero is -0.5")


def test_the_number_of_axes_of_a_prelu(folder):
    """A slope for each picture would be one for each of several: the network runs them one at a time."""
    slopes = Operand((2, 3), "int8", 0.1, 0, 0, draw_codes(1, (2, 3)))
    content = build("PRELU", [int8(2, 3), slopes], int8(2, 3))
    (folder / "one.tflite").write_bytes(content)
    assert not load_network(folder / "one.tflite").counted
    same_bytes(content, draw_codes(2, (2, 3)), folder)
    assume_constant = build("PRELU", [int8(2, 3), constant(np.ones((1, 3), np.int8), 0.1)], int8(2, 3))
    (folder / "one.tflite").write_bytes(assume_constant)
    assert load_network(folder / "one.tflite").counted
