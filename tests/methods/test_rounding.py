"""Whole networks rounded by a rule: the codes are right, and what a layer is shown is what it gets."""

import numpy as np
import pytest

import made_up
from helpers.base.tf import keras
from helpers.methods import gptq, rounding
from helpers.methods.simulation import Simulation
from helpers.networks import folding
from helpers.networks.weights import weighted_layers

layers = keras.layers


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).random((4, 32, 32, 3), np.float32)


@pytest.fixture(scope="module")
def network():
    """A MobileNet of three blocks with random weights and biases, folded."""
    rng = np.random.default_rng(1)
    model = folding.fold(made_up.short_mobilenet(1))
    for layer in weighted_layers(model):
        layer.bias.assign(rng.normal(0, 0.1, layer.bias.shape))
    return model


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("within", ["min/max", "mse"])
def test_nearest_is_what_the_simulation_does(network, pictures, per_channel, within):
    simulated, before = Simulation(network, pictures), network.get_weights()
    rounded = rounding.nearest(network, 4, per_channel, within)
    for layer in weighted_layers(rounded):
        np.testing.assert_array_equal(layer.kernel.numpy(), simulated.weights(layer.name, 4, per_channel, within))
    for a, b in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b, "the network itself stays as it was")


def test_what_a_layer_is_shown_times_its_weights_is_its_output(network, pictures):
    """Of a convolution, a depthwise one and a dense layer, at every place of every picture."""
    for name in ("conv1", "depthwise1", "conv2", "dense"):
        layer = network.get_layer(name)
        rows, kernel = rounding.layer_inputs(network, name, pictures, 10**6), layer.kernel.numpy()
        output = keras.Model(network.input, layer.output)(pictures).numpy()
        if isinstance(layer, layers.DepthwiseConv2D):
            found = np.einsum("stc,tc->sc", rows, kernel.reshape(-1, kernel.shape[2]))
        else:
            found = rows @ kernel.reshape(-1, kernel.shape[-1])
        np.testing.assert_allclose(found + layer.bias.numpy(), output.reshape(len(rows), -1), atol=1e-5)


def test_of_many_windows_some_are_drawn(network, pictures):
    few, again = (rounding.layer_inputs(network, "conv2", pictures, 50) for _ in range(2))
    assert len(few) == 50 and (few == again).all()


@pytest.mark.parametrize("per_channel", [False, True])
def test_a_rule_that_rounds_to_nearest_gives_nearest(network, pictures, per_channel):
    def rule(weights, inputs, scale, largest):
        quotient = weights / scale
        return np.clip(np.sign(quotient) * np.floor(np.abs(quotient) + np.float32(0.5)), -largest, largest)

    by_rule = rounding.by_rule(network, 4, pictures, rule, per_channel)
    nearest = rounding.nearest(network, 4, per_channel)
    for a, b in zip(by_rule.get_weights(), nearest.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)


def test_gptq_keeps_every_layer_on_its_grid(network, pictures):
    rounded = rounding.by_rule(network, 4, pictures, gptq.rounded, per_channel=False)
    for layer, exact in zip(weighted_layers(rounded), weighted_layers(network), strict=True):
        scale = np.abs(exact.kernel.numpy()).max() / 7
        codes = layer.kernel.numpy() / scale
        np.testing.assert_allclose(codes, np.round(codes), atol=1e-4)
        assert np.abs(codes).max() < 7.001
