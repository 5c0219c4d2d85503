"""The networks, and what each of their layers costs."""

import dataclasses
import json
from pathlib import Path

import numpy as np

from helpers import artifacts
from helpers.datasets import CLASSES, SIZE
from helpers.runtime import keras, tf
from helpers.tables import Table

layers = keras.layers

# Of the squared weights, added to the loss.  Under Adam, which divides gradients by their size, AlexNet's own 5e-4 / 2
# alone makes nine of ten weights zero within 40 epochs of photographs, and leaves nothing to prune.
ALEXNET_DECAY = 1e-5
BATCH_NORM_MOMENTUM = 0.9  # short trainings need running statistics that settle within a hundred steps
FUSED = (
    layers.BatchNormalization,
    layers.ReLU,
    layers.Activation,
    layers.Softmax,
)  # these cost nothing of their own
FREE = (layers.InputLayer, layers.Dropout, layers.Flatten, layers.Reshape)


@keras.saving.register_keras_serializable("ptq")
class FusedBatchNormalization(layers.BatchNormalization):
    """Batch normalisation that trains through TensorFlow's fused kernel.

    Keras 3 computes mean and variance as separate operations, which slows the training of a small network on a CPU
    (`benchmarks/training_speed.py` measures by how much).  The mathematics, the variables and the exported model are
    the same.
    """

    def call(self, inputs, training=None, mask=None):
        """Normalise with the batch's own statistics in training, with the running ones otherwise."""
        if not training:
            return super().call(inputs, training=False)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs, scale=self.gamma, offset=self.beta, mean=[], variance=[], epsilon=self.epsilon, is_training=True
        )
        count = tf.cast(tf.size(inputs) // tf.shape(inputs)[-1], variance.dtype)
        variance *= (count - 1) / count  # the kernel estimates it with n - 1 below the line, Keras with n
        keep = self.momentum
        self.moving_mean.assign(keep * self.moving_mean + (1 - keep) * mean)
        self.moving_variance.assign(keep * self.moving_variance + (1 - keep) * variance)
        return outputs


def compact_cnn(size: int = SIZE, classes: int = len(CLASSES)) -> keras.Model:
    """Return a plain network of five convolutions that fits a microcontroller, not yet trained.

    Input: float32 [batch, size, size, 3] in [0, 1].  Output: probabilities, float32 [batch, classes].
    At 96 pixels it has 167,826 parameters and needs 25 million multiply-accumulates a picture.

    The first convolution has stride 2, so that the largest activation is a quarter of what it would be otherwise.
    ReLU6 keeps activations in [0, 6], a range that eight bits divide well.
    """
    build = _Builder()
    inputs = keras.Input((size, size, 3), name="picture")
    x = build.convolution(inputs, 16, strides=2)
    for filters in (24, 48, 96):
        x = build.pool(build.convolution(x, filters))
    x = build.convolution(x, 128)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    x = layers.Dense(classes, name="dense")(x)
    return keras.Model(inputs, layers.Softmax(name="softmax")(x), name="compact_cnn")


def residual_cnn(size: int | None = SIZE, classes: int = len(CLASSES)) -> keras.Model:
    """Return the default network: a small residual network that fits a microcontroller, not yet trained.

    Input: float32 [batch, size, size, 3] in [0, 1]; None takes pictures of any size.  Output: probabilities, float32
    [batch, classes].  At 96 pixels it has 332,466 parameters and needs 60 million multiply-accumulates a picture.

    Residual connections (He et al. 2015, arXiv:1512.03385) add the input of a block to its output, which lets a deeper
    network train.  The blocks at small sizes are bottlenecks: 1x1 convolutions make the channels fewer before the 3x3
    convolution and restore them after it, which saves parameters.
    """
    build = _Builder()
    inputs = keras.Input((size, size, 3), name="picture")
    x = build.convolution(inputs, 16, strides=2)
    x = build.pool(build.convolution(x, 32))
    x = build.basic_block(x)
    x = build.pool(build.convolution(x, 64))
    x = build.basic_block(x)
    x = build.bottleneck(build.convolution(x, 96), 48, 96)
    x = build.bottleneck(build.pool(x), 64, 160)
    x = build.bottleneck(x, 64, 160)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    x = layers.Dense(classes, name="dense")(x)
    return keras.Model(inputs, layers.Softmax(name="softmax")(x), name="residual_cnn")


# Of MobileNetV1 after its first convolution: channels at full width, and the stride, of each depthwise-separable block
# (Howard et al. 2017, arXiv:1704.04861, table 1).
MOBILENET_BLOCKS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]


