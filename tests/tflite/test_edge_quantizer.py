"""AI Edge Quantizer in all its forms: what its files hold, which ranges they have, and what it cannot do."""

import numpy as np
import pytest

from helpers.base import console
from helpers.base.tf import keras
from helpers.measure import accuracy
from helpers.numbers.errors import rmse
from helpers.pictures import datasets
from helpers.tflite import convert, edge_quantizer, edit, from_keras, inspect, interpreter

pytest_plugins = ["small"]


@pytest.fixture
def edge(at_home, calibration, tmp_path):
    """A function that quantizes the small network and returns the path."""

    def make(**form):
        given = (
            {}
            if form.get("ranges") or form.get("activations") in ("dynamic", "float")
            else {"calibration": calibration}
        )
        content = edge_quantizer.quantize(at_home.files["float32"], **given, **form)
        return convert.write(content, tmp_path / "edge.tflite")

    return make


def dtypes(path, role):
    return {t.dtype for t in inspect.tensors(path) if t.role == role and t.shape}


# --- its forms --------------------------------------------------------------------------------------------------------


def test_the_newer_tool_gives_the_same_answers(at_home):
    """On the whole: it takes moving averages of the ranges, not the extremes."""
    small, (images, _) = at_home, at_home.pets.arrays("train", 40)
    calibration = datasets.calibration_inputs(small.pets)
    edge = edge_quantizer.int8(small.files["float32"], calibration)
    ours = convert.convert("int8", small.saved_model, calibration)
    entries = [interpreter.load(model).get_input_details()[0] for model in (edge, ours)]
    assert [entry["dtype"] for entry in entries] == [np.int8, np.int8]
    assert entries[0]["quantization"] == pytest.approx(entries[1]["quantization"], rel=0.1)
    assert len(edge) == pytest.approx(len(ours), rel=0.1)
    expected = accuracy.predict(small.files["float32"], images)
    for model in (edge, ours):
        assert np.abs(accuracy.predict(model, images) - expected).mean() < 0.05


@pytest.mark.parametrize(
    ("form", "holds", "ends"),
    [
        ({}, {"weights": "int8", "bias": "int32", "activation": "int8"}, "int8"),
        ({"activations": 16}, {"weights": "int8", "bias": "int64", "activation": "int16"}, "int16"),
        ({"weights": 4}, {"weights": "int4", "bias": "int32", "activation": "int8"}, "int8"),
        ({"activations": "dynamic"}, {"weights": "int8", "bias": "float32", "activation": "float32"}, "float32"),
        ({"activations": "float"}, {"weights": "int8", "bias": "float32", "activation": "float32"}, "float32"),
        ({"activations": "float", "weights": 4}, {"weights": "int4", "bias": "float32"}, "float32"),
    ],
)
def test_a_form_holds_what_was_asked_for(edge, form, holds, ends):
    path = edge(**form)
    assert {role: dtypes(path, role) for role in holds} == {role: {dtype} for role, dtype in holds.items()}
    assert dtypes(path, "input") == dtypes(path, "output") == {ends}
    names = {step.name for step in inspect.operators(path)}
    assert ("DEQUANTIZE" in names) == (form.get("activations") == "float")


@pytest.mark.parametrize(("granularity", "scales"), [("channel", {16, 24, 48, 96, 128, 2}), ("tensor", {1})])
def test_granularity(edge, granularity, scales):
    counts = {len(t.scale) for t in inspect.tensors(edge(granularity=granularity)) if t.role == "weights"}
    assert counts == scales


def test_blocks_of_zeros(tmp_path):
    """Pruned and decayed networks have them; their scale must not be zero, or XNNPACK does not take the file."""
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(8, name="dense")])
    kernel = np.random.default_rng(1).normal(size=(64, 8))
    kernel[:32, 3] = kernel[:, 5] = 0
    model.get_layer("dense").set_weights([kernel, np.zeros(8)])
    whole = convert.write(from_keras.float32(model), tmp_path / "float32.tflite")
    blocks = edge_quantizer.quantize(whole, weights=4, activations="dynamic", granularity=32)
    (weights,) = [t for t in inspect.tensors(convert.write(blocks, tmp_path / "b.tflite")) if t.role == "weights"]
    assert weights.scale.shape == (8, 2) and (weights.scale > 0).all()
    zeros = [weights.dequantized()[5], weights.dequantized()[3, :32]]
    assert np.abs(np.concatenate(zeros)).max() < 1e-6
    ready = interpreter.load(blocks)
    inputs = np.random.default_rng(2).uniform(0, 1, (1, 64)).astype(np.float32)
    np.testing.assert_allclose(interpreter.run(ready, inputs), inputs @ weights.dequantized().T, atol=0.1)


