"""Answers that are kept: asked once, and again as soon as anything is another that they follow from."""

import numpy as np
import pytest

from helpers.base import machine
from helpers.measure import accuracy, answers

pytest_plugins = ["small"]


@pytest.fixture
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path))
    return tmp_path


@pytest.fixture
def file(home):
    path = home / "pets" / "int8.tflite"
    path.parent.mkdir()
    path.write_bytes(b"a file")
    return path


class Model:
    """Answers with a number that goes up each time that it is asked."""

    def __init__(self):
        self.asked = 0

    def __call__(self):
        self.asked += 1
        return np.full((3, 2), self.asked, np.float32)


@pytest.fixture
def model():
    return Model()


IMAGES = np.arange(3 * 4 * 4 * 3, dtype=np.uint8).reshape(3, 4, 4, 3)


def test_the_same_question_is_asked_once(file, model):
    first, second = (answers.kept(file, IMAGES, "XNNPACK", model) for _ in range(2))
    assert model.asked == 1
    np.testing.assert_array_equal(first, second)
    assert second.dtype == np.float32


def test_a_copy_of_the_file_is_the_same_file(file, model):
    copy = file.with_name("copy.tflite")
    copy.write_bytes(file.read_bytes())
    answers.kept(file, IMAGES, "XNNPACK", model)
    answers.kept(copy, IMAGES, "XNNPACK", model)
    assert model.asked == 1


def another_file(file, monkeypatch):
    file.write_bytes(b"a filf")
    return IMAGES, "XNNPACK"


def another_picture(file, monkeypatch):
    return IMAGES + np.uint8(IMAGES == 7), "XNNPACK"


def fewer_pictures(file, monkeypatch):
    return IMAGES[:2], "XNNPACK"


def another_shape(file, monkeypatch):
    return IMAGES.reshape(3, 2, 8, 3), "XNNPACK"


def other_kernels(file, monkeypatch):
    return IMAGES, "reference"


def another_machine(file, monkeypatch):
    monkeypatch.setattr(machine, "describe", lambda: {"processor": "another"})
    return IMAGES, "XNNPACK"


@pytest.mark.parametrize(
    "change", [another_file, another_picture, fewer_pictures, another_shape, other_kernels, another_machine]
)
def test_another_question_is_asked(file, model, monkeypatch, change):
    answers.kept(file, IMAGES, "XNNPACK", model)
    images, kernels = change(file, monkeypatch)
    np.testing.assert_array_equal(answers.kept(file, images, kernels, model), 2)


def test_a_broken_answer_is_asked_for_again(home, file, model):
    answers.kept(file, IMAGES, "XNNPACK", model)
    (kept,) = (home / answers.FOLDER).iterdir()
    kept.write_bytes(kept.read_bytes()[:40])
    np.testing.assert_array_equal(answers.kept(file, IMAGES, "XNNPACK", model), 2)
    np.testing.assert_array_equal(answers.kept(file, IMAGES, "XNNPACK", model), 2)


def test_of_a_file_that_lies_elsewhere_nothing_is_kept(home, model, tmp_path_factory):
    mine = tmp_path_factory.mktemp("mine") / "mine.tflite"
    mine.write_bytes(b"a file")
    for _ in range(2):
        answers.kept(mine, IMAGES, "XNNPACK", model)
    assert model.asked == 2 and not (home / answers.FOLDER).exists()


def test_a_score_is_the_one_of_the_run(at_home, monkeypatch):
    """With real files: from the disk comes what the interpreter said."""
    images, labels = at_home.pets.arrays("test")
    first = accuracy.score(at_home.files["int8"], images, labels)
    np.testing.assert_array_equal(first.probabilities, accuracy.predict(at_home.files["int8"], images))
    monkeypatch.setattr(accuracy, "predict", lambda *_, **__: np.zeros((len(images), 2), np.float32))
    again = accuracy.score(at_home.files["int8"], images, labels)
    np.testing.assert_array_equal(again.probabilities, first.probabilities)
    black = accuracy.score(at_home.files["int8"], images, labels, to_input=lambda inputs, _: inputs)
    np.testing.assert_array_equal(black.probabilities, 0)  # an option asks anew