def mobilenet_v1(size: int = SIZE, width: float = 0.3125, classes: int = len(CLASSES)) -> keras.Model:
    """Return MobileNetV1 (Howard et al. 2017, arXiv:1704.04861), not yet trained.

    Input: float32 [batch, size, size, 3] in [0, 1].  Output: probabilities, float32 [batch, classes].

    A block is a depthwise convolution, which looks at each channel on its own through 3 x 3 weights, and a 1 x 1
    (pointwise) convolution, which mixes the channels.  Two settings make a family of it: `width` multiplies the
    channels of every layer, and `size` is the resolution of the pictures.

    Raises:
        ValueError: the width leaves no channel, or the pictures are smaller than the network's total stride.
    """
    if width * 32 < 1 or size < 32:
        raise ValueError(f"Expected a width of at least 1/32 and pictures of 32 pixels; found {width} and {size}.")
    build = _Builder()
    inputs = keras.Input((size, size, 3), name="picture")
    x = build.convolution(inputs, int(32 * width), strides=2)
    for filters, strides in MOBILENET_BLOCKS:
        x = build.convolution(build.depthwise(x, strides), int(filters * width), 1)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    x = layers.Dense(classes, name="dense")(x)
    return keras.Model(inputs, layers.Softmax(name="softmax")(x), name=f"mobilenet_{width:g}_{size}")


def alexnet(size: int = SIZE, classes: int = len(CLASSES)) -> keras.Model:
    """Return a network in the shape of AlexNet (Krizhevsky et al. 2012), scaled to two cores, not yet trained.

    Input: float32 [batch, size, size, 3] in [0, 1].  Output: probabilities, float32 [batch, classes].
    At 96 pixels it has 876,562 parameters and needs 22 million multiply-accumulates a picture.

    As in AlexNet: five convolutions, of which the first has a stride and the first, the second and the fifth are
    followed by max pooling whose windows overlap (3 x 3, stride 2); then three dense layers, which hold nearly nine
    tenths of the weights, the first two under dropout; ReLU everywhere; weight decay on every kernel.
    Otherwise than in AlexNet: pictures of 96 instead of 224 pixels, hence a first kernel of 5 x 5 with stride 2 instead
    of 11 x 11 with stride 4; a sixth of the channels (16, 40, 64, 64, 40 for 96, 256, 384, 384, 256) and an eighth of
    the dense units (512 for 4096); no local response normalisation and no halves on two GPUs; a much smaller weight
    decay (see `ALEXNET_DECAY`).
    """
    inputs = x = keras.Input((size, size, 3), name="picture")
    x = layers.Conv2D(16, 5, strides=2, name="conv1", **_alexnet_layer(padding="same"))(x)
    x = layers.MaxPooling2D(3, 2, name="pool1")(x)
    x = layers.Conv2D(40, 5, name="conv2", **_alexnet_layer(padding="same"))(x)
    x = layers.MaxPooling2D(3, 2, name="pool2")(x)
    for number, filters in ((3, 64), (4, 64), (5, 40)):
        x = layers.Conv2D(filters, 3, name=f"conv{number}", **_alexnet_layer(padding="same"))(x)
    x = layers.Flatten(name="flatten")(layers.MaxPooling2D(3, 2, name="pool5")(x))
    for number in (6, 7):
        x = layers.Dense(512, name=f"dense{number}", **_alexnet_layer())(x)
        x = layers.Dropout(0.5, name=f"dropout{number}")(x)
    x = layers.Dense(classes, name="dense8", kernel_regularizer=keras.regularizers.L2(ALEXNET_DECAY))(x)
    return keras.Model(inputs, layers.Softmax(name="softmax")(x), name="alexnet")


def _alexnet_layer(**options) -> dict:
    """Return what AlexNet's layers have in common: ReLU, weights drawn for ReLU (He et al. 2015), weight decay."""
    decay = keras.regularizers.L2(ALEXNET_DECAY)
    return {"activation": "relu", "kernel_initializer": "he_normal", "kernel_regularizer": decay} | options


