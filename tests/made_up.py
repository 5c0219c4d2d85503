"""Networks and pictures that are made up, for tests that need some and not good ones.

`few` is for test modules that say `pytest_plugins = ["made_up"]`.

PYTEST_DONT_REWRITE: there is no `assert` in here, and tests import it before pytest does.
"""

import numpy as np
import pytest

from helpers.base.tf import keras
from helpers.methods import gptq, qat, qat_file, rounding
from helpers.networks import folding, models, training
from helpers.pictures import conventions, datasets
from helpers.tflite import convert

layers = keras.layers
PLAN = training.TrainingPlan(2, 3e-3, batch_size=16)  # of a training that is short, and changes something


def tiny():
    """Return a small network with normalisation and dropout, with random weights."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((96, 96, 3))
    x = keras.layers.Conv2D(6, 3, strides=4, name="conv")(inputs)
    x = keras.layers.ReLU()(models.FusedBatchNormalization(name="norm")(x))
    x = keras.layers.Dropout(0.5)(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax", name="dense")(x), name="tiny")


def normalised(kind):
    """Return a small compiled network with one of the kinds of batch normalisation."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 6, 3))
    x = layers.ReLU()(kind(momentum=0.9)(layers.Conv2D(4, 3)(inputs)))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(layers.Flatten()(x)))
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    return model


def residual():
    """Return a network with batch normalisation that has an addition, a pool and a depthwise convolution in it."""
    x = entry = keras.Input((32, 32, 3), name="picture")
    x = layers.Conv2D(8, 3, 2, padding="same", use_bias=False, name="conv1")(x)
    x = layers.ReLU(6.0, name="relu1")(models.FusedBatchNormalization(name="norm1")(x))
    x = y = layers.MaxPooling2D(name="pool")(x)
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(y)
    y = layers.ReLU(6.0, name="relu2")(models.FusedBatchNormalization(name="norm2")(y))
    y = models.FusedBatchNormalization(name="norm3")(layers.Conv2D(8, 1, use_bias=False, name="conv2")(y))
    x = layers.ReLU(6.0, name="relu3")(layers.Add(name="add")([x, y]))
    x = layers.Dense(2, name="dense")(layers.GlobalAveragePooling2D(name="average")(x))
    return keras.Model(entry, layers.Softmax(name="softmax")(x), name="residual")


def plain():
    """Return a network in which activations stand inside of layers, as in AlexNet."""
    x = entry = keras.Input((32, 32, 3), name="picture")
    x = layers.Conv2D(6, 5, 4, activation="relu", name="conv")(x)
    x = layers.Flatten(name="flatten")(layers.MaxPooling2D(2, name="pool")(x))
    x = layers.Dense(8, activation="relu", name="dense1")(x)
    x = layers.Dense(2, name="dense2")(layers.Dropout(0.1)(x))
    return keras.Model(entry, layers.Softmax(name="softmax")(x), name="plain")


def noise(count):
    """Return so many pictures of noise, dogs a little brighter than cats, for training and for everything else."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 2
    images = (rng.integers(0, 200, (count, 96, 96, 3)) + 40 * labels[:, None, None, None]).astype(np.uint8)
    return datasets.Pets("few", "few pets", dict.fromkeys(conventions.SPLITS, count), lambda _: (images, labels))


@pytest.fixture(scope="session")
def few():
    """32 pictures of noise."""
    return noise(32)


def short_mobilenet(seed: int) -> keras.Model:
    """A MobileNet of three blocks for 32 × 32 pixels, with random weights and its batch normalisations."""
    keras.utils.set_random_seed(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "MOBILENET_BLOCKS", models.MOBILENET_BLOCKS[:3])
        return models.mobilenet_v1(32, 0.25)


def small_int8_files(folder):
    """Write full-int8 files with most operators of the suite's networks, with weights of few bits, packed ones too.

    Yields:
        one path after the other.
    """
    inputs = np.random.default_rng(0).random((40, 32, 32, 3), np.float32)
    for name, model in (("residual", residual()), ("plain", plain()), ("mobile", short_mobilenet(2))):
        folded = folding.fold(model)
        for bits, per_channel in ((8, True), (4, False), (2, True)):
            grids = rounding.grids(folded, bits, per_channel)
            rounded = rounding.by_rule(folded, grids, inputs, gptq.rounded, catch_up=True)
            content = qat_file.tflite(qat.aware(rounded, inputs, grids=grids), packed=bits == 4)
            yield convert.write(content, folder / f"{name}_{bits}.tflite")
