"""Folding changes nothing but the number of layers."""

import numpy as np
import pytest

from helpers.base.tf import keras, make_deterministic
from helpers.networks import folding, models, pretrained
from helpers.networks.weights import WEIGHTED, save_weights
from helpers.tflite import convert, from_keras
from helpers.tflite.inspect import layer_weights


def with_statistics(model: keras.Model, seed: int = 0) -> keras.Model:
    """Give a network the running statistics and factors that a training leaves: all different, none trivial."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if weight.path.endswith(("gamma", "moving_variance")):
            weight.assign(rng.uniform(0.3, 2.0, weight.shape))
        elif weight.path.endswith(("beta", "moving_mean")):
            weight.assign(rng.normal(0, 0.3, weight.shape))
    return model


@pytest.mark.parametrize(
    "network", [lambda: models.mobilenet_v1(48, 0.125), lambda: models.residual_cnn(48), models.alexnet]
)
def test_the_same_function(network):
    make_deterministic(3)
    model = with_statistics(network())
    size = model.input_shape[1]
    pictures = np.random.default_rng(1).random((4, size, size, 3), np.float32)
    folded = folding.fold(model)
    logits = [keras.Model(m.inputs, m.layers[-2].output)(pictures).numpy() for m in (model, folded)]
    np.testing.assert_allclose(*logits, rtol=2e-4, atol=2e-4)
    assert not [layer for layer in folded.layers if isinstance(layer, keras.layers.BatchNormalization)]


def test_the_weights_are_those_of_the_converter(tmp_path):
    """TensorFlow's converter folds on its own; its float32 file holds the same numbers."""
    make_deterministic(3)
    model = with_statistics(models.mobilenet_v1(48, 0.125))
    path = convert.write(from_keras.float32(model), tmp_path / "float32.tflite")
    ours = sorted(
        (layer.get_weights()[0] for layer in folding.fold(model).layers if isinstance(layer, WEIGHTED)),
        key=lambda values: np.abs(values).sum(),
    )
    theirs = sorted(layer_weights(path).values(), key=lambda values: np.abs(values).sum())
    assert len(ours) == len(theirs) == 28
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(np.sort(our, axis=None), np.sort(their, axis=None), rtol=1e-4, atol=1e-6)


def test_factors_may_be_switched_off():
    entry = keras.Input((5, 5, 2))
    x = keras.layers.Conv2D(3, 3)(entry)
    model = with_statistics(keras.Model(entry, keras.layers.BatchNormalization(center=False, scale=False)(x)))
    picture = np.random.default_rng(2).random((1, 5, 5, 2), np.float32)
    np.testing.assert_allclose(folding.fold(model)(picture), model(picture), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("before", [keras.layers.ReLU(), keras.layers.Dense(3, activation="relu")])
def test_nothing_to_fold_into(before):
    entry = keras.Input((4,))
    model = keras.Model(entry, keras.layers.BatchNormalization(name="late")(before(entry)))
    with pytest.raises(ValueError, match="late follows .*into which"):
        folding.fold(model)


def test_the_weights_that_are_read_without_tensorflow_are_the_same(tmp_path):
    model = with_statistics(models.residual_cnn(), seed=5)
    save_weights(model, tmp_path / "weights.npz")
    (tmp_path / "float32.tflite").write_bytes(from_keras.float32(model))
    ours, file = pretrained.layer_weights(tmp_path / "weights.npz"), layer_weights(tmp_path / "float32.tflite")
    assert set(ours) == set(file)
    for name, weights in file.items():
        np.testing.assert_allclose(ours[name], weights, rtol=1e-5, atol=1e-7)
