"""Quantization-aware training: what goes forward, what comes back, and that training with the rounding helps."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from helpers.base.tf import keras, tf
from helpers.methods import qat, qat_file
from helpers.networks import training
from helpers.networks.weights import WEIGHTED, channel_axis
from helpers.numbers import quantization
from made_up import PLAN, plain, residual

layers = keras.layers
RANGES = st.tuples(st.floats(-50, 50, width=32, allow_subnormal=False), st.floats(0.125, 100, width=32))  # low, width


def loss(model, inputs):
    """Return the mean cross-entropy over the pictures, which are cat and dog in turn."""
    found = model(inputs).numpy()
    return float(-np.log(found[np.arange(len(found)), np.arange(len(found)) % 2] + 1e-7).mean())


# --- forward and backward ---------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(bounds=RANGES, bits=st.integers(2, 16), seed=st.integers(0, 2**32 - 1))
def test_activations_go_forward_as_in_numpy_and_back_inside_the_range_only(bounds, bits, seed):
    low, high = bounds[0], bounds[0] + bounds[1]
    x = np.random.default_rng(seed).uniform(low - bounds[1], high + bounds[1], 200).astype(np.float32)
    x = np.append(x, np.float32([0, low, high]))
    scale, zero_point = quantization.affine_parameters(low, high, bits)
    y, slope = qat.response(qat.FakeQuantize(low, high, bits), x)
    codes = quantization.quantize(x, scale, zero_point, bits)
    np.testing.assert_array_equal(y, quantization.dequantize(codes, scale, zero_point))
    ends = [scale * np.float32(code - zero_point) for code in quantization.code_range(bits)]
    np.testing.assert_array_equal(slope, ((x >= ends[0]) & (x <= ends[1])).astype(np.float32))


@settings(max_examples=40, deadline=None)
@given(bits=st.integers(2, 8), axis=st.sampled_from([None, 0, 2, 3, -1]), seed=st.integers(0, 2**32 - 1))
@example(bits=4, axis=None, seed=0)
def test_weights_go_forward_as_in_numpy_and_back_unchanged(bits, axis, seed):
    rng = np.random.default_rng(seed)
    weights = rng.normal(0, rng.uniform(1e-4, 1e2), (3, 3, 4, 5)).astype(np.float32)
    weights[0] *= rng.random() > 0.2  # a channel of nothing but zeros has scale 1
    quantizer = lambda w: qat.fake_quantize(w, qat.weight_scale(w, bits, axis))  # noqa: E731
    y, slope = qat.response(quantizer, weights)
    np.testing.assert_array_equal(y, quantization.fake_quantize(weights, bits, axis))
    np.testing.assert_array_equal(slope, np.ones_like(weights))


def test_the_textbook_form_has_the_same_gradient():
    """The sum x + stop_gradient(quantized - x), as most write it, may differ in the last bit of what goes forward."""
    x = tf.constant(np.linspace(-1, 1, 101), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        quantized = 0.3 * tf.round(x / 0.3)
        ours, textbook = qat.straight_through(x, quantized), x + tf.stop_gradient(quantized - x)
    np.testing.assert_array_equal(ours, quantized)
    np.testing.assert_allclose(textbook, quantized, atol=1e-7)
    np.testing.assert_array_equal(tape.gradient(ours, x), tape.gradient(textbook, x))
    assert tape.gradient(quantized, x) is None, "without the trick nothing comes back"


# --- the network ------------------------------------------------------------------------------------------------------


def test_without_quantization_it_is_the_same_network(network, inputs):
    copied = qat.aware(network, inputs, weight_bits=None, activation_bits=None)
    np.testing.assert_array_equal(copied(inputs), network(inputs))


@pytest.mark.parametrize("per_channel", [True, False])
def test_with_quantized_weights_it_is_the_network_with_other_weights(network, inputs, per_channel):
    copied = qat.aware(network, inputs, 4, None, per_channel)
    other = training.copy(network)
    for layer in other.layers:
        if isinstance(layer, WEIGHTED):
            kernel, bias = layer.get_weights()
            axis = channel_axis(layer) if per_channel else None
            layer.set_weights([quantization.fake_quantize(kernel, 4, axis), bias])
    np.testing.assert_array_equal(copied(inputs), other(inputs))


def test_sixteen_bits_change_next_to_nothing(network, inputs):
    np.testing.assert_allclose(qat.aware(network, inputs, 16, 16)(inputs), network(inputs), atol=2e-3)


def test_codes_stand_where_an_integer_network_stores_them(network, aware):
    found = [layer.name.removesuffix("_codes") for layer in aware.layers if isinstance(layer, qat.FakeQuantize)]
    expected = {
        "residual": ["picture", "relu1", "relu2", "conv2", "relu3", "average", "dense"],
        "plain": ["picture", "conv", "dense1", "dense2"],
    }
    assert found == expected[network.name]
    bits = [layer.bits for layer in aware.layers if isinstance(layer, qat.FakeQuantizedWeights)]
    assert bits == [3] * sum(isinstance(layer, WEIGHTED) for layer in network.layers)


def test_training_with_the_rounding_helps(aware, tuned, network, inputs):
    assert loss(tuned, inputs) < loss(aware, inputs)
    for layer in network.layers:
        if layer.weights:
            kernel = layer.get_weights()[0]
            np.testing.assert_array_equal(aware.get_layer(layer.name).get_weights()[0], kernel)  # a copy was trained
            assert not np.array_equal(tuned.get_layer(layer.name).get_weights()[0], kernel)


@pytest.mark.parametrize("network", [plain], indirect=True)
def test_training_twice_gives_the_same(aware, tuned, noise):
    again = qat.fine_tune(aware, noise, PLAN)
    for one, other in zip(tuned.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_ranges_stay_as_calibrated(aware, tuned):
    for one, other in zip(aware.layers, tuned.layers, strict=True):
        if isinstance(one, qat.FakeQuantize):
            assert (one.low, one.high) == (other.low, other.high)
            np.testing.assert_array_equal(one.get_weights(), other.get_weights())


def test_it_can_be_saved(tuned, inputs, tmp_path):
    tuned.save(tmp_path / "tuned.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "tuned.keras")(inputs), tuned(inputs))


# --- what a reader can do wrong ---------------------------------------------------------------------------------------


def test_batch_normalisation_must_be_folded(inputs):
    with pytest.raises(ValueError, match=r"folded \(folding.fold\); found norm1, norm2, norm3"):
        qat.aware(residual(), inputs)


def test_a_softmax_inside_a_layer(inputs):
    entry = keras.Input((32, 32, 3))
    output = layers.Dense(2, activation="softmax", name="both")(layers.Flatten()(entry))
    with pytest.raises(ValueError, match="a Softmax layer at its end .* found both"):
        qat.aware(keras.Model(entry, output), inputs)


@pytest.mark.parametrize("shape", [(0, 32, 32, 3), (4, 48, 48, 3), (32, 32, 3)])
def test_pictures_that_do_not_fit(network, shape):
    with pytest.raises(ValueError, match=r"pictures of shape \[n, 32, 32, 3\] .*; found \["):
        qat.aware(network, np.zeros(shape, np.float32))


@pytest.mark.parametrize("bits", [1, 17, 2.5])
def test_bits_that_no_code_has(network, inputs, bits):
    for options in ({"weight_bits": bits}, {"activation_bits": bits}):
        with pytest.raises(ValueError, match=f"whole number of bits from 2 to 16; found {bits}"):
            qat.aware(network, inputs, **options)


def test_a_network_that_is_not_quantized(network, noise):
    for wrong in (lambda: qat.fine_tune(network, noise), lambda: qat_file.tflite(network)):
        with pytest.raises(ValueError, match=f"Expected a network from qat.aware; nothing in {network.name}"):
            wrong()
