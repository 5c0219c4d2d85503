"""Quantization-aware training: the network feels the rounding while it learns, and moves where it hurts less.

In training, weights and activations pass through quantization and back (*fake quantization*), so that the loss is that
of the quantized network.  Rounding has slope zero almost everywhere, and no gradient would come through; the
straight-through estimator lets it pass as if nothing had been rounded (Bengio, Léonard and Courville 2013, arXiv
1308.3432).  Activations outside their range are clipped, and there the gradient is zero.  Where the quantizers stand,
and that batch normalisation is folded before, is from Jacob et al. 2017, arXiv 1712.05877, section 3.

    model = qat.aware(folding.fold(trained), inputs, weight_bits=3)   # before training: plain PTQ at these bits
    tuned = qat.fine_tune(model, pets)
    content = qat_file.tflite(tuned)                                    # the same numbers in an integer network

The tool that TensorFlow offers for this, tfmot, does not work with Keras 3.
"""

import numpy as np

from helpers.base.seed import SEED
from helpers.base.tf import keras, tf
from helpers.methods import placement
from helpers.methods.fake_quantization import round_half_away
from helpers.methods.placement import Node
from helpers.methods.rounding import Grids
from helpers.networks import training
from helpers.networks.training import TrainingPlan
from helpers.networks.weights import WEIGHTED, channel_axis
from helpers.numbers import quantization
from helpers.numbers.quantization import code_range
from helpers.pictures.datasets import Pets

layers, ops = keras.layers, keras.ops
FINE_TUNING = TrainingPlan(epochs=1, learning_rate=1e-3, pictures_per_second=400)
FINE_TUNING_PICTURES = 4000


# --- rounding that can be trained through -------------------------------------------------------------------------


def straight_through(x: tf.Tensor, quantized: tf.Tensor) -> tf.Tensor:
    """Return `quantized` on the way forward, and the gradient of x on the way back.

    Mostly written x + stop_gradient(quantized - x).  In this order, x - x is exactly zero and no sum is rounded.

    Args:
        x: any float type and shape.
        quantized: what is left of x after quantization and back.
    """
    return (x - ops.stop_gradient(x)) + ops.stop_gradient(quantized)


def fake_quantize(values: tf.Tensor, scale: tf.Tensor, largest: float = np.inf) -> tf.Tensor:
    """Return the multiples of a scale nearest to some values; the gradient passes straight through.

    Args:
        values: float32, any shape.
        scale: in a shape that lies along the values.
        largest: code; the smallest is its negative.
    """
    return straight_through(values, scale * ops.clip(round_half_away(values / scale), -largest, largest))


def weight_scale(weights: tf.Tensor, bits: int = 4, axis: int | None = None) -> tf.Tensor:
    """Return the scale of `quantization.symmetric_parameters`, with which no weight is clipped; no gradient comes back.

    Args:
        weights: float32, any shape.
        bits: of one code.
        axis: None for one scale (per tensor), else the axis of the channels.

    Returns:
        float32 in a shape that lies along the weights.
    """
    others = [i for i in range(len(weights.shape)) if axis is None or i != axis % len(weights.shape)]
    farthest = ops.max(ops.abs(ops.stop_gradient(weights)), others, keepdims=True)
    return ops.where(farthest > 0, farthest / code_range(bits)[1], 1.0)


@keras.saving.register_keras_serializable("ptq")
class FakeQuantizedWeights(layers.Wrapper):
    """A convolution or dense layer that computes with quantized weights and trains the float32 ones behind them.

    Args:
        layer: Conv2D, DepthwiseConv2D or Dense.
        bits: of a weight.
        per_channel: one scale for each output channel, or one for all weights.
        input_scale: of the activations that come in.  The bias is then a multiple of input scale * weight scale, as in
            an integer network; None leaves it as it is.
        scale: of the codes, a number or one for each channel, that stays as it is; None takes the one with which no
            weight is clipped, whatever the weights become.
    """

    def __init__(
        self,
        layer: keras.Layer,
        bits: int = 4,
        per_channel: bool = True,
        input_scale: float | None = None,
        scale: float | list[float] | None = None,
        **options,
    ):
        super().__init__(layer, **options)
        code_range(bits)  # complains about bits that no code can have
        self.bits, self.per_channel, self.input_scale, self.scale = bits, per_channel, input_scale, scale

    def call(self, inputs):
        """Run the layer with other weights in the place of its own."""
        kernel, *bias = self.layer.trainable_variables
        scale = self._scale(kernel.value)
        if bias and self.input_scale:
            bias = [fake_quantize(bias[0].value, ops.reshape(scale, (-1,)) * self.input_scale)]
        codes = fake_quantize(kernel.value, scale, code_range(self.bits)[1])
        return self.layer.stateless_call([codes, *bias], [], inputs)[0]

    def _scale(self, kernel: tf.Tensor) -> tf.Tensor:
        """Return the scale of the codes in a shape that lies along the kernel."""
        axis = channel_axis(self.layer) if self.per_channel else None
        if self.scale is None:
            return weight_scale(kernel, self.bits, axis)
        return tf.constant(quantization.along(np.float32(self.scale), np.empty(kernel.shape), axis))

    def get_config(self) -> dict:
        """Return what makes the layer again."""
        own = {name: getattr(self, name) for name in ("bits", "per_channel", "input_scale", "scale")}
        return super().get_config() | own


