"""What it costs a network if one layer is rounded: an estimate for each layer, of which the budget is made up.

Two of them need no labels.  `noise` looks at the weights alone: the power of their errors over their own, which is a
signal-to-noise ratio turned over.  `loss` asks the network as well: the Hessian of its loss says how much an error
matters at each weight (HAWQ: Dong et al. 2019, arXiv:1905.03696).  Its diagonal is the Fisher information, the mean
square of a gradient, and half of it times the squared error is by how many nats the answers are expected to move.
"""

from collections.abc import Mapping

import numpy as np

from helpers.base import console
from helpers.base.tf import keras, tf
from helpers.methods import rounding
from helpers.methods.rounding import Grids
from helpers.networks.weights import weighted_layers

Costs = dict[str, float]  # {layer: what it costs}


def noise(model: keras.Model, grids: Grids) -> Costs:
    """Return the power of the errors of each layer's weights over the power of the weights.

    Args:
        model: without batch normalisation (`folding.fold`).
        grids: for its layers (`rounding.grids`); weights go to the nearest code.
    """
    return {
        name: float(np.sum(error**2) / np.sum(model.get_layer(name).kernel.numpy().astype(np.float64) ** 2))
        for name, error in _errors(model, grids).items()
    }


def loss(model: keras.Model, grids: Grids, fisher: Mapping[str, np.ndarray]) -> Costs:
    """Return by how much each layer's errors are expected to move the answers: a divergence in nats for each picture.

    Args:
        model, grids: see `noise`.
        fisher: of this model, from `fisher`.
    """
    return {name: float(np.sum(fisher[name] * error**2) / 2) for name, error in _errors(model, grids).items()}


def fisher(model: keras.Model, inputs: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """Return the Fisher information of each weight, {layer: float64 in the shape of its kernel}.

    That is the mean over pictures of the squared gradient of the log-probability of an answer, which is drawn from
    the network's own probabilities: no labels are needed.

    Args:
        model: ends in a Softmax layer, without batch normalisation.
        inputs: pictures, float32 [n, size, size, 3].
        seed: of the answers.
    """
    logits, kernels = keras.Model(model.input, model.layers[-1].input), [x.kernel for x in weighted_layers(model)]

    @tf.function
    def gradients(picture: tf.Tensor, answer: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            value = tf.nn.log_softmax(logits(picture[None]))[0, answer]
        return tape.gradient(value, kernels)

    rng, sums = np.random.default_rng(seed), [np.zeros(kernel.shape) for kernel in kernels]
    probabilities = np.float64(model(inputs, training=False))
    for picture, p in zip(console.progress(inputs, "Gradients", "pic"), probabilities, strict=True):
        answer = rng.choice(len(p), p=p / p.sum())
        for total, gradient in zip(sums, gradients(tf.constant(picture), tf.constant(answer)), strict=True):
            total += np.float64(gradient) ** 2 / len(inputs)
    return {layer.name: total for layer, total in zip(weighted_layers(model), sums, strict=True)}


def _errors(model: keras.Model, grids: Grids) -> dict[str, np.ndarray]:
    """Return the errors of each layer's weights after rounding to nearest, float64."""
    rounded = rounding.nearest(model, grids)
    return {
        layer.name: np.float64(rounded.get_layer(layer.name).kernel) - np.float64(layer.kernel)
        for layer in weighted_layers(model)
    }
