"""The three networks of the lecture's bar chart, as float32 and int8 .tflite files, for timing only.

MobileNet v1 (Howard et al. 2017, arXiv:1704.04861), ResNet-101 v2 (He et al. 2016, arXiv:1603.05027) and Inception v3
(Szegedy et al. 2015, arXiv:1512.00567), with the layers that Keras gives them.

**They are not trained**: their weights would have to be downloaded.  How long a network takes does not depend on what
it has learned, but an untrained network as it comes out of the initialiser quantizes into files that are no good:
its activations shrink or grow from layer to layer, some ranges become almost zero, and the integer multipliers that
follow from them are out of bounds.  So

1. the weights come from Keras's own initialisers (Glorot and Bengio 2010) with a fixed seed;
2. every batch normalisation gets the mean and the variance that its input really has, from one pass over a few drawn
   pets (a training step with momentum 0, without a gradient).  Each channel then has mean 0 and variance 1 on these
   pictures, at any depth, whatever the initialiser's scale was;
3. the last layer is multiplied by one number, so that the scores of the classes spread as a classifier's do.

The answers of such a network mean nothing.  Shapes, operators, types, multiply-accumulates and bytes are those of the
published one.  `data/published_latency.csv` says where these three stand in print: the table names Mobilenet-v1-1-224,
Resnet_v2_101 (offered at that time as resnet_v2_101_299, so 299 pixels) and Inception_v3.
"""

import dataclasses
from pathlib import Path

import numpy as np
from PIL import Image

from helpers.base import artifacts, cache, data
from helpers.base.tf import keras, make_deterministic
from helpers.measure import latency
from helpers.networks.weights import weighted_layers
from helpers.pictures import drawn_pets
from helpers.pictures.conventions import normalise
from helpers.tflite import convert, edge_quantizer, from_keras

FOLDER = "architectures"
PICTURES = 4  # that set the statistics; the first of them calibrates the int8 file
SPREAD = 4.0  # standard deviation of the classes' scores before the softmax


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A published network.

    Attributes:
        keras_name: what it is called in `keras.applications`.
        size: width and height of its input in pixels.
        seconds: roughly how long its two files take to make on two cores.
    """

    keras_name: str
    size: int
    seconds: float


ARCHITECTURES = {  # in the order and with the names of the lecture's chart
    "MobileNet v1": Architecture("MobileNet", 224, 6),
    "ResNet v2": Architecture("ResNet101V2", 299, 30),
    "Inception v3": Architecture("InceptionV3", 299, 15),
}


def pictures(size: int, count: int = PICTURES) -> np.ndarray:
    """Return drawn pets enlarged to what a network takes, uint8 [count, size, size, 3]; cats and dogs in turn."""
    labels = [drawn_pets.CLASSES[i % len(drawn_pets.CLASSES)] for i in range(count)]
    drawn = [Image.fromarray(drawn_pets.draw(label, "train", i)[0]) for i, label in enumerate(labels)]
    return np.stack([np.asarray(image.resize((size, size), Image.Resampling.BILINEAR)) for image in drawn])


def network(keras_name: str, inputs: np.ndarray, **options) -> keras.Model:
    """Return an untrained network whose statistics fit some pictures: see the top of this module.

    Args:
        keras_name: a function of `keras.applications` that returns a network with batch normalisation.
        inputs: float32 [n, size, size, 3]; n is at least 2, so that a variance can be estimated at any depth.
        options: passed on to that function, such as `alpha` for MobileNet.

    Raises:
        ValueError: there are fewer than two inputs.
    """
    if len(inputs) < 2:
        raise ValueError(f"The statistics need at least two pictures; found {len(inputs)}.")
    make_deterministic()
    model = getattr(keras.applications, keras_name)(weights=None, input_shape=inputs.shape[1:], **options)
    set_statistics(model, inputs)
    return model


def set_statistics(model: keras.Model, inputs: np.ndarray) -> None:
    """Set what batch normalisation knows to what `inputs` show, and scale the last layer; both in place.

    Args:
        model: a classifier whose last layer with a kernel gives the scores of the classes.
        inputs: float32 [n, size, size, 3].
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0  # new statistics = 0 * old ones + 1 * this batch's
    model(inputs, training=True)
    probabilities = np.asarray(model(inputs[:1], training=False), np.float64)
    last = weighted_layers(model)[-1]
    scores = np.log(probabilities)  # up to one number, which a standard deviation does not see
    last.kernel.assign(last.kernel * (SPREAD / scores.std()))


def build(architecture: Architecture, folder: Path, **options) -> None:
    """Write `float32.tflite` and `int8.tflite` of an architecture into a new folder.

    Args:
        architecture: which network, and for which size of picture.
        folder: is made.
        options: see `network`.
    """
    folder.mkdir(parents=True)
    keras.backend.clear_session()  # Keras numbers the names of layers on, and the names stand in the file
    inputs = normalise(pictures(architecture.size))
    float_file = folder / convert.filename("float32")
    float_file.write_bytes(from_keras.float32(network(architecture.keras_name, inputs, **options)))
    (folder / convert.filename("int8")).write_bytes(edge_quantizer.int8(float_file, inputs[:1]))


def folder_of(name: str) -> Path:
    """Return where the files of an architecture are kept: 'MobileNet v1' in architectures/mobilenet_v1."""
    return artifacts.root() / FOLDER / name.lower().replace(" ", "_")


def files(name: str) -> dict[str, Path]:
    """Return the float32 and the int8 file of one of `ARCHITECTURES`, making both first if they are missing.

    They belong to no data set.

    Raises:
        KeyError: there is no such architecture.
    """
    if name not in ARCHITECTURES:
        raise KeyError(f"Expected one of {', '.join(ARCHITECTURES)}; found {name!r}.")
    architecture = ARCHITECTURES[name]
    cache.keep_current(artifacts.root() / FOLDER, cache.key(), "The pairs of files of the lecture's architectures")
    folder = artifacts.build_if_missing(
        folder_of(name), lambda part: build(architecture, part), f"The pair of files of {name}", architecture.seconds
    )
    return {kind: folder / convert.filename(kind) for kind in ("float32", "int8")}


@dataclasses.dataclass(frozen=True)
class PublishedLatency:
    """A latency in print: a line of `data/published_latency.csv`.

    Attributes:
        architecture, where, kind: which network, in which publication, as which kind of file.
        milliseconds: of one inference.
        device, source, year: what ran it, and the document with this number.
    """

    architecture: str
    where: str
    kind: str
    milliseconds: float
    device: str
    source: str
    year: str


def latencies() -> dict[str, dict[str, float]]:
    """Return the milliseconds that the lecture's chart shows, {architecture: {"float32": ..., "int8": ...}}.

    They were read off its bars; `data/published_latency.csv` has them, beside a printed table of the same three.
    """
    bars = [bar for bar in data.records("published_latency.csv", PublishedLatency) if bar.where == "lecture"]
    return {name: {bar.kind: bar.milliseconds for bar in bars if bar.architecture == name} for name in ARCHITECTURES}


def time_pairs(kernels: str = "XNNPACK", rounds: int = 7) -> dict[str, latency.Timings]:
    """Time the two files of each architecture on a drawn pet, one thread, {architecture: timings}.

    Args:
        kernels: see `interpreter.load`.
        rounds: counted rounds; few, because the large networks take long.
    """
    return {
        name: latency.time_files(files(name), pictures(architecture.size, 1)[0], kernels, rounds=rounds)
        for name, architecture in ARCHITECTURES.items()
    }
