"""A Keras model without batch normalisation: it is folded into the layers before it, see `numbers.batch_norm`.

The weights that are quantized are these folded ones.
"""

import numpy as np

from helpers.base.tf import keras
from helpers.networks.weights import WEIGHTED, channel_axis
from helpers.numbers import batch_norm

layers = keras.layers


def fold(model: keras.Model) -> keras.Model:
    """Return a model that computes the same without batch normalisation, in float32.

    Layers keep their names; those of batch normalisation and dropout are gone.

    Args:
        model: a functional model with one output, in which each batch normalisation directly follows a convolution or
            a dense layer without activation.

    Raises:
        ValueError: a batch normalisation has nothing before it to be folded into.
    """
    norms = {_source(layer).name: layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)}
    tensors, weights = {id(tensor): tensor for tensor in model.inputs}, {}
    for layer in model.layers:
        if isinstance(layer, layers.InputLayer):
            continue
        inputs = layer.input
        sources = [tensors[id(tensor)] for tensor in (inputs if isinstance(inputs, list) else [inputs])]
        if isinstance(layer, layers.BatchNormalization | layers.Dropout):
            tensors[id(layer.output)] = sources[0]  # a batch normalisation: done by the layer before
            continue
        copy, values = _copy(layer, norms.get(layer.name))
        tensors[id(layer.output)] = copy(sources if isinstance(inputs, list) else sources[0])
        weights[layer.name] = values
    folded = keras.Model(model.input, tensors[id(model.output)], name=model.name)
    for name, values in weights.items():
        folded.get_layer(name).set_weights(values)
    return folded


def _source(norm: keras.Layer) -> keras.Layer:
    """Return the layer whose output a batch normalisation takes.

    Raises:
        ValueError: it is not one that it can be folded into.
    """
    source = norm.input._keras_history.operation
    if not isinstance(source, WEIGHTED) or source.activation is not keras.activations.linear:
        raise ValueError(
            f"{norm.name} follows {source.name}; expected a convolution or dense layer without activation, into which "
            "it can be folded."
        )
    return source


def _copy(layer: keras.Layer, norm: keras.Layer | None) -> tuple[keras.Layer, list[np.ndarray]]:
    """Return a new layer of the same kind, with a bias if there is something to fold, and the weights it is to have."""
    config = layer.get_config()
    if norm is None:
        return type(layer).from_config(config), layer.get_weights()
    copy = type(layer).from_config(config | {"use_bias": True})
    kernel, *bias = layer.get_weights()
    return copy, folded_weights(kernel, bias[0] if bias else 0.0, norm, channel_axis(layer))


def folded_weights(kernel: np.ndarray, bias: np.ndarray | float, norm: keras.Layer, axis: int) -> list[np.ndarray]:
    """Return kernel and bias after folding: see `batch_norm.folded`."""
    mean, variance = norm.moving_mean.numpy(), norm.moving_variance.numpy()
    gamma = norm.gamma.numpy() if norm.scale else np.ones_like(mean)
    beta = norm.beta.numpy() if norm.center else np.zeros_like(mean)
    return [*batch_norm.folded(kernel, bias, gamma, beta, mean, variance, norm.epsilon, axis)]
