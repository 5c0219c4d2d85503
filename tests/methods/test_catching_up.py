"""Catching up against NumPy's own least squares, and by what it must leave alone."""

import numpy as np

from helpers.methods import catching_up

RNG = np.random.default_rng(8)


def test_it_is_the_regression_of_yesterdays_output_on_todays_inputs():
    """With an intercept, which is the bias."""
    wanted = RNG.normal(1, 1, (3000, 5))
    seen = wanted + 0.3 * RNG.normal(0.5, 1, (3000, 5))
    weights = RNG.normal(size=(5, 4))
    with_one = np.column_stack([seen, np.ones(len(seen))])
    expected, *_ = np.linalg.lstsq(with_one, wanted @ weights, rcond=None)
    found = catching_up.moved(weights, seen, wanted)
    np.testing.assert_allclose(found, expected[:-1], atol=0.01)
    np.testing.assert_allclose(catching_up.missing_mean(weights, found, seen, wanted), expected[-1], atol=0.03)


def test_where_nothing_has_changed_nothing_moves():
    inputs, weights = RNG.normal(size=(100, 6)), RNG.normal(size=(6, 2))
    np.testing.assert_array_equal(catching_up.moved(weights, inputs, inputs), weights)
    assert (catching_up.missing_mean(weights, weights, inputs, inputs) == 0).all()


def test_an_input_that_has_died_keeps_its_weights():
    """Nothing can be learned about it."""
    wanted = RNG.normal(size=(200, 3))
    seen = wanted * [1, 1, 0]
    weights = RNG.normal(size=(3, 2))
    found = catching_up.moved(weights, seen, wanted)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[2], weights[2], atol=1e-6)


def test_channels_are_layers_of_their_own():
    wanted = RNG.normal(size=(4, 50, 9))
    seen, weights = wanted + 0.1 * RNG.normal(size=wanted.shape), RNG.normal(size=(4, 9, 1))
    together = catching_up.moved(weights, seen, wanted)
    for c in range(4):
        np.testing.assert_allclose(together[c], catching_up.moved(weights[c], seen[c], wanted[c]))