class _Builder:
    """Adds layers to a network and numbers them."""

    def __init__(self):
        self.convolutions = self.depthwises = self.pools = self.sums = 0

    def convolution(self, x, filters: int, kernel: int = 3, strides: int = 1, activation: bool = True):
        """Apply a convolution, batch normalisation and, unless told otherwise, ReLU6.

        The convolution has no bias: batch normalisation brings one, and the converter folds both into one operation.
        """
        self.convolutions += 1
        number, form = self.convolutions, {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
        x = layers.Conv2D(filters, kernel, strides, name=f"conv{number}", **form)(x)
        x = FusedBatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"norm{number}")(x)
        return layers.ReLU(6.0, name=f"relu{number}")(x) if activation else x

    def depthwise(self, x, strides: int = 1):
        """Apply a 3 x 3 convolution to each channel on its own, batch normalisation and ReLU6."""
        self.depthwises += 1
        number, form = self.depthwises, {"padding": "same", "use_bias": False, "depthwise_initializer": "he_normal"}
        x = layers.DepthwiseConv2D(3, strides, name=f"depthwise{number}", **form)(x)
        x = FusedBatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"depthwise_norm{number}")(x)
        return layers.ReLU(6.0, name=f"depthwise_relu{number}")(x)

    def pool(self, x):
        """Halve width and height, keeping the largest of each 2 x 2 values."""
        self.pools += 1
        return layers.MaxPooling2D(name=f"pool{self.pools}")(x)

    def add(self, x, branch):
        """Add a block's output to its input, then ReLU6."""
        self.sums += 1
        x = layers.Add(name=f"add{self.sums}")([x, branch])
        return layers.ReLU(6.0, name=f"relu_add{self.sums}")(x)

    def basic_block(self, x):
        """Two 3 x 3 convolutions with as many channels as the input has."""
        filters = x.shape[-1]
        return self.add(x, self.convolution(self.convolution(x, filters), filters, activation=False))

    def bottleneck(self, x, middle: int, filters: int):
        """1 x 1 to `middle` channels, 3 x 3, 1 x 1 to `filters`; another 1 x 1 if the input has other channels."""
        branch = self.convolution(self.convolution(x, middle, 1), middle)
        branch = self.convolution(branch, filters, 1, activation=False)
        if x.shape[-1] != filters:
            x = self.convolution(x, filters, 1, activation=False)
        return self.add(x, branch)


def frozen(model: keras.Model, batch: int | None = None) -> tf.types.experimental.PolymorphicFunction:
    """Return what a model computes in inference as one function of TensorFlow, with its weights as constants.

    Later changes of the model's weights do not reach it.  TensorFlow keeps constants in the graph, so a network has to
    stay below 2 GB.

    Args:
        model: with one input and one output.
        batch: of pictures that the function takes at a time; None takes any number.

    Returns:
        function of "picture", float32 [batch, *shape of the input], in inference: without dropout, and with the running
        statistics of batch normalisation.
    """
    weights = [(weight, tf.constant(weight.numpy())) for weight in model.variables]
    picture = tf.TensorSpec((batch, *model.input_shape[1:]), tf.float32, name="picture")

    @tf.function(input_signature=[picture], autograph=False)
    def inference(picture: tf.Tensor) -> tf.Tensor:
        with keras.StatelessScope(weights):
            return model(picture, training=False)

    return inference


def save_weights(model: keras.Model, path: Path, dtype: str = "float32") -> None:
    """Write a model's weights as an .npz file, {'conv1/kernel': array, ...}, readable without Keras.

    Args:
        model: any Keras model.
        path: of the file.
        dtype: of the numbers in the file; "float16" makes it half as large and keeps 11 significant bits.

    Raises:
        ValueError: a weight is NaN or infinite, or too large for that type.
    """
    with np.errstate(over="ignore"):
        values = {weight.path: weight.numpy().astype(dtype) for weight in model.weights}
    broken = [name for name, value in values.items() if not np.isfinite(value).all()]
    if broken:
        raise ValueError(
            f"Expected finite weights that {dtype} can hold; {', '.join(broken)} of {model.name} has others: "
            "train it again with a smaller learning rate, or save it as float32."
        )
    with artifacts.atomic(path) as part, part.open("wb") as file:
        np.savez(file, **values)


def load_weights(model: keras.Model, path: Path) -> None:
    """Read what `save_weights` wrote, in any dtype, into a model of the same architecture.

    Raises:
        ValueError: the file holds other weights than the model has.
    """
    with np.load(path, allow_pickle=False) as saved:
        if sorted(saved) != sorted(weight.path for weight in model.weights):
            raise ValueError(
                f"{Path(path).name} holds other weights than {model.name} has; was it made for that network?"
            )
        for weight in model.weights:
            weight.assign(saved[weight.path].astype(np.float32))


