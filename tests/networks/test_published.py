"""The published architectures: sound files although nothing was trained, at a small width and resolution."""

import csv

import numpy as np
import pytest

from helpers.base import artifacts, data
from helpers.base.tf import keras
from helpers.networks import published, untrained
from helpers.networks.published import Architecture
from helpers.pictures.conventions import normalise
from helpers.tflite import convert, inspect, interpreter

pytest_plugins = ["small"]

SIZE, WIDTH = 64, 0.25
SMALL = {"A small one": Architecture("MobileNet", SIZE, 0.5, {"alpha": WIDTH})}


@pytest.fixture(scope="module")
def inputs():
    return normalise(published.pictures(SIZE))


@pytest.fixture(scope="module")
def model(inputs):
    return untrained.network("MobileNet", inputs, alpha=WIDTH)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """MobileNet v1, a quarter as wide, at 64 pixels: {kind: path}."""
    folder = tmp_path_factory.mktemp("architectures") / "files"
    published.build(SMALL, folder)
    return {kind: folder / "a_small_one" / convert.filename(kind) for kind in ("float32", "int8")}


# --- the network ---------------------------------------------------------------------------------------------


def test_pictures_are_cats_and_dogs_in_turn_and_always_the_same():
    images = published.pictures(80, 3)
    assert images.shape == (3, 80, 80, 3) and images.dtype == np.uint8
    assert len({image.tobytes() for image in images}) == 3
    np.testing.assert_array_equal(images, published.pictures(80, 3))


def test_every_normalised_channel_has_mean_0_and_nearly_variance_1(model, inputs):
    normalised = [layer.output for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(normalised) == 27
    for values in keras.Model(model.input, normalised)(inputs, training=False):
        channels = np.asarray(values, np.float64).reshape(-1, values.shape[-1])
        np.testing.assert_allclose(channels.mean(axis=0), 0, atol=1e-3)
        assert 0.7 < np.median(channels.std(axis=0)) < 1.01  # epsilon makes channels that were faint a little smaller


def test_without_the_statistics_activations_fade(inputs):
    """What the module says about an untrained network, held against one."""
    keras.utils.set_random_seed(1)
    raw = keras.applications.MobileNet(weights=None, input_shape=inputs.shape[1:], alpha=WIDTH)
    last = [layer.output for layer in raw.layers if isinstance(layer, keras.layers.BatchNormalization)][-1]
    assert np.asarray(keras.Model(raw.input, last)(inputs, training=False)).std() < 0.1


def test_the_scores_of_the_classes_spread(model, inputs):
    probabilities = np.asarray(model(inputs[:1], training=False), np.float64)
    assert np.log(probabilities).std(axis=1).mean() == pytest.approx(untrained.SPREAD, rel=0.02)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_one_picture_has_no_variance(inputs):
    with pytest.raises(ValueError, match="at least two pictures; found 1"):
        untrained.network("MobileNet", inputs[:1])


# --- the files -----------------------------------------------------------------------------------------------


def test_the_float32_file_is_the_model(model, files, inputs):
    ready = interpreter.load(files["float32"], "reference")
    for i in range(len(inputs)):
        expected = np.asarray(model(inputs[i : i + 1], training=False))
        np.testing.assert_allclose(interpreter.run(ready, inputs[i : i + 1]), expected, rtol=2e-3, atol=1e-5)


def test_types_are_those_of_their_names(files):
    for kind, path in files.items():
        weighed = {t.dtype for t in inspect.tensors(path) if t.role in ("input", "output", "weights")}
        assert weighed == {kind}
        assert all(t.shape[0] == 1 for t in inspect.tensors(path) if t.role in ("input", "output"))


def test_no_range_is_degenerate(files):
    """A range of almost nothing is what aborts kernels: its scale makes a multiplier that is out of bounds."""
    scaled = [t for t in inspect.tensors(files["int8"]) if len(t.scale)]
    assert len(scaled) > 50
    for tensor in scaled:
        assert np.all(np.isfinite(tensor.scale)) and np.all(tensor.scale > 0)
        assert np.all((tensor.zero_point >= -128) & (tensor.zero_point <= 127))
        if tensor.role == "activation":
            assert 1e-3 < tensor.scale[0] < 1, tensor.name


@pytest.mark.parametrize("kernels", interpreter.KERNEL_SETS)
@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_files_run_on_every_kernel_set(files, inputs, kind, kernels):
    ready = interpreter.load(files[kind], kernels)
    entry = ready.get_input_details()[0]
    answer = interpreter.run(ready, interpreter.quantize_input(inputs[:1], entry))
    assert answer.shape == (1, 1000)
    assert np.all(np.isfinite(answer)) and answer.sum() == pytest.approx(1, abs=0.3)  # codes of 1/256 each


def test_int8_says_roughly_what_float32_says(files, inputs):
    """Before the softmax, over all classes and pictures: the quantized network computes the same function.

    It does so less exactly than a trained one: with random weights, each layer passes on all rounding errors before it.
    """
    said = {}
    for kind, path in files.items():
        ready = interpreter.load(path, "reference", experimental_preserve_all_tensors=True)
        entry, rows = ready.get_input_details()[0], []
        logits = inspect.operators(path)[-1].inputs[0]  # of the softmax
        details = {d["index"]: d for d in ready.get_tensor_details()}[logits]
        for i in range(len(inputs)):
            interpreter.run(ready, interpreter.quantize_input(inputs[i : i + 1], entry))
            rows.append(interpreter.dequantize_output(ready.get_tensor(logits), details).ravel())
        said[kind] = np.concatenate(rows)
    assert np.corrcoef(said["float32"], said["int8"])[0, 1] > 0.5


def test_the_bytes_do_not_depend_on_what_was_made_before(files, tmp_path):
    before = Architecture("MobileNetV2", SIZE, 1.0, {"alpha": 0.35})
    published.build(SMALL | {"Larger": before}, tmp_path / "again")
    assert (tmp_path / "again" / "larger" / "int8.tflite").is_file()
    for path in files.values():
        assert artifacts.sha256(tmp_path / "again" / "a_small_one" / path.name) == artifacts.sha256(path)


def test_files_are_made_once_and_whole(monkeypatch, tmp_path, capsys):
    made = []

    def build(architectures, folder):
        made.append(architectures)
        for name in architectures:
            published.folder_of(name, folder).mkdir(parents=True)
            for kind in published.KINDS:
                (published.folder_of(name, folder) / convert.filename(kind)).write_bytes(b"TFL3")

    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path))
    monkeypatch.setattr(published, "build", build)
    first, second = published.files(), published.files()
    assert first == second and all(path.is_file() for pair in first.values() for path in pair.values())
    assert made == [published.ARCHITECTURES] and [*first] == [*published.ARCHITECTURES]
    assert "The set of files of MobileNet v1, ResNet v2, Inception v3 is not there yet" in capsys.readouterr().out
    assert first["MobileNet v1"]["int8"].parent == tmp_path / "architectures" / "files" / "mobilenet_v1"


