"""The six kinds of files: what they hold, what they were calibrated with, what is said when something is missing."""

import os

import numpy as np
import pytest

from helpers.base import console
from helpers.base.tf import keras, tf
from helpers.measure import accuracy
from helpers.networks import converted, training
from helpers.numbers.errors import rmse
from helpers.pictures import conventions, datasets
from helpers.tflite import convert, edge_quantizer, edit, from_keras, inspect, interpreter

pytest_plugins = ["small"]

# What each kind must hold: input and output, weights, what flows between the layers.
HOLDS = {
    "float32": ("float32", "float32", "float32"),
    "dynamic range": ("float32", "int8", "float32"),
    "float16": ("float32", "float16", "float32"),
    "int8, float in/out": ("float32", "int8", "int8"),
    "int8": ("int8", "int8", "int8"),
    "int16x8": ("float32", "int8", "int16"),
}


@pytest.fixture
def calibration(at_home):
    return datasets.calibration_inputs(at_home.pets, 8)


def test_there_are_six_kinds(small):
    assert list(convert.KINDS) == list(HOLDS) == list(small.files)


@pytest.mark.parametrize("kind", HOLDS)
def test_a_file_holds_what_its_kind_promises(small, kind):
    outside, weights, inside = HOLDS[kind]
    ready = interpreter.load(small.files[kind])
    (entry,), (exit_,) = ready.get_input_details(), ready.get_output_details()
    assert entry["dtype"] == exit_["dtype"] == np.dtype(outside)
    assert entry["shape"].tolist() == [1, 96, 96, 3]
    tensors = inspect.tensors(small.files[kind])
    # The smallest tensors are left float32 by dynamic-range quantization: they would save nothing.
    found = {t.dtype for t in tensors if t.role == "weights" and t.data.size >= 1024}
    assert found == {weights}
    activations = {t.dtype for t in tensors if t.role == "activation" and len(t.shape) == 4}
    assert inside in activations
    if kind.startswith("int"):
        assert activations <= {inside, outside}


@pytest.mark.parametrize("kind", HOLDS)
def test_weights_are_as_small_as_their_type(small, kind):
    weights = {name: inspect.bytes_by_purpose(path)["weights"] for name, path in small.files.items()}
    shrinks = {"float32": 1, "float16": 2}.get(kind, 4)
    assert weights["float32"] / weights[kind] == pytest.approx(shrinks, rel=0.02)


def test_calibration_uses_training_pictures_only(at_home):
    pets = at_home.pets
    found = datasets.calibration_inputs(pets, 30)
    assert (found.shape, found.dtype) == ((30, 96, 96, 3), np.float32)
    np.testing.assert_array_equal(found, conventions.normalise(pets.arrays("train")[0][:30]))
    scored = {image.tobytes() for image in conventions.normalise(pets.arrays("test")[0])}
    assert not scored & {image.tobytes() for image in datasets.calibration_inputs(pets)}


def test_the_representative_dataset_gives_one_picture_at_a_time_as_often_as_asked():
    inputs = np.arange(12, dtype=np.float32).reshape(3, 2, 2, 1)
    samples = convert.representative_dataset(inputs)
    for _ in range(2):
        given = list(samples())
        assert [(len(one), one[0].shape) for one in given] == [(1, (1, 2, 2, 1))] * 3
        np.testing.assert_array_equal(np.concatenate([one[0] for one in given]), inputs)


def test_all_calibration_pictures_reach_the_converter(small, calibration):
    """One picture that is ten times as bright is the last of them; the input's range must reach up to it."""
    calibration[-1] *= 10
    model = convert.convert("int8", small.saved_model, calibration)
    scale, zero_point = interpreter.load(model).get_input_details()[0]["quantization"]
    assert (127 - zero_point) * scale == pytest.approx(calibration.max(), rel=0.01)


