"""One's own pictures: whatever Pillow reads is classified, whatever else is named in a sentence."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from helpers import plots
from helpers.measure import own_answers
from helpers.measure.own_answers import Answers
from helpers.pictures import own_pictures
from helpers.pictures.drawn_dataset import DrawnCatsVsDogs

pytest_plugins = ["tiny"]


@pytest.fixture
def files(tiny):
    return {kind: tiny[kind] for kind in ("float32", "int8")}


@pytest.fixture
def pet(drawn):
    """A drawn cat as a Pillow picture, 96 by 96."""
    return Image.fromarray(drawn[0][0])


def far(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean difference of two pictures, in steps of 255."""
    return float(np.abs(first.astype(float) - second).mean())


# --- what is read ----------------------------------------------------------------------------------------------------


def colour_modes(pet: Image.Image) -> dict[str, Image.Image]:
    grey = np.asarray(pet.convert("L"))
    see_through = pet.convert("RGBA")
    see_through.putalpha(Image.fromarray(np.where(np.arange(96) < 48, 0, 255).astype(np.uint8)[None].repeat(96, 0)))
    return {
        "palette.png": pet.convert("P", palette=Image.Palette.ADAPTIVE),
        "grey.png": pet.convert("L"),
        "sixteen bits.png": Image.fromarray(grey.astype(np.uint16) * 257),
        "rgba.png": see_through,
        "black and white.png": pet.convert("1"),
        "cmyk.jpg": pet.convert("CMYK"),
    }


def test_any_colour_mode(pet, tmp_path, files, capsys):
    for name, picture in colour_modes(pet).items():
        picture.save(tmp_path / name)
    answers = own_answers.compare(tmp_path, files)
    assert capsys.readouterr().out == f"Pictures: 6 from {tmp_path.name}.\n"
    got = dict(zip(answers.names, answers.images, strict=True))
    colours, grey = np.asarray(pet), np.asarray(pet.convert("L"))[..., None].repeat(3, -1)
    assert far(got["palette.png"], colours) < 8 and far(got["cmyk.jpg"], colours) < 12
    assert far(got["grey.png"], grey) == 0 and far(got["sixteen bits.png"], grey) == 0
    assert far(got["rgba.png"][:, 48:], colours[:, 48:]) == 0 and (got["rgba.png"][:, :48] == 255).all()
    assert set(np.unique(got["black and white.png"])) == {0, 255}


@pytest.mark.parametrize("name", ["a.webp", "a.gif", "a.bmp", "a.tiff", "a.jpg", "a.ppm"])
def test_any_format(name, pet, tmp_path, files):
    pet.save(tmp_path / name)
    answers = own_answers.compare(tmp_path / name, files)
    assert answers.names == [name] and far(answers.images[0], np.asarray(pet)) < 12


@pytest.mark.parametrize("size", [(4000, 3000), (1, 1), (3, 500), (2000, 2)])
def test_any_size(size, pet, tmp_path, files):
    pet.resize(size).save(tmp_path / "odd.bmp")
    answers = own_answers.compare(tmp_path, files)
    assert answers.images.shape == (1, 96, 96, 3) and answers.images.dtype == np.uint8
    if min(size) > 96:
        assert far(answers.images[0], np.asarray(pet)) < 3


def test_the_orientation_tag_is_applied(pet, tmp_path, files):
    """6: the camera was turned, so the stored picture must be turned clockwise by a quarter to be upright."""
    tags = Image.Exif()
    tags[0x0112] = 6
    pet.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=tags)
    answers = own_answers.compare(tmp_path / "turned.png", files)
    assert far(answers.images[0], np.asarray(pet)) == 0


# --- what is left out ------------------------------------------------------------------------------------------------


def test_what_is_no_picture_is_named_and_left_out(pet, tmp_path, files, capsys):
    (tmp_path / "notes.txt").write_text("my cat")
    (tmp_path / "empty.png").touch()
    (tmp_path / ".DS_Store").write_bytes(b"hidden")
    (tmp_path / ".previews").mkdir()
    pet.save(tmp_path / ".previews" / "cat.png")
    (tmp_path / "below").mkdir()
    pet.save(tmp_path / "below" / "cat.png")
    pet.save(tmp_path / "cut.bmp")
    (tmp_path / "cut.bmp").write_bytes((tmp_path / "cut.bmp").read_bytes()[:5000])
    assert own_answers.compare(tmp_path, files).names == ["below/cat.png"]
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"Pictures: 1 from {tmp_path.name}."
    assert second.startswith("Left out: cut.bmp is a broken picture (")
    assert second.endswith(
        "empty.png is no picture that Pillow can read. notes.txt is no picture that Pillow can read."
    )


def test_many_files_are_counted(pet, tmp_path, files, capsys):
    for i in range(own_pictures.NAMED + 3):
        (tmp_path / f"{i}.txt").write_text("none")
    pet.save(tmp_path / "z.png")
    own_answers.compare(tmp_path, files)
    assert capsys.readouterr().out.endswith("4.txt is no picture that Pillow can read. And 3 more files.\n")


