"""The six kinds of files: what they hold, what they were calibrated with, what is said when something is missing."""

import os

import numpy as np
import pytest

from helpers import conversion, datasets, evaluation, inspection
from helpers.runtime import tf

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
    return conversion.calibration_inputs(at_home.pets, 8)


def test_there_are_six_kinds(small):
    assert list(conversion.KINDS) == list(HOLDS) == list(small.files)


@pytest.mark.parametrize("kind", HOLDS)
def test_a_file_holds_what_its_kind_promises(small, kind):
    outside, weights, inside = HOLDS[kind]
    ready = evaluation.interpreter(small.files[kind])
    (entry,), (exit_,) = ready.get_input_details(), ready.get_output_details()
    assert entry["dtype"] == exit_["dtype"] == np.dtype(outside)
    assert entry["shape"].tolist() == [1, 96, 96, 3]
    tensors = inspection.tensors(small.files[kind])
    # The smallest tensors are left float32 by dynamic-range quantization: they would save nothing.
    found = {t.dtype for t in tensors if t.role == "weights" and t.data.size >= 1024}
    assert found == {weights}
    activations = {t.dtype for t in tensors if t.role == "activation" and len(t.shape) == 4}
    assert inside in activations
    if kind.startswith("int"):
        assert activations <= {inside, outside}


@pytest.mark.parametrize("kind", HOLDS)
def test_weights_are_as_small_as_their_type(small, kind):
    weights = {name: inspection.bytes_by_purpose(path)["weights"] for name, path in small.files.items()}
    shrinks = {"float32": 1, "float16": 2}.get(kind, 4)
    assert weights["float32"] / weights[kind] == pytest.approx(shrinks, rel=0.02)


def test_calibration_uses_training_pictures_only(at_home):
    pets = at_home.pets
    found = conversion.calibration_inputs(pets, 30)
    assert (found.shape, found.dtype) == ((30, 96, 96, 3), np.float32)
    np.testing.assert_array_equal(found, datasets.normalise(pets.arrays("train")[0][:30]))
    scored = {image.tobytes() for image in datasets.normalise(pets.arrays("test")[0])}
    assert not scored & {image.tobytes() for image in conversion.calibration_inputs(pets)}


def test_the_representative_dataset_gives_one_picture_at_a_time_as_often_as_asked():
    inputs = np.arange(12, dtype=np.float32).reshape(3, 2, 2, 1)
    samples = conversion.representative_dataset(inputs)
    for _ in range(2):
        given = list(samples())
        assert [(len(one), one[0].shape) for one in given] == [(1, (1, 2, 2, 1))] * 3
        np.testing.assert_array_equal(np.concatenate([one[0] for one in given]), inputs)


def test_all_calibration_pictures_reach_the_converter(small, calibration):
    """One picture that is ten times as bright is the last of them; the input's range must reach up to it."""
    calibration[-1] *= 10
    model = conversion.convert("int8", small.saved_model, calibration)
    scale, zero_point = evaluation.interpreter(model).get_input_details()[0]["quantization"]
    assert (127 - zero_point) * scale == pytest.approx(calibration.max(), rel=0.01)


def test_the_three_flags_of_the_lecture_give_the_same_file(small):
    files = []
    for flag in ("DEFAULT", "OPTIMIZE_FOR_SIZE", "OPTIMIZE_FOR_LATENCY"):
        converter = tf.lite.TFLiteConverter.from_saved_model(str(small.saved_model))
        converter.optimizations = [getattr(tf.lite.Optimize, flag)]
        files.append(converter.convert())
    assert files[0] == files[1] == files[2] == small.files["dynamic range"].read_bytes()


def test_converting_twice_gives_the_same_bytes_and_says_nothing(small, calibration, capfd):
    first, second = (conversion.convert("int8", small.saved_model, calibration) for _ in range(2))
    assert first == second
    assert capfd.readouterr() == ("", "")


def test_files_that_are_there_are_not_written_again(at_home):
    before = {kind: (path.stat().st_mtime_ns, path.stat().st_ino) for kind, path in at_home.files.items()}
    assert conversion.files(at_home.pets) == at_home.files
    assert {kind: (path.stat().st_mtime_ns, path.stat().st_ino) for kind, path in at_home.files.items()} == before


def test_a_file_that_is_missing_is_made_again_as_it_was(at_home):
    path = at_home.files["dynamic range"]
    before = path.read_bytes()
    path.unlink()
    assert conversion.file(at_home.pets, "dynamic range") == path
    assert path.read_bytes() == before