def test_the_three_flags_of_the_lecture_give_the_same_file(small):
    files = []
    for flag in ("DEFAULT", "OPTIMIZE_FOR_SIZE", "OPTIMIZE_FOR_LATENCY"):
        converter = tf.lite.TFLiteConverter.from_saved_model(str(small.saved_model))
        converter.optimizations = [getattr(tf.lite.Optimize, flag)]
        files.append(converter.convert())
    assert files[0] == files[1] == files[2] == small.files["dynamic range"].read_bytes()


def test_converting_twice_gives_the_same_bytes_and_says_nothing(small, calibration, capfd):
    first, second = (convert.convert("int8", small.saved_model, calibration) for _ in range(2))
    assert first == second
    assert capfd.readouterr() == ("", "")


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


def test_files_that_are_there_are_not_written_again(at_home):
    before = {kind: (path.stat().st_mtime_ns, path.stat().st_ino) for kind, path in at_home.files.items()}
    assert converted.files(at_home.pets) == at_home.files
    assert {kind: (path.stat().st_mtime_ns, path.stat().st_ino) for kind, path in at_home.files.items()} == before


def test_a_file_that_is_missing_is_made_again_as_it_was(at_home):
    path = at_home.files["dynamic range"]
    before = path.read_bytes()
    path.unlink()
    assert converted.file(at_home.pets, "dynamic range") == path
    assert path.read_bytes() == before


def test_file_names_are_good_on_every_system():
    names = [convert.filename(kind) for kind in convert.KINDS]
    assert len(set(names)) == 6
    assert all(name.endswith(".tflite") and not set(name) & set(' ,/\\:*?"<>|') for name in names)
    assert convert.filename("int8, float in/out") == "int8_float_in_out.tflite"


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


# --- AI Edge Quantizer, in all its forms ----------------------------------------------------------------------------


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
    found = {len(t.scale) for t in inspect.tensors(edge(granularity=granularity)) if t.role == "weights"}
    assert found == scales


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
        found = inspect.layer_weights(edge(weights=4, granularity="tensor", weight_range=within))
        errors[within] = np.array([rmse(whole[name], found[name]) for name in whole])
    assert np.median(errors["mse"] / errors["min/max"]) < 1


def test_the_settings_of_the_tool_itself_give_the_same_file(at_home, calibration):
    """`edge_quantizer_int8` is what AI Edge Quantizer's own recipe makes."""
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
    whole, found = (accuracy.predict(file, images) for file in (at_home.files["float32"], path))
    assert np.abs(whole - found).mean() < 0.05


def test_the_converter_per_tensor_has_one_scale_a_layer(small, calibration, tmp_path):
    path = convert.write(convert.int8(small.saved_model, calibration, per_channel=False), tmp_path / "t.tflite")
    assert {t.granularity for t in inspect.tensors(path) if t.role == "weights"} == {"per tensor"}
    assert path.stat().st_size < small.files["int8"].stat().st_size


def test_blocks_are_right_on_xnnpack_only(edge, at_home):
    """LiteRT 2.3.0: the other kernels run the file without a word, and answer something else."""
    path = edge(weights=4, activations="dynamic", granularity=32)
    images = at_home.pets.arrays("train", 20)[0]
    by_channel = edge_quantizer.quantize(at_home.files["float32"], weights=4, activations="dynamic")
    expected = accuracy.predict(by_channel, images)
    apart = {k: np.abs(accuracy.predict(path, images, k) - expected).mean() for k in interpreter.KERNEL_SETS}
    assert apart["XNNPACK"] < 0.05
    assert min(apart["built-in"], apart["reference"]) > 0.1


# --- ranges -------------------------------------------------------------------------------------------------


