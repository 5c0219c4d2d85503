"""The command `python -m helpers.evaluation`: any .tflite file, any data, five lines or one sentence."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image
from scipy import stats

from helpers import evaluation
from helpers.base import data
from helpers.base.tf import tf
from helpers.measure.evaluation import input_size
from helpers.tflite import convert, micro

pytest_plugins = ["tiny"]

PROJECT = data.project()


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path_factory, monkeypatch):
    """Let the checked copies of folders be made in a folder of these tests."""
    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path_factory.getbasetemp() / "command"))


@pytest.fixture
def quick(monkeypatch):
    """Spare a measurement of the tensor arena that a test is not about."""
    monkeypatch.setattr(micro, "arena", lambda path: micro.Arena(2000, 345))


def right_answers(model: Path, images: np.ndarray, labels: np.ndarray) -> int:
    """Count right answers picture by picture, with LiteRT alone."""
    ready = Interpreter(str(model))
    ready.allocate_tensors()
    input_details, output_details = ready.get_input_details()[0], ready.get_output_details()[0]
    right = 0
    for image, label in zip(images, labels, strict=True):
        values = image.astype(np.float32) / 255
        if input_details["dtype"] == np.int8:
            scale, zero_point = input_details["quantization"]
            values = np.clip(np.round(values / scale) + zero_point, -128, 127).astype(np.int8)
        ready.set_tensor(input_details["index"], values[None])
        ready.invoke()
        right += int(ready.get_tensor(output_details["index"]).argmax() == label)
    return right


def printed_lines(capsys) -> dict[str, str]:
    """Return what was printed, {what: value}."""
    return dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())


def test_the_command(tiny, drawn, folder):
    """As a reader types it: everything in order on standard output, and nothing but progress bars beside it."""
    command = [sys.executable, "-m", "helpers.evaluation", str(tiny["int8"]), "--data", str(folder)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert not re.search("Traceback|Warning|INFO", done.stderr)
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == ["Data", "Model", "Accuracy", "Right", "Size", "Tensor arena"]
    right = right_answers(tiny["int8"], *drawn)
    low, high = stats.binomtest(right, 24).proportion_ci(0.95, "wilson")
    assert 6 < right < 24
    assert (
        lines[0]
        == f"Data: pictures in {folder}, 20 train, 2 validation, 2 test; all are scored (--split test: those "
        "that no training of the suite looks at)"
        and lines[1] == "Model: int8.tflite, XNNPACK kernels"
    )
    assert lines[2] == f"Accuracy: {right / 24:.2%} (95% Wilson interval {low:.2%} to {high:.2%})"
    assert lines[3] == f"Right: {right} of 24 pictures of all splits"
    assert lines[4] == f"Size: {tiny['int8'].stat().st_size:,} bytes"
    assert re.fullmatch(r"Tensor arena: [\d,]+ bytes \(.*\)|Tensor arena: not known\. .*x86-64.*", lines[5])


def test_splits_are_parts_of_the_whole(tiny, folder, capsys, quick):
    right = {}
    for split in ("train", "validation", "test", "all"):
        evaluation.main([str(tiny["float32"]), "--data", str(folder), "--split", split])
        right[split] = [int(n) for n in re.findall(r"\d+", printed_lines(capsys)["Right"])[:2]]
    *parts, whole = right.values()
    assert np.sum(parts, axis=0).tolist() == whole and whole[1] == 24


def test_a_folder_given_by_hand_is_scored_whole_and_one_of_the_environment_is_not(
    tiny, drawn, folder, capsys, monkeypatch, quick
):
    evaluation.main([str(tiny["float32"]), "--data", str(folder)])
    printed = printed_lines(capsys)
    assert "; all are scored" in printed["Data"]
    assert printed["Right"] == f"{right_answers(tiny['float32'], *drawn)} of 24 pictures of all splits"
    evaluation.main([str(tiny["float32"]), "--data", str(folder), "--split", "test"])
    by_hand = printed_lines(capsys)
    monkeypatch.setenv("PTQ_DATASET", str(folder))
    evaluation.main([str(tiny["float32"])])
    printed = printed_lines(capsys)
    assert printed["Data"].endswith("; the 2 test pictures are scored")
    assert printed["Right"] == by_hand["Right"] and re.fullmatch(r"[0-2] of 2 test pictures", printed["Right"])


def test_the_data_may_come_from_the_environment(tiny, folder, capsys, monkeypatch, quick):
    monkeypatch.setenv("PTQ_DATASET", str(folder))
    evaluation.main([str(tiny["int8"]), "--kernels", "built-in"])
    printed = printed_lines(capsys)
    assert printed["Data"].startswith("pictures in ") and printed["Model"] == "int8.tflite, built-in kernels"
    assert printed["Tensor arena"] == "2,345 bytes (2,000 for activations, 345 persistent)"


def test_a_file_without_an_arena_is_scored_all_the_same(tiny, folder, capsys):
    evaluation.main([str(tiny["dynamic range"]), "--data", str(folder)])
    assert printed_lines(capsys)["Tensor arena"].startswith("not known. ")


def test_pictures_come_in_the_size_of_the_model(drawn, folder, tmp_path, capsys, quick):
    from tiny import network

    images = np.stack([np.asarray(Image.fromarray(i).resize((48, 48), Image.Resampling.BILINEAR)) for i in drawn[0]])
    network(images.astype(np.float32) / 255).export(tmp_path / "saved_model", verbose=False)
    model = convert.write(convert.convert("float32", tmp_path / "saved_model"), tmp_path / "small.tflite")
    assert input_size(model) == 48
    evaluation.main([str(model), "--data", str(folder), "--split", "all"])
    printed = capsys.readouterr().out
    assert "Pictures: resized from 96 × 96 to the 48 × 48 that the model takes" in printed
    assert f"Right: {right_answers(model, images, drawn[1])} of 24 pictures" in printed


def from_function(function, shape, path: Path) -> Path:
    """Write a computation on one float32 tensor as a .tflite file."""
    traced = tf.function(function).get_concrete_function(tf.TensorSpec(shape, tf.float32))
    return convert.write(tf.lite.TFLiteConverter.from_concrete_functions([traced]).convert(), path)


def test_a_file_made_for_one_picture_at_a_time(drawn, folder, tmp_path, capsys, quick):
    weights = np.random.default_rng(0).normal(size=(96 * 96 * 3, 2)).astype(np.float32)
    weights -= weights.mean(axis=0)  # so that brightness does not decide

    def flat(picture):
        return tf.nn.softmax(tf.reshape(picture, [1, 96 * 96 * 3]) @ weights)

    model = from_function(flat, (1, 96, 96, 3), tmp_path / "one.tflite")
    evaluation.main([str(model), "--data", str(folder), "--split", "all"])
    assert printed_lines(capsys)["Right"].startswith(f"{right_answers(model, *drawn)} of 24 ")


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["none.tflite"], r"There is no model file .*none.tflite"),
        ([__file__], r"is no model TFLite can run"),
        (["INT8", "--data", "photographs"], r"The photographs are not in .*make photos"),
        (["INT8", "--data", "nowhere"], r"The folder nowhere does not exist"),
        (["INT8", "--data", str(PROJECT)], r"needs two subfolders, cat and dog"),
    ],
)
def test_bad_input_is_one_sentence_and_status_1(words, sentence, tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(SystemExit, match=sentence) as end:
        evaluation.main([str(tiny["int8"]) if word == "INT8" else word for word in words])
    assert isinstance(end.value.code, str) and "\n" not in end.value.code  # Python prints it and exits with status 1


@pytest.mark.parametrize(
    "function, shape, sentence",
    [
        (tf.sin, (1, 4), r"should take one square colour picture, \[1, n, n, 3\]; it takes \[1, 4\]"),
        (
            lambda x: x[:, 0, 0] + 1.0,
            (1, 96, 96, 3),
            r"should give two numbers, for cat and for dog.*it gives \[1, 3\]",
        ),
        (lambda x: x[:, 0, 0, :2] + 1.0, (1, 96, 64, 3), r"should take one square colour picture"),
    ],
)
def test_a_model_for_something_else_is_refused(function, shape, sentence, tmp_path):
    model = from_function(function, shape, tmp_path / "other.tflite")
    with pytest.raises(SystemExit, match=sentence):
        evaluation.main([str(model)])
