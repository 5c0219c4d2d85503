"""The six kinds of files: what they hold, what they were calibrated with, what is said when something is missing."""

import numpy as np
import pytest

from helpers.base.tf import tf
from helpers.tflite import convert, inspect, interpreter, kinds

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


def test_there_are_six_kinds(small):
    assert list(convert.KINDS) == list(kinds.KINDS) == list(HOLDS) == list(small.files)


@pytest.mark.parametrize("kind", HOLDS)
def test_a_file_holds_what_its_kind_promises(small, kind):
    outside, weights, inside = HOLDS[kind]
    ready = interpreter.load(small.files[kind])
    (input_details,), (output_details,) = ready.get_input_details(), ready.get_output_details()
    assert input_details["dtype"] == output_details["dtype"] == np.dtype(outside)
    assert input_details["shape"].tolist() == [1, 96, 96, 3]
    tensors = inspect.tensors(small.files[kind])
    # The smallest tensors are left float32 by dynamic-range quantization: they would save nothing.
    dtypes = {t.dtype for t in tensors if t.role == "weights" and t.data.size >= 1024}
    assert dtypes == {weights}
    activations = {t.dtype for t in tensors if t.role == "activation" and len(t.shape) == 4}
    assert inside in activations
    if kind.startswith("int"):
        assert activations <= {inside, outside}


@pytest.mark.parametrize("kind", HOLDS)
def test_weights_are_as_small_as_their_type(small, kind):
    weights = {name: inspect.bytes_by_purpose(path)["weights"] for name, path in small.files.items()}
    shrinks = {"float32": 1, "float16": 2}.get(kind, 4)
    assert weights["float32"] / weights[kind] == pytest.approx(shrinks, rel=0.02)


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


def test_file_names_are_good_on_every_system():
    names = [convert.filename(kind) for kind in convert.KINDS]
    assert len(set(names)) == 6
    assert all(name.endswith(".tflite") and not set(name) & set(' ,/\\:*?"<>|') for name in names)
    assert convert.filename("int8, float in/out") == "int8_float_in_out.tflite"


# --- AI Edge Quantizer, in all its forms ------------------------------------------------------------------------------


def test_the_converter_per_tensor_has_one_scale_a_layer(small, calibration, tmp_path):
    path = convert.write(convert.int8(small.saved_model, calibration, per_channel=False), tmp_path / "t.tflite")
    assert {t.granularity for t in inspect.tensors(path) if t.role == "weights"} == {"per tensor"}
    assert path.stat().st_size < small.files["int8"].stat().st_size


# --- what can go wrong ------------------------------------------------------------------------------------------------


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
