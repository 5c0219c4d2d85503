"""A Keras network run layer by layer with rounded weights and activations."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from helpers.base.tf import keras, tf
from helpers.networks import folding

layers = keras.layers

SAME_CODES = (layers.MaxPooling2D, layers.AveragePooling2D, layers.Flatten, layers.Reshape)  # as their input has


NEW_CODES = (*folding.WEIGHTED, layers.Add, layers.GlobalAveragePooling2D, layers.ReLU, layers.Softmax)


@dataclasses.dataclass(frozen=True)
class Node:
    """One layer of the network.

    Attributes:
        layer: the Keras layer.
        sources: the places of the steps whose outputs it takes.
        tensor: the name of its output if it has codes of its own, else "".
    """

    layer: keras.Layer
    sources: tuple[int, ...]
    tensor: str


# --- the network, layer by layer ------------------------------------------------------------------------------------
def nodes(model: keras.Model) -> list[Node]:
    """Return the layers of a model in the order in which they run, with the names of the tensors that get codes.

    A ReLU that is the only one to read a layer's output is part of that layer: its output has the layer's name.

    Raises:
        ValueError: there is a layer of a kind that is not known here.
    """
    readers = {layer.name: [] for layer in model.layers}
    for layer in model.layers:
        for source in _sources(layer):
            readers[source.name].append(layer)
    places = {layer.name: i for i, layer in enumerate(model.layers)}
    tensors = {layer.name: layer.name for layer in model.layers if _has_codes(layer)}
    for layer in model.layers:
        if (
            isinstance(layer, layers.ReLU)
            and _can_take(source := _sources(layer)[0])
            and len(readers[source.name]) == 1
        ):
            tensors[layer.name], tensors[source.name] = source.name, ""
    return [
        Node(layer, tuple(places[source.name] for source in _sources(layer)), tensors.get(layer.name, ""))
        for layer in model.layers
    ]


def _sources(layer: keras.Layer) -> list[keras.Layer]:
    if isinstance(layer, layers.InputLayer):
        return []
    inputs = layer.input if isinstance(layer.input, list) else [layer.input]
    return [tensor._keras_history.operation for tensor in inputs]


def _can_take(layer: keras.Layer) -> bool:
    """Whether a ReLU that follows can become part of a layer."""
    return isinstance(layer, (*folding.WEIGHTED, layers.Add))


def _has_codes(layer: keras.Layer) -> bool:
    """Whether a layer's output has codes of its own, or else those of its input.

    Raises:
        ValueError: that is not known for this kind of layer, or it has a softmax inside.
    """
    if isinstance(layer, (layers.InputLayer, *NEW_CODES)):
        name = getattr(getattr(layer, "activation", None), "__name__", "linear")
        if name in ("linear", "relu", "relu6"):
            return True
        raise ValueError(f"{layer.name} has the activation {name}; expected relu, relu6 or a layer of its own for it.")
    if isinstance(layer, SAME_CODES):
        return False
    known = ", ".join(kind.__name__ for kind in (*NEW_CODES, *SAME_CODES))
    raise ValueError(f"{layer.name} is a {type(layer).__name__}; expected a network of these layers: {known}.")


def run(steps: list[Node], x: tf.Tensor, kernels: Mapping | None = None, grids: Mapping | None = None) -> list:
    """Return the output of every step, with other weights and with rounded activations where they are given.

    Args:
        steps: the network.
        x: pictures, float32 [n, size, size, 3].
        kernels: {layer: weights}.
        grids: {tensor: float32 [5]}, see `fake_quantize`; the first number says whether (1) or not (0).
    """
    found = []
    for step in steps:
        inputs = [found[i] for i in step.sources] or [x]
        found.append(_rounded(step, _output(step, inputs, kernels or {}), grids or {}))
    return found


def run_apart(steps: list[Node], whole: list, kernels: Mapping, grids: Mapping) -> list:
    """Return the output of every step if only this one is quantized: its inputs are those of the float32 network.

    Args:
        steps: the network.
        whole: the output of every step of the float32 network.
        kernels, grids: see `run`.
    """
    found = []
    for step, y in zip(steps, whole, strict=True):
        if step.sources:  # a layer and the ReLU in it are one
            inputs = [found[i] if _can_take(steps[i].layer) and not steps[i].tensor else whole[i] for i in step.sources]
            y = _output(step, inputs, kernels)
        found.append(_rounded(step, y, grids))
    return found


def by_tensor(steps: list[Node], found: list) -> dict[str, tf.Tensor]:
    """Return the results that become tensors of a file, {name of the tensor: values}."""
    return {step.tensor: y for step, y in zip(steps, found, strict=True) if step.tensor}


def _output(step: Node, inputs: list[tf.Tensor], kernels: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Return what a layer makes of its inputs."""
    if isinstance(step.layer, layers.InputLayer):
        return inputs[0]
    if step.layer.name not in kernels:
        return step.layer(inputs if len(inputs) > 1 else inputs[0])
    variables = [kernels[step.layer.name], *step.layer.variables[1:]]  # the kernel comes before the bias
    return step.layer.stateless_call(variables, [], inputs[0])[0]


def _rounded(step: Node, y: tf.Tensor, grids: Mapping[str, tf.Tensor]) -> tf.Tensor:
    if step.tensor not in grids:
        return y
    on, *grid = tf.unstack(grids[step.tensor])
    return tf.cond(on > 0, lambda: fake_quantize(y, *grid), lambda: y)


ALMOST_HALF = np.nextafter(np.float32(0.5), np.float32(0))


def round_half_away(x: tf.Tensor) -> tf.Tensor:
    """Round float32 numbers of less than 2^22 to whole ones, halves away from zero: `quantization.round_half_away`.

    What is added before the fraction is cut off is the number just below a half: with a half itself, 0.49999997 would
    become 1.
    """
    return tf.sign(x) * tf.floor(tf.abs(x) + ALMOST_HALF)


def fake_quantize(values: tf.Tensor, scale, zero_point, smallest, largest) -> tf.Tensor:
    """Return what is left of float32 activations as codes, bit for bit as `quantization.quantize` and `dequantize`.

    Args:
        values: float32, any shape.
        scale, zero_point, smallest, largest: one float32 number each; the last two are codes.
    """
    steps = tf.clip_by_value(values / scale, smallest - zero_point, largest - zero_point)
    return round_half_away(steps) * scale
