"""A family of MobileNets: three widths and three resolutions of one design, from small and fast to large and slow.

Each member comes with the suite, trained on the drawn pets and on the photographs, because training all of them takes
longer than a lesson.  This is how they were made; run again, it goes on where it was stopped:

    python -m helpers.family --data drawn           # nine checkpoints, about 15 minutes on two cores
    python -m helpers.family --data photographs     # nine more, about 45 minutes

A width starts on small pictures, where an epoch is cheap, and goes on from there on larger ones (progressive resizing:
Howard et al. 2018 used it for the DAWNBench competition).
"""

import dataclasses
import functools
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from helpers.base import console
from helpers.base.tf import keras, tf
from helpers.networks import checkpoints, folding, models, plans, training
from helpers.networks.training import TrainingPlan
from helpers.networks.weights import load_checkpoint
from helpers.pictures import datasets
from helpers.pictures.datasets import Pets
from helpers.tflite import convert, edge_quantizer, from_keras

WIDTHS = (0.125, 0.1875, 0.3125)
SIZES = (48, 64, 96)  # in the order of training
FOLDER = checkpoints.FOLDER / "mobilenet"
SOURCES = ("drawn", "photographs")
CALIBRATION_PICTURES = 50  # more change nothing, and nine networks wait for them

# The first resolution starts with random weights, the others with those of the one before.
PLANS = {
    "drawn": {
        48: TrainingPlan(epochs=40, learning_rate=3e-3, pictures_per_second=1500),
        64: TrainingPlan(epochs=12, learning_rate=1e-3, pictures_per_second=1000),
        96: TrainingPlan(epochs=12, learning_rate=1e-3, pictures_per_second=500),
    },
    "photographs": {
        48: TrainingPlan(epochs=24, learning_rate=3e-3, pictures_per_second=1500),
        64: TrainingPlan(epochs=8, learning_rate=1e-3, pictures_per_second=1000),
        96: TrainingPlan(epochs=8, learning_rate=1e-3, pictures_per_second=500),
    },
}


@dataclasses.dataclass(frozen=True)
class Member:
    """One network of the family.

    Attributes:
        width: multiplies the channels of every layer.
        size: of the pictures, in pixels.
    """

    width: float
    size: int

    @property
    def name(self) -> str:
        """Such as "0.125 × 48"."""
        return f"{self.width:g} × {self.size}"

    @property
    def folder(self) -> str:
        """The name of the folder for what is made of it, such as "0.125_48"."""
        return f"{self.width:g}_{self.size}"

    def network(self) -> keras.Model:
        """Return the network with random weights."""
        return models.mobilenet_v1(self.size, self.width)

    def checkpoint(self, source: str) -> Path:
        """Return where the weights for a data source are; other pictures than drawn ones share the photographs'."""
        return FOLDER / f"{source if source in SOURCES else 'photographs'}_{self.folder}.npz"


MEMBERS = tuple(Member(width, size) for width in WIDTHS for size in SIZES)


def trained(pets: Pets, member: Member) -> keras.Model:
    """Return a member with the weights that come with the suite for these pictures.

    Raises:
        FileNotFoundError: the weights are not in `data/checkpoints/mobilenet/`.
        ValueError: the file is not the one that its model card describes.
    """
    model = member.network()
    load_checkpoint(model, member.checkpoint(pets.source))
    return model


def files(pets: Pets) -> dict[Member, dict[str, Path]]:
    """Return each member as a float32 and a full int8 .tflite file, making those that are missing.

    The int8 file is calibrated with training pictures.
    """

    pets.arrays("train", CALIBRATION_PICTURES)  # read now, so that there is one progress bar at a time
    return {member: _pair(pets, member) for member in console.progress(MEMBERS, "Converting", "network")}


def _pair(pets: Pets, member: Member) -> dict[str, Path]:
    """Return the two files of a member; they are converted if one is missing, or older than the weights."""
    folder, weights = pets.folder / "mobilenet" / member.folder, member.checkpoint(pets.source)
    paths = {kind: folder / convert.filename(kind) for kind in ("float32", "int8")}
    if not all(path.exists() and path.stat().st_mtime >= weights.stat().st_mtime for path in paths.values()):
        folder.mkdir(parents=True, exist_ok=True)
        folded = folding.fold(trained(pets, member))  # the converter would do it too, and take half as long again
        convert.write(from_keras.float32(folded), paths["float32"])
        inputs = datasets.calibration_inputs(pets, CALIBRATION_PICTURES, member.size)
        convert.write(edge_quantizer.int8(paths["float32"], inputs), paths["int8"])
    return paths


# --- the command that trains them ---------------------------------------------------------------------------------


def train(pets: Pets, width: float, folder: Path, plans: dict[int, TrainingPlan], command: str) -> list[dict]:
    """Train one width at each resolution in turn, keep the weights, and return the model cards.

    Args:
        pets: the data.
        width: of the networks.
        folder: for the state of the trainings, the weights and the cards.
        plans: {resolution: plan}, in the order of training.
        command: what makes them again, for the cards.
    """
    cards, before = [], None
    for size, plan in plans.items():
        member = Member(width, size)
        network = functools.partial(_starting_from, member, before)
        network.__name__ = f"mobilenet_v1 {member.name}"
        before, _ = training.train(pets, network, plan, Path(folder) / member.folder, size=size)
        path = Path(folder) / member.checkpoint(pets.source).name
        cards.append(checkpoints.save_with_card(before, pets, plan, path, command, width=width, size=size))
    return cards


def _starting_from(member: Member, before: keras.Model | None) -> keras.Model:
    """Return the network of a member, with the weights of another resolution if there is one."""
    model = member.network()
    if before is not None:
        model.set_weights(before.get_weights())
    return model


def _one_width(source: str, width: float, folder: Path, plans: dict[int, TrainingPlan], command: str) -> list[dict]:
    """Train one width in a process of its own, on one core, without a word."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    with Path(os.devnull).open("w") as nowhere:
        sys.stdout = nowhere
        return train(datasets.load(source, verbose=False), width, folder, plans, command)


def epochs_done(folder: Path) -> int:
    """Return how many epochs the trainings in a folder have written down."""
    return sum(plans.epochs_done(path.parent) for path in folder.glob(f"*/{training.HISTORY}"))


def train_all(
    source: str,
    folder: Path,
    processes: int,
    command: str,
    widths: Sequence[float] = WIDTHS,
    plans: dict[int, TrainingPlan] | None = None,
) -> list[dict]:
    """Train the whole family, one process for a width, as many at a time as asked for; return the model cards."""
    datasets.load(source, verbose=False)  # drawn or found once, before several processes ask for it
    plans = plans or PLANS[source]
    total = sum(plan.epochs for plan in plans.values()) * len(widths)
    context = multiprocessing.get_context("spawn")  # a forked TensorFlow hangs
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        widest_first = sorted(widths, reverse=True)
        running = [pool.submit(_one_width, source, width, folder, plans, command) for width in widest_first]
        with console.progress((), f"Training on {source}", "epoch", total) as bar:
            while not all(job.done() for job in running):
                bar.update(epochs_done(folder) - bar.n)
                time.sleep(1)
        return [card for job in as_completed(running) for card in job.result()]