@keras.saving.register_keras_serializable("ptq")
class FakeQuantize(layers.Layer):
    """Quantizes activations and back, over a fixed range; the gradient passes inside the range and is zero outside.

    Scale and zero point are `quantization.affine_parameters`, and stand among the weights that are not trained.

    Args:
        low, high: the range, low <= high.
        bits: of a code.
    """

    def __init__(self, low: float, high: float, bits: int = 8, **options):
        super().__init__(**options)
        self.low, self.high, self.bits = low, high, bits
        scale, zero_point = quantization.affine_parameters(low, high, bits)
        self.scale = self.add_weight(name="scale", initializer=_constant(scale), trainable=False)
        self.zero_point = self.add_weight(name="zero_point", initializer=_constant(zero_point), trainable=False)

    def call(self, x):
        """Divide, round, clip, and undo it."""
        smallest, largest = (code - self.zero_point for code in code_range(self.bits))
        steps = ops.clip(round_half_away(x / self.scale), smallest, largest)
        inside = ops.clip(x, self.scale * smallest, self.scale * largest)
        return straight_through(inside, self.scale * steps)

    def get_config(self) -> dict:
        """Return what makes the layer again."""
        return super().get_config() | {"low": self.low, "high": self.high, "bits": self.bits}


def _constant(value: float) -> keras.Initializer:
    return keras.initializers.Constant(float(value))


