"""A network whose weights are rounded: a grid for each layer, and a rule that chooses the codes on it.

A grid is a number of bits and a scale.  The rule is to take the nearest code, or one that looks at what the layer gets
(`gptq`, `adaround`): it is shown the inputs that the layer has in the network that is rounded up to there.

    grids = rounding.grids(folding.fold(network), bits=4)
    rounded = rounding.nearest(folded, grids)
    rounded = rounding.by_rule(folded, grids, pictures, gptq.rounded, catch_up=True)
"""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from helpers.base import console
from helpers.base.tf import keras, tf
from helpers.methods import catching_up, fake_quantization, placement, ranges
from helpers.methods.ranges import Range
from helpers.networks import training
from helpers.networks.weights import WEIGHTED, channel_axis, weighted_layers
from helpers.numbers import quantization

layers = keras.layers
SAMPLES = 4000  # rows of inputs that a rule sees of a layer, at most

# From weights [..., inputs, outputs], inputs [..., samples, inputs], a scale that can be broadcast against the weights,
# and the largest code: to codes in the shape of the weights.
Rule = Callable[[np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Grid:
    """The numbers that the weights of a layer may be: scale times a code.

    Attributes:
        bits: of a code.
        scale: float32, one number, or [channels].
    """

    bits: int
    scale: np.ndarray

    @property
    def largest(self) -> int:
        """The largest code; the smallest is its negative."""
        return quantization.code_range(self.bits)[1]


Grids = Mapping[str, Grid]


def grids(
    model: keras.Model, bits: int | Mapping[str, int], per_channel: bool = True, within: Range = "min/max"
) -> dict[str, Grid]:
    """Return a grid for each layer with weights, {layer: grid}.

    Args:
        model: without batch normalisation (`folding.fold`).
        bits: of one code, for all layers or as {layer: bits}.
        per_channel: one scale for each output channel, or one for a layer.
        within: how the range is chosen, see `ranges.weight_scales`.
    """
    found = {}
    for layer in weighted_layers(model):
        own = bits[layer.name] if isinstance(bits, Mapping) else bits
        axis = channel_axis(layer) if per_channel else None
        found[layer.name] = Grid(own, ranges.weight_scales(layer.kernel.numpy(), own, axis, within))
    return found


def nearest(model: keras.Model, grids: Grids) -> keras.Model:
    """Return a network whose every weight is the nearest number on its grid.

    Args:
        model: without batch normalisation (`folding.fold`).
        grids: {layer: grid}, see `grids`.
    """
    rounded = training.copy(model)
    for layer in weighted_layers(rounded):
        grid, axis = grids[layer.name], _axis(layer, grids[layer.name])
        layer.kernel.assign(quantization.fake_quantize(layer.kernel.numpy(), grid.bits, axis, grid.scale))
    return rounded


def by_rule(model: keras.Model, grids: Grids, inputs: np.ndarray, rule: Rule, catch_up: bool = False) -> keras.Model:
    """Return a network whose weights are rounded by a rule that looks at what each layer gets on some pictures.

    Args:
        model, grids: see `nearest`.
        inputs: pictures, float32 [n, size, size, 3]; no labels.
        rule: see `Rule`.
        catch_up: each layer also makes good what rounding has changed in the layers before it: its weights move before
            they are rounded, and its bias afterwards (`catching_up`).
    """
    rounded = training.copy(model)
    pairs = list(zip(placement.nodes(model), placement.nodes(rounded), strict=True))
    exact_outputs, outputs = [], []
    for exact, node in console.progress(pairs, "Rounding", "layer"):
        seen, wanted = ([values[i] for i in node.sources] or [inputs] for values in (outputs, exact_outputs))
        if isinstance(node.layer, WEIGHTED):
            _round(node.layer, grids[node.layer.name], seen[0], wanted[0] if catch_up else None, rule)
        outputs.append(fake_quantization.output(node, seen))
        exact_outputs.append(fake_quantization.output(exact, wanted))
    return rounded


def _round(layer: keras.Layer, grid: Grid, seen: tf.Tensor, wanted: tf.Tensor | None, rule: Rule) -> None:
    """Round the weights of a layer in place.

    Args:
        layer: with its exact weights.
        grid: for them.
        seen: what the layer gets in the rounded network.
        wanted: what it gets in the exact one, if it is to catch up.
        rule: see `Rule`.
    """
    weights, scale, rows = as_matrix(layer), _broadcast(layer, grid), windows(layer, seen)
    if wanted is None:
        layer.kernel.assign(_as_kernel(layer, rule(weights, rows, scale, grid.largest) * scale))
        return
    exact_rows = windows(layer, wanted)
    moved = catching_up.moved(weights, rows, exact_rows)
    centred = rows - rows.mean(axis=-2, keepdims=True)  # the bias takes care of the mean
    rounded = rule(moved, centred, scale, grid.largest) * scale
    layer.kernel.assign(_as_kernel(layer, rounded))
    layer.bias.assign_add(catching_up.missing_mean(weights, rounded, rows, exact_rows).astype(np.float32))


def as_matrix(layer: keras.Layer) -> np.ndarray:
    """Return a layer's weights as they are multiplied with `windows`, float64 [inputs, outputs].

    A depthwise layer is many small ones, whose channels have nothing to do with each other: [channels, taps, 1].
    """
    kernel = layer.kernel.numpy().astype(np.float64)
    if isinstance(layer, layers.DepthwiseConv2D):
        return kernel.reshape(-1, kernel.shape[2]).T[..., None]
    return kernel.reshape(-1, kernel.shape[-1])


def _as_kernel(layer: keras.Layer, matrix: np.ndarray) -> np.ndarray:
    """Undo `as_matrix`, as float32."""
    if isinstance(layer, layers.DepthwiseConv2D):
        matrix = matrix[..., 0].T
    return matrix.reshape(layer.kernel.shape).astype(np.float32)


def _axis(layer: keras.Layer, grid: Grid) -> int | None:
    """Return the axis of the kernel along which the scales lie, None for a single one."""
    return channel_axis(layer) if np.ndim(grid.scale) else None


def _broadcast(layer: keras.Layer, grid: Grid) -> np.ndarray:
    """Return the scale of a grid in a shape that lies along `as_matrix`, float64."""
    scale = np.float64(grid.scale)
    return scale[:, None, None] if scale.ndim and isinstance(layer, layers.DepthwiseConv2D) else scale


def layer_inputs(model: keras.Model, name: str, inputs: np.ndarray, samples: int = SAMPLES) -> np.ndarray:
    """Return what a layer of a network multiplies its weights with on some pictures; see `windows`.

    Args:
        model: without batch normalisation.
        name: of the layer.
        inputs: pictures, float32 [n, size, size, 3].
        samples: at most so many rows.
    """
    layer = model.get_layer(name)
    return windows(layer, keras.Model(model.input, layer.input)(inputs, training=False), samples)


def windows(layer: keras.Layer, values: tf.Tensor, samples: int = SAMPLES, seed: int = 0) -> np.ndarray:
    """Return what a layer multiplies its weights with, float64 [samples, inputs] or [channels, samples, taps].

    A convolution sees one window after the other; of all windows of all pictures some are drawn.  The second form is
    that of a depthwise one, see `as_matrix`.

    Args:
        layer: a convolution or a dense layer.
        values: its input, float32 [n, ...].
        samples: at most so many rows.
        seed: of the draw.
    """
    if isinstance(layer, layers.Dense):
        rows = np.asarray(values)
    else:
        sizes, strides = (1, *layer.kernel_size, 1), (1, *layer.strides, 1)
        patches = tf.image.extract_patches(values, sizes, strides, (1, 1, 1, 1), layer.padding.upper())
        rows = tf.reshape(patches, (-1, patches.shape[-1])).numpy()
    if len(rows) > samples:
        rows = rows[np.random.default_rng(seed).choice(len(rows), samples, replace=False)]
    rows = rows.astype(np.float64)
    if isinstance(layer, layers.DepthwiseConv2D):
        return np.moveaxis(rows.reshape(len(rows), -1, values.shape[-1]), -1, 0)
    return rows
