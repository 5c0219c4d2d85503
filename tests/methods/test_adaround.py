"""AdaRound: never more than one code away, better for the output than the nearest codes, and close to the best."""

import itertools

import numpy as np
import pytest

from helpers.methods import adaround, gptq


@pytest.fixture(scope="module")
def layer():
    """A layer whose inputs go together, so that errors can cancel."""
    rng = np.random.default_rng(5)
    inputs = (rng.normal(size=(500, 3)) @ rng.normal(size=(3, 12)) + 0.3 * rng.normal(size=(500, 12))).astype(
        np.float32
    )
    weights = rng.normal(size=(12, 8)).astype(np.float32)
    return inputs, weights, (np.abs(weights).max(axis=0) / 7).astype(np.float32)


def nearest(weights, scale, largest):
    return np.clip(np.round(weights / scale), -largest, largest)


def test_a_weight_goes_up_or_down_and_nowhere_else(layer):
    inputs, weights, scale = layer
    codes = adaround.rounded(weights, inputs, scale, 7)
    assert codes.dtype == np.int8 and np.abs(codes).max() <= 7
    assert (np.abs(codes - weights / scale) < 1 + 1e-5).all()


def test_the_output_is_closer_than_with_the_nearest_codes(layer):
    inputs, weights, scale = layer
    codes = adaround.rounded(weights, inputs, scale, 7)
    error, before = (gptq.output_error(weights, c, inputs, scale) for c in (codes, nearest(weights, scale, 7)))
    assert error < 0.8 * before
    assert (codes != nearest(weights, scale, 7)).any(), "some of the best codes are not the nearest ones"


def test_two_layers_side_by_side_are_two_layers(layer):
    """The channels of a depthwise convolution: nothing of one changes the other but the unit of the penalty."""
    inputs, weights, scale = layer
    both = adaround.rounded(
        np.stack([weights, 2 * weights]), np.stack([inputs, inputs]), np.stack([scale[None]] * 2), 7
    )
    np.testing.assert_array_equal(both[0], adaround.rounded(weights, inputs, scale, 7))
    np.testing.assert_array_equal(both[1], adaround.rounded(2 * weights, inputs, scale, 7))


def test_the_gradient_is_that_of_the_error(layer):
    inputs, weights, scale = layer
    exact = np.float64(weights) / scale
    curvature = adaround._curvature(exact, inputs, scale, 7)
    unit = gptq.output_error(weights, nearest(weights, scale, 7), inputs, scale)
    codes, step = exact + 0.3, 1e-5
    slope = (curvature @ ((codes - exact) * scale) * scale)[2, 3]
    moved = codes.copy()
    moved[2, 3] += step
    ends = [gptq.output_error(weights, c, inputs, scale) / unit * weights.size for c in (codes, moved)]
    assert (ends[1] - ends[0]) / step == pytest.approx(slope, rel=1e-3)


def test_weights_beyond_the_last_code_stay_there(layer):
    inputs, weights, scale = layer
    codes = adaround.rounded(weights, inputs, scale / 4, 7)
    np.testing.assert_array_equal(codes[weights / scale * 4 > 7.01], 7)
    np.testing.assert_array_equal(codes[weights / scale * 4 < -7.01], -7)


def test_it_comes_close_to_the_best_of_all_choices():
    """Six weights: the 64 ways up or down can all be tried."""
    rng = np.random.default_rng(2)
    inputs = (rng.normal(size=(200, 2)) @ rng.normal(size=(2, 6)) + 0.1 * rng.normal(size=(200, 6))).astype(np.float32)
    weights = rng.uniform(-3, 3, size=(6, 1)).astype(np.float32)
    down = np.floor(weights)
    every = [
        gptq.output_error(weights, down + np.array(up)[:, None], inputs, 1.0)
        for up in itertools.product((0, 1), repeat=6)
    ]
    found = gptq.output_error(weights, adaround.rounded(weights, inputs, 1.0, 7), inputs, 1.0)
    rounding = gptq.output_error(weights, np.round(weights), inputs, 1.0)
    assert min(every) - 1e-6 <= found <= rounding
    assert sum(error < found - 1e-6 for error in every) <= 6, "at most one in ten of them is better"
