"""Pictures, their classes, how a training went, and which pictures are taken for what."""

from __future__ import annotations

import functools
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from helpers.plots import style, wording
from helpers.plots.style import BLACK, GREEN, ORANGE, SKY, Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from helpers.measure.accuracy import Score
    from helpers.pictures.datasets import Pets


def pictures(images: np.ndarray, captions: Sequence[str], title: str, columns: int = 6) -> Picture:
    """Show pictures in a grid, each under its caption.

    Args:
        images: uint8 [n, height, width, 3].
        captions: n short texts.
        title: what to see.
        columns: pictures in a row.

    Raises:
        ValueError: the captions do not match the pictures, or there is nothing to show.
    """
    if len(images) == 0 or len(images) != len(captions):
        raise ValueError(
            f"Expected one caption for each picture, at least one; found {len(images)} and {len(captions)}."
        )
    columns = min(columns, max(len(images), 3))
    rows = -(-len(images) // columns)
    figure, axes = style.axes(1.75 * columns, 2.0 * rows + 0.4, nrows=rows, ncols=columns, squeeze=False)
    for place in axes.flat:
        place.axis("off")
    for place, image, caption in zip(axes.flat[: len(images)], images, captions, strict=True):
        place.imshow(image, interpolation="nearest")
        place.set_title(caption, fontsize=11, fontweight="normal", loc="center")
    figure.suptitle(title, fontweight="bold", x=0.01, ha="left", fontsize=13)
    grid = f"A grid of {wording.counted(len(images), 'picture')}, captioned: {'; '.join(captions)}"
    return Picture(figure, f"{title}. {grid}.".replace("\n", " "))


def class_balance(pets: Pets) -> Picture:
    """Show how many cats and dogs each split holds."""
    splits = list(pets.counts)
    dogs = np.array([int(pets.arrays(split)[1].sum()) for split in splits])
    cats = np.array([pets.counts[split] for split in splits]) - dogs
    figure, axis = style.axes(8, 2.6)
    axis.barh(splits, cats, color=SKY, edgecolor="white", label="cats")
    axis.barh(splits, dogs, left=cats, color=ORANGE, edgecolor="white", hatch="//", label="dogs")
    for row, (c, d) in enumerate(zip(cats, dogs, strict=True)):
        axis.text(c + d, row, f" {c:,} cats, {d:,} dogs", va="center")
    equal = np.allclose(cats, dogs, rtol=0.1)
    title = "Both classes are there in equal parts" if equal else "The classes are not there in equal parts"
    axis.set(xlabel="pictures", title=title, xlim=(0, (cats + dogs).max() * 1.35))
    axis.invert_yaxis()
    axis.legend(ncols=2, loc="lower right")
    shares = [f"{c / (c + d):.0%} cats" if c + d else "no pictures" for c, d in zip(cats, dogs, strict=True)]
    share = style.join([f"{share} in {split}" for share, split in zip(shares, splits, strict=True)])
    return Picture(figure, f"Stacked bars of cats and dogs in each split: {share}.")


def training_curves(history: dict[str, list[float]]) -> Picture:
    """Show loss and accuracy of each epoch, on training and validation pictures.

    Args:
        history: {"loss", "accuracy", "val_loss" and "val_accuracy": a number for each epoch}.

    Raises:
        ValueError: there is no epoch.
    """
    if not history["loss"]:
        raise ValueError("Expected the history of at least one epoch; found none: train first.")
    figure, (left, right) = style.axes(9, 3.6, ncols=2)
    epochs = np.arange(1, len(history["loss"]) + 1)
    for axis, name, unit, factor in (
        (left, "loss", "cross-entropy (nats)", 1),
        (right, "accuracy", "accuracy (%)", 100),
    ):
        axis.plot(epochs, factor * np.array(history[name]), "o-", color=BLACK, label="training (augmented)")
        axis.plot(epochs, factor * np.array(history[f"val_{name}"]), "s--", color=GREEN, label="validation")
        axis.set(xlabel="epoch", ylabel=unit, xticks=epochs[:: max(1, len(epochs) // 6)])
    left.set_title(_curves_title("loss", history["loss"], history["val_loss"]))
    right.set_title(_curves_title("accuracy", history["accuracy"], history["val_accuracy"]))
    left.legend()
    return Picture(figure, f"Two line charts over {wording.counted(len(epochs), 'epoch')}: {_progress(history)}.")


def _curves_title(name: str, training: Sequence[float], validation: Sequence[float]) -> str:
    """Return which way a quantity goes in training, and in validation if that is another way.

    Args:
        name: of the quantity.
        training, validation: a number for each epoch.
    """
    if len(training) == 1:
        return f"The {name} after 1 epoch"
    seen, unseen = wording.trend(training), wording.trend(validation)
    words = f"The {name} {seen}" if seen == unseen else f"The {name} {seen} in training, {unseen} in validation"
    return textwrap.fill(words, 34)  # as wide as a panel


def _progress(history: dict[str, list[float]]) -> str:
    """Return which way the loss goes, and the accuracy on validation pictures at first and at last."""
    loss, unseen, accuracy = history["loss"], history["val_loss"], history["val_accuracy"]
    if len(loss) == 1:
        return (
            f"the loss is {loss[0]:.2f} on training and {unseen[0]:.2f} on validation pictures, and the validation "
            f"accuracy is {accuracy[0]:.1%}"
        )
    one, other = wording.trend(loss), wording.trend(unseen)
    if one == other:
        words = f"the loss {one} on training and validation pictures"
    else:
        words = f"the loss {one} on training pictures, {other} on validation pictures"
    return f"{words}, and the validation accuracy goes from {accuracy[0]:.1%} to {accuracy[-1]:.1%}"


def confusion(score: Score, classes: Sequence[str], name: str = "float32", threshold: float = 0.5) -> Picture:
    """Show how often each of two classes is taken for the other: counts, and shares of the true class.

    Args:
        score: of a model on pictures of two classes.
        classes: their names.
        name: of the model.
        threshold: the probability of the second class above which it is the answer; 0.5 means that the larger one is.
    """
    predictions = (score.probabilities[:, 1] > threshold).astype(int)
    right = np.mean(predictions == score.labels)
    counts = np.zeros((len(classes), len(classes)), int)
    np.add.at(counts, (score.labels, predictions), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axis = style.axes(4.8, 3.8)
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axis.grid(False)
    for (row, column), share in np.ndenumerate(shares):
        text = f"{counts[row, column]:,}\n{share:.1%}"
        axis.text(column, row, text, ha="center", va="center", color="white" if share > 0.5 else "black")
    ticks = range(len(classes))
    axis.set(
        xticks=ticks,
        yticks=ticks,
        xticklabels=classes,
        yticklabels=classes,
        xlabel="predicted",
        ylabel="true",
    )
    axis.set_title(f"{name}: {right:.1%} right")
    wrong = style.join([_taken_for_other(name, counts[i, 1 - i], counts[i].sum()) for i, name in enumerate(classes)])
    shown = f"{wording.counted(len(score.labels), 'picture')}, called a {classes[1]} above {threshold:g}"
    live = functools.partial(_live_confusion, score, classes, name, threshold)
    return Picture(figure, f"Confusion matrix of the {name} model, {shown}: {wrong}.", live)


def _live_confusion(score: Score, classes: Sequence[str], name: str, threshold: float) -> dict:
    """Return how often each class is taken for which, with each threshold that can be chosen."""
    stops, second = [round(0.05 * i, 2) for i in range(1, 20)], score.probabilities[:, 1]
    called = [[int(np.sum(second[score.labels == label] > stop)) for label in (0, 1)] for stop in stops]
    totals = np.bincount(score.labels, minlength=2).tolist()
    told = {"name": name, "classes": list(classes), "stops": stops, "called": called, "totals": totals}
    return {"figure": "confusion", "threshold": threshold} | told


def _taken_for_other(name: str, wrong: int, everything: int) -> str:
    """Return which share of the pictures of a class is taken for the other one, if there are any."""
    if not everything:
        return f"there are no {name}s"
    return f"{wrong / everything:.1%} of the {name}s are taken for the other class"
