"""Weights that come with the suite: a trained network's numbers as float16, and a card that says what they are."""

import json
from pathlib import Path

import numpy as np

from helpers.base import artifacts, data, machine
from helpers.base.seed import SEED
from helpers.base.tf import keras, tf
from helpers.measure.accuracy import Score
from helpers.networks import weights
from helpers.networks.training import TrainingPlan
from helpers.pictures.conventions import SIZE, normalise
from helpers.pictures.datasets import Pets

FOLDER = data.folder() / "checkpoints"


def save_with_card(
    model: keras.Model, pets: Pets, plan: TrainingPlan, path: Path, command: str, **about: object
) -> dict:
    """Keep a network's weights as float16 with a model card beside them, and return the card.

    The network is left with the weights of the file: float32 numbers that float16 can hold.  The card's accuracies are
    those of this network, which is what a reader gets.

    Args:
        model: a trained network.
        pets: the data it was trained on.
        plan: of the (last) training.
        path: of the .npz file; the card gets the same name and .json.
        command: what makes it again, for the card.
        about: more entries for the card.
    """
    weights.save_weights(model, path, dtype="float16")
    weights.load_weights(model, path)
    card = {
        "weights": path.name,
        "sha256": artifacts.sha256(path),
        "dtype": "float16",
        "parameters": model.count_params(),
        "data": pets.title,
        "pictures": pets.counts,
        "seed": SEED,
        "epochs": plan.epochs,
        "learning_rate": plan.learning_rate,
        "command": command,
        **about,
        "results": {split: _result(_score(model, pets, split)) for split in ("validation", "test")},
        "machine": machine.describe(),
    }
    with artifacts.atomic(path.with_suffix(".json")) as part:
        part.write_text(json.dumps(card, indent=2) + "\n")
    return card


def _score(model: keras.Model, pets: Pets, split: str) -> Score:
    return score(model, *pets.arrays(split, size=model.input_shape[1] or SIZE))


def _result(measured: Score) -> dict:
    low, high = measured.interval
    shares = {"accuracy": round(measured.accuracy, 5), "low": round(low, 5), "high": round(high, 5)}
    return shares | {"right": int(measured.correct.sum()), "pictures": len(measured.labels)}


def score(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> Score:
    """Run a Keras model over labelled pictures, uint8 [n, size, size, 3].

    Raises:
        ValueError: there are no pictures.
    """
    if len(images) == 0:
        raise ValueError("Expected at least one picture to classify; found none.")
    some = tf.TensorSpec((None, *images.shape[1:]), tf.float32)  # any number of pictures: traced once
    graph = tf.function(lambda inputs: model(inputs, training=False))  # runs twice as fast as layer by layer
    answer = graph.get_concrete_function(some)
    batches = (tf.constant(normalise(images[i : i + 100])) for i in range(0, len(images), 100))
    return Score(np.concatenate([answer(batch).numpy() for batch in batches]), labels)
