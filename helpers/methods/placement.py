"""Where the quantizers sit: which activations of a Keras network an integer network stores in codes of their own.

They sit where TFLite's converter puts them (Jacob et al. 2017, arXiv 1712.05877, section 3): on the picture that goes
in and on the output of every operator, **after** the ReLU that is fused into it.  Pooling with windows, flattening and
reshaping keep the codes of their input.
"""

import dataclasses

from helpers.base.tf import keras
from helpers.networks.weights import WEIGHTED

layers = keras.layers
FUSES_RELU = (*WEIGHTED, layers.Add)  # a ReLU that follows one of these becomes part of it in a .tflite file
NEW_CODES = (*FUSES_RELU, layers.GlobalAveragePooling2D, layers.ReLU, layers.Softmax)  # their output has its own scale
SAME_CODES = (layers.MaxPooling2D, layers.AveragePooling2D, layers.Flatten, layers.Reshape)  # as their input has
ACTIVATIONS = ("linear", "relu", "relu6")  # that a layer may have in it


@dataclasses.dataclass(frozen=True)
class Node:
    """One layer of a network.

    Attributes:
        layer: the Keras layer.
        sources: the positions of the nodes whose outputs it takes; none for the input.
        tensor: the name of its output if that has codes of its own, else "".  A ReLU that is part of another layer
            gives its output that layer's name.
    """

    layer: keras.Layer
    sources: tuple[int, ...]
    tensor: str


def nodes(model: keras.Model) -> list[Node]:
    """Return the layers of a model in the order in which they run, with the names of the tensors that get codes.

    A ReLU that is the only one to read a layer's output is part of that layer.

    Args:
        model: a functional Keras model with one input and one output, without batch normalisation (`folding.fold`).

    Raises:
        ValueError: there is a layer of a kind that is not known here, or one with another activation in it.
    """
    readers = {layer.name: [] for layer in model.layers}
    for layer in model.layers:
        for source in _sources(layer):
            readers[source.name].append(layer)
    positions = {layer.name: i for i, layer in enumerate(model.layers)}
    tensors = {layer.name: layer.name for layer in model.layers if _has_codes(layer)}
    for layer in model.layers:
        if isinstance(layer, layers.ReLU):
            (source,) = _sources(layer)
            if isinstance(source, FUSES_RELU) and len(readers[source.name]) == 1:
                tensors[layer.name], tensors[source.name] = source.name, ""
    return [
        Node(layer, tuple(positions[source.name] for source in _sources(layer)), tensors.get(layer.name, ""))
        for layer in model.layers
    ]


def is_known(layer: keras.Layer) -> bool:
    """Whether an integer operator does what a layer does, with the activation that is in it."""
    return isinstance(layer, (layers.InputLayer, *NEW_CODES, *SAME_CODES)) and _activation(layer) in ACTIVATIONS


def _activation(layer: keras.Layer) -> str:
    return getattr(getattr(layer, "activation", None), "__name__", "linear")


def _sources(layer: keras.Layer) -> list[keras.Layer]:
    """Return the layers whose outputs a layer takes."""
    if isinstance(layer, layers.InputLayer):
        return []
    inputs = layer.input if isinstance(layer.input, list) else [layer.input]
    return [tensor._keras_history.operation for tensor in inputs]


def _has_codes(layer: keras.Layer) -> bool:
    """Whether a layer's output has codes of its own, or else those of its input.

    Raises:
        ValueError: that is not known for this kind of layer, or it has another activation in it.
    """
    if isinstance(layer, SAME_CODES):
        return False
    if is_known(layer):
        return True
    if isinstance(layer, NEW_CODES):
        raise ValueError(
            f"{layer.name} has the activation {_activation(layer)}; expected relu, relu6 or a layer of its own for it."
        )
    known = ", ".join(kind.__name__ for kind in (*NEW_CODES, *SAME_CODES))
    raise ValueError(f"{layer.name} is a {type(layer).__name__}; expected a network of these layers: {known}.")
