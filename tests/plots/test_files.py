"""Figures of what is in the files: the bars are the bytes, and no title promises what the scores do not show."""

import numpy as np
import pytest

import figure_rules
from helpers import plots
from helpers.tflite import inspect
from plots_data import SCORES, counted, panel_title

SIZES = {kind: dict.fromkeys(inspect.PURPOSES, 1000 * (i + 1)) for i, kind in enumerate(("float32", "int8"))}

# Each figure, and what its description must name.
FIGURES = {
    "file_bytes": (lambda: plots.file_bytes(SIZES), ["float32: 20.0% of 5,000 bytes", "int8: 20.0% of 10,000 bytes"]),
    "calibrations": (
        lambda: plots.calibrations({"noise": (SCORES["int8"], 1 / 255)}, SCORES["float32"]),
        [f"{SCORES['float32'].accuracy:.1%}", f"noise {SCORES['int8'].accuracy:.1%} at scale 0.0039"],
    ),
    "code_differences": (
        lambda: plots.code_differences(np.array([0, 0, 0, -1])),
        ["25.0% of the values differ by -1", "75.0% of the values differ by 0"],
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_keeps_the_rules(name):
    figure_rules.check(*FIGURES[name])


def test_heights_of_bars_are_the_bytes():
    axes = plots.file_bytes(SIZES).figure.axes[0]
    widths = np.array([[bar.get_width() for bar in bars] for bars in axes.containers])
    np.testing.assert_allclose(widths.sum(axis=0) * 1000, [5000, 10_000])


def file_of(weights, rest):
    return dict.fromkeys(inspect.PURPOSES, 0) | {"weights": weights, "structure": rest}


@pytest.mark.parametrize(
    ("files", "title"),
    [
        ([(400, 10), (100, 10)], "The weights shrink, the rest of the file does not"),
        ([(400, 10), (100, 9)], "The weights shrink, and so does the rest of the file"),
        ([(400, 10), (400, 9)], "The weights do not shrink, the rest of the file does"),
        ([(400, 10), (400, 10)], "Neither the weights nor the rest of the file shrink"),
        ([(400, 10), (100, 10), (500, 10)], "What shrinks differs from file to file"),
        ([(300, 100)], "The weights take 75.0% of the file"),
    ],
)
def test_weights_shrink_only_where_they_do(files, title):
    picture = plots.file_bytes({str(i): file_of(*parts) for i, parts in enumerate(files)})
    assert panel_title(picture) == title


def test_every_purpose_has_a_look():
    sizes = {"float32": dict.fromkeys("abcdef", 1) | {"weights": 1}}
    with pytest.raises(ValueError, match="1 to 5 purposes of bytes in one figure; found 7: draw several"):
        plots.file_bytes(sizes)


@pytest.mark.parametrize(
    ("right", "title"),
    [
        ({"300 pictures": 180, "10 pictures": 179, "noise": 60}, "A few good pictures are enough"),
        ({"300 pictures": 180, "10 pictures": 60}, "300 good pictures are enough"),
        ({"300 pictures": 60, "10 pictures": 180}, "Even 300 good pictures are not enough"),
        ({"1 picture": 60}, "Even 1 good picture is not enough"),
        ({"1 picture": 180}, "1 good picture is enough"),
        ({"1,000 pictures": 190}, "1,000 good pictures are enough"),
        ({"noise": 60, "not normalised": 180}, "Less accurate than float32: noise"),
        ({"noise": 180}, "No less accurate than float32"),
    ],
)
def test_a_few_pictures_are_enough_only_where_nothing_is_lost(right, title):
    """30% against 90% of the same pictures is a loss; one picture of 200 is not."""
    picture = plots.calibrations({name: (counted(n), 1 / 255) for name, n in right.items()}, counted(180))
    assert panel_title(picture) == title


def test_a_step_wider_than_one_is_not_a_fraction():
    figure = plots.calibrations({"a": (counted(9), 1 / 255), "b": (counted(9), 4.0)}, counted(9)).figure
    assert [text.get_text() for text in figure.axes[1].texts] == ["1/255", "4"]


@pytest.mark.parametrize(
    ("differences", "title"),
    [
        ([0, -1], "Where truncating goes wrong, it is off by one code"),
        ([0, -1, 1], "Where truncating goes wrong, it is off by one code"),
        ([0, -1, 3], "Where truncating goes wrong, it is off by up to 3 codes"),
        ([-2], "Where truncating goes wrong, it is off by 2 codes"),
        ([0, 0], "Truncating gives the same codes as rounding"),
    ],
)
def test_truncating_is_off_by_what_it_is(differences, title):
    assert panel_title(plots.code_differences(np.array(differences))) == title