def test_a_large_folder_is_cut_short_and_says_so(folder, files, capsys):
    assert len(own_answers.compare(folder, files).names) == own_pictures.MOST
    assert capsys.readouterr().out == "Pictures: 12 from pets, the first of 24 files.\n"


def test_what_cannot_be_shown_is_one_sentence(tmp_path, files):
    with pytest.raises(FileNotFoundError, match=r"^There is no .*nowhere: give the path of a picture, or of a folder"):
        own_answers.compare(tmp_path / "nowhere", files)
    with pytest.raises(ValueError, match=r"^The folder .* is empty: put pictures of cats and dogs into it\.$"):
        own_answers.compare(tmp_path, files)
    (tmp_path / "notes.txt").write_text("my cat")
    with pytest.raises(ValueError, match=r"^notes.txt is no picture that Pillow can read\.$"):
        own_answers.compare(tmp_path / "notes.txt", files)
    with pytest.raises(ValueError, match=r"holds no picture that could be read\. notes.txt is no picture"):
        own_answers.compare(tmp_path, files)


def test_the_home_folder_has_a_short_name(pet, tmp_path, files, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    pet.save(tmp_path / "cat.png")
    assert own_answers.compare("~/cat.png", files).names == ["cat.png"]


# --- what is said ----------------------------------------------------------------------------------------------------


def test_without_a_picture_two_pets_are_drawn(files, capsys):
    answers = own_answers.compare(None, files)
    assert capsys.readouterr().out == "Pictures: two drawn pets, because none of yours were given.\n"
    assert answers.names == ["a drawn cat", "a drawn dog"] and answers.images.shape == (2, 96, 96, 3)


def test_the_drawn_pets_are_in_no_data_set():

    assert DrawnCatsVsDogs.COUNTS["test"] <= own_pictures.FIRST_NEW


def test_the_table_says_class_and_confidence():
    images, says = np.zeros((2, 96, 96, 3), np.uint8), np.array([[0.875, 0.125], [0.25, 0.75]], np.float32)
    answers = Answers(["tom", "rex"], images, {"float32": says, "int8": says[::-1]})
    assert answers.table().rows == [["tom", "cat, 87.5%", "dog, 75.0%"], ["rex", "dog, 75.0%", "cat, 87.5%"]]
    assert answers.confidences("float32").tolist() == [0.875, 0.75]
    alt = plots.own_pets(answers).alt
    assert "rex: float32 says dog, 75.0% and int8 says cat, 87.5%" in alt


def test_the_answers_are_those_of_the_files(drawn, folder, files):
    from ai_edge_litert.interpreter import Interpreter

    answers = own_answers.compare(folder / "dog" / "12.png", files)
    ready = Interpreter(str(files["float32"]))
    ready.allocate_tensors()
    ready.set_tensor(ready.get_input_details()[0]["index"], drawn[0][12:13].astype(np.float32) / 255)
    ready.invoke()
    expected = ready.get_tensor(ready.get_output_details()[0]["index"])
    np.testing.assert_allclose(answers.probabilities["float32"], expected, atol=1e-5)
    np.testing.assert_allclose(answers.probabilities["int8"], expected, atol=0.1)


def test_the_figure_takes_any_file_name(pet, tmp_path, files):
    """Dollar signs would be a formula, and no font has every character: neither may raise or warn."""
    names = ["$a_$ and $.png", "犬の写真.png", "a very long name that would run into the next picture.png"]
    for name in names:
        pet.save(tmp_path / name)
    picture = plots.own_pets(own_answers.compare(tmp_path, files))
    assert picture.png().startswith(b"\x89PNG")
    shown = [axis.get_title() for axis in picture.figure.axes if axis.get_title()]
    assert shown == ["$a_$ and $.png", "a very lo…icture.png", "????.png"]


@pytest.mark.parametrize("count", [1, 5, 12])
def test_the_figure_shows_every_picture(count, pet, tmp_path, files):
    for i in range(count):
        pet.save(tmp_path / f"{i:02d}.png")
    picture = plots.own_pets(own_answers.compare(tmp_path, files))
    titles = [axis.get_title() for axis in picture.figure.axes if axis.get_title()]
    assert titles == [f"{i:02d}.png" for i in range(count)]
    assert f"of {count} picture" in picture.figure._suptitle.get_text() and len(picture.alt) > 40


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_file_without_permission_is_left_out(pet, tmp_path, files, capsys):
    pet.save(tmp_path / "a.png")
    shutil.copy(tmp_path / "a.png", tmp_path / "secret.png")
    (tmp_path / "secret.png").chmod(0)
    assert own_answers.compare(tmp_path, files).names == ["a.png"]
    assert "Left out: secret.png" in capsys.readouterr().out
