"""Keras networks on their way into a file: their weights become constants, and they compute the same."""

import numpy as np
import pytest

from helpers.base import console
from helpers.base.tf import keras, tf
from helpers.networks import models, training
from helpers.tflite import convert, from_keras, inspect
from made_up import normalised

pytest_plugins = ["small"]


def test_a_frozen_network_computes_the_same_and_keeps_its_weights():
    model = normalised(models.FusedBatchNormalization)
    images = np.random.default_rng(0).random((8, 6, 6, 3), np.float32)
    model.fit(images, np.arange(8) % 2, verbose=0)  # so that the running statistics are not those of the beginning
    expected, frozen = model.predict(images, verbose=0), from_keras.frozen(model)
    np.testing.assert_allclose(frozen(images), expected, atol=1e-6)
    assert frozen.get_concrete_function().variables == ()
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    np.testing.assert_allclose(frozen(images), expected, atol=1e-6)


@pytest.mark.parametrize("batch", [None, 1, 5])
def test_a_frozen_network_takes_so_many_pictures(batch):
    frozen = from_keras.frozen(normalised(keras.layers.BatchNormalization), batch)
    assert frozen.input_signature == (tf.TensorSpec((batch, 6, 6, 3), tf.float32, "picture"),)


def test_what_is_exported_says_nothing(at_home, tmp_path, capfd):
    from_keras.export(training.trained(at_home.pets), tmp_path / "saved_model")
    shown = capfd.readouterr()
    assert shown.err == ""
    assert "Saved artifact" not in shown.out
    assert (tmp_path / "saved_model" / "saved_model.pb").exists()


def test_what_is_exported_has_constants_for_weights(at_home):
    """Then there is nothing to restore, which is what takes long when a SavedModel is read."""
    assert tf.saved_model.load(str(training.saved_model(at_home.pets))).serve.concrete_functions[0].variables == ()


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_weights_as_constants_change_nothing_in_a_file(small, at_home, calibration, tmp_path, kind):
    """Against the SavedModel that Keras itself writes, whose weights are variables: only the output's name differs."""
    with console.quiet():
        training.trained(at_home.pets).export(tmp_path / "by_keras", verbose=False)
    saved = {"ours": small.saved_model, "theirs": tmp_path / "by_keras"}
    files = [
        convert.write(convert.convert(kind, model, calibration), tmp_path / f"{whose}.tflite")
        for whose, model in saved.items()
    ]
    for tensor, their in zip(*map(inspect.tensors, files), strict=True):
        assert (tensor.name, tensor.role) == (their.name, their.role) or tensor.role == "output"
        assert (tensor.shape, tensor.dtype, tensor.axis) == (their.shape, their.dtype, their.axis)
        np.testing.assert_array_equal(tensor.scale, their.scale)
        np.testing.assert_array_equal(tensor.zero_point, their.zero_point)
        np.testing.assert_array_equal(tensor.data, their.data)
