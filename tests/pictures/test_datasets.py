"""Three sources in one shape, and one clear sentence for everything a reader can do wrong with them."""

import io
import json
import os
import shutil
import socket
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import helpers
from helpers.base import artifacts, metrics
from helpers.pictures import conventions, datasets, own_folder, photographs

pytest_plugins = ["small"]

SIZE = conventions.SIZE
VERSION = helpers.__version__


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty folder for what is made."""
    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path / "artifacts"))
    return tmp_path / "artifacts"


def plain(colour, size=(20, 20)):
    return Image.new("RGB", size, tuple(map(int, colour)))


@pytest.fixture
def own(tmp_path):
    """A reader's folder of ten red cats and ten blue dogs, no two alike."""
    folder = tmp_path / "own"
    for name, colour in (("cat", np.array([200, 0, 0])), ("dog", np.array([0, 0, 200]))):
        (folder / name).mkdir(parents=True)
        for i in range(own_folder.SMALLEST_CLASS):
            plain(colour + 5 * i * (colour > 0)).save(folder / name / f"{i}.png")
    return folder


def saved(path, picture, **options):
    picture.save(path, **options)
    return path


# --- one shape -----------------------------------------------------------------------------------------------


def test_a_folder_has_the_shape_of_every_source(at_home):
    pets = at_home.pets
    assert pets.counts == {"train": 112, "validation": 14, "test": 14}
    assert pets.classes == ("cat", "dog")
    assert pets.folder == at_home.home / pets.source
    for split in conventions.SPLITS:
        spec = getattr(pets, split).element_spec
        assert (spec[0].shape, spec[0].dtype.name, spec[1].dtype.name) == ((96, 96, 3), "uint8", "int64")
        images, labels = pets.arrays(split)
        assert (images.shape, images.dtype) == ((pets.counts[split], 96, 96, 3), np.uint8)
        assert (labels.shape, labels.dtype) == ((pets.counts[split],), np.int64)
        assert np.bincount(labels).tolist() == [pets.counts[split] // 2] * 2, "both classes in equal parts"


def test_labels_and_pictures_are_those_of_the_folder_and_no_picture_is_in_two_splits(at_home):
    """The small folder holds 96x96 PNG files, so every picture must come back as it was."""
    pets, there = at_home.pets, {}
    for label, name in enumerate(("cat", "dog")):
        for path in (at_home.pictures / name).iterdir():
            there[np.asarray(Image.open(path)).tobytes()] = label
    assert len(there) == 140
    found = [
        (image.tobytes(), label)
        for split in conventions.SPLITS
        for image, label in zip(*pets.arrays(split), strict=True)
    ]
    assert len(found) == len(dict(found)) == 140
    assert dict(found) == there


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


def test_an_unknown_split_is_named(at_home):
    with pytest.raises(ValueError, match="train, validation, test; found 'training'"):
        at_home.pets.arrays("training")


@settings(deadline=None)
@given(st.lists(st.integers(0, 255), min_size=1, max_size=50))
def test_normalise(pixels):
    numbers = conventions.normalise(np.array(pixels, np.uint8))
    assert numbers.dtype == np.float32
    np.testing.assert_array_equal(numbers, (np.array(pixels, np.float64) / 255).astype(np.float32))
    assert numbers.min() >= 0 and numbers.max() <= 1


# --- which source --------------------------------------------------------------------------------------------


@pytest.fixture
def sources(monkeypatch):
    """Replaces loading by the name of what would be loaded."""
    nothing = datasets.Pets("", "pictures", None, None, None, dict.fromkeys(conventions.SPLITS, 1234))
    loaded = []
    monkeypatch.setattr(datasets, "_photographs", lambda: loaded.append("photographs") or nothing)
    monkeypatch.setattr(datasets, "_drawn", lambda: loaded.append("drawn") or nothing)
    monkeypatch.setattr(datasets, "_folder", lambda folder: loaded.append(folder) or nothing)
    return loaded


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
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert said.startswith("Data: pictures, 1,234 train, 1,234 validation, 1,234 test (")
    assert other in said
    datasets.load(source, verbose=False)
    assert capsys.readouterr().out == ""


# --- the drawn pets ------------------------------------------------------------------------------------------


def test_tfds_shows_no_bars_of_its_own_while_it_draws():
    """In a notebook they would stand beside ours, and stay: with a path of this computer in them."""
    from tensorflow_datasets.core.utils import tqdm_utils

    def shown():
        return not isinstance(tqdm_utils.tqdm(range(1)), tqdm_utils.EmptyTqdm)

    assert shown()
    with pytest.raises(KeyError), datasets._without_its_bars():
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


# --- the photographs -----------------------------------------------------------------------------------------


def prepare(folder, shards=3, leave_out=()):
    """Make what TFDS leaves when it has prepared the photographs, without their bytes."""
    version = folder / "cats_vs_dogs" / "4.0.1"
    version.mkdir(parents=True)
    split = {"name": "train", "shardLengths": ["10"] * shards}
    (version / "dataset_info.json").write_text(json.dumps({"splits": [split]}))
    (version / "features.json").write_text("{}")
    for i in range(shards):
        (version / f"cats_vs_dogs-train.tfrecord-{i:05d}-of-{shards:05d}").write_bytes(b"")
    for name in leave_out:
        (version / name).unlink()
    return version


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    return tmp_path / "tfds"


def test_prepared_photographs_are_found(data_dir):
    assert not photographs.prepared()
    prepare(data_dir)
    assert photographs.prepared()


def test_without_a_variable_tfds_has_its_own_folder(monkeypatch):
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    assert photographs.tfds_folder() == Path.home() / "tensorflow_datasets"


@pytest.mark.parametrize(
    "missing", ["cats_vs_dogs-train.tfrecord-00001-of-00003", "dataset_info.json", "features.json"]
)
def test_half_prepared_photographs_are_not_taken_for_a_data_set(data_dir, missing):
    prepare(data_dir, leave_out=[missing])
    assert not photographs.prepared()
    with pytest.raises(FileNotFoundError, match="make photos.*786 MB.*TFDS_DATA_DIR.*PTQ_DATASET=drawn"):
        datasets.load("photographs")


def test_a_download_that_was_stopped_is_not_taken_for_a_data_set(data_dir):
    version = prepare(data_dir)
    version.rename(version.parent / "incomplete.AB12CD_4.0.1")  # as TFDS names it until it is whole
    assert not photographs.prepared()
    (data_dir / "downloads").mkdir()
    (data_dir / "downloads" / "pets.zip.tmp").write_bytes(b"half")
    assert not photographs.prepared()


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"splits": [{}]}', '{"splits": null}'])
def test_a_broken_description_is_not_taken_for_a_data_set(data_dir, content):
    (prepare(data_dir) / "dataset_info.json").write_text(content)
    assert not photographs.prepared()


