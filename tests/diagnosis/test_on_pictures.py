"""What pictures show: answers, ranges, noise, kernels; files broken on purpose, and good ones."""

import shutil

import numpy as np
import pytest

import needs
from helpers.base import console
from helpers.diagnosis import activations, answers, contents, examination, inputs, kernels
from helpers.diagnosis.kernels import Answers
from helpers.integer import comparison
from helpers.integer.rounding import MICRO
from helpers.numbers import errors
from helpers.pictures import datasets
from helpers.tflite import convert, interpreter, trial
from one_operator import values_outside

pytest_plugins = ["small"]


@pytest.fixture(scope="module")
def calibration(small):
    return datasets.calibration_inputs(small.pets)


@pytest.fixture(scope="module")
def calibrated(small, tmp_path_factory):
    """A function that converts the small network with other calibration pictures, and writes the file."""
    folder = tmp_path_factory.mktemp("calibrated")

    def write(name, pictures):
        with console.quiet():
            return convert.write(convert.convert("int8", small.saved_model, pictures), folder / f"{name}.tflite")

    return write


@pytest.fixture(scope="module")
def few(small, tmp_path_factory):
    """A folder with eight pictures of each class."""
    folder = tmp_path_factory.mktemp("few")
    for path in small.pictures.glob("*/[0-7].png"):
        (folder / path.parent.name).mkdir(exist_ok=True)
        shutil.copy(path, folder / path.parent.name)
    return folder


@pytest.fixture
def examined(small, few):
    """A function that examines a file, with everything there is to know."""
    return lambda path: examination.examine(path, few, small.files["float32"])


@pytest.fixture
def quickly(examined, monkeypatch):
    """The same on one set of kernels."""
    monkeypatch.setattr(kernels, "SETS", (activations.KERNELS,))
    return examined


def names(report):
    return {one.name: one for one in report.findings}


@pytest.mark.parametrize("kind", ["int8", "int8, float in/out", "int16x8"])
def test_nothing_is_found_in_a_good_file(examined, small, kind):
    report = examined(small.files[kind])
    assert report.findings == () and not report.severe
    assert [one.heading for one in report.sections][-2:] == ["Layers, the noisiest first", "Boards"]


def test_nothing_is_found_in_a_file_with_uint8_ends(small, examined, calibration, tmp_path):
    """A QUANTIZE behind the softmax has its ends from there: probabilities of 0 and 1 are not clipped."""
    from helpers.base.tf import tf

    converter = convert.calibrated(small.saved_model, calibration, tf.lite.OpsSet.TFLITE_BUILTINS_INT8)
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    with console.quiet():
        (tmp_path / "uint8.tflite").write_bytes(converter.convert())
    assert examined(tmp_path / "uint8.tflite").findings == ()


# --- calibration ------------------------------------------------------------------------------------------------------


def test_one_picture_that_was_too_bright(quickly, small, calibrated, calibration):
    """The accident of notebook 6, found from the file alone and again on pictures."""
    spoiled = calibration.copy()
    spoiled[3] *= 255
    found = names(quickly(calibrated("spoiled", spoiled)))
    assert found["input_range"].severity == "severe"
    assert found["outlier_range"].severity == "severe" and "the input: 2 codes" in found["outlier_range"].evidence
    assert found["noise"].severity == "severe" and "It begins at the input" in found["noise"].evidence


def test_noise_instead_of_pictures(quickly, small, calibrated, calibration):
    rng = np.random.default_rng(0)
    found = names(quickly(calibrated("normal", rng.standard_normal(calibration.shape).astype(np.float32))))
    assert "as random normal numbers do" in found["input_range"].title
    found = names(quickly(calibrated("uniform", rng.random(calibration.shape, np.float32))))
    assert "input_range" not in found and found["noise"].severity == "severe"


