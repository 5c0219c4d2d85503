"""Where the quantizers sit: behind a ReLU that is fused, behind sums, not behind what keeps the codes of its input."""

import numpy as np
import pytest

from helpers.base.tf import keras
from helpers.methods.simulation import Simulation
from helpers.networks import models


def test_where_activations_are_rounded():
    """Behind the ReLU that is fused into a layer, behind sums, not behind max pooling."""
    model = models.residual_cnn(48)
    found = Simulation(model, np.random.default_rng(0).random((2, 48, 48, 3), np.float32))
    convolutions = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    sums = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Add)]
    assert sorted(found.tensors) == sorted(["picture", *convolutions, *sums, "average", "dense", "softmax"])
    low, high = found.ranges["conv1"]
    assert 0 <= low <= high <= 6
    assert found.ranges["conv4"][0] < 0, "it has no ReLU: the sum comes first"
    assert found.activation_parameters("softmax") == (np.float32(1 / 256), -128)
    assert found.activation_parameters("softmax", 3) == (np.float32(1 / 256), -128), "the answer keeps eight bits"


def test_a_relu_that_others_read_around_is_no_part_of_its_layer():
    entry = keras.Input((8, 8, 3), name="picture")
    x = keras.layers.Conv2D(4, 3, padding="same", name="conv")(entry)
    y = keras.layers.Add(name="sum")([x, keras.layers.ReLU(name="relu")(x)])
    model = keras.Model(entry, keras.layers.Dense(2, name="dense")(keras.layers.Flatten()(y)))
    found = Simulation(model, np.random.default_rng(0).random((2, 8, 8, 3), np.float32))
    assert found.tensors == ("picture", "conv", "relu", "sum", "dense")
    assert found.ranges["conv"][0] < 0 == found.ranges["relu"][0]


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (keras.layers.Dense(2, activation="softmax", name="end"), "end has the activation softmax; expected relu"),
        (keras.layers.LeakyReLU(name="end"), "end is a LeakyReLU; expected a network of these layers: Conv2D"),
    ],
)
def test_layers_that_are_not_known(layer, words):
    entry = keras.Input((4, 4, 3))
    model = keras.Model(entry, layer(keras.layers.Flatten()(entry)))
    with pytest.raises(ValueError, match=words):
        Simulation(model, np.zeros((1, 4, 4, 3), np.float32))
