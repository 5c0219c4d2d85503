"""Cross-layer equalization: one of the many ways to write a ReLU network is easy to quantize, and this finds it.

If a channel is multiplied by a positive number, so is its ReLU; and the next layer can divide by that number again.
The network computes the same, with other weights: in one layer the rows are scaled, in the next one the columns.
So the scales are free, and can be chosen such that the channels of a layer have equal ranges, and one step width
fits them all (Nagel et al. 2019, arXiv:1906.04721, section 4.1).

    plain = equalization.without_caps(folding.fold(network))       # ReLU6 would not be the same after scaling
    equal = equalization.equalized(plain)                          # computes the same
"""

from collections.abc import Mapping, Sequence

import numpy as np

from helpers.base.tf import keras
from helpers.methods import placement
from helpers.networks import training
from helpers.networks.weights import WEIGHTED, channel_axis, weighted_layers
from helpers.numbers import quantization

layers = keras.layers
HOMOGENEOUS = (layers.ReLU, *placement.SAME_CODES, layers.GlobalAveragePooling2D)  # twice the input, twice the output
PASSES = 40  # over all pairs; a pair changes what its neighbours see
FLATTENS = (layers.Flatten, layers.Reshape)  # after them a channel is many inputs of a dense layer
INPUTS = -2  # axis of a kernel along which its inputs lie; in a depthwise one the channels lie there as well

Pair = tuple[str, str]


def without_caps(model: keras.Model) -> keras.Model:
    """Return the network with ReLU in the place of ReLU6, whose cap stands still when a channel is scaled.

    It computes something else wherever an activation was above 6, so its accuracy has to be measured.

    Args:
        model: a functional model without batch normalisation (`folding.fold`).
    """

    def plain(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        return layers.ReLU(name=layer.name) if isinstance(layer, layers.ReLU) else type(layer).from_config(config)

    copy = keras.models.clone_model(model, clone_function=plain)
    copy.set_weights(model.get_weights())
    return copy


def pairs(model: keras.Model) -> list[Pair]:
    """Return the layers between which a channel can be scaled, in the order in which they run.

    A pair is a layer with weights and the only layer that reads its output, with nothing between them but ReLU and
    pooling.  Where two branches meet, a scale would have to be the same in both, and there is no pair.

    Args:
        model: see `without_caps`.

    Raises:
        ValueError: a layer has a cap: `without_caps` takes it away.
    """
    nodes = placement.nodes(model)
    readers = [[j for j, node in enumerate(nodes) if i in node.sources] for i in range(len(nodes))]
    found = []
    for i, node in enumerate(nodes):
        if not isinstance(node.layer, WEIGHTED):
            continue
        following = readers[i]
        while len(following) == 1 and isinstance(nodes[following[0]].layer, HOMOGENEOUS):
            layer = nodes[following[0]].layer
            if isinstance(layer, layers.ReLU) and layer.max_value is not None:
                raise ValueError(f"{layer.name} has a cap at {layer.max_value}: call without_caps first.")
            following = [] if isinstance(layer, FLATTENS) else readers[following[0]]
        if len(following) == 1 and isinstance(nodes[following[0]].layer, WEIGHTED):
            found.append((node.layer.name, nodes[following[0]].layer.name))
    return found


def rescaled(model: keras.Model, factors: Mapping[Pair, np.ndarray]) -> keras.Model:
    """Return a network that computes the same, with the channels between some layers divided by positive numbers.

    With powers of two not a bit of the output changes, as long as no number leaves the range of float32: they change
    the exponents alone.

    Args:
        model: see `without_caps`.
        factors: {pair: float32 [channels]}; what the first layer of the pair writes is divided by them, and the second
            one multiplies by them.

    Raises:
        ValueError: there is no such pair, or a factor is not positive.
    """
    known = pairs(model)
    weights = {layer.name: layer.get_weights() for layer in weighted_layers(model)}
    for pair, factor in factors.items():
        if pair not in known:
            raise ValueError(f"Expected one of the pairs {known}; found {pair}.")
        if not (np.asarray(factor) > 0).all():
            raise ValueError(f"Expected positive factors between {' and '.join(pair)}; found {np.min(factor)}.")
        _divide(model, weights, pair, factor)
    return _with(model, weights)


def equalized(model: keras.Model, passes: int = PASSES) -> keras.Model:
    """Return a network that computes the same, in which each channel has the same range on both of its sides.

    Between two layers whose weights reach to r1 on one side of a channel and to r2 on the other, the factor is
    s = sqrt(r1 / r2): then both reach to sqrt(r1 r2) (equation 11 of the paper).  That is done for one pair after
    the other, again and again, until the factors are close to 1.

    Args:
        model: see `without_caps`.
        passes: over all pairs.
    """
    known = pairs(model)
    weights = {layer.name: layer.get_weights() for layer in weighted_layers(model)}
    for _ in range(passes):
        for first, second in known:
            written = quantization.reach(weights[first][0], channel_axis(model.get_layer(first)))
            read = quantization.reach(weights[second][0], INPUTS)
            alive = (written > 0) & (read > 0)  # a channel that is zero on one side has no say
            _divide(model, weights, (first, second), np.where(alive, np.sqrt(written / np.where(alive, read, 1)), 1))
    return _with(model, weights)


def _divide(model: keras.Model, weights: dict[str, list[np.ndarray]], pair: Pair, factor: np.ndarray) -> None:
    """Divide what the first layer of a pair writes, and multiply where the second one reads it; in place."""
    first, second = pair
    (kernel, bias), factor = weights[first], np.float32(factor)
    weights[first] = [kernel / quantization.along(factor, kernel, channel_axis(model.get_layer(first))), bias / factor]
    kernel, *rest = weights[second]
    weights[second] = [kernel * quantization.along(factor, kernel, INPUTS), *rest]


def _with(model: keras.Model, weights: Mapping[str, Sequence[np.ndarray]]) -> keras.Model:
    """Return a copy of a network with other weights in some layers."""
    copy = training.copy(model)
    for name, values in weights.items():
        copy.get_layer(name).set_weights(values)
    return copy
