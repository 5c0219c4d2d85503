"""The AlexNet-shaped network of the suite: its weights, its pair of .tflite files, and how it is trained.

python -m helpers.pruning --data drawn          # the checkpoint alexnet_drawn, about 90 s on two cores
python -m helpers.pruning --data photographs    # alexnet_photographs, about 15 minutes; run again, it goes on
"""

from pathlib import Path

from helpers.base import artifacts
from helpers.base.tf import keras
from helpers.networks import checkpoints, models, training, weights
from helpers.networks.training import TrainingPlan
from helpers.pictures import datasets
from helpers.pictures.datasets import Pets
from helpers.tflite import convert, edge_quantizer, from_keras

CHECKPOINTS = {source: checkpoints.FOLDER / f"alexnet_{source}.npz" for source in ("drawn", "photographs")}

PLANS = {
    "drawn": TrainingPlan(epochs=12, learning_rate=1e-3, pictures_per_second=500),
    "photographs": TrainingPlan(epochs=24, learning_rate=1e-3, pictures_per_second=500),
}


def trained(pets: Pets) -> keras.Model:
    """Return the AlexNet-shaped network with the weights that come with the suite for these pictures.

    The drawn pets have weights of their own; for everything else there are those that have seen photographs.

    Raises:
        FileNotFoundError: the weights are not in `data/checkpoints/`.
        ValueError: the file is not the one that its model card describes.
    """
    model = models.alexnet()
    weights.load_checkpoint(model, CHECKPOINTS.get(pets.source, CHECKPOINTS["photographs"]))
    return model


def files(pets: Pets) -> dict[str, Path]:
    """Return the AlexNet-shaped network as a float32 and a full int8 .tflite file, making both if they are missing.

    It is not pruned; the int8 file is calibrated with training pictures.
    """

    def build(folder: Path) -> None:
        folder.mkdir()
        float_file = folder / convert.filename("float32")
        float_file.write_bytes(from_keras.float32(trained(pets)))
        inputs = datasets.calibration_inputs(pets)
        (folder / convert.filename("int8")).write_bytes(edge_quantizer.int8(float_file, inputs))

    folder = pets.folder / "alexnet_files"
    artifacts.build_if_missing(folder, build, "The pair of files of the AlexNet-shaped network", 15)
    return {kind: folder / convert.filename(kind) for kind in ("float32", "int8")}


# --- the checkpoints of the suite ---------------------------------------------------------------------------------


def train(pets: Pets, folder: Path, plan: TrainingPlan, command: str) -> dict:
    """Train the network, keep its weights as float16 with a model card beside them, and return the card.

    Args:
        pets: the data.
        folder: for the state of the training, the weights and the card.
        plan: epochs, learning rate and batch size.
        command: what makes it again, for the card.
    """
    trained, _ = training.train(pets, models.alexnet, plan, folder)
    return checkpoints.save_with_card(trained, pets, plan, Path(folder) / f"alexnet_{pets.source}.npz", command)
