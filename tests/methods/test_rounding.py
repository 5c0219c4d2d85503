"""Whole networks rounded by a rule: the codes are right, and what a layer is shown is what it gets."""

import numpy as np
import pytest

import made_up
from helpers.base.tf import keras
from helpers.methods import adaround, gptq, rounding
from helpers.methods.simulation import Simulation
from helpers.networks import folding
from helpers.networks.weights import channel_axis, weighted_layers
from helpers.numbers import quantization

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
    rounded = rounding.nearest(network, rounding.grids(network, 4, per_channel, within))
    for layer in weighted_layers(rounded):
        np.testing.assert_array_equal(layer.kernel.numpy(), simulated.weights(layer.name, 4, per_channel, within))
    for a, b in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b, "the network itself stays as it was")


def test_what_a_layer_is_shown_times_its_weights_is_its_output(network, pictures):
    """Of a convolution, a depthwise one and a dense layer, at every place of every picture."""
    for name in ("conv1", "depthwise1", "conv2", "dense"):
        layer = network.get_layer(name)
        rows = rounding.layer_inputs(network, name, pictures, 10**6)
        output = keras.Model(network.input, layer.output)(pictures).numpy()
        found = rows @ rounding.as_matrix(layer)
        if isinstance(layer, layers.DepthwiseConv2D):
            found = found[..., 0].T  # [channels, samples, 1]
        np.testing.assert_allclose(found + layer.bias.numpy(), output.reshape(len(found), -1), atol=1e-5)


def test_of_many_windows_some_are_drawn(network, pictures):
    few, again = (rounding.layer_inputs(network, "conv2", pictures, 50) for _ in range(2))
    assert len(few) == 50 and (few == again).all()


def to_nearest(weights, inputs, scale, largest):
    quotient = weights / scale
    return np.clip(np.sign(quotient) * np.floor(np.abs(quotient) + 0.5), -largest, largest)


@pytest.mark.parametrize("per_channel", [False, True])
def test_a_rule_that_rounds_to_nearest_gives_nearest(network, pictures, per_channel):
    grids = rounding.grids(network, 4, per_channel)
    by_rule = rounding.by_rule(network, grids, pictures, to_nearest)
    for a, b in zip(by_rule.get_weights(), rounding.nearest(network, grids).get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("catch_up", [False, True])
@pytest.mark.parametrize("rule", [gptq.rounded, adaround.rounded])
@pytest.mark.parametrize("per_channel", [False, True])
def test_every_layer_stays_on_its_grid(network, pictures, rule, per_channel, catch_up):
    grids = rounding.grids(network, 3, per_channel, "mse")
    rounded = rounding.by_rule(network, grids, pictures, rule, catch_up)
    for layer in weighted_layers(rounded):
        axis = channel_axis(layer) if per_channel else None
        codes = layer.kernel.numpy() / quantization.along(grids[layer.name].scale, layer.kernel.numpy(), axis)
        np.testing.assert_allclose(codes, np.round(codes), atol=1e-4)
        assert np.abs(codes).max() < 3.001


def test_every_layer_can_have_bits_of_its_own(network):
    bits = {layer.name: 2 + i % 5 for i, layer in enumerate(weighted_layers(network))}
    grids = rounding.grids(network, bits)
    assert {name: grid.bits for name, grid in grids.items()} == bits
    assert grids["depthwise1"].largest == 2 ** (bits["depthwise1"] - 1) - 1
    rounded = rounding.nearest(network, grids)
    for layer in weighted_layers(rounded):
        channels = np.moveaxis(layer.kernel.numpy(), channel_axis(layer), 0)
        assert max(len(np.unique(np.abs(channel))) for channel in channels) <= grids[layer.name].largest + 1


def test_a_layer_catches_up_with_those_before_it(network, pictures):
    """Its outputs come closer to those of the exact network, and their means are the same."""
    grids = rounding.grids(network, 3)
    errors = {}
    for catch_up in (False, True):
        rounded = rounding.by_rule(network, grids, pictures, gptq.rounded, catch_up)
        errors[catch_up] = []
        for layer in weighted_layers(rounded):
            own, exact = (
                keras.Model(m.input, m.get_layer(layer.name).output)(pictures).numpy() for m in (rounded, network)
            )
            errors[catch_up].append(np.mean((own - exact) ** 2))
            if catch_up:
                axes = tuple(range(own.ndim - 1))
                np.testing.assert_allclose(own.mean(axis=axes), exact.mean(axis=axes), atol=1e-4)
    assert np.mean(np.array(errors[True]) < errors[False]) > 0.8
