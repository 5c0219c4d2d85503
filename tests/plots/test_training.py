"""Figures of pictures and of how a training went: they say what the numbers say."""

import numpy as np
import pytest

import figure_rules
from helpers import plots
from helpers.measure.accuracy import Score
from helpers.pictures import datasets
from plots_data import panel_title

HISTORY = {name: [0.5, 0.6, 0.75] for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
PICTURES = np.random.default_rng(5).integers(0, 256, (3, 96, 96, 3), np.uint8)
EQUAL = {"train": (8, 8), "validation": (1, 1), "test": (2, 2)}


def made_up_pets(counts):
    """Return pets of which only labels matter: {split: (cats, dogs)}."""

    def read(split):
        cats, dogs = counts[split]
        return np.zeros((cats + dogs, 96, 96, 3), np.uint8), np.int64([0] * cats + [1] * dogs)

    return datasets.Pets("made-up", "made-up pets", {name: sum(pair) for name, pair in counts.items()}, read)


# Each figure, and what its description must name.
FIGURES = {
    "pictures": (lambda: plots.pictures(PICTURES, ["a cat", "b\nc", "d"], "Title"), ["3 pictures", "a cat; b c; d"]),
    "class_balance": (lambda: plots.class_balance(made_up_pets(EQUAL)), ["50% cats in train"]),
    "training_curves": (lambda: plots.training_curves(HISTORY), ["3 epochs", "from 50.0% to 75.0%"]),
    "confusion": (
        lambda: plots.confusion(Score(np.eye(2)[[0, 0, 0, 1, 1]], np.array([0, 0, 1, 1, 1])), ("cat", "dog")),
        ["5 pictures", "0.0% of the cats", "33.3% of the dogs"],
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_keeps_the_rules(name):
    figure_rules.check(*FIGURES[name])


@pytest.mark.parametrize(
    ("counts", "title"),
    [(EQUAL, "Both classes are there in equal parts"), (EQUAL | {"train": (4, 12)}, "The classes are not")],
)
def test_the_balance_of_classes_is_called_what_it_is(counts, title):
    picture = plots.class_balance(made_up_pets(counts))
    assert picture.figure.axes[0].get_title(loc="left").startswith(title)
    assert f"{counts['train'][0] / 16:.0%} cats in train" in picture.alt


def confusion_texts(*arguments, **options):
    return [text.get_text() for text in plots.confusion(*arguments, **options).figure.axes[0].texts]


def test_the_confusion_matrix_counts():
    texts = [text.get_text() for text in FIGURES["confusion"][0]().figure.axes[0].texts]
    assert texts == ["2\n100.0%", "0\n0.0%", "1\n33.3%", "2\n66.7%"]


def test_a_threshold_of_a_half_is_the_larger_probability():
    probabilities = np.random.default_rng(0).dirichlet((1, 1), 200).astype(np.float32)
    score = Score(probabilities, np.arange(200) % 2)
    counts = [int(text.split("\n")[0]) for text in confusion_texts(score, ("cat", "dog"))]
    taken = np.stack([score.labels, score.predictions])
    assert counts == [np.sum((pair == taken.T).all(axis=1)) for pair in ((0, 0), (0, 1), (1, 0), (1, 1))]


def test_a_higher_threshold_says_dog_less_often():
    score = Score(np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7], [0.1, 0.9]]), np.array([0, 0, 1, 1]))
    for threshold, counts in ((0.5, (1, 1, 0, 2)), (0.65, (2, 0, 0, 2)), (0.8, (2, 0, 1, 1)), (0.1, (0, 2, 0, 2))):
        texts = confusion_texts(score, ("cat", "dog"), threshold=threshold)
        assert tuple(int(text.split("\n")[0]) for text in texts) == counts


@pytest.mark.parametrize("count", [1, 6, 7])
def test_any_number_of_pictures(count):
    images = np.zeros((count, 8, 8, 3), np.uint8)
    picture = plots.pictures(images, [str(i) for i in range(count)], "Some")
    assert sum(len(axes.images) for axes in picture.figure.axes) == count


@pytest.mark.parametrize("captions", [[], ["one"], ["one", "two", "three", "four"]])
def test_captions_that_do_not_match(captions):
    with pytest.raises(ValueError, match=f"one caption for each picture, at least one; found 3 and {len(captions)}"):
        plots.pictures(PICTURES, captions, "Title")


def test_nothing_to_show():
    with pytest.raises(ValueError, match="found 0 and 0"):
        plots.pictures(PICTURES[:0], [], "Title")


def courses(loss, val_loss, accuracy, val_accuracy):
    return plots.training_curves(
        {"loss": loss, "val_loss": val_loss, "accuracy": accuracy, "val_accuracy": val_accuracy}
    )


@pytest.mark.parametrize(
    ("history", "titles", "words"),
    [
        (
            ([0.9, 0.5, 0.3], [0.8, 0.5, 0.4], [0.5, 0.8, 0.9], [0.5, 0.8, 0.85]),
            ["The loss falls", "The accuracy rises"],
            "the loss falls on training and validation pictures, and the validation accuracy goes from 50.0% to 85.0%",
        ),
        (
            ([0.5, 0.6, 0.75],) * 4,
            ["The loss rises", "The accuracy rises"],
            "the loss rises on training and validation pictures",
        ),
        (
            ([0.9, 0.5, 0.3], [0.5, 0.6, 0.9], [0.5, 0.5, 0.5], [0.7, 0.4, 0.6]),
            [
                "The loss falls in training, rises\nin validation",
                "The accuracy stays the same in\ntraining, goes up and down in\nvalidation",
            ],
            "the loss falls on training pictures, rises on validation pictures",
        ),
        (
            ([0.5], [0.6], [0.7], [0.8]),
            ["The loss after 1 epoch", "The accuracy after 1 epoch"],
            "over 1 epoch: the loss is 0.50 on training and 0.60 on validation pictures, and the validation accuracy",
        ),
    ],
)
def test_the_loss_falls_only_where_it_does(history, titles, words):
    picture = courses(*history)
    assert [panel_title(picture, panel) for panel in (0, 1)] == titles
    assert words in picture.alt
    assert ("falls" in picture.alt) == ("falls" in titles[0]) and "1 epochs" not in picture.alt


def test_no_epoch_has_no_curve():
    with pytest.raises(ValueError, match="history of at least one epoch; found none"):
        courses([], [], [], [])


def test_one_picture_and_an_empty_split_are_called_what_they_are():
    assert "A grid of 1 picture, captioned: a" in plots.pictures(PICTURES[:1], ["a"], "One").alt
    alt = plots.class_balance(made_up_pets(EQUAL | {"validation": (0, 0)})).alt
    assert "no pictures in validation" in alt and "50% cats in test" in alt


def test_a_class_without_pictures_is_not_taken_for_anything():
    alt = plots.confusion(Score(np.eye(2)[[0]], np.array([0])), ("cat", "dog")).alt
    assert "1 picture, called" in alt
    assert alt.endswith("0.0% of the cats are taken for the other class and there are no dogs.")