def test_half_prepared_photographs_give_the_drawn_pets(data_dir, sources, monkeypatch):
    monkeypatch.delenv("PTQ_DATASET")
    prepare(data_dir, leave_out=["dataset_info.json"])
    datasets.load()
    assert sources == ["drawn"]


@pytest.fixture
def silent_host(monkeypatch):
    """A host of which neither name nor address ever answers; gives the time-outs that were asked for."""
    asked, over = [], threading.Event()

    def never(address, timeout=None, **_):
        asked.append((address, timeout))
        over.wait(60)
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", never)
    monkeypatch.setattr(photographs, "HOST_TIMEOUT", 0.05)
    yield asked
    over.set()


def test_a_host_that_does_not_answer_is_not_waited_for(data_dir, silent_host):
    with pytest.raises(ConnectionError, match=r"download\.microsoft\.com does not answer.*make photos.*drawn pets"):
        photographs.download()
    assert silent_host == [(photographs.HOST, 0.05)]
    assert not list(data_dir.rglob("*")) if data_dir.exists() else True


def test_a_host_that_refuses_is_no_host(data_dir, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setattr(photographs, "HOST", unused.getsockname())  # bound, but nobody listens
        with pytest.raises(ConnectionError, match="does not answer"):
            photographs.download()


def test_a_host_that_answers_is_asked_for_the_photographs(data_dir, monkeypatch):
    calls = []

    class Builder:
        def download_and_prepare(self):
            calls.append("prepare")
            prepare(data_dir)

    monkeypatch.setattr(datasets.tfds, "builder", lambda name, data_dir: calls.append((name, data_dir)) or Builder())
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(photographs, "HOST", server.getsockname())
        assert "are ready" in photographs.download()
    assert calls == [("cats_vs_dogs", str(data_dir)), "prepare"]
    monkeypatch.setattr(photographs, "HOST", ("127.0.0.1", 1))
    assert "are ready" in photographs.download(), "what is there is not downloaded again"
    assert len(calls) == 2


def test_the_time_out_leaves_room_for_the_ten_seconds_promised():
    assert photographs.HOST_TIMEOUT <= 5


NO_NETWORK = """
import socket, time
def never(*arguments, **options):
    time.sleep(600)
socket.create_connection = socket.getaddrinfo = never
"""


def test_make_photos_without_a_network_says_so_in_one_sentence(tmp_path, monkeypatch, python):
    """Also when looking up the name hangs. `sitecustomize` is imported when Python starts."""
    (tmp_path / "sitecustomize.py").write_text(NO_NETWORK)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    done = python("-m", "helpers.datasets", "photographs", artifacts=tmp_path / "artifacts")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "could not be downloaded" in done.stderr
    assert not (tmp_path / "tfds").exists()


def test_the_command_line_explains_itself(monkeypatch):
    import runpy

    monkeypatch.setattr(sys, "argv", ["datasets", "photos"])
    monkeypatch.delitem(sys.modules, "helpers.datasets", raising=False)  # as in `python -m`
    with pytest.raises(SystemExit, match=r"Usage: python -m helpers\.datasets photographs"):
        runpy.run_module("helpers.datasets", run_name="__main__")


@pytest.mark.photographs
@pytest.mark.skipif(not photographs.prepared(), reason="no prepared photographs under TFDS_DATA_DIR")
def test_the_photographs_are_split_as_the_course_does(home):
    pets = datasets.load("photographs", verbose=False)
    total = sum(pets.counts.values())
    assert total == 23_262  # the pictures of TFDS's cats_vs_dogs 4.0.1
    for split, share in zip(conventions.SPLITS, (0.8, 0.1, 0.1), strict=True):
        assert abs(pets.counts[split] - share * total) <= 1
    images, labels = pets.arrays("test", 50)
    assert images.shape == (50, 96, 96, 3)
    assert set(labels) == {0, 1}
    assert images.std() > 20


# --- a folder of one's own: pictures of every kind -----------------------------------------------------------


def test_a_picture_of_the_right_size_is_not_changed(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    found = own_folder.read_picture(saved(tmp_path / "a.png", Image.fromarray(pixels)))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize(("mode", "colour"), [("1", 1), ("L", 255), ("P", 255), ("RGB", (255, 255, 255))])
def test_pictures_of_every_mode_become_rgb(tmp_path, mode, colour):
    found = own_folder.read_picture(saved(tmp_path / "a.png", Image.new(mode, (30, 50), colour)))
    assert (found.shape, found.dtype) == ((SIZE, SIZE, 3), np.uint8)
    assert found.min() == (0 if mode == "P" else 255)  # a new palette picture is black


def test_a_palette_keeps_its_colours(tmp_path):
    picture = plain((10, 200, 30)).convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    assert own_folder.read_picture(saved(tmp_path / "a.png", picture))[0, 0].tolist() == [10, 200, 30]


@pytest.mark.parametrize("alpha", [0, 128, 255])
def test_transparency_is_shown_over_white(tmp_path, alpha):
    found = own_folder.read_picture(saved(tmp_path / "a.png", Image.new("RGBA", (8, 8), (200, 0, 0, alpha))))
    expected = np.array([200, 0, 0]) * (alpha / 255) + 255 * (1 - alpha / 255)
    assert np.abs(found - expected).max() <= 1


def test_a_transparent_palette_colour_is_white(tmp_path):
    picture = plain((10, 200, 30)).convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    path = saved(tmp_path / "a.gif", picture, transparency=picture.getpixel((0, 0)))
    assert own_folder.read_picture(path)[0, 0].tolist() == [255, 255, 255]


def test_sixteen_bits_of_grey_are_scaled_and_not_clipped(tmp_path):
    values = np.linspace(0, 65535, SIZE, dtype=np.uint16)
    path = saved(tmp_path / "a.png", Image.fromarray(np.tile(values, (SIZE, 1))))
    found = own_folder.read_picture(path)
    expected = np.round(values / 65535 * 255)
    for channel in range(3):
        np.testing.assert_allclose(found[..., channel], np.tile(expected, (SIZE, 1)), atol=1)


def test_a_printers_cmyk_jpeg_has_the_colours_of_the_screen(tmp_path):
    path = saved(tmp_path / "a.jpg", plain((220, 30, 30), (64, 64)).convert("CMYK"), quality=95)
    assert np.abs(own_folder.read_picture(path)[48, 48].astype(int) - [220, 30, 30]).max() < 12


def test_a_camera_held_upright(tmp_path):
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, :40] = 255  # the left half is bright; turned by 90 degrees clockwise that is the upper half
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: the first row is the right side (EXIF 2.3, 4.6.4)
    found = own_folder.read_picture(saved(tmp_path / "a.jpg", Image.fromarray(pixels), exif=exif, quality=95))
    assert found[:40].mean() > 240
    assert found[-40:].mean() < 15


def test_an_animation_shows_its_first_picture(tmp_path):
    path = tmp_path / "a.gif"
    plain((255, 0, 0)).save(path, save_all=True, append_images=[plain((0, 255, 0)), plain((0, 0, 255))])
    assert own_folder.read_picture(path)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (96, 95)])
