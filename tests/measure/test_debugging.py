"""The debugger finds a layer that was made to hurt, agrees with our own sums, and its repairs are what they say."""

import numpy as np
import pytest

from helpers.measure import accuracy, debugging
from helpers.numbers import errors
from helpers.pictures import datasets
from helpers.tflite import convert, inspect

pytest_plugins = ["small"]


@pytest.fixture(scope="module")
def pictures(small):
    return datasets.calibration_inputs(small.pets, 24)


@pytest.fixture(scope="module")
def spoiled(pictures):
    """One picture of 24 is not normalised."""
    return np.concatenate([pictures[:-1], 255 * pictures[-1:]])


@pytest.fixture(scope="module")
def found(small, pictures, spoiled):
    return debugging.Debugger(small.saved_model, spoiled, pictures[:5])


def test_the_operators_are_those_of_the_network(small, found):
    steps = inspect.graph(small.files["int8, float in/out"])[1:-1]  # without QUANTIZE and DEQUANTIZE
    assert [error.operator for error in found.layers] == [step.name for step, _ in steps]
    assert [error.values for error in found.layers] == [int(np.prod(tensors[-1].shape)) for _, tensors in steps]
    assert [e.layer for e in found.layers if e.operator == "CONV_2D"] == [f"conv{i}" for i in range(1, 6)]


def test_our_sums_are_the_debuggers(found):
    """TensorFlow has averaged squares picture by picture, in C++ and NumPy; ours come from the tensors themselves."""
    for error in found.layers:
        assert error.own_steps == pytest.approx(error.steps, rel=1e-4, abs=1e-5)


def test_the_spoiled_picture_shows_in_the_first_layer(found):
    worst = max(found.layers, key=lambda error: error.steps)
    assert worst.layer == "conv1" and worst.steps > 10
    assert worst.sqnr < 10
    assert found.table(1).rows == [found.table().rows[0]]


def test_it_cannot_be_seen_from_inside(small, pictures, spoiled):
    """With int8 ends the twin of the first layer gets the spoiled codes too."""
    blind = debugging.Debugger(small.saved_model, spoiled, pictures[:5], float_ends=False)
    (first,) = [error for error in blind.layers if error.layer == "conv1"]
    assert first.steps < 2


def test_good_calibration_leaves_rounding_only(small, pictures):
    """An operator that rounds nothing but its output is off by at most half a step, in the mean by 0.29 or so."""
    good = debugging.Debugger(small.saved_model, pictures)
    assert all(error.steps < 0.6 for error in good.layers)
    by_layer = {error.layer: error for error in good.layers}
    assert by_layer["average"].steps == pytest.approx(12**-0.5, rel=0.15)
    assert by_layer["pool1"].steps < 1e-3, "pooling copies codes"


def test_twins_are_computed_from_the_same_input(small, pictures, found):
    """By hand: the float twin of the dense layer is its float weights times what the quantized layer before gives."""
    twins = debugging.compare_twins(found._debugger.quant_model, pictures[:3])
    (dense,) = [t for t in inspect.tensors(small.files["float32"]) if t.role == "weights" and len(t.shape) == 2]
    *_, average, logits, _ = twins.values()
    (bias,) = [t for t in inspect.tensors(small.files["float32"]) if t.role == "bias" and t.shape == (2,)]
    np.testing.assert_allclose(logits[0], average[1] @ dense.data.T + bias.data, rtol=1e-3, atol=1e-3)


def test_a_layer_left_in_float_repairs_the_file(small, found, pictures):
    images = small.pets.arrays("train", 24)[0]
    whole = accuracy.predict(small.files["float32"], images)
    broken, mended = (accuracy.predict(found.quantized(layers), images) for layers in ((), ("conv1",)))
    assert errors.rmse(whole, mended) < 0.5 * errors.rmse(whole, broken)


def test_which_layers_stay_in_float(found, tmp_path):
    path = convert.write(found.quantized(["conv1", "conv4"]), tmp_path / "mixed.tflite")
    weights = {
        inspect.layer_of(tensors[-1].name): tensors[1].dtype
        for step, tensors in inspect.graph(path)
        if step.name in inspect.WEIGHED
    }
    assert {layer for layer, dtype in weights.items() if dtype == "float32"} == {"conv1", "conv4"}


def test_no_such_layer(found):
    with pytest.raises(ValueError, match="There is no layer conv9; the network has conv1, .*, dense, output"):
        found.quantized(["conv1", "conv9"])


def test_no_saved_model(tmp_path, pictures):
    with pytest.raises(FileNotFoundError, match="no SavedModel in .*: run 01_train"):
        debugging.Debugger(tmp_path, pictures)


def test_no_calibration(small, pictures):
    with pytest.raises(ValueError, match="The debugger quantizes activations, so it needs calibration pictures"):
        debugging.Debugger(small.saved_model, pictures[:0])
