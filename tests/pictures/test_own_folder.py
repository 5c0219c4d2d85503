"""A folder of one's own: pictures of every kind, and one clear sentence for everything that can be wrong with it."""

import io
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from helpers.base import artifacts
from helpers.pictures import conventions, datasets, own_folder
from own_folders import plain

pytest_plugins = ["small", "own_folders"]

SIZE = conventions.SIZE


def saved(path, picture, **options):
    picture.save(path, **options)
    return path


# --- pictures of every kind -------------------------------------------------------------------------------------------


def test_a_picture_of_the_right_size_is_not_changed(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    picture = own_folder.read_picture(saved(tmp_path / "a.png", Image.fromarray(pixels)))
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, pixels)


@pytest.mark.parametrize(("mode", "colour"), [("1", 1), ("L", 255), ("P", 255), ("RGB", (255, 255, 255))])
def test_pictures_of_every_mode_become_rgb(tmp_path, mode, colour):
    picture = own_folder.read_picture(saved(tmp_path / "a.png", Image.new(mode, (30, 50), colour)))
    assert (picture.shape, picture.dtype) == ((SIZE, SIZE, 3), np.uint8)
    assert picture.min() == (0 if mode == "P" else 255)  # a new palette picture is black


def test_a_palette_keeps_its_colours(tmp_path):
    picture = plain((10, 200, 30)).convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    assert own_folder.read_picture(saved(tmp_path / "a.png", picture))[0, 0].tolist() == [10, 200, 30]


@pytest.mark.parametrize("alpha", [0, 128, 255])
def test_transparency_is_shown_over_white(tmp_path, alpha):
    picture = own_folder.read_picture(saved(tmp_path / "a.png", Image.new("RGBA", (8, 8), (200, 0, 0, alpha))))
    expected = np.array([200, 0, 0]) * (alpha / 255) + 255 * (1 - alpha / 255)
    assert np.abs(picture - expected).max() <= 1


def test_a_transparent_palette_colour_is_white(tmp_path):
    picture = plain((10, 200, 30)).convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    path = saved(tmp_path / "a.gif", picture, transparency=picture.getpixel((0, 0)))
    assert own_folder.read_picture(path)[0, 0].tolist() == [255, 255, 255]


def test_sixteen_bits_of_grey_are_scaled_and_not_clipped(tmp_path):
    values = np.linspace(0, 65535, SIZE, dtype=np.uint16)
    path = saved(tmp_path / "a.png", Image.fromarray(np.tile(values, (SIZE, 1))))
    picture = own_folder.read_picture(path)
    expected = np.round(values / 65535 * 255)
    for channel in range(3):
        np.testing.assert_allclose(picture[..., channel], np.tile(expected, (SIZE, 1)), atol=1)


def test_a_printers_cmyk_jpeg_has_the_colours_of_the_screen(tmp_path):
    path = saved(tmp_path / "a.jpg", plain((220, 30, 30), (64, 64)).convert("CMYK"), quality=95)
    assert np.abs(own_folder.read_picture(path)[48, 48].astype(int) - [220, 30, 30]).max() < 12


def test_a_camera_held_upright(tmp_path):
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, :40] = 255  # the left half is bright; turned by 90 degrees clockwise that is the upper half
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: the first row is the right side (EXIF 2.3, 4.6.4)
    picture = own_folder.read_picture(saved(tmp_path / "a.jpg", Image.fromarray(pixels), exif=exif, quality=95))
    assert picture[:40].mean() > 240
    assert picture[-40:].mean() < 15


def test_an_animation_shows_its_first_picture(tmp_path):
    path = tmp_path / "a.gif"
    plain((255, 0, 0)).save(path, save_all=True, append_images=[plain((0, 255, 0)), plain((0, 0, 255))])
    assert own_folder.read_picture(path)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (96, 95)])
def test_pictures_of_any_size(tmp_path, size):
    picture = own_folder.read_picture(saved(tmp_path / "a.png", plain((9, 99, 199), size)))
    assert picture.shape == (SIZE, SIZE, 3)
    assert np.abs(picture.astype(int) - [9, 99, 199]).max() <= 1


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


# --- how it is laid out -----------------------------------------------------------------------------------------------


def test_broken_pictures_are_left_out_and_named(home, own, capsys):
    (own / "cat" / "notes.jpg").write_text("a text file with a picture's name")
    (own / "dog" / "half.png").write_bytes((own / "dog" / "0.png").read_bytes()[:60])
    pets = datasets.load(own)
    assert sum(pets.counts.values()) == 2 * own_folder.SMALLEST_CLASS
    printed = capsys.readouterr().out
    assert "Left out 2 files: notes.jpg is no picture that Pillow can read. half.png is a broken picture" in printed


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda own: (own / "cat").rename(own / "cats"), "two subfolders, cat and dog; found cats, dog"),
        (lambda own: shutil.rmtree(own / "dog"), "two subfolders, cat and dog; found cat"),
        (lambda own: [shutil.rmtree(own / "dog"), shutil.rmtree(own / "cat")], "found none"),
        (lambda own: (own / "hamster").mkdir(), "found cat, dog, hamster"),
        (
            lambda own: [path.unlink() for path in (own / "dog").iterdir()],
            "dog is empty: put pictures of a dog",
        ),
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
    with pytest.raises(ValueError, match=message) as error:
        datasets.load(own)
    assert "\n" not in str(error.value)
    assert not list(artifacts.root().rglob("*.png")), "nothing half-imported is left"
