"""Any .tflite file on any data source: whether it fits, what it answers, and what there is to say about it."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from helpers.base import console
from helpers.measure import accuracy
from helpers.measure.accuracy import Score
from helpers.pictures import conventions
from helpers.pictures.conventions import normalise
from helpers.tflite import interpreter, micro

if TYPE_CHECKING:
    from helpers.pictures.datasets import Pets


def input_size(model: Path, kernels: str = "XNNPACK") -> int:
    """Return the width, and height, of the pictures that a model takes.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no .tflite model, or none that takes a square colour picture and tells cat from dog.
    """
    runner = interpreter.load(model, kernels)
    inputs, output_shape = runner.get_input_details(), runner.get_output_details()[0]["shape"].tolist()
    shape, dtype = inputs[0]["shape_signature"].tolist(), inputs[0]["dtype"]
    if len(inputs) != 1 or len(shape) != 4 or not 0 < shape[1] == shape[2] or shape[3] != 3:
        raise ValueError(f"{model.name} should take one square colour picture, [1, n, n, 3]; it takes {shape}.")
    if dtype != np.float32 and not inputs[0]["quantization"][0]:
        raise ValueError(f"{model.name} takes {np.dtype(dtype).name}, but its input has no scale to quantize with.")
    if output_shape != [1, len(conventions.CLASSES)]:
        raise ValueError(f"{model.name} should give two numbers, for cat and for dog, [1, 2]; it gives {output_shape}.")
    return shape[1]


def usual_split(pets: "Pets", by_hand: bool) -> str:
    """Return what is scored of a data set if nobody says: all of a folder that was given by hand, else "test".

    Who points at a folder wants to know about its pictures.  The suite's own sources, and a folder that `PTQ_DATASET`
    names for the whole course, have been trained on.
    """
    return "all" if by_hand and pets.source.startswith("folder-") else "test"


def scored(pets: "Pets", split: str) -> str:
    """Return one line about a data set and what of it is scored."""
    if split == "all":
        return f"{pets.summary}; all are scored (--split test: those that no training of the suite looks at)"
    return f"{pets.summary}; the {pets.counts[split]:,} {split} pictures are scored"


def labelled(pets: "Pets", split: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pictures of a split, or of all three, in a model's size: uint8 [n, size, size, 3] and int64 [n]."""
    parts = [pets.arrays(part, size=size) for part in (conventions.SPLITS if split == "all" else (split,))]
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return images, labels


def probabilities(model: Path, images: np.ndarray, kernels: str) -> np.ndarray:
    """Classify pictures in batches, or one by one if the file was made for one: float32 [n, classes]."""
    with contextlib.suppress(ValueError, RuntimeError):
        outputs = accuracy.predict(model, images, kernels)
        if outputs.shape == (len(images), len(conventions.CLASSES)):
            return outputs
    runner = interpreter.load(model, kernels)
    input_details, bar = runner.get_input_details()[0], console.progress(range(len(images)), "Scoring", "pic")
    return np.concatenate(
        [interpreter.run(runner, interpreter.quantize_input(normalise(images[i : i + 1]), input_details)) for i in bar]
    )


def report(model: Path, score: Score, split: str, kernels: str) -> list[str]:
    """Return what there is to say about a scored file, line by line: accuracy, size, tensor arena."""
    low, high = score.interval
    pictures = "pictures of all splits" if split == "all" else f"{split} pictures"
    try:
        arena = micro.arena(model)
        needs = f"{arena.total:,} bytes ({arena.activations:,} for activations, {arena.persistent:,} persistent)"
    except (NotImplementedError, TimeoutError, ValueError) as problem:
        needs = f"not known. {problem}"
    return [
        f"Model: {model.name}, {kernels} kernels",
        f"Accuracy: {score.accuracy:.2%} (95% Wilson interval {low:.2%} to {high:.2%})",
        f"Right: {score.correct.sum():,} of {len(score.labels):,} {pictures}",
        f"Size: {model.stat().st_size:,} bytes",
        f"Tensor arena: {needs}",
    ]
