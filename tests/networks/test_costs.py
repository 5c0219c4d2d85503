"""What the layers cost, counted a second time by brute force."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.base.tf import keras
from helpers.networks import models
from helpers.networks.costs import layer_costs, layer_table

layers = keras.layers


# --- multiply-accumulates ---------------------------------------------------------------------------------------------


def counted(image, kernel, stride, padding, depthwise):
    """Convolve with loops, counting every product; TensorFlow's 'same' pads with zeros, which are multiplied too."""
    size, k = image.shape[0], kernel.shape[0]
    out = -(-size // stride) if padding == "same" else (size - k) // stride + 1
    pad = max((out - 1) * stride + k - size, 0) if padding == "same" else 0
    image = np.pad(image, ((pad // 2, pad - pad // 2),) * 2 + ((0, 0),))
    result, products = np.zeros((out, out, kernel.shape[2] if depthwise else kernel.shape[3])), 0
    for y, x, c in itertools.product(*map(range, result.shape)):
        patch = image[y * stride : y * stride + k, x * stride : x * stride + k]
        terms = patch[..., c] * kernel[..., c, 0] if depthwise else patch * kernel[..., c]
        result[y, x, c], products = terms.sum(), products + terms.size
    return result, products


@settings(max_examples=25, deadline=None)
@given(
    size=st.integers(3, 7),
    channels=st.integers(1, 3),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 2),
    padding=st.sampled_from(["same", "valid"]),
    depthwise=st.booleans(),
)
def test_products_of_a_convolution_are_those_that_loops_count(size, channels, kernel, stride, padding, depthwise):
    inputs = keras.Input((size, size, channels))
    options = {"strides": stride, "padding": padding, "use_bias": False}
    layer = layers.DepthwiseConv2D(kernel, **options) if depthwise else layers.Conv2D(4, kernel, **options)
    model = keras.Model(inputs, layer(inputs))
    image = np.random.default_rng(0).random((size, size, channels), np.float32)
    result, products = counted(image, layer.get_weights()[0], stride, padding, depthwise)
    np.testing.assert_allclose(model(image[None])[0], result, atol=1e-5)  # the loops convolve as TensorFlow does
    (cost,) = layer_costs(model)
    assert cost.macs == products
    assert cost.shape == result.shape
    assert cost.parameters == layer.get_weights()[0].size


def test_groups_and_dense_layers():
    inputs = keras.Input((4, 4, 6))
    x = layers.Conv2D(8, 3, groups=2, padding="same")(inputs)
    x = layers.Dense(5)(x)  # on each of the 16 positions
    x = layers.Dense(3)(layers.Flatten()(x))
    costs = layer_costs(keras.Model(inputs, x))
    assert [cost.macs for cost in costs] == [16 * 8 * 9 * 3, 16 * 8 * 5, 80 * 3]
    assert [cost.parameters for cost in costs] == [8 * 9 * 3 + 8, 8 * 5 + 5, 80 * 3 + 3]


def test_pooling_adds_but_does_not_multiply():
    inputs = keras.Input((4, 4, 2))
    x = layers.GlobalAveragePooling2D()(layers.AveragePooling2D(2)(layers.MaxPooling2D(1)(inputs)))
    assert [cost.macs for cost in layer_costs(keras.Model(inputs, x))] == [0, 0, 0]


# --- parameters and memory --------------------------------------------------------------------------------------------


def residual():
    """Return a small network with a skip connection, of which the memory is counted by hand."""
    inputs = keras.Input((8, 8, 3))  # 192 numbers
    a = layers.Conv2D(4, 3, padding="same", name="a")(inputs)  # 256
    a = layers.ReLU()(layers.BatchNormalization()(a))
    b = layers.Conv2D(8, 1, name="b")(a)  # 512
    b = layers.ReLU()(layers.BatchNormalization()(b))
    c = layers.Conv2D(4, 1, name="c")(b)  # 256
    x = layers.Add(name="add")([a, c])  # 256
    x = layers.GlobalAveragePooling2D(name="average")(x)  # 4
    return keras.Model(inputs, layers.Softmax()(layers.Dense(2, name="dense")(x)))


def test_memory_of_a_network_with_a_skip_connection():
    live = {cost.name: cost.live for cost in layer_costs(residual())}
    assert live == {
        "a": 192 + 256,
        "b": 256 + 512,
        "c": 256 + 512 + 256,  # the output of a waits for the addition
        "add": 256 + 256 + 256,
        "average": 256 + 4,
        "dense": 4 + 2,
    }


def test_memory_of_the_compact_network_is_largest_at_its_second_convolution():
    costs = layer_costs(models.compact_cnn())
    peak = max(costs, key=lambda cost: cost.live)
    assert (peak.name, peak.live) == ("conv2", 48 * 48 * (16 + 24))


def norm_first():
    inputs = keras.Input((4, 4, 3))
    return keras.Model(inputs, layers.Conv2D(2, 3)(layers.BatchNormalization()(inputs)))


@pytest.mark.parametrize(
    "network", [models.compact_cnn, models.residual_cnn, models.alexnet, residual, norm_first], ids=lambda f: f.__name__
)
def test_the_parameters_of_all_layers_are_those_of_the_model(network):
    model = network()
    costs = layer_costs(model)
    assert sum(cost.parameters for cost in costs) == model.count_params()
    last = layer_table(model).rows[-1]
    assert last[0] == "total, peak"
    assert last[2] == f"{model.count_params():,}"
    assert last[3] == f"{sum(cost.macs for cost in costs):,}"
    peak = max(cost.live for cost in costs)
    assert last[4:] == [f"{4 * peak / 1000:.1f}", f"{peak / 1000:.1f}"]


def test_the_table_has_a_row_for_each_layer_that_computes():
    rows = layer_table(residual()).rows
    assert [row[0] for row in rows[:-1]] == ["a", "b", "c", "add", "average", "dense"]
    assert rows[1][1] == "8×8×8"
