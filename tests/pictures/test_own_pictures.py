"""One's own pictures: whatever Pillow reads is classified, whatever else is named in a sentence."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from helpers.measure import own_answers
from helpers.pictures import own_pictures
from helpers.pictures.drawn_dataset import DrawnCatsVsDogs

pytest_plugins = ["tiny"]


def far(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean difference of two pictures, in steps of 255."""
    return float(np.abs(first.astype(float) - second).mean())


# --- what is read -----------------------------------------------------------------------------------------------------


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


def test_any_colour_mode(pet, tmp_path, pair, capsys):
    for name, picture in colour_modes(pet).items():
        picture.save(tmp_path / name)
    answers = own_answers.compare(tmp_path, pair)
    assert capsys.readouterr().out == f"Pictures: 6 from {tmp_path.name}.\n"
    got = dict(zip(answers.names, answers.images, strict=True))
    colours, grey = np.asarray(pet), np.asarray(pet.convert("L"))[..., None].repeat(3, -1)
    assert far(got["palette.png"], colours) < 8 and far(got["cmyk.jpg"], colours) < 12
    assert far(got["grey.png"], grey) == 0 and far(got["sixteen bits.png"], grey) == 0
    assert far(got["rgba.png"][:, 48:], colours[:, 48:]) == 0 and (got["rgba.png"][:, :48] == 255).all()
    assert set(np.unique(got["black and white.png"])) == {0, 255}


@pytest.mark.parametrize("name", ["a.webp", "a.gif", "a.bmp", "a.tiff", "a.jpg", "a.ppm"])
def test_any_format(name, pet, tmp_path, pair):
    pet.save(tmp_path / name)
    answers = own_answers.compare(tmp_path / name, pair)
    assert answers.names == [name] and far(answers.images[0], np.asarray(pet)) < 12


@pytest.mark.parametrize("size", [(4000, 3000), (1, 1), (3, 500), (2000, 2)])
def test_any_size(size, pet, tmp_path, pair):
    pet.resize(size).save(tmp_path / "odd.bmp")
    answers = own_answers.compare(tmp_path, pair)
    assert answers.images.shape == (1, 96, 96, 3) and answers.images.dtype == np.uint8
    if min(size) > 96:
        assert far(answers.images[0], np.asarray(pet)) < 3


def test_the_orientation_tag_is_applied(pet, tmp_path, pair):
    """6: the camera was turned, so the stored picture must be turned clockwise by a quarter to be upright."""
    tags = Image.Exif()
    tags[0x0112] = 6
    pet.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=tags)
    answers = own_answers.compare(tmp_path / "turned.png", pair)
    assert far(answers.images[0], np.asarray(pet)) == 0


# --- what is left out -------------------------------------------------------------------------------------------------


def test_what_is_no_picture_is_named_and_left_out(pet, tmp_path, pair, capsys):
    (tmp_path / "notes.txt").write_text("my cat")
    (tmp_path / "empty.png").touch()
    (tmp_path / ".DS_Store").write_bytes(b"hidden")
    (tmp_path / ".previews").mkdir()
    pet.save(tmp_path / ".previews" / "cat.png")
    (tmp_path / "below").mkdir()
    pet.save(tmp_path / "below" / "cat.png")
    pet.save(tmp_path / "cut.bmp")
    (tmp_path / "cut.bmp").write_bytes((tmp_path / "cut.bmp").read_bytes()[:5000])
    assert own_answers.compare(tmp_path, pair).names == ["below/cat.png"]
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"Pictures: 1 from {tmp_path.name}."
    assert second.startswith("Left out: cut.bmp is a broken picture (")
    assert second.endswith(
        "empty.png is no picture that Pillow can read. notes.txt is no picture that Pillow can read."
    )


def test_many_files_are_counted(pet, tmp_path, pair, capsys):
    for i in range(own_pictures.NAMED + 3):
        (tmp_path / f"{i}.txt").write_text("none")
    pet.save(tmp_path / "z.png")
    own_answers.compare(tmp_path, pair)
    assert capsys.readouterr().out.endswith("4.txt is no picture that Pillow can read. And 3 more files.\n")


def test_a_large_folder_is_cut_short_and_says_so(folder, pair, capsys):
    assert len(own_answers.compare(folder, pair).names) == own_pictures.MOST
    assert capsys.readouterr().out == "Pictures: 12 from pets, the first of 24 files.\n"


def test_what_cannot_be_shown_is_one_sentence(tmp_path, pair):
    with pytest.raises(FileNotFoundError, match=r"^There is no .*nowhere: give the path of a picture, or of a folder"):
        own_answers.compare(tmp_path / "nowhere", pair)
    with pytest.raises(ValueError, match=r"^The folder .* is empty: put pictures of cats and dogs into it\.$"):
        own_answers.compare(tmp_path, pair)
    (tmp_path / "notes.txt").write_text("my cat")
    with pytest.raises(ValueError, match=r"^notes.txt is no picture that Pillow can read\.$"):
        own_answers.compare(tmp_path / "notes.txt", pair)
    with pytest.raises(ValueError, match=r"holds no picture that could be read\. notes.txt is no picture"):
        own_answers.compare(tmp_path, pair)


def test_the_home_folder_has_a_short_name(pet, tmp_path, pair, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    pet.save(tmp_path / "cat.png")
    assert own_answers.compare("~/cat.png", pair).names == ["cat.png"]


# --- what is said -----------------------------------------------------------------------------------------------------


def test_the_drawn_pets_are_in_no_data_set():

    assert DrawnCatsVsDogs.COUNTS["test"] <= own_pictures.FIRST_NEW


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_file_without_permission_is_left_out(pet, tmp_path, pair, capsys):
    pet.save(tmp_path / "a.png")
    shutil.copy(tmp_path / "a.png", tmp_path / "secret.png")
    (tmp_path / "secret.png").chmod(0)
    assert own_answers.compare(tmp_path, pair).names == ["a.png"]
    assert "Left out: secret.png" in capsys.readouterr().out
