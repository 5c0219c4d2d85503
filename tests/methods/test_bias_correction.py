"""Bias correction: the means of the channels are those of the exact network, measured or computed by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

import made_up
from helpers.base.tf import keras
from helpers.methods import bias_correction
from helpers.networks import folding, training
from helpers.networks.weights import weighted_layers

layers = keras.layers


@settings(max_examples=60, deadline=None)
@given(st.floats(-5, 8), st.floats(0.05, 4), st.sampled_from([6.0, 1.5, np.inf]))
def test_the_mean_of_a_clipped_normal_distribution_is_the_integral(mean, deviation, high):
    density = stats.norm(mean, deviation)
    end = min(high, mean + 12 * deviation)
    inside, _ = integrate.quad(lambda x: x * density.pdf(x), 0, max(end, 0), points=[np.clip(mean, 0, max(end, 0))])
    expected = inside + (high * density.sf(high) if np.isfinite(high) else 0.0)
    found = bias_correction.clipped_mean(np.array([mean]), np.array([deviation]), 0.0, high)
    assert found[0] == pytest.approx(expected, abs=1e-6)


def test_a_channel_that_never_varies():
    means = bias_correction.clipped_mean(np.array([-1.0, 2.0, 9.0]), np.zeros(3), 0.0, 6.0)
    np.testing.assert_allclose(means, [0, 2, 6])


@pytest.fixture(scope="module")
def network():
    """A MobileNet of three blocks whose batch normalisations have statistics of their own."""
    rng = np.random.default_rng(4)
    model = made_up.short_mobilenet(4)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            size = layer.gamma.shape
            layer.set_weights([rng.uniform(0.5, 1.5, size), rng.normal(0.5, 1, size), *layer.get_weights()[2:]])
    return model


def coarse(model, step=0.05):
    """The same network with every weight rounded to a multiple of a step."""
    copied = training.copy(model)
    for layer in copied.layers:
        if layer.get_weights():
            kernel, bias = layer.get_weights()
            layer.set_weights([np.round(kernel / step) * step, bias])
    return copied


def channel_means(model, inputs):
    outputs = [layer.output for layer in weighted_layers(model)]
    values = [value.numpy() for value in keras.Model(model.input, outputs)(inputs)]
    return [value.mean(axis=tuple(range(value.ndim - 1))) for value in values]


def test_measured_on_some_pictures_every_mean_is_the_exact_one(network):
    exact, pictures = folding.fold(network), np.random.default_rng(1).random((8, 32, 32, 3), np.float32)
    rounded = coarse(exact)
    corrected = bias_correction.empirical(rounded, exact, pictures)
    goals, before, after = (channel_means(m, pictures) for m in (exact, rounded, corrected))
    assert max(np.abs(b - g).max() for b, g in zip(before, goals, strict=True)) > 0.05
    for mean, goal in zip(after, goals, strict=True):
        np.testing.assert_allclose(mean, goal, atol=1e-4)
    for layer in rounded.layers:
        if layer.get_weights():
            np.testing.assert_array_equal(layer.kernel.numpy(), corrected.get_layer(layer.name).kernel.numpy())


def test_the_statistics_of_batch_normalisation_promise_the_means_of_inputs(network):
    exact = folding.fold(network)
    found = bias_correction.expected_inputs(exact, network)
    assert "conv1" not in found, "of pictures nothing is known"
    assert list(found)[:2] == ["depthwise1", "conv2"] and list(found)[-1] == "dense"
    norm = next(layer for layer in network.layers if isinstance(layer, layers.BatchNormalization))
    beta, gamma = norm.beta.numpy(), norm.gamma.numpy()
    drawn = np.clip(np.random.default_rng(0).normal(beta, np.abs(gamma), (200_000, len(beta))), 0, 6)
    np.testing.assert_allclose(found["depthwise1"], drawn.mean(axis=0), atol=0.02)


def test_without_pictures_the_bias_takes_back_what_the_errors_shift():
    """One layer behind a batch normalisation, by hand: sum over inputs of the error times the mean of the input."""
    x = entry = keras.Input((4, 4, 2))
    x = layers.BatchNormalization(name="norm1")(layers.Conv2D(3, 1, use_bias=False, name="conv1")(x))
    model = keras.Model(entry, layers.Conv2D(2, 1, name="conv2")(layers.ReLU()(x)))
    beta, gamma = np.array([1.0, -2.0, 0.0]), np.array([0.5, 1.0, 2.0])
    model.get_layer("norm1").set_weights([gamma, beta, np.zeros(3), np.ones(3)])
    exact = folding.fold(model)
    rounded = coarse(exact, 0.25)
    mean = bias_correction.clipped_mean(beta, gamma, 0.0, np.inf)
    error = rounded.get_layer("conv2").kernel.numpy()[0, 0] - exact.get_layer("conv2").kernel.numpy()[0, 0]
    corrected = bias_correction.data_free(rounded, exact, model)
    np.testing.assert_allclose(corrected.get_layer("conv2").bias.numpy(), -error.T @ mean, atol=1e-6)
    np.testing.assert_array_equal(corrected.get_layer("conv1").bias.numpy(), rounded.get_layer("conv1").bias.numpy())
