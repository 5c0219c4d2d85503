"""What is trained on which data, for how long, and where the result stands: known without TensorFlow."""

import dataclasses
import json
from pathlib import Path

from helpers.base import data
from helpers.pictures.datasets import Pets
from helpers.tflite.kinds import GRAPH

CHECKPOINT = "checkpoint.keras"
HISTORY = "history.json"
SUITES_PLAN = "the suite's plan"  # in HISTORY, beside the one that was followed
SAVED_MODEL = "saved_model"
PRETRAINED = data.folder() / "checkpoints" / "residual_cnn.npz"
PRETRAINED_INT8 = PRETRAINED.with_name("residual_cnn_int8.tflite")


@dataclasses.dataclass(frozen=True)
class TrainingPlan:
    """How long and how fast to train; the learning rate falls to zero along a cosine.

    Attributes:
        epochs: passes over the training pictures.
        learning_rate: of Adam, at the start.
        batch_size: pictures a step.
        pictures_per_second: on two cores, for the time that is announced.
    """

    epochs: int
    learning_rate: float = 2e-3
    batch_size: int = 32
    pictures_per_second: int = 200

    def seconds(self, pictures: int) -> float:
        """Return roughly how long the training takes on two cores."""
        return self.epochs * pictures / self.pictures_per_second


FROM_SCRATCH = {"drawn": TrainingPlan(epochs=4), "photographs": TrainingPlan(epochs=30)}
FINE_TUNING = TrainingPlan(epochs=1, learning_rate=1e-4)


def starts_from_scratch(pets: Pets) -> bool:
    """Whether a training begins with random weights by default.

    The drawn pets do.  On photographs, and on a reader's own pictures, it begins with the weights that come with the
    suite, which have seen real cats and dogs.
    """
    return pets.source == "drawn"


def plan_for(pets: Pets, from_scratch: bool | None = None) -> TrainingPlan:
    """Return the plan for a data source: a full training, or one epoch of fine-tuning."""
    if starts_from_scratch(pets) if from_scratch is None else from_scratch:
        return FROM_SCRATCH.get(pets.source, FROM_SCRATCH["photographs"])
    return FINE_TUNING


def epochs_done(folder: Path) -> int:
    """Return how many epochs of the training in a folder are written down, without loading the network."""
    path = folder / HISTORY
    return len(json.loads(path.read_text())["epochs"]["loss"]) if path.exists() else 0


def suites_plan(folder: Path) -> dict | None:
    """Return the plan that the suite had when the training in a folder began; None if nothing says so."""
    path = folder / HISTORY
    return json.loads(path.read_text())["about"].get(SUITES_PLAN) if path.exists() else None


def follows_the_suite(pets: Pets) -> bool:
    """Whether the training on this data, if there is one, began while the suite had today's plan for it."""
    return suites_plan(pets.folder) in (None, dataclasses.asdict(plan_for(pets)))


def is_trained(pets: Pets) -> bool:
    """Whether the SavedModel of the network trained on this data is there, and follows the suite's plan."""
    return (pets.folder / SAVED_MODEL / GRAPH).exists() and follows_the_suite(pets)
