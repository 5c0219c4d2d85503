"""The networks of the suite as Keras models, not yet trained."""

from helpers.base.tf import keras, tf
from helpers.pictures.conventions import CLASSES, SIZE

layers = keras.layers

# Of the squared weights, added to the loss.  Under Adam, which divides gradients by their size, AlexNet's own 5e-4 / 2
# alone makes nine of ten weights zero within 40 epochs of photographs, and leaves nothing to prune.
ALEXNET_DECAY = 1e-5
BATCH_NORM_MOMENTUM = 0.9  # short trainings need running statistics that settle within a hundred steps


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
    return _classifier(inputs, x, classes, "compact_cnn")


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
    return _classifier(inputs, x, classes, "residual_cnn")


def large_residual_cnn(size: int | None = SIZE, classes: int = len(CLASSES)) -> keras.Model:
    """Return a network like `residual_cnn`, twice as wide and deeper, not yet trained: a teacher for the small one.

    Input: float32 [batch, size, size, 3] in [0, 1]; None takes pictures of any size.  Output: probabilities, float32
    [batch, classes].  It has 1.9 million parameters; at 128 pixels it needs 590 million multiply-accumulates a picture.
    """
    build = _Builder()
    inputs = keras.Input((size, size, 3), name="picture")
    x = build.convolution(inputs, 32, strides=2)
    x = build.pool(build.convolution(x, 64))
    for _ in range(2):
        x = build.basic_block(x)
    x = build.pool(build.convolution(x, 128))
    for _ in range(2):
        x = build.basic_block(x)
    x = build.pool(build.bottleneck(build.convolution(x, 192), 96, 192))
    for _ in range(3):
        x = build.bottleneck(x, 128, 320)
    return _classifier(inputs, x, classes, "large_residual_cnn")


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
    return _classifier(inputs, x, classes, f"mobilenet_{width:g}_{size}")


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


def _classifier(inputs, x, classes: int, name: str) -> keras.Model:
    """Return a network that ends, after its convolutions, with an average over the picture and one dense layer."""
    x = layers.GlobalAveragePooling2D(name="average")(x)
    x = layers.Dense(classes, name="dense")(x)
    return keras.Model(inputs, layers.Softmax(name="softmax")(x), name=name)


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
