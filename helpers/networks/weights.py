"""The weights of a Keras model: which layers have them, and how they are kept in a file."""

from pathlib import Path

import numpy as np

from helpers.base import artifacts
from helpers.base.tf import keras
from helpers.networks import pretrained

layers = keras.layers
WEIGHTED = (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense)  # a DepthwiseConv2D is no Conv2D in Keras


# --- the layers that have them --------------------------------------------------------------------------------------


def weighted_layers(model: keras.Model) -> list[keras.Layer]:
    """Return the convolutions and dense layers of a model, in the order in which they run; each has a `kernel`."""
    return [layer for layer in model.layers if isinstance(layer, WEIGHTED)]


def channel_axis(layer: keras.Layer) -> int:
    """Return the axis of a layer's kernel along which its output channels lie: 2 for a depthwise one, else the last."""
    return 2 if isinstance(layer, layers.DepthwiseConv2D) else -1


# --- in a file ------------------------------------------------------------------------------------------------------


def save_weights(model: keras.Model, path: Path, dtype: str = "float32") -> None:
    """Write a model's weights as an .npz file, {'conv1/kernel': array, ...}, readable without Keras.

    Args:
        model: any Keras model.
        path: of the file.
        dtype: of the numbers in the file; "float16" makes it half as large and keeps 11 significant bits.

    Raises:
        ValueError: a weight is NaN or infinite, or too large for that type.
    """
    with np.errstate(over="ignore"):
        values = {weight.path: weight.numpy().astype(dtype) for weight in model.weights}
    broken = [name for name, value in values.items() if not np.isfinite(value).all()]
    if broken:
        raise ValueError(
            f"Expected finite weights that {dtype} can hold; {', '.join(broken)} of {model.name} has others: "
            "train it again with a smaller learning rate, or save it as float32."
        )
    with artifacts.atomic(path) as part, part.open("wb") as file:
        np.savez(file, **values)


def load_weights(model: keras.Model, path: Path) -> None:
    """Read what `save_weights` wrote, in any dtype, into a model of the same architecture.

    Raises:
        ValueError: the file holds other weights than the model has.
    """
    with np.load(path, allow_pickle=False) as saved:
        if sorted(saved) != sorted(weight.path for weight in model.weights):
            raise ValueError(
                f"{Path(path).name} holds other weights than {model.name} has; was it made for that network?"
            )
        for weight in model.weights:
            weight.assign(saved[weight.path].astype(np.float32))


def load_checkpoint(model: keras.Model, path: Path) -> None:
    """Read weights that come with the suite, if they are those that the model card beside them describes.

    Args:
        model: of the architecture that the weights belong to.
        path: the .npz file; the card is the .json file of the same name.

    Raises:
        FileNotFoundError: the weights or their card are not there.
        ValueError: the file is not the one that the model card describes, or belongs to another architecture.
    """
    load_weights(model, pretrained.checked(path))
