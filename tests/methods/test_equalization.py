"""Equalization: the function stays, the ranges of the channels become equal, and powers of two change no bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import made_up
from helpers.base.tf import keras
from helpers.methods import equalization
from helpers.networks import folding
from helpers.networks.weights import channel_axis
from helpers.numbers import quantization

layers = keras.layers
RNG = np.random.default_rng(3)


@pytest.fixture(scope="module")
def pictures():
    return RNG.random((6, 32, 32, 3), np.float32)


@pytest.fixture(scope="module")
def network(pictures):
    """A MobileNet of three blocks with random weights and biases, folded, without caps."""
    model = folding.fold(made_up.short_mobilenet(3))
    for layer in model.layers:
        if layer.get_weights():
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, RNG.normal(0, 0.1, bias.shape)])
    return equalization.without_caps(model)


def answers(model, pictures):
    return model(pictures, training=False).numpy()


def test_without_caps_is_the_same_network_where_nothing_reaches_six(pictures):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(5), layers.ReLU(6.0), layers.Dense(2)])
    small, large = RNG.random((20, 4), np.float32), 100 * RNG.random((20, 4), np.float32)
    plain = equalization.without_caps(keras.Model(model.inputs, model.outputs))
    np.testing.assert_array_equal(answers(plain, small), answers(model, small))
    assert np.abs(answers(plain, large) - answers(model, large)).max() > 1


def test_the_pairs_are_those_between_which_a_channel_can_be_scaled(network):
    found = equalization.pairs(network)
    assert found[:2] == [("conv1", "depthwise1"), ("depthwise1", "conv2")]
    assert found[-1][1] == "dense", "global average pooling lets a factor through"
    assert len(found) == 7


def test_where_branches_meet_there_is_no_pair():
    x = entry = keras.Input((8, 8, 3))
    x = layers.ReLU()(layers.Conv2D(4, 1, name="a")(x))
    y = layers.ReLU()(layers.Conv2D(4, 1, name="b")(x))
    z = layers.Conv2D(4, 1, name="c")(y)
    model = keras.Model(entry, layers.Add()([x, z]))
    assert equalization.pairs(model) == [("b", "c")]


def test_a_cap_is_refused():
    x = entry = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 1, name="b")(layers.ReLU(6.0, name="capped")(layers.Conv2D(4, 1, name="a")(x)))
    with pytest.raises(ValueError, match=r"capped has a cap at 6.0: call without_caps first"):
        equalization.pairs(keras.Model(entry, x))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_powers_of_two_change_no_bit(network, pictures, seed):
    rng = np.random.default_rng(seed)
    factors = {
        pair: np.exp2(rng.integers(-6, 7, network.get_layer(pair[0]).get_weights()[1].shape)).astype(np.float32)
        for pair in equalization.pairs(network)
    }
    scaled = equalization.rescaled(network, factors)
    np.testing.assert_array_equal(answers(scaled, pictures), answers(network, pictures))
    assert any((a != b).any() for a, b in zip(scaled.get_weights(), network.get_weights(), strict=True))


def test_equalization_leaves_the_function_and_makes_ranges_equal(network, pictures):
    spread = {
        pair: np.exp2(RNG.integers(-6, 7, network.get_layer(pair[0]).get_weights()[1].shape))
        for pair in equalization.pairs(network)
    }
    destroyed = equalization.rescaled(network, spread)
    equal = equalization.equalized(destroyed)
    np.testing.assert_allclose(answers(equal, pictures), answers(network, pictures), atol=2e-6)
    for first, second in equalization.pairs(equal):
        layer = equal.get_layer(first)
        written = quantization.reach(layer.get_weights()[0], channel_axis(layer))
        read = quantization.reach(equal.get_layer(second).get_weights()[0], -2)
        alive = (written > 0) & (read > 0)
        np.testing.assert_allclose(written[alive], read[alive], rtol=0.05)


def test_equalization_finds_the_way_back(network):
    """However the channels were scaled before, it ends at the same weights: what was free is free no longer."""
    first = equalization.equalized(network, 200)
    spread = {
        p: np.exp2(RNG.integers(-4, 5, network.get_layer(p[0]).get_weights()[1].shape))
        for p in equalization.pairs(network)
    }
    second = equalization.equalized(equalization.rescaled(network, spread), 200)
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=0.02, atol=1e-4)


# --- what can go wrong ------------------------------------------------------------------------------------------------


def test_factors_that_cannot_be(network):
    (pair, *_) = equalization.pairs(network)
    ones = np.ones(network.get_layer(pair[0]).get_weights()[1].shape)
    with pytest.raises(ValueError, match="Expected one of the pairs"):
        equalization.rescaled(network, {("conv1", "dense"): ones})
    with pytest.raises(ValueError, match="Expected positive factors between conv1 and depthwise1; found -1"):
        equalization.rescaled(network, {pair: -ones})
