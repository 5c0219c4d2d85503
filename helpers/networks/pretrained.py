"""The weights of the network that comes with the suite, to be looked at: without TensorFlow, and without a training."""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from helpers.base import artifacts
from helpers.networks.plans import PRETRAINED
from helpers.numbers import batch_norm

EPSILON = 1e-3  # Keras's own, which the networks leave as it is


def card(path: Path) -> dict:
    """Return the model card of weights that come with the suite: the .json file of the same name beside them."""
    return json.loads(Path(path).with_suffix(".json").read_text())


def checked(path: Path) -> Path:
    """Return the path of weights that come with the suite, if they are those that the model card beside them describes.

    Args:
        path: the .npz file; see `card`.

    Raises:
        FileNotFoundError: the weights or their card are not there.
        ValueError: the file is not the one that the model card describes.
    """
    path = Path(path)
    for needed in (path, path.with_suffix(".json")):
        if not needed.exists():
            raise FileNotFoundError(
                f"There are no weights in {path}, or no card: get the whole repository, or train from scratch."
            )
    if artifacts.sha256(path) != card(path)["sha256"]:
        raise ValueError(f"{path.name} is not the file that its model card describes: its SHA-256 differs.")
    return path


def opinions(kind: str) -> dict[str, dict[str, float]]:
    """Return what each set of photographs says about the predecessor of the suite's network, as its model card has it.

    Args:
        kind: "float32" or "int8".

    Returns:
        {"validation", "test", "kept back"}: "accuracy", "low" and "high" (the ends of its 95 % Wilson interval), each 0
        to 1, and "pictures".  Nobody who made the network had the last ones.

    Raises:
        KeyError: there is no such kind.
    """
    if kind not in ("float32", "int8"):
        raise KeyError(f"Expected float32 or int8, of which the card speaks; found {kind!r}.")
    said = card(PRETRAINED)["predecessor"]
    return {split: found[kind] for split, found in said["results"].items()} | {"kept back": said["kept_back"][kind]}


def layer_weights(path: Path | None = None) -> dict[str, np.ndarray]:
    """Return each layer's weights as a float32 .tflite file has them, {layer: output channels first}.

    So they are what `inspect.layer_weights` returns for that file, with batch normalisation folded in.

    Args:
        path: of an .npz file from `weights.save_weights`, of a network without depthwise convolutions, in which the
            batch normalisation after `conv3` is called `norm3`; by default the suite's own, see `checked`.
    """
    layers = defaultdict(dict)  # {"conv1": {"kernel": array}, "norm1": {"gamma": array, ...}, ...}
    with np.load(path or checked(PRETRAINED), allow_pickle=False) as file:
        for name, values in file.items():
            layer, part = name.split("/")
            layers[layer][part] = values.astype(np.float32)
    weights = {layer: np.moveaxis(parts["kernel"], -1, 0) for layer, parts in layers.items() if "kernel" in parts}
    for layer in [layer for layer in weights if layer.startswith("conv")]:
        norm = layers[layer.replace("conv", "norm")]
        statistics = (norm[part] for part in ("gamma", "beta", "moving_mean", "moving_variance"))
        weights[layer], _ = batch_norm.folded(weights[layer], 0.0, *statistics, EPSILON, axis=0)
    return weights
