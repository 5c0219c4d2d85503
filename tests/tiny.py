"""A tiny network in .tflite files of several kinds, for tests that need some file and not a good one.

It is not trained: one convolution with random filters, and a fence laid through the middle of what it says about some
drawn pets, so that it calls half of them dogs.  A test module that wants it says `pytest_plugins = ["tiny"]`.
"""

import numpy as np
import pytest

PICTURES = 12  # of each class
FILTERS = 48  # 1,296 weights: the converter leaves tensors below 1,024 alone in dynamic-range files


@pytest.fixture(scope="session")
def drawn():
    """Drawn pictures, uint8 [24, 96, 96, 3], and their labels, int64 [24]."""
    from helpers.pictures import drawn_pets

    images = [drawn_pets.draw(label, "train", i)[0] for label in drawn_pets.CLASSES for i in range(PICTURES)]
    return np.stack(images), np.repeat([0, 1], PICTURES)


@pytest.fixture(scope="session")
def folder(drawn, tmp_path_factory):
    """The same pictures in a folder with `cat/` and `dog/`."""
    from PIL import Image

    from helpers.pictures.conventions import CLASSES

    folder = tmp_path_factory.mktemp("drawn") / "pets"
    for i, (image, label) in enumerate(zip(*drawn, strict=True)):
        (folder / CLASSES[label]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / CLASSES[label] / f"{i}.png")
    return folder


def network(inputs: np.ndarray):
    """Return the network for pictures of this size: float32 [n, size, size, 3] in [0, 1]."""
    from helpers.base.tf import keras

    keras.utils.set_random_seed(1)
    x = entry = keras.Input(inputs.shape[1:])
    x = keras.layers.Conv2D(FILTERS, 3, 4, padding="same", activation="relu", name="conv2d")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(entry, keras.layers.Dense(2, activation="softmax")(x))
    features = keras.Model(entry, x).predict(inputs, verbose=0)
    difference = features @ np.random.default_rng(1).normal(size=FILTERS)
    direction = np.random.default_rng(1).normal(size=FILTERS) / difference.std()
    weights = np.stack([-direction, direction], axis=1)
    fence = np.median(difference) / difference.std()
    model.layers[-1].set_weights([weights, np.array([fence, -fence])])
    return model


@pytest.fixture(scope="session")
def tiny(drawn, tmp_path_factory):
    """The network as {kind: .tflite file}."""
    from helpers.pictures.conventions import normalise
    from helpers.tflite import convert

    folder, inputs = tmp_path_factory.mktemp("tiny"), normalise(drawn[0])
    network(inputs).export(folder / "saved_model", verbose=False)
    kinds = ("float32", "dynamic range", "int8")
    contents = {kind: convert.convert(kind, folder / "saved_model", inputs) for kind in kinds}
    return {kind: convert.write(contents[kind], folder / convert.filename(kind)) for kind in kinds}


@pytest.fixture
def pair(tiny):
    """The network as float32 and as int8: {kind: .tflite file}."""
    return {kind: tiny[kind] for kind in ("float32", "int8")}


@pytest.fixture
def pet(drawn):
    """A drawn cat as a Pillow picture, 96 by 96."""
    from PIL import Image

    return Image.fromarray(drawn[0][0])