def test_a_weight_range_with_a_smaller_error(edge, small):
    """Per tensor at four bits, clipping a few large weights leaves a smaller squared error than not clipping."""
    whole, errors = inspect.layer_weights(small.files["float32"]), {}
    for within in ("min/max", "mse"):
        weights = inspect.layer_weights(edge(weights=4, granularity="tensor", weight_range=within))
        errors[within] = np.array([rmse(whole[name], weights[name]) for name in whole])
    assert np.median(errors["mse"] / errors["min/max"]) < 1


def test_the_settings_of_the_tool_itself_give_the_same_file(at_home, calibration):
    """`edge_quantizer.quantize` gives what AI Edge Quantizer's own recipe makes."""
    from ai_edge_quantizer import quantizer, recipe

    path = at_home.files["float32"]
    for form, own in (({}, recipe.static_wi8_ai8()), ({"activations": 16}, recipe.static_wi8_ai16())):
        tool = quantizer.Quantizer(str(path), own)
        with console.quiet():
            ranges = tool.calibrate({"serving_default": [{"picture": c[None]} for c in calibration]})
            expected = tool.quantize(ranges, enable_progress_report=False).quantized_model
        assert edge_quantizer.quantize(path, calibration, **form) == expected
    assert edge_quantizer.int8(path, calibration) == edge_quantizer.quantize(path, calibration)


@pytest.mark.parametrize("layers", [["conv1"], ["conv3", "dense"], ["output"]])
def test_layers_kept_in_float(edge, at_home, layers):
    path = edge(keep_float=layers)
    steps = {inspect.layer_of(tensors[-1].name): tensors for _, tensors in inspect.graph(at_home.files["float32"])}
    mixed = {inspect.layer_of(tensors[-1].name): (step, tensors) for step, tensors in inspect.graph(path)}
    for layer in steps:
        kept = [(s, t) for name, (s, t) in mixed.items() if name.startswith(layer)]
        assert kept, layer
        weights = [t for _, tensors in kept for t in tensors if t is not None and t.role == "weights"]
        assert {t.dtype for t in weights} <= {"float32" if layer in layers else "int8"}
    assert dtypes(path, "input") == {"float32" if "conv1" in layers else "int8"}
    assert dtypes(path, "output") == {"float32" if "output" in layers else "int8"}
    images = at_home.pets.arrays("train", 10)[0]
    whole, partly = (accuracy.predict(file, images) for file in (at_home.files["float32"], path))
    assert np.abs(whole - partly).mean() < 0.05


def test_blocks_are_right_on_xnnpack_only(edge, at_home):
    """LiteRT 2.3.0: the other kernels run the file without a word, and answer something else."""
    path = edge(weights=4, activations="dynamic", granularity=32)
    images = at_home.pets.arrays("train", 20)[0]
    by_channel = edge_quantizer.quantize(at_home.files["float32"], weights=4, activations="dynamic")
    expected = accuracy.predict(by_channel, images)
    apart = {k: np.abs(accuracy.predict(path, images, k) - expected).mean() for k in interpreter.KERNEL_SETS}
    assert apart["XNNPACK"] < 0.05
    assert min(apart["built-in"], apart["reference"]) > 0.1


# --- ranges -----------------------------------------------------------------------------------------------------------


