"""Three sources in one shape, and which of them is loaded."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import helpers
from helpers.base import metrics
from helpers.pictures import conventions, datasets, photographs, reading
from own_folders import plain

pytest_plugins = ["small", "own_folders"]

VERSION = helpers.__version__


# --- one shape --------------------------------------------------------------------------------------------------------


def test_a_folder_has_the_shape_of_every_source(at_home):
    pets = at_home.pets
    assert pets.counts == {"train": 112, "validation": 14, "test": 14}
    assert pets.classes == ("cat", "dog")
    assert pets.folder == at_home.home / pets.source
    for split in conventions.SPLITS:
        images, labels = pets.arrays(split)
        assert (images.shape, images.dtype) == ((pets.counts[split], 96, 96, 3), np.uint8)
        assert (labels.shape, labels.dtype) == ((pets.counts[split],), np.int64)
        assert np.bincount(labels).tolist() == [pets.counts[split] // 2] * 2, "both classes in equal parts"


def test_labels_and_pictures_are_those_of_the_folder_and_no_picture_is_in_two_splits(at_home):
    """The small folder holds 96x96 PNG files, so every picture must come back as it was."""
    pets, expected = at_home.pets, {}
    for label, name in enumerate(("cat", "dog")):
        for path in (at_home.pictures / name).iterdir():
            expected[np.asarray(Image.open(path)).tobytes()] = label
    assert len(expected) == 140
    loaded = [
        (image.tobytes(), label)
        for split in conventions.SPLITS
        for image, label in zip(*pets.arrays(split), strict=True)
    ]
    assert len(loaded) == len(dict(loaded)) == 140
    assert dict(loaded) == expected


def test_a_second_load_gives_the_same_pictures_in_the_same_order(at_home):
    again = datasets.load(at_home.pictures, verbose=False)
    assert again.source == at_home.pets.source
    for split in conventions.SPLITS:
        for one, other in zip(at_home.pets.arrays(split), again.arrays(split), strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_classes_come_in_mixed_order(at_home):
    _, labels = at_home.pets.arrays("train")
    assert 0.3 < np.mean(labels[:-1] != labels[1:]) < 0.7


def test_the_first_pictures_of_a_split(at_home):
    images, labels = at_home.pets.arrays("train", 5)
    np.testing.assert_array_equal(images, at_home.pets.arrays("train")[0][:5])
    np.testing.assert_array_equal(labels, at_home.pets.arrays("train")[1][:5])
    assert len(at_home.pets.arrays("test", 1000)[0]) == 14


def test_arrays_cannot_be_changed_by_accident(at_home):
    images, labels = at_home.pets.arrays("test")
    with pytest.raises(ValueError, match="read-only"):
        images[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        labels[0] = 0


def test_a_split_is_read_once_and_then_needs_no_tensorflow(at_home, python):
    """In this process its arrays are handed out again, and another process maps the files that are kept."""
    pets = datasets.load(at_home.pictures, verbose=False)
    expected = pets.arrays("test")[0].sum(dtype=int)
    script = (
        "import sys; from helpers.pictures import datasets; pets = datasets.load(sys.argv[1], verbose=False); "
        "print(pets.counts, pets.arrays('test')[0].sum(dtype=int), 'tensorflow' in sys.modules)"
    )
    done = python("-c", script, str(at_home.pictures), artifacts=at_home.home)
    assert done.stdout == f"{pets.counts} {expected} False\n", done.stderr
    kept = sorted(path.name for path in (pets.folder / datasets.ARRAYS).glob("test_*"))
    assert kept == ["test_images.npy", "test_labels.npy"]


def test_what_is_not_kept_is_read_once_for_each_split(tmp_path, monkeypatch):
    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path))
    calls = []

    def read(split):
        calls.append(split)
        return np.zeros((4, 96, 96, 3), np.uint8), np.arange(4)

    pets = datasets.Pets("made-up", "made-up pets", dict.fromkeys(conventions.SPLITS, 4), read)
    assert [len(pets.arrays("test", count)[1]) for count in (None, 2, 9)] == [4, 2, 4]
    assert calls == ["test"]
    assert pets.arrays("test", 2, size=48)[0].shape == (2, 48, 48, 3)
    assert list(tmp_path.iterdir()) == []


def test_half_written_arrays_are_written_again(at_home):
    pets = datasets.load(at_home.pictures, verbose=False)
    images, labels = pets.arrays("validation")
    (pets.folder / datasets.ARRAYS / "validation_labels.npy").unlink()
    again = datasets.load(at_home.pictures, verbose=False).arrays("validation")
    np.testing.assert_array_equal(again[0], images)
    np.testing.assert_array_equal(again[1], labels)


def test_an_unknown_split_is_named(at_home):
    with pytest.raises(ValueError, match="train, validation, test; found 'training'"):
        at_home.pets.arrays("training")


# --- which source -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "variable", "prepared", "expected"),
    [
        (None, None, True, "photographs"),
        (None, None, False, "drawn"),
        (None, "", False, "drawn"),
        (None, "drawn", True, "drawn"),
        (None, "photographs", False, "photographs"),
        (None, "a/folder", True, Path("a/folder")),
        ("drawn", "photographs", True, "drawn"),
        (Path("a/folder"), "drawn", True, Path("a/folder")),
    ],
)
def test_the_argument_goes_before_the_variable_and_that_before_the_default(
    sources, monkeypatch, argument, variable, prepared, expected
):
    monkeypatch.setattr(photographs, "prepared", lambda: prepared)
    monkeypatch.delenv("PTQ_DATASET") if variable is None else monkeypatch.setenv("PTQ_DATASET", variable)
    datasets.load(argument)
    assert sources == [expected]


@pytest.mark.parametrize(
    ("source", "other"), [("drawn", "make photos"), ("photographs", "PTQ_DATASET=drawn"), ("x", "unset PTQ_DATASET")]
)
def test_one_line_says_which_pictures_and_how_to_get_the_others(sources, capsys, source, other):
    datasets.load(source)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert printed.startswith("Data: pictures, 1,234 train, 1,234 validation, 1,234 test (")
    assert other in printed
    datasets.load(source, verbose=False)
    assert capsys.readouterr().out == ""


# --- the drawn pets ---------------------------------------------------------------------------------------------------


def test_tfds_shows_no_bars_of_its_own_while_it_draws():
    """In a notebook they would stand beside ours, and stay: with a path of this computer in them."""
    from tensorflow_datasets.core.utils import tqdm_utils

    def shown():
        return not isinstance(tqdm_utils.tqdm(range(1)), tqdm_utils.EmptyTqdm)

    assert shown()
    with pytest.raises(KeyError), reading._without_its_bars():
        assert not shown()
        raise KeyError
    assert shown(), "also after an error"


@pytest.mark.slow
def test_the_drawn_pets_are_enough_and_both_classes_come_in_equal_parts(pets):
    assert (pets.source, pets.title) == ("drawn", "drawn pets")
    assert pets.counts == {"train": 4000, "validation": 500, "test": 2000}
    for split, count in pets.counts.items():
        images, labels = pets.arrays(split)
        assert images.shape == (count, 96, 96, 3)
        assert labels.sum() == count / 2


# --- a folder of one's own -------------------------------------------------------------------------------------------


def test_the_smallest_folder_works(home, own, capsys):
    pets = datasets.load(own)
    assert pets.counts == {"train": 16, "validation": 2, "test": 2}
    assert pets.source.startswith("folder-")
    printed = capsys.readouterr().out
    assert str(own) in printed
    assert "Left out" not in printed
    for split in conventions.SPLITS:
        images, labels = pets.arrays(split)
        np.testing.assert_array_equal(images[:, 0, 0, 2] > images[:, 0, 0, 0], labels == 1)  # dogs are blue
    assert not list((home / pets.source).glob(".*")), "nothing half-written is left"


def test_the_folder_named_by_the_variable_is_loaded(home, own, monkeypatch):
    monkeypatch.setenv("PTQ_DATASET", str(own))
    assert datasets.load(verbose=False).source.startswith("folder-")


def test_a_folder_that_is_not_there(home, tmp_path):
    message = "nowhere does not exist.*'photographs', 'drawn' or the path.*cat/ and dog/"
    with pytest.raises(FileNotFoundError, match=message):
        datasets.load(tmp_path / "nowhere")


def test_a_changed_folder_is_imported_anew(home, own):
    first = datasets.load(own, verbose=False)
    assert datasets.load(own, verbose=False).source == first.source
    plain((0, 0, 77)).save(own / "dog" / "new.png")
    second = datasets.load(own, verbose=False)
    assert second.source != first.source
    assert sum(second.counts.values()) == sum(first.counts.values()) + 1
    os.utime(own / "cat" / "0.png", ns=(time.time_ns(), time.time_ns()))
    assert datasets.load(own, verbose=False).source not in (first.source, second.source)


def test_what_another_version_made_is_made_again_and_measured_again(home, small_folder, monkeypatch, capsys):
    pets = datasets.load(small_folder, verbose=False)
    (pets.folder / "int8.tflite").write_bytes(b"old")
    metrics.record(pets.source, "training", {"accuracy": 0.5})
    metrics.record("another", "training", {"accuracy": 0.6})
    datasets.load(small_folder, verbose=False)
    assert (pets.folder / "int8.tflite").exists() and pets.source in metrics.read()
    capsys.readouterr()
    monkeypatch.setattr(helpers, "__version__", "9.9.9")
    again = datasets.load(small_folder, verbose=False)
    assert not (pets.folder / "int8.tflite").exists() and list(metrics.read()) == ["another"]
    assert f"suite {VERSION}, now 9.9.9: it is made again" in capsys.readouterr().out
    assert again.counts == pets.counts and (again.arrays("test")[0] == pets.arrays("test")[0]).all()


def test_calibration_uses_training_pictures_only(at_home):
    pets = at_home.pets
    inputs = datasets.calibration_inputs(pets, 30)
    assert (inputs.shape, inputs.dtype) == ((30, 96, 96, 3), np.float32)
    np.testing.assert_array_equal(inputs, conventions.normalise(pets.arrays("train")[0][:30]))
    scored = {image.tobytes() for image in conventions.normalise(pets.arrays("test")[0])}
    assert not scored & {image.tobytes() for image in datasets.calibration_inputs(pets)}
