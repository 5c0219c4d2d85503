"""A network whose weights are rounded, layer by layer, by a rule: to the nearest code, or by one that looks at inputs.

Rules that look at what a layer gets (`gptq`, `adaround`) are shown what it gets in the network that is rounded up to
there, and are to come close to what its exact weights would make of that.
"""

from collections.abc import Callable

import numpy as np

from helpers.base import console
from helpers.base.tf import keras, tf
from helpers.methods import ranges
from helpers.methods.ranges import Range
from helpers.networks import training
from helpers.networks.weights import channel_axis, weighted_layers
from helpers.numbers import quantization

layers = keras.layers
SAMPLES = 4000  # rows of inputs that a rule sees of a layer, at most

# From weights [inputs, outputs], inputs [samples, inputs], scale (one, or one for each output), largest code: to codes.
Rule = Callable[[np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]


def nearest(model: keras.Model, bits: int, per_channel: bool = True, within: Range = "min/max") -> keras.Model:
    """Return a network whose every weight is the nearest number that a code stands for.

    Args:
        model: without batch normalisation (`folding.fold`).
        bits: of one code.
        per_channel: one scale for each output channel, or one for a layer.
        within: how the range is chosen, see `ranges.weight_scales`.
    """
    rounded = training.copy(model)
    for layer in weighted_layers(rounded):
        kernel, axis = layer.kernel.numpy(), channel_axis(layer) if per_channel else None
        scale = ranges.weight_scales(kernel, bits, axis, within)
        layer.kernel.assign(quantization.fake_quantize(kernel, bits, axis, scale))
    return rounded


def by_rule(
    model: keras.Model, bits: int, inputs: np.ndarray, rule: Rule, per_channel: bool = True, within: Range = "min/max"
) -> keras.Model:
    """Return a network whose weights are rounded by a rule that looks at what each layer gets on some pictures.

    Args:
        model, bits, per_channel, within: see `nearest`.
        inputs: pictures, float32 [n, size, size, 3]; no labels.
        rule: see `Rule`.
    """
    rounded, largest = training.copy(model), quantization.code_range(bits)[1]
    for layer in console.progress(weighted_layers(rounded), "Rounding", "layer"):
        kernel, axis = layer.kernel.numpy(), channel_axis(layer) if per_channel else None
        scale = ranges.weight_scales(kernel, bits, axis, within)
        seen = layer_inputs(rounded, layer.name, inputs)
        if isinstance(layer, layers.DepthwiseConv2D):
            layer.kernel.assign(_each_channel(kernel, seen, np.broadcast_to(scale, kernel.shape[2]), largest, rule))
        else:
            codes = rule(kernel.reshape(-1, kernel.shape[-1]), seen, scale, largest)
            layer.kernel.assign((codes * np.float32(scale)).reshape(kernel.shape))
    return rounded


def _each_channel(kernel: np.ndarray, seen: np.ndarray, scales: np.ndarray, largest: int, rule: Rule) -> np.ndarray:
    """Round a depthwise kernel, float32 [h, w, channels, 1], whose channels are layers with one output each."""
    height, width, channels, _ = kernel.shape
    rounded = np.empty_like(kernel)
    for c in range(channels):
        codes = rule(kernel[:, :, c].reshape(-1, 1), seen[:, :, c], scales[c], largest)
        rounded[:, :, c] = (codes * scales[c]).reshape(height, width, 1)
    return rounded


def layer_inputs(
    model: keras.Model, name: str, inputs: np.ndarray, samples: int = SAMPLES, seed: int = 0
) -> np.ndarray:
    """Return what a layer multiplies its weights with, float32 [samples, inputs], or [samples, taps, channels].

    A convolution sees one window after the other; of all windows of all pictures some are drawn.  The second form is
    that of a depthwise one, whose channels have nothing to do with each other.

    Args:
        model: without batch normalisation.
        name: of the layer.
        inputs: pictures, float32 [n, size, size, 3].
        samples: at most so many rows.
        seed: of the draw.
    """
    layer = model.get_layer(name)
    values = keras.Model(model.input, layer.input)(inputs, training=False)
    if isinstance(layer, layers.Dense):
        rows = values.numpy()
    else:
        sizes, strides = (1, *layer.kernel_size, 1), (1, *layer.strides, 1)
        windows = tf.image.extract_patches(values, sizes, strides, (1, 1, 1, 1), layer.padding.upper())
        rows = tf.reshape(windows, (-1, windows.shape[-1])).numpy()
    if len(rows) > samples:
        rows = rows[np.random.default_rng(seed).choice(len(rows), samples, replace=False)]
    if isinstance(layer, layers.DepthwiseConv2D):
        return rows.reshape(len(rows), -1, values.shape[-1])
    return rows