def test_activations_are_those_of_the_network(at_home, calibration):
    """Against `edit.excerpt`, a copy of the file with every tensor as an output."""
    path = at_home.files["float32"]
    found = edge_quantizer.activations(path, calibration[:3])
    steps = inspect.operators(path)
    known = inspect.tensors(path)
    assert list(found)[0] == known[steps[0].inputs[0]].name
    np.testing.assert_array_equal(found[known[steps[0].inputs[0]].name], calibration[:3])
    ready = interpreter.load(edit.excerpt(path), "reference")
    for i in range(3):
        ready.set_tensor(ready.get_input_details()[0]["index"], calibration[i : i + 1])
        ready.invoke()
        for entry in ready.get_output_details():
            values = found[entry["name"]][i]
            np.testing.assert_allclose(values, ready.get_tensor(entry["index"])[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("within", ["min/max", "median", "mse", 99.0])
def test_ranges_by_hand(at_home, calibration, within):
    path = at_home.files["float32"]
    seen, found = edge_quantizer.activations(path, calibration), edge_quantizer.ranges(path, calibration, within)
    assert list(found) == list(seen)
    for name, values in seen.items():
        low, high = found[name]
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


# --- what can go wrong ---------------------------------------------------------------------------------------


def test_an_unknown_kind(small):
    with pytest.raises(KeyError, match="Expected one of float32, dynamic range, .*; found 'int4'"):
        convert.convert("int4", small.saved_model)


@pytest.mark.parametrize("kind", HOLDS)
def test_no_saved_model(tmp_path, kind):
    with pytest.raises(FileNotFoundError, match="no SavedModel in .*: run 01_train"):
        convert.convert(kind, tmp_path)


@pytest.mark.parametrize("kind", ["int8", "int8, float in/out", "int16x8"])
@pytest.mark.parametrize("calibration", [None, np.empty((0, 96, 96, 3), np.float32)], ids=["None", "none"])
def test_no_calibration_pictures(small, kind, calibration):
    with pytest.raises(ValueError, match=f"{kind} quantizes activations, so it needs calibration pictures; found none"):
        convert.convert(kind, small.saved_model, calibration)


def test_an_interrupted_conversion_leaves_nothing(at_home, monkeypatch):
    path = at_home.files["dynamic range"]
    before = path.read_bytes()
    path.unlink()

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(convert, "convert", interrupted)
        converted.file(at_home.pets, "dynamic range")
    assert not list(path.parent.glob("*dynamic*"))
    assert convert.write(before, path).read_bytes() == before


def test_a_file_older_than_the_model_is_made_again(at_home):
    path = at_home.files["float32"]
    content, graph = path.read_bytes(), at_home.saved_model / convert.GRAPH
    path.write_bytes(b"of an earlier training")
    os.utime(path, (graph.stat().st_mtime - 60,) * 2)
    assert converted.file(at_home.pets, "float32").read_bytes() == content


# --- other weights in a file ------------------------------------------------------------------------------------------


def test_replaced_weights_are_what_the_file_holds(small, tmp_path):
    """The interpreter reads the new values; what is no weight stays as it was."""
    path = small.files["float32"]
    new = convert.write(edit.replace_weights(path, lambda t: 2 * t.data), tmp_path / "new.tflite")
    before, after = inspect.tensors(path), inspect.tensors(new)
    assert sum(t.role == "weights" for t in after) > 3
    for old, changed in zip(before, after, strict=True):
        if old.data is not None:
            factor = 2 if old.role == "weights" else 1
            np.testing.assert_array_equal(changed.data, factor * old.data)
    ready = interpreter.load(new)
    (weights,) = [t for t in after if t.role == "weights" and t.shape[-1] == 3]  # the first layer sees three colours
    np.testing.assert_array_equal(ready.get_tensor(weights.index), weights.data)


def test_the_same_weights_give_the_same_file(small):
    for kind in ("float32", "float16", "int8"):
        path = small.files[kind]
        assert edit.replace_weights(path, lambda t: t.data) == path.read_bytes()


def test_new_weights_need_the_old_shape(small):
    with pytest.raises(ValueError, match=r"has the shape .* found new values of shape \(3,\)"):
        edit.replace_weights(small.files["float32"], lambda t: np.zeros(3))


# --- what AI Edge Quantizer cannot do ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "said"),
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
def test_forms_that_do_not_exist(edge, form, said):
    with pytest.raises(ValueError, match=said):
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