def test_pictures_of_any_size(tmp_path, size):
    found = own_folder.read_picture(saved(tmp_path / "a.png", plain((9, 99, 199), size)))
    assert found.shape == (SIZE, SIZE, 3)
    assert np.abs(found.astype(int) - [9, 99, 199]).max() <= 1


def test_what_is_no_picture_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file .*nothing"):
        own_folder.read_picture(tmp_path / "nothing.png")
    (tmp_path / "notes.jpg").write_text("not a picture")
    with pytest.raises(ValueError, match=r"^notes\.jpg is no picture that Pillow can read\.$"):
        own_folder.read_picture(tmp_path / "notes.jpg")
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"^empty\.png is no picture"):
        own_folder.read_picture(tmp_path / "empty.png")
    whole = saved(tmp_path / "whole.jpg", plain((1, 2, 3), (200, 200))).read_bytes()
    (tmp_path / "half.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"^half\.jpg is a broken picture \(.+\)\.$"):
        own_folder.read_picture(tmp_path / "half.jpg")


def encoded(form):
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    options = {"exif": exif} if form in ("JPEG", "PNG", "WEBP") else {}
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8))
    picture.save(buffer, form, **options)
    return buffer.getvalue()


FORMS = {form: encoded(form) for form in ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")}


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=300, deadline=None)
@given(
    form=st.sampled_from(sorted(FORMS)),
    end=st.integers(0, 100),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
)
def test_a_damaged_picture_is_read_or_named(tmp_path_factory, form, end, changes):
    """Whatever a disk does to a file: there is a picture, or one sentence that names it."""
    content = bytearray(FORMS[form])
    for place, byte in changes:
        content[int(place * len(content))] = byte
    path = tmp_path_factory.getbasetemp() / f"damaged.{form.lower()}"
    path.write_bytes(content[: len(content) * end // 100])
    try:
        assert own_folder.read_picture(path).shape == (SIZE, SIZE, 3)
    except ValueError as error:
        assert str(error).startswith(path.name)


# --- a folder of one's own: how it is laid out ---------------------------------------------------------------


def test_the_smallest_folder_works(home, own, capsys):
    pets = datasets.load(own)
    assert pets.counts == {"train": 16, "validation": 2, "test": 2}
    assert pets.source.startswith("folder-")
    said = capsys.readouterr().out
    assert str(own) in said
    assert "Left out" not in said
    for split in conventions.SPLITS:
        images, labels = pets.arrays(split)
        np.testing.assert_array_equal(images[:, 0, 0, 2] > images[:, 0, 0, 0], labels == 1)  # dogs are blue
    assert not list((home / pets.source).glob(".*")), "nothing half-written is left"


def test_the_folder_named_by_the_variable_is_loaded(home, own, monkeypatch):
    monkeypatch.setenv("PTQ_DATASET", str(own))
    assert datasets.load(verbose=False).source.startswith("folder-")


def test_broken_pictures_are_left_out_and_named(home, own, capsys):
    (own / "cat" / "notes.jpg").write_text("a text file with a picture's name")
    (own / "dog" / "half.png").write_bytes((own / "dog" / "0.png").read_bytes()[:60])
    pets = datasets.load(own)
    assert sum(pets.counts.values()) == 2 * own_folder.SMALLEST_CLASS
    said = capsys.readouterr().out
    assert "Left out 2 files: notes.jpg is no picture that Pillow can read. half.png is a broken picture" in said


def test_hidden_files_and_subfolders(home, own, capsys):
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", ".thumb.png"):
        (own / "cat" / name).write_bytes(b"x")
    (own / ".cache").mkdir()
    (own / "readme.txt").write_text("beside the classes")
    (own / "dog" / "more").mkdir()
    plain((0, 0, 90)).save(own / "dog" / "more" / "deep.png")
    pets = datasets.load(own)
    assert sum(pets.counts.values()) == 2 * own_folder.SMALLEST_CLASS + 1
    assert "Left out" not in capsys.readouterr().out


def test_files_in_hidden_folders_are_hidden(tmp_path):
    """Also two levels down; but a reader may keep the pictures below a folder that is hidden itself."""
    folder = tmp_path / ".mine" / "pets"
    seen, hidden = (
        ("a.png", "b/c.png", "b/d/e.f.png"),
        (".a.png", ".b/c.png", "b/.d/e.png", "b/.d/e/f.png", "b/Thumbs.db"),
    )
    for name in (*seen, *hidden):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    assert own_folder.files_below(folder) == [folder / name for name in seen]


def test_a_hidden_folder_of_a_class_is_not_imported(home, own):
    """Such as the previews that some systems keep beside the pictures."""
    (own / "cat" / ".previews").mkdir()
    plain((9, 0, 0)).save(own / "cat" / ".previews" / "0.png")
    assert sum(datasets.load(own, verbose=False).counts.values()) == 2 * own_folder.SMALLEST_CLASS


def test_a_folder_that_is_not_there(home, tmp_path):
    message = "nowhere does not exist.*'photographs', 'drawn' or the path.*cat/ and dog/"
    with pytest.raises(FileNotFoundError, match=message):
        datasets.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda own: (own / "cat").rename(own / "cats"), "two subfolders, cat and dog; found cats, dog"),
        (lambda own: shutil.rmtree(own / "dog"), "two subfolders, cat and dog; found cat"),
        (lambda own: [shutil.rmtree(own / "dog"), shutil.rmtree(own / "cat")], "found none"),
        (lambda own: (own / "hamster").mkdir(), "found cat, dog, hamster"),
        (lambda own: [path.unlink() for path in (own / "dog").iterdir()], "dog is empty: put at least 10 pictures"),
        (lambda own: (own / "cat" / "3.png").unlink(), "cat/ needs at least 10 readable pictures; found 9"),
        (
            lambda own: (own / "cat" / "3.png").write_text("text"),
            r"cat/ needs at least 10 readable pictures; found 9\. Left out: 3\.png is no picture",
        ),
    ],
    ids=["cats", "no dogs", "no classes", "hamsters", "empty", "too few", "too few readable"],
)
def test_a_folder_that_cannot_be_used_is_explained(home, own, change, message):
    change(own)
    with pytest.raises(ValueError, match=message) as found:
        datasets.load(own)
    assert "\n" not in str(found.value)
    assert not list(artifacts.root().rglob("*.png")), "nothing half-imported is left"


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
