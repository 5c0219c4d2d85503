"""The networks are as announced, and the faster batch normalisation is Keras's."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from helpers.base.tf import keras, tf
from helpers.networks import models
from helpers.networks.costs import layer_costs
from made_up import normalised

layers = keras.layers
BATCH_NORMS = keras.layers.BatchNormalization, models.FusedBatchNormalization


# --- the network ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "parameters", "macs"),
    [(models.compact_cnn, 167_826, 25e6), (models.residual_cnn, 332_466, 60e6), (models.alexnet, 876_562, 22e6)],
)
def test_the_networks_are_as_announced(network, parameters, macs):
    model = network()
    assert model.name == network.__name__
    assert model.count_params() == parameters
    assert f"{parameters:,}" in network.__doc__
    assert model.input_shape == (None, 96, 96, 3)
    assert model.output_shape == (None, 2)
    assert sum(cost.macs for cost in layer_costs(model)) == pytest.approx(macs, rel=0.03)
    assert f"{macs / 1e6:.0f} million" in network.__doc__
    probabilities = model(np.random.default_rng(0).random((3, 96, 96, 3), np.float32)).numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_other_sizes_and_classes():
    assert models.compact_cnn(32, 5).output_shape == (None, 5)


def test_alexnet_has_the_shape_of_alexnet():
    """Krizhevsky et al. 2012: five convolutions, three dense layers; 58.6 of 61 million parameters are dense."""
    model = models.alexnet()
    kinds = [type(layer).__name__ for layer in model.layers]
    assert [kind for kind in kinds if kind in ("Conv2D", "Dense")] == ["Conv2D"] * 5 + ["Dense"] * 3
    pools = [layer for layer in model.layers if isinstance(layer, layers.MaxPooling2D)]
    assert [(pool.name, pool.pool_size, pool.strides) for pool in pools] == [
        (f"pool{after}", (3, 3), (2, 2)) for after in (1, 2, 5)
    ]
    assert [layer.rate for layer in model.layers if isinstance(layer, layers.Dropout)] == [0.5, 0.5]
    dense = sum(layer.count_params() for layer in model.layers if isinstance(layer, layers.Dense))
    assert 0.85 < dense / model.count_params() < 0.95
    assert model.count_params() <= 1_100_000
    weighted = [layer for layer in model.layers if hasattr(layer, "kernel")]
    assert all(layer.kernel_regularizer.l2 == pytest.approx(models.ALEXNET_DECAY) for layer in weighted)


# --- batch normalisation ----------------------------------------------------------------------------------------------


def norm_step(kind, inputs, momentum=0.9):
    """Run one training step of a normalisation; return outputs, gradients and moving statistics."""
    layer = kind(momentum=momentum)
    layer.build(inputs.shape)
    channels = inputs.shape[-1]
    layer.gamma.assign(np.linspace(0.5, 2, channels))
    layer.beta.assign(np.linspace(-1, 1, channels))
    inputs = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, training=True)
        loss = tf.reduce_mean(tf.sin(outputs))
    gradients = tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value])
    still = layer(inputs, training=False)
    return [outputs, *gradients, layer.moving_mean, layer.moving_variance, still]


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5), st.integers(1, 4)),
    mean=st.floats(-3, 3),
    spread=st.floats(0.1, 5),
    seed=st.integers(0, 99),
)
def test_the_fused_normalisation_is_that_of_keras(shape, mean, spread, seed):
    assume(np.prod(shape[:3]) >= 4)  # the statistics of one or two numbers are all rounding
    assume(abs(mean) <= 10 * spread)  # far from zero, the rounding of a float32 grows against the spread
    inputs = np.random.default_rng(seed).normal(mean, spread, shape).astype(np.float32)
    for theirs, ours in zip(*(norm_step(kind, inputs) for kind in BATCH_NORMS), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_a_training_with_either_normalisation_gives_the_same_weights():
    rng = np.random.default_rng(0)
    images, labels = rng.random((32, 6, 6, 3), np.float32), rng.integers(0, 2, 32)
    trained = [normalised(kind) for kind in BATCH_NORMS]
    for model in trained:
        model.fit(images, labels, batch_size=8, epochs=2, shuffle=False, verbose=0)
    for theirs, ours in zip(*(model.get_weights() for model in trained), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_the_fused_normalisation_survives_saving(tmp_path):
    model = normalised(models.FusedBatchNormalization)
    images = np.random.default_rng(0).random((8, 6, 6, 3), np.float32)
    model.fit(images, np.arange(8) % 2, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert any(isinstance(layer, models.FusedBatchNormalization) for layer in again.layers)
    np.testing.assert_array_equal(again.predict(images, verbose=0), model.predict(images, verbose=0))