def test_a_build_that_fails_leaves_nothing(monkeypatch, tmp_path):
    def build(architectures, folder):
        folder.mkdir()
        raise RuntimeError("no memory")

    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path))
    monkeypatch.setattr(published, "build", build)
    with pytest.raises(RuntimeError):
        published.files()
    assert [path.name for path in (tmp_path / published.FOLDER).glob("files*")] == []


# --- what was published --------------------------------------------------------------------------------------


def test_the_lectures_values_are_those_of_its_chart():
    assert published.latencies() == {
        "MobileNet v1": {"float32": 80, "int8": 40},
        "ResNet v2": {"float32": 1480, "int8": 970},
        "Inception v3": {"float32": 660, "int8": 370},
    }


def test_every_published_value_names_its_source():
    with (data.project() / "data" / "published_latency.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    assert {row["architecture"] for row in rows} == set(published.ARCHITECTURES)
    assert all(row["source"] and row["year"] and row["device"] and float(row["milliseconds"]) > 0 for row in rows)


def test_on_a_phone_without_a_dot_product_int8_was_about_twice_as_fast():
    """What notebook 7 says of the Pixel 2: the rows of networks that were trained for quantization, in both tables."""
    rows = [bar for bar in data.records("published_latency.csv", published.PublishedLatency) if "Pixel 2" in bar.device]
    milliseconds = {(bar.source, bar.architecture, bar.kind): bar.milliseconds for bar in rows}
    trained = {key: value for key, value in milliseconds.items() if key[2] == "quantization-aware training"}
    ratios = [milliseconds[source, name, "float32"] / value for (source, name, _), value in trained.items()]
    assert len(ratios) == 4 and min(ratios) > 1.9 and max(ratios) < 2.5


# --- the large ones ------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", published.ARCHITECTURES)
def test_the_published_networks_run_on_every_kernel_set(name):
    """As the notebooks use them.

    Of the large ones the reference kernels run the int8 file only, which is the one that a bad range would abort: they
    take ten seconds and more for a picture in float32.
    """
    architecture = published.ARCHITECTURES[name]
    image = normalise(published.pictures(architecture.size, 1))
    for kind, path in published.files()[name].items():
        answers = []
        for kernels in interpreter.KERNEL_SETS:
            if kernels == "reference" and kind == "float32" and name != "MobileNet v1":
                continue
            ready = interpreter.load(path, kernels)
            answers.append(interpreter.run(ready, interpreter.quantize_input(image, ready.get_input_details()[0])))
        assert all(np.all(np.isfinite(answer)) and answer.max() > 0.02 for answer in answers)


def test_a_process_that_fails_says_why(tmp_path):
    wide = {"Wide": Architecture("MobileNet", SIZE, 0.5, {"alpha": "wide"})}
    with pytest.raises(RuntimeError, match=r"The float32 files of Wide could not be made: ValueError: .*wide"):
        published.build(wide, tmp_path / "files")
