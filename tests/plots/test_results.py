"""The whole course in one figure, and one's own pictures: each title is what the comparison found."""

import numpy as np
import pytest

import figure_rules
from helpers import plots
from helpers.measure import own_answers
from helpers.measure.own_answers import Answers
from plots_data import KINDS, panel_title, suptitle

pytest_plugins = ["tiny"]

PICTURES = np.random.default_rng(5).integers(0, 256, (3, 96, 96, 3), np.uint8)
COMPARISON = {
    "data": "drawn pets",
    "models": {
        kind: {
            "bytes": 1000 * (i + 1),
            "accuracy": 0.9,
            "low": 0.88,
            "high": 0.92,
            "milliseconds": {"XNNPACK": {"value": i + 1.0}},
        }
        for i, kind in enumerate(KINDS)
    },
}

# Each figure, and what its description must name.
FIGURES = {
    "overview": (
        lambda: plots.overview(np.concatenate([PICTURES, PICTURES]), COMPARISON),
        ["Four drawn pets", "float32 1 kB, 90.0%, 1.00 ms", "int8 5 kB, 90.0%, 5.00 ms"],
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_keeps_the_rules(name):
    figure_rules.check(*FIGURES[name])


@pytest.mark.parametrize(("count", "words"), [(0, "No"), (1, "One of the"), (3, "Three"), (6, "Four")])
def test_the_overview_of_a_folder_with_few_pictures(count, words):
    picture = plots.overview(np.zeros((count, 8, 8, 3), np.uint8), COMPARISON | {"data": "pictures in pets"})
    assert picture.alt.startswith(f"{words} pictures in pets, then size")
    mosaic = picture.figure.axes[0].images[0].get_array()
    assert mosaic.shape == (16, 16, 3)
    assert (mosaic == 0).sum() == min(count, 4) * 8 * 8 * 3


def compared(sizes=(1, 1), accuracies=(0.9, 0.9), times=(1, 1), kernels="XNNPACK", **more):
    """Return the titles of the figure for float32 and one other file."""
    models = {}
    for i, kind in enumerate(("float32", "int8")):
        shown = {"bytes": 1000 * sizes[i], "accuracy": accuracies[i], "low": accuracies[i] - 0.02}
        shown |= {"high": accuracies[i] + 0.02, "milliseconds": {kernels: {"value": times[i]}}}
        models[kind] = shown | (more if kind == "int8" else {})
    picture = plots.overview(PICTURES, {"data": "drawn pets", "models": models}, kernels)
    return [panel_title(picture, panel) for panel in (1, 2, 3)]


@pytest.mark.parametrize(
    ("numbers", "titles"),
    [
        (
            {"sizes": (4, 1), "times": (2, 1), "accuracies": (0.9, 0.89)},
            ["Smaller", "As accurate", "Faster, with fast kernels"],
        ),
        (
            {"sizes": (1, 4), "times": (1, 2), "accuracies": (0.9, 0.3)},
            ["None smaller", "1 of 1 less accurate", "None faster"],
        ),
        ({"kernels": "b"}, ["None smaller", "As accurate", "None faster"]),
        (
            {"accuracies": (0.9, 0.89), "p_value": 0.01},
            ["None smaller", "1 of 1 less accurate", "None faster"],
        ),
        (
            {"accuracies": (0.3, 0.9), "p_value": 0.01},
            ["None smaller", "As accurate", "None faster"],
        ),
        (
            {"times": (2, 1), "ratio": {"XNNPACK": {"value": 2, "low": 0.9, "high": 3}}},
            ["None smaller", "As accurate", "None faster"],
        ),
    ],
)
def test_smaller_as_accurate_and_faster_only_where_it_is(numbers, titles):
    assert compared(**numbers) == titles


def test_some_files_are_counted_and_one_alone_is_compared_with_nothing():
    models = {name: dict(row) for name, row in COMPARISON["models"].items()}
    models["int8"] |= {"bytes": 10, "milliseconds": {"XNNPACK": {"value": 0.1}}}
    picture = plots.overview(PICTURES, COMPARISON | {"models": models})
    assert [panel_title(picture, panel) for panel in (1, 3)] == ["1 of 5 smaller", "1 of 5 faster"]
    alone = plots.overview(PICTURES, COMPARISON | {"models": {"float32": models["float32"]}})
    assert [panel_title(alone, panel) for panel in (1, 2, 3)] == ["Size", "Accuracy", "Time"]


def test_a_file_that_has_seen_fewer_pictures_has_words_and_no_mark():
    models = {name: dict(row) for name, row in COMPARISON["models"].items()}
    models["int16x8"] |= {"accuracy": 0.99, "partly": True, "pictures": 150, "same_as_float32": 149}
    picture = plots.overview(PICTURES, COMPARISON | {"models": models})
    panel = picture.figure.axes[2]
    assert [text.get_text() for text in panel.texts] == ["as float32 on 149 of 150"]
    assert 99.0 not in [x for line in panel.get_lines() for x in line.get_xdata()]
    assert "99.0%" not in picture.alt and "as float32 on 149 of 150, 6.00 ms" in picture.alt


@pytest.mark.parametrize(
    ("answers", "title"),
    [
        ({"float32": [0, 1], "int8": [0, 1]}, "float32 and int8 agree on 2 of 2 pictures"),
        ({"float32": [0, 1], "int8": [1, 0]}, "float32 and int8 agree on 0 of 2 pictures"),
        ({"float32": [0], "int8": [0]}, "float32 and int8 agree on 1 of 1 picture"),
        ({"int8": [0, 1]}, "int8 on 2 pictures"),
    ],
)
def test_files_agree_only_where_they_do(answers, title):
    count = len(next(iter(answers.values())))
    names = [f"picture {i}" for i in range(count)]
    pictures = Answers(names, PICTURES[:count], {kind: 0.8 * np.eye(2)[c] + 0.1 for kind, c in answers.items()})
    picture = plots.own_pets(pictures)
    assert suptitle(picture) == title
    assert picture.alt.startswith("Pictures, each above" if count > 1 else "A picture above")


# --- one's own pictures -----------------------------------------------------------------------------------------------


def test_the_figure_takes_any_file_name(pet, tmp_path, pair):
    """Dollar signs would be a formula, and no font has every character: neither may raise or warn."""
    names = ["$a_$ and $.png", "犬の写真.png", "a very long name that would run into the next picture.png"]
    for name in names:
        pet.save(tmp_path / name)
    picture = plots.own_pets(own_answers.compare(tmp_path, pair))
    assert picture.png().startswith(b"\x89PNG")
    shown = [axis.get_title() for axis in picture.figure.axes if axis.get_title()]
    assert shown == ["$a_$ and $.png", "a very lo…icture.png", "????.png"]


@pytest.mark.parametrize("count", [1, 5, 12])
def test_the_figure_shows_every_picture(count, pet, tmp_path, pair):
    for i in range(count):
        pet.save(tmp_path / f"{i:02d}.png")
    picture = plots.own_pets(own_answers.compare(tmp_path, pair))
    titles = [axis.get_title() for axis in picture.figure.axes if axis.get_title()]
    assert titles == [f"{i:02d}.png" for i in range(count)]
    assert f"of {count} picture" in picture.figure._suptitle.get_text() and len(picture.alt) > 40
