"""One value of a convolution, step by step, against TFLite's reference kernels and the integer network."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from helpers.integer import comparison, one_value
from helpers.networks.plans import PRETRAINED_INT8 as SHIPPED
from helpers.tflite import inspect
from one_operator import Operand, build, run, weighed
from random_layers import EXAMPLES, KERNELS, LENGTHS, PLACES, WEIGHED, draw_codes, fits, geometry, places_of


@pytest.fixture(scope="module")
def codes():
    return np.random.default_rng(0).integers(-128, 128, (96, 96, 3), np.int8)


def test_every_value_of_the_first_layer_is_that_of_the_reference_kernels(codes):
    layer = one_value.first_convolution(SHIPPED, codes)
    tensors = comparison.kernel_tensors(SHIPPED, codes[np.newaxis], "reference")
    expected = tensors[inspect.operators(SHIPPED)[0].outputs[0]][0]
    for channel in range(layer.shape[2]):
        np.testing.assert_array_equal(layer.outputs(channel), expected[..., channel])
    for row, column, channel in np.random.default_rng(1).integers(0, layer.shape, (300, 3)):
        assert one_value.trace(layer, row, column, channel)[-1][1] == expected[row, column, channel]


def test_the_steps_lead_from_the_products_to_the_code(codes):
    """Each number follows from the one before it, in plain Python integers."""
    layer = one_value.first_convolution(SHIPPED, codes)
    for channel in range(layer.shape[2]):
        steps = one_value.trace(layer, 7, 30, channel)
        words, values = zip(*steps, strict=True)
        products = [int(a) * int(b) for a, b in zip(layer.window(7, 30).flat, layer.weights[channel].flat, strict=True)]
        assert words[0] == f"the sum of {len(products)} products" and values[0] == sum(products)
        assert values[1] == sum(products) + int(layer.bias[channel])
        multiplier, shift = int(layer.multipliers[channel]), int(layer.shifts[channel])
        assert values[2] == (values[1] * multiplier + 2**30) >> 31
        assert shift < 0 and abs(values[3] - values[2] / 2**-shift) <= 0.5
        assert values[4] == values[3] + layer.output_zero_point
        assert values[5] == min(max(values[4], layer.limits[0]), layer.limits[1])


@given(WEIGHED, PLACES, LENGTHS, KERNELS, st.integers(1, 3), st.integers(1, 4))
@EXAMPLES
def test_any_convolution(folder, drawn, places, lengths, kernel, channels, filters):
    """Any stride, padding, bias, activation, and ratios above 1, whose shift is to the left."""
    places = places | {"dilations": (1, 1)}
    assume(fits(lengths, kernel, places))
    codes = draw_codes(drawn[-1], (1, *lengths, channels))
    weights = draw_codes(drawn[-1] + 1, (filters, *kernel, channels), -127)
    shape = (1, *places_of(lengths, kernel, places), filters)
    path = folder / "one.tflite"
    path.write_bytes(content := weighed("CONV_2D", codes, weights, 0, shape, drawn, **geometry(places)))
    layer, expected = one_value.first_convolution(path, codes[0]), run(content, codes)[0]
    assert layer.shape == expected.shape
    for channel in range(filters):
        np.testing.assert_array_equal(layer.outputs(channel), expected[..., channel])
    for place in [(0, 0, 0), tuple(size - 1 for size in layer.shape)]:
        assert one_value.trace(layer, *place)[-1][1] == expected[place]


# --- what cannot be shown -------------------------------------------------------------------------------------------


def test_another_beginning_is_refused(folder):
    operand = Operand((1, 4, 4, 3), scale=0.1)
    path = folder / "pool.tflite"
    output = Operand((1, 2, 2, 3), scale=0.1)
    settings = {"filterHeight": 2, "filterWidth": 2, "strideH": 2, "strideW": 2}
    path.write_bytes(build("MAX_POOL_2D", [operand], output, **settings))
    with pytest.raises(ValueError, match="begins with CONV_2D; pool.tflite begins with MAX_POOL_2D"):
        one_value.first_convolution(path, np.zeros((4, 4, 3), np.int8))


@pytest.mark.parametrize("wrong", [np.zeros((1, 96, 96, 3), np.int8), np.zeros((96, 96, 3), np.uint8)])
def test_another_picture_is_refused(wrong):
    with pytest.raises(ValueError, match=r"Expected the codes of one picture, int8 \[96, 96, 3\]; found"):
        one_value.first_convolution(SHIPPED, wrong)


@pytest.mark.parametrize("place", [(48, 0, 0), (0, -1, 0), (0, 0, 16)])
def test_a_value_that_is_not_there_is_refused(codes, place):
    layer = one_value.first_convolution(SHIPPED, codes)
    with pytest.raises(IndexError, match="Expected one of 48 x 48 x 16 values, counted from 0; found"):
        one_value.trace(layer, *place)
