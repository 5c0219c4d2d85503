"""GPTQ against the search of all codes, against rounding to nearest, and by an example in the head."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.methods import gptq


def nearest(weights, scale, largest):
    return np.clip(np.round(weights / scale), -largest, largest).astype(np.int8)


def test_three_weights_by_hand():
    """Two inputs that are always equal: what is rounded away at the first is added to the second."""
    inputs = np.array([[1, 1, 0], [2, 2, 0], [0, 0, 1]], np.float64)
    weights = np.array([[0.4], [0.4], [0.4]])
    assert nearest(weights, 1.0, 7).ravel().tolist() == [0, 0, 0], "0.8 of the first two become nothing"
    assert gptq.rounded(weights, inputs, 1.0, 7).ravel().tolist() == [0, 1, 0], "0.4 + 0.4 is nearer to 1"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_the_error_of_the_output_is_at_most_that_of_rounding_on_average(seed):
    """Never much worse for a single filter, and better for a layer: on the very pictures that it has seen."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(400, 6)) @ rng.normal(size=(6, 12)) + 0.3 * rng.normal(size=(400, 12))
    weights = rng.normal(size=(12, 40)).astype(np.float32)
    scale = np.abs(weights).max(axis=0) / 7
    codes = gptq.rounded(weights, inputs, scale, 7)
    errors = [gptq.output_error(weights, c, inputs, scale) for c in (codes, nearest(weights, scale, 7))]
    assert errors[0] <= errors[1]
    assert codes.dtype == np.int8 and np.abs(codes).max() <= 7


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_it_lies_between_the_best_codes_and_the_nearest_ones(seed):
    """Four weights with codes from -1 to 1: all 81 choices can be tried."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(50, 4)) @ rng.normal(size=(4, 4))
    weights = rng.uniform(-1, 1, size=(4, 1))
    tried = [
        gptq.output_error(weights, np.array(c)[:, None], inputs, 1.0) for c in itertools.product((-1, 0, 1), repeat=4)
    ]
    found = gptq.output_error(weights, gptq.rounded(weights, inputs, 1.0, 1), inputs, 1.0)
    assert min(tried) <= found + 1e-12


def test_inputs_that_have_nothing_to_do_with_each_other_are_rounded_to_nearest():
    """The Hessian is a multiple of the identity: no weight can make good for another."""
    rng = np.random.default_rng(0)
    inputs, _ = np.linalg.qr(rng.normal(size=(64, 8)))
    weights = rng.normal(size=(8, 5))
    np.testing.assert_array_equal(gptq.rounded(weights, inputs, 0.3, 7), nearest(weights, 0.3, 7))


def test_the_hessian_is_half_the_second_derivative():
    rng = np.random.default_rng(1)
    inputs, moved = rng.normal(size=(30, 5)), rng.normal(size=5)
    assert np.sum((inputs @ moved) ** 2) == pytest.approx(moved @ gptq.hessian(inputs, 0) @ moved)


def test_an_input_that_never_varies_is_no_obstacle():
    inputs = np.zeros((10, 3))
    inputs[:, 0] = 1
    assert np.isfinite(gptq.rounded(np.ones((3, 2)), inputs, 0.4, 7)).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_after_each_weight_the_rest_is_the_least_squares_solution(seed):
    """The same written the slow way: round one, and solve for all that are left."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(60, 3)) @ rng.normal(size=(3, 7)) + 0.3 * rng.normal(size=(60, 7))
    weights, scale = rng.normal(size=(7, 5)), 0.3
    damping = np.sqrt(gptq.hessian(inputs) - gptq.hessian(inputs, 0)).diagonal().mean()
    rows = np.vstack([inputs, damping * np.eye(7)])
    left, codes = weights.copy(), np.zeros((7, 5))
    for i in range(7):
        codes[i] = np.clip(np.round(left[i] / scale), -7, 7)
        missing = rows @ weights - rows[:, : i + 1] @ (codes[: i + 1] * scale)
        left[i + 1 :] = np.linalg.lstsq(rows[:, i + 1 :], missing, rcond=None)[0]
    np.testing.assert_array_equal(gptq.rounded(weights, inputs, scale, 7), codes)


def edge_quantizer(weights, inputs, scale):
    """Return the codes of AI Edge Quantizer for the same layer."""
    from ai_edge_quantizer import qtyping
    from ai_edge_quantizer.algorithms.uniform_quantize import gptq as theirs

    form = {"num_bits": 4, "symmetric": True}
    zeros = np.zeros((len(scale), 1), np.int64)
    grid = qtyping.UniformQuantParams(quantized_dimension=0, scale=scale[:, None], zero_point=zeros, **form)
    config = qtyping.TensorQuantizationConfig(granularity=qtyping.QuantGranularity.CHANNELWISE, **form)
    curvature = {"hessian": (2 / len(inputs) * inputs.T @ inputs).astype(np.float32)}
    return theirs._apply_gptq(weights.T.copy(), grid, curvature, config).quantized_data.T


def test_a_dense_layer_of_two_inputs_gets_the_codes_of_ai_edge_quantizer():
    rng = np.random.default_rng(3)
    inputs = rng.normal(size=(400, 1)) * [1, 0.8] + 0.2 * rng.normal(size=(400, 2))
    weights = rng.normal(size=(2, 300)).astype(np.float32)
    scale = np.float32(np.abs(weights).max(axis=0) / 7)
    theirs = np.maximum(edge_quantizer(weights, inputs, scale), -7)  # they use the code -8 as well
    np.testing.assert_array_equal(gptq.rounded(weights, inputs, scale, 7), theirs)


def test_with_more_inputs_the_error_is_smaller_than_theirs():
    """Version 0.10 takes the rows of the inverse Hessian as they are, and not those of its Cholesky factor.

    After the first weight that moves the others by what would be right if the rounded ones were still free.
    """
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(500, 6)) @ rng.normal(size=(6, 40)) + 0.5 * rng.normal(size=(500, 40))
    weights = rng.normal(size=(40, 16)).astype(np.float32)
    scale = np.float32(np.abs(weights).max(axis=0) / 7)
    ours, theirs = gptq.rounded(weights, inputs, scale, 7), edge_quantizer(weights, inputs, scale)
    np.testing.assert_array_equal(ours[:2], theirs[:2])
    errors = [gptq.output_error(weights, codes, inputs, scale) for codes in (ours, theirs)]
    assert errors[0] < 0.6 * errors[1]