def test_activations_are_those_of_the_network(at_home, calibration):
    """Against `edit.excerpt`, a copy of the file with every tensor as an output."""
    path = at_home.files["float32"]
    activations = edge_quantizer.activations(path, calibration[:3])
    steps = inspect.operators(path)
    known = inspect.tensors(path)
    assert list(activations)[0] == known[steps[0].inputs[0]].name
    np.testing.assert_array_equal(activations[known[steps[0].inputs[0]].name], calibration[:3])
    ready = interpreter.load(edit.excerpt(path), "reference")
    for i in range(3):
        ready.set_tensor(ready.get_input_details()[0]["index"], calibration[i : i + 1])
        ready.invoke()
        for details in ready.get_output_details():
            values = activations[details["name"]][i]
            np.testing.assert_allclose(values, ready.get_tensor(details["index"])[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("within", ["min/max", "median", "mse", 99.0])
def test_ranges_by_hand(at_home, calibration, within):
    path = at_home.files["float32"]
    activations = edge_quantizer.activations(path, calibration)
    ranges = edge_quantizer.ranges(path, calibration, within)
    assert list(ranges) == list(activations)
    for name, values in activations.items():
        low, high = ranges[name]
        if within == "min/max":
            assert (low, high) == (values.min(), values.max())
        elif within == "median":
            ends = sorted(v.max() for v in values)
            assert high == pytest.approx((ends[3] + ends[4]) / 2)
        elif within == 99.0:
            most = 0.01 + 1 / values.size
            assert np.mean(values > high) <= most and np.mean(values < low) <= most
        else:
            assert min(0, values.min()) <= low <= high <= max(0, values.max())


def test_the_file_has_the_ranges_that_were_given(edge, at_home, calibration):
    """TFLite's interpreter says which numbers the last codes of a tensor stand for."""
    given = edge_quantizer.ranges(at_home.files["float32"], calibration)
    given = {name: (low, 2 * high) for name, (low, high) in given.items()}
    path = edge(ranges=given)
    known = {t.name: t for t in inspect.tensors(path)}
    compared = 0
    for name, (low, high) in given.items():
        tensor = known[name]
        if tensor.role in ("input", "activation") and "MaxPool" not in name:
            compared += 1
            scale = float(tensor.scale[0])
            assert tensor.range == pytest.approx((min(0, low), max(0, high)), abs=0.51 * scale + 1e-6)
    assert compared >= 6


def test_one_spoiled_picture_stretches_some_ranges_only(at_home, calibration):
    path, spoiled = at_home.files["float32"], calibration.copy()
    spoiled[2] *= 255
    entry = next(iter(edge_quantizer.activations(path, calibration[:1])))
    high = {
        within: edge_quantizer.ranges(path, spoiled, within)[entry][1] for within in ("min/max", "median", 85, "mse")
    }
    assert high["min/max"] > 200 and high["mse"] > 100, "both believe every value"
    assert high["median"] <= 1 and high[85] <= 1


# --- what it cannot do ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"weights": 2}, "weights of 8 or 4 bits.*found 2, 8 and 'channel'"),
        ({"activations": 4}, "activations 8, 16, 'dynamic', 'float'.*found 8, 4 and"),
        ({"granularity": 33}, "granularity 'tensor', 'channel', 32, 64, 128, 256; found 8, 8 and 33"),
        (
            {"granularity": 32},
            "Blocks of weights exist for 4-bit weights with activations='dynamic' only; found 8 bits",
        ),
        ({"granularity": 32, "weights": 4}, "Blocks of weights .* only; found 4 bits and 8"),
        ({"weight_range": "max"}, "weight_range 'min/max', 'mse'.*found 'max'"),
        ({"weight_range": "mse", "weights": 4, "activations": "dynamic", "granularity": 64}, "blocks 'min/max' only"),
        ({"keep_float": ["conv9"]}, "There is no layer conv9; the file has conv1, .*, dense, output"),
    ],
)
def test_forms_that_do_not_exist(edge, form, message):
    with pytest.raises(ValueError, match=message):
        edge(**form)


@pytest.mark.parametrize("activations", [8, 16])
def test_activations_need_pictures_or_ranges(small, activations):
    with pytest.raises(ValueError, match=f"Activations of {activations} bits need calibration pictures or ranges"):
        edge_quantizer.quantize(small.files["float32"], activations=activations)


@pytest.mark.parametrize("within", ["max", 50, 101, -1])
def test_unknown_ways_to_choose_a_range(small, calibration, within):
    with pytest.raises(ValueError, match="Expected 'min/max', 'median', 'mse' or a percentile above 50, at most 100"):
        edge_quantizer.ranges(small.files["float32"], calibration, within)


def test_ranges_need_pictures(small, calibration):
    with pytest.raises(ValueError, match="at least one picture to find ranges with"):
        edge_quantizer.ranges(small.files["float32"], calibration[:0])


def test_ranges_need_a_file(tmp_path, calibration):
    with pytest.raises(FileNotFoundError, match="no model file"):
        edge_quantizer.ranges(tmp_path / "nothing.tflite", calibration)