@pytest.mark.parametrize("dimmed", [0.3, 1 / 255])
def test_pictures_that_were_too_dark(quickly, small, calibrated, calibration, dimmed):
    found = names(quickly(calibrated(f"dark{dimmed:.1f}", calibration * np.float32(dimmed))))
    assert found["clipped_input"].severity == "severe" and found["noise"].severity == "severe"


def test_without_pictures_of_the_readers_own_nothing_is_said_about_ranges(small, calibrated, calibration):
    report = examination.examine(calibrated("dim", calibration * np.float32(0.3)))
    assert report.findings == ()
    assert "drawn pets, for no --pictures were given" in report.section("Kernels").words


def test_an_activation_with_the_range_of_an_outlier(small, broken, tools):
    """Its codes crowd together; the file is consistent, for multipliers are computed from the scales."""
    part, _ = tools
    path = small.files["int8"]
    mean = next(step for step in contents.read(path).steps if step.operator.name == "MEAN")

    def change(model):
        quantization = model.subgraphs[0].tensors[mean.outputs[0].index].quantization
        quantization.scale, quantization.zeroPoint = [40 * quantization.scale[0]], [-128]

    seen = activations.observe(contents.read(broken(path, change)), _pictures(small, path))
    found = activations.wasted(seen)
    assert found.name == "outlier_range" and mean.place in found.evidence


def _pictures(small, path):
    return inputs.gather(contents.read(path), small.pictures, None, odd=False).values


def test_the_signal_to_noise_ratio_is_that_of_numpy(small):
    """Against the debugger's measure of the whole tensor, `errors.sqnr`."""
    path, float32 = small.files["int8"], small.files["float32"]
    whole, twin, pictures = contents.read(path), contents.read(float32), _pictures(small, path)[:6]
    seen = activations.observe(whole, pictures, twin)
    (entry,) = whole.of_role("input")
    ours = comparison.kernel_tensors(path, interpreter.quantize_input(pictures, entry.details), "built-in")
    theirs = comparison.kernel_tensors(float32, pictures, "built-in")
    by_name = {t.name: t.index for t in twin.tensors}
    compared = 0
    for index, one in seen.items():
        if one.step is not None and one.tensor.name in by_name and by_name[one.tensor.name] in theirs:
            real = (ours[index].astype(np.float64) - one.tensor.zero_point[0]) * one.tensor.scale[0]
            np.testing.assert_allclose(one.sqnr, errors.sqnr(theirs[by_name[one.tensor.name]], real), rtol=1e-6)
            compared += 1
    assert compared > 5


# --- answers ----------------------------------------------------------------------------------------------------------


def test_one_class_for_every_picture(quickly, small, broken, tools):
    part, values = tools
    path = small.files["int8"]

    def change(model):
        values(model, part(model, path, "bias", -1), np.int32)[:] = [2**20, -(2**20)]

    found = names(quickly(broken(path, change)))
    assert found["one_class"].severity == "severe" and "All 16 answers are number 0" in found["one_class"].evidence
    assert found["other_answers"].severity == "severe"


@pytest.mark.parametrize(
    "outputs, exact, folders, severity",
    [
        ([[0, 1]] * 9, None, 2, "severe"),
        ([[0, 1]] * 9, None, 1, "warning"),
        ([[0, 1]] * 9, None, 0, None),  # drawn pets say nothing about somebody else's network
        ([[0, 1]] * 9, [[0, 1]] * 9, 2, None),  # float32 does so too
        ([[0, 1]] * 9, [[0, 1]] * 8 + [[1, 0]], 0, "severe"),
        ([[0, 1]] * 5, None, 2, None),  # too few
        ([[0, 1]] * 8 + [[1, 0]], None, 2, None),
        ([[0.7]] * 9, None, 2, "severe"),
        ([[0.7]] * 8 + [[0.3]], None, 2, None),
        ([[3.0]] * 8 + [[-0.3]], None, 2, None),  # a logit
    ],
)
def test_when_one_class_is_a_finding(outputs, exact, folders, severity):
    exact = None if exact is None else np.array(exact, np.float32)
    found = answers.one_class(np.array(outputs, np.float32), exact, folders)
    assert (found and found.severity) == severity


