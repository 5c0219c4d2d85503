"""Sensitivities: the noise against the signal-to-noise ratio, and the loss against what really happens."""

import numpy as np
import pytest

import made_up
from helpers.base.tf import keras
from helpers.methods import rounding, sensitivity
from helpers.networks import folding
from helpers.networks.weights import weighted_layers
from helpers.numbers import errors

layers = keras.layers


@pytest.fixture(scope="module")
def network():
    return folding.fold(made_up.short_mobilenet(7))


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).random((12, 32, 32, 3), np.float32)


def test_the_noise_is_the_signal_to_noise_ratio_turned_over(network):
    grids = rounding.grids(network, 4)
    rounded = rounding.nearest(network, grids)
    for name, cost in sensitivity.noise(network, grids).items():
        ratio = errors.sqnr(network.get_layer(name).kernel.numpy(), rounded.get_layer(name).kernel.numpy())
        assert -10 * np.log10(cost) == pytest.approx(ratio, abs=0.01)


def test_fewer_bits_cost_more(network, pictures):
    fisher = sensitivity.fisher(network, pictures)
    for costs in (sensitivity.noise, lambda m, g: sensitivity.loss(m, g, fisher)):
        eight, three = (costs(network, rounding.grids(network, bits)) for bits in (8, 3))
        assert list(eight) == [layer.name for layer in weighted_layers(network)]
        assert sum(three.values()) > 20 * sum(eight.values())


def test_the_fisher_information_of_a_logistic_regression():
    """By hand: p (1 - p) x^2 at each of the two columns of weights."""
    entry = keras.Input((3,))
    model = keras.Model(entry, layers.Softmax()(layers.Dense(2, name="dense")(entry)))
    rng = np.random.default_rng(3)
    x = rng.normal(size=(4000, 3)).astype(np.float32)
    p = model(x).numpy()
    expected = np.mean((p[:, 0] * p[:, 1])[:, None] * x**2, axis=0)
    found = sensitivity.fisher(model, x)["dense"]
    np.testing.assert_allclose(found, np.stack([expected, expected], axis=1), rtol=0.1)


def test_the_loss_is_about_the_divergence_of_the_answers():
    """Small errors of one dense layer: half of Fisher times the squared error is the expected divergence in nats."""
    rng = np.random.default_rng(5)
    entry = keras.Input((6,))
    model = keras.Model(entry, layers.Softmax()(layers.Dense(2, name="dense")(entry)))
    x = rng.normal(size=(1500, 6)).astype(np.float32)
    fisher = sensitivity.fisher(model, x)
    grids = rounding.grids(model, 5)
    (expected,) = sensitivity.loss(model, grids, fisher).values()
    before, after = (m(x).numpy() for m in (model, rounding.nearest(model, grids)))
    divergence = np.mean(np.sum(before * np.log(before / after), axis=1))
    assert 0.3 * expected < divergence < 3 * expected


def test_the_same_seed_gives_the_same_numbers(network, pictures):
    first, second = (sensitivity.fisher(network, pictures[:3], seed=1) for _ in range(2))
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])
