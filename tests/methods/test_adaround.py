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
    codes = adaround.rounded(weights, inputs, scale, 7, steps=300)
    assert codes.dtype == np.int8 and np.abs(codes).max() <= 7
    assert (np.abs(codes - weights / scale) < 1 + 1e-5).all()


def test_the_output_is_closer_than_with_the_nearest_codes(layer):
    inputs, weights, scale = layer
    codes = adaround.rounded(weights, inputs, scale, 7, steps=600)
    error, before = (gptq.output_error(weights, c, inputs, scale) for c in (codes, nearest(weights, scale, 7)))
    assert error < 0.8 * before
    assert (codes != nearest(weights, scale, 7)).any(), "some of the best codes are not the nearest ones"


def test_the_same_seed_gives_the_same_codes(layer):
    inputs, weights, scale = layer
    first, second = (adaround.rounded(weights, inputs, scale, 7, steps=100, seed=1) for _ in range(2))
    np.testing.assert_array_equal(first, second)


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
    found = gptq.output_error(weights, adaround.rounded(weights, inputs, 1.0, 7, steps=800), inputs, 1.0)
    rounding = gptq.output_error(weights, np.round(weights), inputs, 1.0)
    assert min(every) - 1e-6 <= found <= rounding
    assert sum(error < found - 1e-6 for error in every) <= 6, "at most one in ten of them is better"
