"""Every figure: described in words with its numbers, the same bytes twice, the same colours everywhere."""

import re

import matplotlib.colors
import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers import conversion, datasets, evaluation, inspection, plots
from helpers.evaluation import Score
from helpers.latency import Timings

SHORTEST_ALT = 40  # characters
KINDS = list(conversion.KINDS)


def made_up_score(seed, pictures=200):
    """Return a score of pictures that are mostly right."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, pictures)
    dog = np.clip(labels + rng.normal(0, 0.35, pictures), 0.01, 0.99)
    return Score(np.stack([1 - dog, dog], axis=1).astype(np.float32), labels)


def made_up_pets(counts):
    """Return pets of which only labels matter: {split: (cats, dogs)}."""
    tf = datasets.tf
    splits = {
        name: tf.data.Dataset.from_tensor_slices(
            (np.zeros((cats + dogs, 96, 96, 3), np.uint8), np.int64([0] * cats + [1] * dogs))
        )
        for name, (cats, dogs) in counts.items()
    }
    return datasets.Pets("made-up", "made-up pets", **splits, counts={name: sum(pair) for name, pair in counts.items()})


RNG = np.random.default_rng(5)
SCORES = {kind: made_up_score(i) for i, kind in enumerate(KINDS)}
TIMES = {
    k: Timings({n: RNG.gamma(9, s, 20) for n, s in zip(KINDS, range(1, 7), strict=True)}) for k in ("XNNPACK", "b")
}
SIZES = {kind: dict.fromkeys(inspection.PURPOSES, 1000 * (i + 1)) for i, kind in enumerate(("float32", "int8"))}
HISTORY = {name: [0.5, 0.6, 0.75] for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
PICTURES = RNG.integers(0, 256, (3, 96, 96, 3), np.uint8)
EQUAL = {"train": (8, 8), "validation": (1, 1), "test": (2, 2)}

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

# Each figure, and numbers that its description must name.
FIGURES = {
    "pictures": (lambda: plots.pictures(PICTURES, ["a cat", "b\nc", "d"], "Title"), ["3 pictures", "a cat; b c; d"]),
    "class_balance": (lambda: plots.class_balance(made_up_pets(EQUAL)), ["50% cats in train"]),
    "training_curves": (lambda: plots.training_curves(HISTORY), ["3 epochs", "from 50.0% to 75.0%"]),
    "confusion": (
        lambda: plots.confusion(Score(np.eye(2)[[0, 0, 0, 1, 1]], np.array([0, 0, 1, 1, 1])), ("cat", "dog")),
        ["5 pictures", "0.0% of the cats", "33.3% of the dogs"],
    ),
    "file_bytes": (lambda: plots.file_bytes(SIZES), ["float32: 20.0% of 5,000 bytes", "int8: 20.0% of 10,000 bytes"]),
    "calibrations": (
        lambda: plots.calibrations({"noise": (SCORES["int8"], 1 / 255)}, SCORES["float32"]),
        [f"{SCORES['float32'].accuracy:.1%}", f"noise {SCORES['int8'].accuracy:.1%} at scale 0.0039"],
    ),
    "code_differences": (
        lambda: plots.code_differences(np.array([0, 0, 0, -1])),
        ["25.0% of the values differ by -1", "75.0% of the values differ by 0"],
    ),
    "accuracies": (lambda: plots.accuracies(SCORES), [f"int8 {SCORES['int8']}", f"float16 {SCORES['float16']}"]),
    "latencies": (
        lambda: plots.latencies(TIMES),
        [f"{TIMES['b'].ratio('float32', 'int8').value:.1f} times as fast with the b kernels"],
    ),
    "tradeoff": (
        lambda: plots.tradeoff(SCORES, TIMES["XNNPACK"], dict.fromkeys(KINDS, 123400), "XNNPACK"),
        [f"int8 {SCORES['int8'].accuracy:.1%} in {TIMES['XNNPACK'].milliseconds('int8').value:.2f} ms and 123 kB"],
    ),
    "overview": (
        lambda: plots.overview(np.concatenate([PICTURES, PICTURES]), COMPARISON),
        ["Four drawn pets", "float32 1 kB, 90.0%, 1.00 ms", "int8 5 kB, 90.0%, 5.00 ms"],
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_described_and_always_the_same(name):
    draw, named = FIGURES[name]
    picture = draw()
    assert isinstance(picture, plots.Picture)
    assert len(picture.alt) >= SHORTEST_ALT
    assert "\n" not in picture.alt
    for words in named:
        assert words in picture.alt
    png = picture.png()
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert draw().png() == png
    assert draw().alt == picture.alt
    assert b"Software" not in png, "no version of Matplotlib"


@pytest.mark.parametrize("name", FIGURES)
def test_axes_are_labelled(name):
    if name in ("pictures", "confusion"):  # pictures have no axes; the classes stand beside the matrix
        return
    figure = FIGURES[name][0]().figure
    for axes in figure.axes[1:] if name == "overview" else figure.axes:  # it begins with pictures
        assert axes.get_xlabel() or axes.get_ylabel()


def test_a_picture_shows_itself_with_its_description():
    picture = plots.code_differences(np.array([0, -1]))
    data, metadata = picture._repr_mimebundle_()
    assert data == {"image/png": picture.png(), "text/plain": picture.alt}
    assert metadata == {"image/png": {"alt": picture.alt}}
    assert repr(picture) == picture.alt


def test_no_figure_stays_open():
    before = plt.get_fignums()
    plots.accuracies(SCORES)
    assert plt.get_fignums() == before


def test_looks_belong_to_kinds_and_no_two_are_alike():
    for looks in (plots.COLOURS, plots.MARKERS, plots.HATCHES):
        assert list(looks) == KINDS
        assert len(set(looks.values())) == len(KINDS)
    assert plots.COLOURS["float32"] == "#0072B2"  # Okabe and Ito's blue
    assert plots.COLOURS["int8"] == "#D55E00"  # and their vermilion


def colours(figure, label):
    """Return the colours of everything in a figure that carries a label, whatever it is."""
    found = set()
    for axes in figure.axes:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            if re.split(r",(?! float)", name)[0] == label:
                artist = handle[0] if hasattr(handle, "patches") else handle
                colour = artist.get_facecolor() if hasattr(artist, "get_facecolor") else artist.get_color()
                found.add(matplotlib.colors.to_hex(np.ravel(colour)[:3] if not isinstance(colour, str) else colour))
    return found


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_a_kind_has_its_colour_in_every_figure(kind):
    for name in ("latencies", "tradeoff"):
        assert colours(FIGURES[name][0]().figure, kind) == {plots.COLOURS[kind].lower()}
    rows = FIGURES["accuracies"][0]().figure.axes[0].get_lines()
    marks = {line.get_color() for line in rows if line.get_marker() == plots.MARKERS[kind]}
    assert marks == {plots.COLOURS[kind]}


@pytest.mark.parametrize(
    ("counts", "title"),
    [(EQUAL, "Both classes are there in equal parts"), (EQUAL | {"train": (4, 12)}, "The classes are not")],
)
def test_the_balance_of_classes_is_called_what_it_is(counts, title):
    picture = plots.class_balance(made_up_pets(counts))
    assert picture.figure.axes[0].get_title(loc="left").startswith(title)
    assert f"{counts['train'][0] / 16:.0%} cats in train" in picture.alt


def test_heights_of_bars_are_the_bytes():
    axes = plots.file_bytes(SIZES).figure.axes[0]
    widths = np.array([[bar.get_width() for bar in bars] for bars in axes.containers])
    np.testing.assert_allclose(widths.sum(axis=0) * 1000, [5000, 10_000])


def test_the_confusion_matrix_counts():
    texts = [text.get_text() for text in FIGURES["confusion"][0]().figure.axes[0].texts]
    assert texts == ["2\n100.0%", "0\n0.0%", "1\n33.3%", "2\n66.7%"]


@pytest.mark.parametrize("count", [1, 6, 7])
def test_any_number_of_pictures(count):
    images = np.zeros((count, 8, 8, 3), np.uint8)
    picture = plots.pictures(images, [str(i) for i in range(count)], "Some")
    assert sum(len(axes.images) for axes in picture.figure.axes) == count


@pytest.mark.parametrize(("count", "words"), [(0, "No"), (1, "One"), (3, "Three"), (6, "Four")])
def test_the_overview_of_a_folder_with_few_pictures(count, words):
    picture = plots.overview(np.zeros((count, 8, 8, 3), np.uint8), COMPARISON | {"data": "pictures in pets"})
    assert picture.alt.startswith(f"{words} pictures in pets, then size")
    mosaic = picture.figure.axes[0].images[0].get_array()
    assert mosaic.shape == (16, 16, 3)
    assert (mosaic == 0).sum() == min(count, 4) * 8 * 8 * 3


@pytest.mark.parametrize("captions", [[], ["one"], ["one", "two", "three", "four"]])
def test_captions_that_do_not_match(captions):
    with pytest.raises(ValueError, match=f"one caption for each picture, at least one; found 3 and {len(captions)}"):
        plots.pictures(PICTURES, captions, "Title")


def test_nothing_to_show():
    with pytest.raises(ValueError, match="found 0 and 0"):
        plots.pictures(PICTURES[:0], [], "Title")


def test_figures_use_what_is_measured():
    """The interval that is drawn is Wilson's."""
    axes = plots.accuracies({"int8": SCORES["int8"]}).figure.axes[0]
    low, high = evaluation.wilson(int(SCORES["int8"].correct.sum()), 200)
    np.testing.assert_allclose(axes.get_lines()[0].get_xdata(), [100 * low, 100 * high])
