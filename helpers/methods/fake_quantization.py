"""A Keras network run layer by layer with rounded weights and activations."""

from collections.abc import Mapping, Sequence

import numpy as np

from helpers.base.tf import keras, tf
from helpers.methods.placement import FUSES_RELU, Node

ALMOST_HALF = np.nextafter(np.float32(0.5), np.float32(0))


# --- the network, layer by layer ------------------------------------------------------------------------------------


def run(
    nodes: Sequence[Node], x: tf.Tensor, kernels: Mapping | None = None, grids: Mapping | None = None
) -> list[tf.Tensor]:
    """Return the output of every node, with other weights and with rounded activations where they are given.

    Args:
        nodes: the network, from `placement.nodes`.
        x: pictures, float32 [n, size, size, 3].
        kernels: {layer: weights}.
        grids: {tensor: float32 [5]}, see `fake_quantize`; the first number says whether (1) or not (0).
    """
    outputs = []
    for node in nodes:
        inputs = [outputs[i] for i in node.sources] or [x]
        outputs.append(_rounded(node, output(node, inputs, kernels or {}), grids or {}))
    return outputs


def run_apart(nodes: Sequence[Node], float_outputs: list, kernels: Mapping, grids: Mapping) -> list[tf.Tensor]:
    """Return the output of every node if only this one is quantized: its inputs are those of the float32 network.

    Args:
        nodes: the network, from `placement.nodes`.
        float_outputs: the output of every node of the float32 network, from `run`.
        kernels, grids: see `run`.
    """
    outputs = []
    for node, y in zip(nodes, float_outputs, strict=True):
        if node.sources:  # a layer and the ReLU in it are one
            inputs = [outputs[i] if _ends_in_relu(nodes[i]) else float_outputs[i] for i in node.sources]
            y = output(node, inputs, kernels)
        outputs.append(_rounded(node, y, grids))
    return outputs


def by_tensor(nodes: Sequence[Node], outputs: list) -> dict[str, tf.Tensor]:
    """Return the outputs that become tensors of a file, {name of the tensor: values}."""
    return {node.tensor: y for node, y in zip(nodes, outputs, strict=True) if node.tensor}


def _ends_in_relu(node: Node) -> bool:
    """Whether a ReLU that follows has become part of a layer."""
    return isinstance(node.layer, FUSES_RELU) and not node.tensor


def output(node: Node, inputs: list[tf.Tensor], kernels: Mapping[str, tf.Tensor] | None = None) -> tf.Tensor:
    """Return what a layer makes of its inputs.

    Args:
        node: the layer.
        inputs: what the layers before it give, or the pictures.
        kernels: {layer: weights}, if it is among them.
    """
    if isinstance(node.layer, keras.layers.InputLayer):
        return inputs[0]
    if node.layer.name not in (kernels or {}):
        return node.layer(inputs if len(inputs) > 1 else inputs[0])
    variables = [kernels[node.layer.name], *node.layer.variables[1:]]  # the kernel comes before the bias
    return node.layer.stateless_call(variables, [], inputs[0])[0]


def _rounded(node: Node, y: tf.Tensor, grids: Mapping[str, tf.Tensor]) -> tf.Tensor:
    if node.tensor not in grids:
        return y
    on, *grid = tf.unstack(grids[node.tensor])
    return tf.cond(on > 0, lambda: fake_quantize(y, *grid), lambda: y)


# --- rounding -------------------------------------------------------------------------------------------------------


def round_half_away(x: tf.Tensor) -> tf.Tensor:
    """Round float32 numbers of less than 2^22 to whole ones, halves away from zero: `quantization.round_half_away`.

    What is added before the fraction is cut off is the number just below a half: with a half itself, 0.49999997 would
    become 1.
    """
    return tf.sign(x) * tf.floor(tf.abs(x) + ALMOST_HALF)


def fake_quantize(values: tf.Tensor, scale, zero_point, smallest, largest) -> tf.Tensor:
    """Return what is left of float32 activations as codes.

    Bit for bit that is what `quantization.quantize` and `quantization.dequantize` give.

    Args:
        values: float32, any shape.
        scale, zero_point, smallest, largest: one float32 number each; the last two are codes.
    """
    steps = tf.clip_by_value(values / scale, smallest - zero_point, largest - zero_point)
    return round_half_away(steps) * scale