def response(quantizer: keras.Layer, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what a quantizer makes of some numbers, and the slope that it tells the training: float32, like x.

    Args:
        quantizer: `FakeQuantize`, or anything that maps each number on its own.
        x: float32, any shape.
    """
    x = tf.constant(x, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = quantizer(x)
    return y.numpy(), tape.gradient(y, x).numpy()


# --- the network --------------------------------------------------------------------------------------------------


def aware(
    model: keras.Model,
    inputs: np.ndarray,
    weight_bits: int | None = 4,
    activation_bits: int | None = 8,
    per_channel: bool = True,
    grids: Grids | None = None,
) -> keras.Model:
    """Return a trainable copy of a network that computes with quantized weights and activations.

    Before it is trained, this is post-training quantization at the same bits.  Activations are quantized where an
    integer network stores them (see `placement`): the input, and the output of every operator, after its ReLU.  Their
    ranges are the smallest and the largest value that `inputs` lead to, and stay so.  The probabilities at the end are
    left alone, because a loss needs their logarithm.

    Args:
        model: with one input and one output, without batch normalisation (`folding.fold`).
        inputs: float32 [n, size, size, 3], pictures for calibration.
        weight_bits, activation_bits: of a code, or None for float32.
        per_channel: one scale for each output channel of a layer's weights, or one for the layer.
        grids: {layer: grid} for layers whose bits and scales are fixed (`rounding.grids`), whatever the rest says.

    Raises:
        ValueError: the network has a layer that this cannot quantize, there are no inputs, or no code has that many
            bits.
    """
    _check(model, inputs)
    nodes = placement.nodes(model)
    ranges = _ranges(model, nodes, inputs) if activation_bits is not None else {}
    picture, outputs, scales = keras.Input(model.input_shape[1:], name=model.layers[0].name), [], []
    for node in nodes:
        name, scale = node.layer.name, scales[node.sources[0]] if node.sources else None
        options = {"bits": weight_bits, "per_channel": per_channel, "input_scale": scale}
        if grids is not None and name in grids:
            grid = grids[name]
            options |= {"bits": grid.bits, "per_channel": np.ndim(grid.scale) > 0, "scale": grid.scale.tolist()}
        x = _apply_copy(node.layer, [outputs[i] for i in node.sources], options) if node.sources else picture
        if name in ranges:
            quantizer = FakeQuantize(*ranges[name], activation_bits, name=f"{name}_codes")
            x, scale = quantizer(x), float(parameters(quantizer)[0])
        outputs.append(x)
        scales.append(scale)
    last = model.layers.index(model.outputs[0]._keras_history.operation)
    copied = keras.Model(picture, outputs[last], name=model.name)
    for layer in model.layers:
        copied.get_layer(layer.name).set_weights(layer.get_weights())
    return copied


def _check(model: keras.Model, inputs: np.ndarray) -> None:
    """Raise a ValueError for what cannot be quantized."""
    unknown = [layer.name for layer in model.layers if not placement.is_known(layer)]
    if unknown:
        raise ValueError(
            f"Expected a network of convolutions, dense layers, ReLU, additions and pooling, with a Softmax layer at "
            f"its end and batch normalisation folded (folding.fold); found {', '.join(unknown)}."
        )
    if len(inputs) == 0 or inputs.shape[1:] != model.input_shape[1:]:
        raise ValueError(
            f"Expected calibration pictures of shape [n, {', '.join(map(str, model.input_shape[1:]))}] with n of at "
            f"least 1; found {list(inputs.shape)}."
        )


def _apply_copy(layer: keras.Layer, inputs: list[keras.KerasTensor], options: dict) -> keras.KerasTensor:
    """Return what a copy of a layer makes of some tensors.

    Args:
        layer: of the float32 network.
        inputs: what the copies of the layers before it give.
        options: of `FakeQuantizedWeights`.
    """
    copied = type(layer).from_config(layer.get_config())
    if options["bits"] is not None and isinstance(layer, WEIGHTED):
        copied = FakeQuantizedWeights(copied, **options, name=layer.name)
    return copied(inputs if len(inputs) > 1 else inputs[0])


def _ranges(model: keras.Model, nodes: list[Node], inputs: np.ndarray) -> dict[str, tuple[float, float]]:
    """Return the smallest and the largest output of each layer after which an integer network has codes."""
    chosen = [node.layer for node in nodes if node.tensor and not isinstance(node.layer, layers.Softmax)]
    probe = keras.Model(model.input, [layer.output for layer in chosen])
    batches = [probe(inputs[i : i + 20]) for i in range(0, len(inputs), 20)]
    values = [[output.numpy() for output in outputs] for outputs in zip(*batches, strict=True)]
    lows, highs = ([[f(batch) for batch in batches] for batches in values] for f in (np.min, np.max))
    return {x.name: (float(min(low)), float(max(high))) for x, low, high in zip(chosen, lows, highs, strict=True)}


# --- training -----------------------------------------------------------------------------------------------------


def fine_tune(
    model: keras.Model,
    pets: Pets,
    plan: TrainingPlan = FINE_TUNING,
    pictures: int = FINE_TUNING_PICTURES,
    seed: int = SEED,
) -> keras.Model:
    """Return a copy of a network from `aware`, trained a little, with the rounding in place.

    Args:
        model: from `aware`.
        pets: the data; the first pictures of `train` are used.
        plan: epochs, learning rate (falls to zero along a cosine) and batch size.
        pictures: how many at most.
        seed: fixes order and augmentation.

    Raises:
        ValueError: nothing in the model is quantized.
    """
    quantizers(model)
    return training.fine_tune(model, pets, plan, pictures, seed)


def quantizers(model: keras.Model) -> tuple[list[FakeQuantize], list[FakeQuantizedWeights]]:
    """Return the layers that quantize activations, and those that quantize weights, in the order in which they run.

    Raises:
        ValueError: there are none.
    """
    both = tuple([x for x in model.layers if isinstance(x, kind)] for kind in (FakeQuantize, FakeQuantizedWeights))
    if not any(both):
        raise ValueError(f"Expected a network from qat.aware; nothing in {model.name} is quantized.")
    return both


def parameters(quantizer: FakeQuantize) -> tuple[np.float32, int]:
    """Return the scale and the zero point that a quantizer of activations has learned."""
    return quantization.affine_parameters(quantizer.low, quantizer.high, quantizer.bits)
