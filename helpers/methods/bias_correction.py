"""Bias correction: rounded weights shift the mean of every channel, and the bias can take that shift back.

The errors of a filter's weights are fixed once it is rounded.  After a ReLU its inputs are positive on average, so
these errors do not average out over pictures: a channel comes out too large everywhere, or too small, by the sum of its
errors times the mean of its inputs (Nagel et al. 2019, arXiv:1906.04721, section 4.2).  The shift is measured on some
pictures without labels (`empirical`), or computed from what batch normalisation has stored, without any picture
(`data_free`).
"""

import numpy as np
from scipy import stats

from helpers.base.tf import keras, tf
from helpers.methods import fake_quantization, placement
from helpers.networks import training
from helpers.networks.weights import WEIGHTED

layers = keras.layers


def empirical(rounded: keras.Model, exact: keras.Model, inputs: np.ndarray) -> keras.Model:
    """Return a rounded network whose channels have the means that they have in the exact one, on some pictures.

    Layer by layer, for a correction changes what the next layers see.

    Args:
        rounded: the network with rounded weights, without batch normalisation.
        exact: the same one with its float32 weights.
        inputs: pictures, float32 [n, size, size, 3].
    """
    corrected = training.copy(rounded)
    goals, outputs = [], []
    for node, own in zip(placement.nodes(exact), placement.nodes(corrected), strict=True):
        goals.append(fake_quantization.output(node, [goals[i] for i in node.sources] or [inputs]))
        seen = [outputs[i] for i in own.sources] or [inputs]
        if isinstance(own.layer, WEIGHTED):
            shift = _mean(goals[-1]) - _mean(fake_quantization.output(own, seen))
            own.layer.bias.assign_add(shift)
        outputs.append(fake_quantization.output(own, seen))
    return corrected


def data_free(rounded: keras.Model, exact: keras.Model, network: keras.Model) -> keras.Model:
    """Return a rounded network whose biases have been corrected by the statistics of batch normalisation.

    What batch normalisation writes is taken for a normal distribution with mean beta and standard deviation gamma, of
    which ReLU cuts off what is below 0 and above its cap.  The first layer reads pictures, of which nothing is known,
    and keeps its bias.

    Args:
        rounded, exact: see `empirical`.
        network: the same one before folding, with its batch normalisations.
    """
    corrected = training.copy(rounded)
    for name, mean in expected_inputs(exact, network).items():
        layer = corrected.get_layer(name)
        error = layer.kernel.numpy() - exact.get_layer(name).kernel.numpy()
        if isinstance(layer, layers.DepthwiseConv2D):
            shift = error.sum(axis=(0, 1, 3)) * mean
        else:
            shift = error.reshape(-1, *error.shape[-2:]).sum(axis=0).T @ mean
        layer.bias.assign_sub(shift.astype(np.float32))
    return corrected


def expected_inputs(exact: keras.Model, network: keras.Model) -> dict[str, np.ndarray]:
    """Return the mean that batch normalisation promises for each input channel of a layer, {layer: float64 [channels]}.

    Layers that read something else, such as the sum of two branches or a picture, are not among them.

    Args:
        exact, network: see `data_free`.
    """
    norms = {
        layer.input._keras_history.operation.name: layer
        for layer in network.layers
        if isinstance(layer, layers.BatchNormalization)
    }
    nodes, means, found = placement.nodes(exact), {}, {}
    for i, node in enumerate(nodes):
        source = means.get(node.sources[0]) if len(node.sources) == 1 else None
        if isinstance(node.layer, WEIGHTED):
            if source is not None and source.ndim == 1:
                found[node.layer.name] = source
            if node.layer.name in norms:
                means[i] = _statistics(norms[node.layer.name])
        elif isinstance(node.layer, layers.ReLU) and source is not None and source.ndim == 2:
            cap = node.layer.max_value
            means[i] = clipped_mean(*source, 0.0, np.inf if cap is None else float(cap))
        elif isinstance(node.layer, layers.GlobalAveragePooling2D | layers.AveragePooling2D) and source is not None:
            means[i] = source if source.ndim == 1 else source[0]
    return found


def clipped_mean(mean: np.ndarray, deviation: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return the mean of a normal distribution of which all below `low` becomes `low`, and all above `high` `high`.

    Nagel et al. 2019, appendix C.

    Args:
        mean, deviation: of the normal distribution, any shape; the deviation is not negative.
        low, high: the ends; high may be infinite.
    """
    deviation = np.maximum(np.asarray(deviation, np.float64), 1e-12)
    a, b = (low - mean) / deviation, (high - mean) / deviation
    inside = stats.norm.cdf(b) - stats.norm.cdf(a)
    above = high * stats.norm.sf(b) if np.isfinite(high) else 0.0
    return low * stats.norm.cdf(a) + mean * inside + deviation * (stats.norm.pdf(a) - stats.norm.pdf(b)) + above


def _statistics(norm: keras.Layer) -> np.ndarray:
    """Return mean and standard deviation of what a batch normalisation writes, float64 [2, channels]."""
    return np.stack([norm.beta.numpy(), np.abs(norm.gamma.numpy())]).astype(np.float64)


def _mean(values: tf.Tensor) -> np.ndarray:
    """Return the mean of each channel, float32 [channels]."""
    return np.asarray(values).mean(axis=tuple(range(len(values.shape) - 1)))