def test_file_names_are_good_on_every_system():
    names = [conversion.filename(kind) for kind in conversion.KINDS]
    assert len(set(names)) == 6
    assert all(name.endswith(".tflite") and not set(name) & set(' ,/\\:*?"<>|') for name in names)
    assert conversion.filename("int8, float in/out") == "int8_float_in_out.tflite"


def test_the_newer_tool_gives_the_same_answers(at_home):
    """On the whole: it takes moving averages of the ranges, not the extremes."""
    small, (images, _) = at_home, at_home.pets.arrays("train", 40)
    calibration = conversion.calibration_inputs(small.pets)
    edge = conversion.edge_quantizer_int8(small.files["float32"], calibration)
    ours = conversion.convert("int8", small.saved_model, calibration)
    entries = [evaluation.interpreter(model).get_input_details()[0] for model in (edge, ours)]
    assert [entry["dtype"] for entry in entries] == [np.int8, np.int8]
    assert entries[0]["quantization"] == pytest.approx(entries[1]["quantization"], rel=0.1)
    assert len(edge) == pytest.approx(len(ours), rel=0.1)
    expected = evaluation.predict(small.files["float32"], images)
    for model in (edge, ours):
        assert np.abs(evaluation.predict(model, images) - expected).mean() < 0.05


# --- what can go wrong ---------------------------------------------------------------------------------------


def test_an_unknown_kind(small):
    with pytest.raises(KeyError, match="Expected one of float32, dynamic range, .*; found 'int4'"):
        conversion.convert("int4", small.saved_model)


@pytest.mark.parametrize("kind", HOLDS)
def test_no_saved_model(tmp_path, kind):
    with pytest.raises(FileNotFoundError, match="no SavedModel in .*: run 01_train"):
        conversion.convert(kind, tmp_path)


@pytest.mark.parametrize("kind", ["int8", "int8, float in/out", "int16x8"])
@pytest.mark.parametrize("calibration", [None, np.empty((0, 96, 96, 3), np.float32)], ids=["None", "none"])
def test_no_calibration_pictures(small, kind, calibration):
    with pytest.raises(ValueError, match=f"{kind} quantizes activations, so it needs calibration pictures; found none"):
        conversion.convert(kind, small.saved_model, calibration)


def test_an_interrupted_conversion_leaves_nothing(at_home, monkeypatch):
    path = at_home.files["dynamic range"]
    before = path.read_bytes()
    path.unlink()

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(conversion, "convert", interrupted)
        conversion.file(at_home.pets, "dynamic range")
    assert not list(path.parent.glob("*dynamic*"))
    assert conversion.write(before, path).read_bytes() == before


def test_a_file_older_than_the_model_is_made_again(at_home):
    path = at_home.files["float32"]
    content, graph = path.read_bytes(), at_home.saved_model / conversion.GRAPH
    path.write_bytes(b"of an earlier training")
    os.utime(path, (graph.stat().st_mtime - 60,) * 2)
    assert conversion.file(at_home.pets, "float32").read_bytes() == content


# --- other weights in a file ------------------------------------------------------------------------------------------


def test_replaced_weights_are_what_the_file_holds(small, tmp_path):
    """The interpreter reads the new values; what is no weight stays as it was."""
    path = small.files["float32"]
    new = conversion.write(conversion.replace_weights(path, lambda t: 2 * t.data), tmp_path / "new.tflite")
    before, after = inspection.tensors(path), inspection.tensors(new)
    assert sum(t.role == "weights" for t in after) > 3
    for old, changed in zip(before, after, strict=True):
        if old.data is not None:
            factor = 2 if old.role == "weights" else 1
            np.testing.assert_array_equal(changed.data, factor * old.data)
    ready = evaluation.interpreter(new)
    (weights,) = [t for t in after if t.role == "weights" and t.shape[-1] == 3]  # the first layer sees three colours
    np.testing.assert_array_equal(ready.get_tensor(weights.index), weights.data)


def test_the_same_weights_give_the_same_file(small):
    for kind in ("float32", "float16", "int8"):
        path = small.files[kind]
        assert conversion.replace_weights(path, lambda t: t.data) == path.read_bytes()


def test_new_weights_need_the_old_shape(small):
    with pytest.raises(ValueError, match=r"has the shape .* found new values of shape \(3,\)"):
        conversion.replace_weights(small.files["float32"], lambda t: np.zeros(3))
