"""What tests of the integer network share: a folder for models of one operator, a network with depthwise layers.

`mobilenet` is made from the small data set, so a test module that wants it says `pytest_plugins = ["small"]`.
"""

import pytest


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder for models of one operator, one after the other under the same name."""
    return tmp_path_factory.mktemp("one_operator")


@pytest.fixture(scope="session")
def mobilenet(small, tmp_path_factory):
    """A MobileNetV1 (alpha 0.25, 48 x 48 pixels) with the statistics of some pictures, as int8; and these pictures."""
    from helpers.networks import untrained
    from helpers.pictures.conventions import normalise
    from helpers.tflite import convert

    images = small.pets.arrays("train")[0][:, ::2, ::2]
    inputs = normalise(images)
    network = untrained.network("MobileNet", inputs, alpha=0.25, classes=2)
    folder = tmp_path_factory.mktemp("mobilenet")
    network.export(folder / "saved_model", verbose=False)
    content = convert.convert("int8", folder / "saved_model", inputs)
    return convert.write(content, folder / "mobilenet.tflite"), images