# --- kernels ----------------------------------------------------------------------------------------------------------


def said(**outputs):
    rows = {name: None if rows is None else np.array(rows) for name, rows in outputs.items()}
    return [Answers(name, values, "no" * (values is None)) for name, values in rows.items()]


def test_kernels_that_disagree_about_the_answer():
    found = kernels.check(said(reference=[[1, 2], [3, 1]], builtin=[[1, 3], [3, 1]], xnnpack=[[3, 2], [3, 1]]))
    assert [one.name for one in found] == ["kernels_disagree"] and "xnnpack: 1 different" in found[0].evidence
    assert kernels.check(said(reference=[[1, 2]], builtin=[[1, 3]], micro=None)) == []
    assert kernels.check(said(reference=[[50, 51], [0, 99]], builtin=[[51, 50], [0, 99]])) == []  # a tie
    assert kernels.check(said(reference=None)) == []


def test_kernels_that_disagree_about_the_size_of_the_output():
    """As on files whose shapes are wrong: TensorFlow Lite computes them anew, TensorFlow Lite Micro does not."""
    answered = said(reference=[[1, 2]], micro=[[1, 2, 3]])
    (found,) = kernels.check(answered)
    assert found.name == "output_shape" and "micro: it gives 3 numbers, and reference 2 numbers" in found.evidence
    assert kernels.table(answered).rows[1] == ["micro", "yes", *"–––"]
    assert kernels.remarks(answered) == ["micro: it gives 3 numbers, and reference 2 numbers"]


def test_the_table_counts_what_differs():
    table = kernels.table(said(reference=[[1, 2], [3, 1]], builtin=[[1, 4], [3, 1]], micro=None))
    assert table.rows == [
        ["reference", "yes", "2 of 2", "0 of 4", "0"],
        ["builtin", "yes", "2 of 2", "1 of 4", "2"],
        ["micro", "no", "–", "–", "–"],
    ]


def test_kernels_that_end_the_process(small, monkeypatch):
    """None of ours does: a trial that says so stands for it; `test_trial.py` has files that really do."""

    def check(path, name="XNNPACK"):
        raise trial.Died("one.tflite", "the kernels ended the process that tried it (SIGFPE)")

    monkeypatch.setattr(trial, "check", check)
    report = examination.examine(small.files["int8"])
    (one,) = report.findings
    assert one.name == "kernels_die" and report.severe and "XNNPACK and built-in and reference kernels" in one.title


@needs.needs_micro
def test_values_behind_the_description_are_put_where_tensorflow_lite_micro_looks(small, tmp_path):
    whole = contents.read(values_outside(small.files["int8"], tmp_path))
    (entry,) = whole.of_role("input")
    codes = interpreter.quantize_input(_pictures(small, whole.path)[:4], entry.details)
    outputs = {one.kernels: one.outputs for one in kernels.ask(whole, codes)}
    np.testing.assert_array_equal(outputs[MICRO], outputs[kernels.INTEGERS])


# --- what it is tried on ----------------------------------------------------------------------------------------------


def test_pictures_come_from_all_folders_in_turn(small, tmp_path):
    given = inputs.gather(contents.read(small.files["int8"]), small.pictures, None, odd=False)
    assert len(given.values) == inputs.MOST and given.folders == 2
    (small_number := tmp_path / "pets" / "none").mkdir(parents=True)
    (small_number / "broken.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"holds no picture that could be read. broken.png is no picture"):
        inputs.gather(contents.read(small.files["int8"]), tmp_path / "pets", None, odd=False)
    with pytest.raises(FileNotFoundError, match="--pictures takes one with pictures"):
        inputs.gather(contents.read(small.files["int8"]), tmp_path / "nowhere", None, odd=False)