def load_checkpoint(model: keras.Model, path: Path) -> None:
    """Read weights that come with the suite, if they are those that the model card beside them describes.

    Args:
        model: of the architecture that the weights belong to.
        path: the .npz file; the card is the .json file of the same name.

    Raises:
        FileNotFoundError: the weights or their card are not there.
        ValueError: the file is not the one that the model card describes, or belongs to another architecture.
    """
    path = Path(path)
    for needed in (path, path.with_suffix(".json")):
        if not needed.exists():
            raise FileNotFoundError(
                f"There are no weights in {path}, or no card: get the whole repository, or train from scratch."
            )
    card = json.loads(path.with_suffix(".json").read_text())
    if artifacts.sha256(path) != card["sha256"]:
        raise ValueError(f"{path.name} is not the file that its model card describes: its SHA-256 differs.")
    load_weights(model, path)


@dataclasses.dataclass
class LayerCost:
    """What one layer costs for one picture; batch normalisation and activation are counted with their layer.

    Attributes:
        name, shape: the layer and its output without the batch axis.
        parameters: weights and biases, with those of the batch normalisation that follows.
        macs: multiply-accumulate operations.
        live: numbers in memory while the layer runs (its inputs, its output, and what later layers still need).
    """

    name: str
    shape: tuple[int, ...]
    parameters: int
    macs: int
    live: int


def layer_costs(model: keras.Model) -> list[LayerCost]:
    """Return the cost of each layer of a functional Keras model, in the order in which they run."""
    costs: list[LayerCost] = []
    waiting = 0  # parameters of fused layers that come before any other
    owner = {id(t): t for t in model.inputs}  # which stored tensor a tensor is: a fused layer works in place
    for layer in model.layers:
        if isinstance(layer, layers.InputLayer):
            continue
        source = _as_list(layer.input)[0]
        if isinstance(layer, FUSED + FREE):
            owner[id(layer.output)] = owner[id(source)]
            if costs:
                costs[-1].parameters += layer.count_params()
            else:
                waiting += layer.count_params()
            continue
        owner[id(layer.output)] = layer.output
        shape = tuple(layer.output.shape[1:])
        parameters, waiting = layer.count_params() + waiting, 0
        costs.append(LayerCost(layer.name, shape, parameters, _macs(layer), _live(model, layer, owner)))
    return costs


def _as_list(tensors) -> list:
    return list(tensors) if isinstance(tensors, list | tuple) else [tensors]


def _live(model: keras.Model, layer: keras.Layer, owner: dict) -> int:
    """Return how many numbers must be in memory while `layer` runs."""
    running = model.layers.index(layer)
    needed = {id(layer.output): layer.output}
    for later in model.layers[running:]:
        for tensor in _as_list(later.input):
            if id(tensor) in owner:
                needed[id(owner[id(tensor)])] = owner[id(tensor)]
    return sum(_size(tensor.shape[1:]) for tensor in needed.values())


def _size(shape: tuple[int, ...]) -> int:
    count = 1
    for length in shape:
        count *= length
    return count


def _macs(layer: keras.Layer) -> int:
    """Return the multiply-accumulates of one layer for one picture; additions alone (pooling) are not counted."""
    if isinstance(layer, layers.DepthwiseConv2D):
        return _size(layer.output.shape[1:]) * _size(layer.kernel_size)
    if isinstance(layer, layers.Conv2D):
        channels_in = layer.input.shape[-1] // layer.groups
        return _size(layer.output.shape[1:]) * _size(layer.kernel_size) * channels_in
    if isinstance(layer, layers.Dense):
        return layer.input.shape[-1] * _size(layer.output.shape[1:])
    return 0


def layer_table(model: keras.Model) -> Table:
    """Return parameters, multiply-accumulates and activation memory of each layer, with totals and the peak.

    Activation memory is what is alive while the layer runs, in kB (1000 bytes), at 4 bytes a number (float32) and at
    1 byte (int8).
    """
    costs = layer_costs(model)
    rows = [
        [
            c.name,
            "×".join(map(str, c.shape)),
            f"{c.parameters:,}",
            f"{c.macs:,}",
            f"{c.live * 4e-3:.1f}",
            f"{c.live * 1e-3:.1f}",
        ]
        for c in costs
    ]
    peak = max(c.live for c in costs)
    rows.append(
        ["total, peak", "", f"{sum(c.parameters for c in costs):,}", f"{sum(c.macs for c in costs):,}"]
        + [f"{peak * 4e-3:.1f}", f"{peak * 1e-3:.1f}"]
    )
    return Table(["layer", "output", "parameters", "multiply-accumulates", "kB in float32", "kB in int8"], rows)
