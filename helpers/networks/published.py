"""The three networks of the lecture's bar chart, as float32 and int8 .tflite files, for timing only.

MobileNet v1 (Howard et al. 2017, arXiv:1704.04861), ResNet-101 v2 (He et al. 2016, arXiv:1603.05027) and Inception v3
(Szegedy et al. 2015, arXiv:1512.00567), with the layers that Keras gives them.

**They are not trained** (see `untrained`): their answers mean nothing.  Shapes, operators, types, multiply-accumulates
and bytes are those of the published ones.  `data/published_latency.csv` says where these three stand in print: the
table names Mobilenet-v1-1-224, Resnet_v2_101 (offered at that time as resnet_v2_101_299, so 299 pixels) and
Inception_v3.
"""

import dataclasses
import gc
import json
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

from helpers.base import artifacts, cache, data, processes
from helpers.measure import latency
from helpers.pictures import drawn_pets
from helpers.tflite.kinds import filename

FOLDER = "architectures"
KINDS = ("float32", "int8")
PICTURES = 4  # that set the statistics; the first of them calibrates the int8 file


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A published network.

    Attributes:
        keras_name: what it is called in `keras.applications`.
        size: width and height of its input in pixels.
        millions: of weights.
        options: for that function; see `untrained.network`.
    """

    keras_name: str
    size: int
    millions: float
    options: dict = dataclasses.field(default_factory=dict)


ARCHITECTURES = {  # in the order and with the names of the lecture's chart
    "MobileNet v1": Architecture("MobileNet", 224, 4.3),
    "ResNet v2": Architecture("ResNet101V2", 299, 44.7),
    "Inception v3": Architecture("InceptionV3", 299, 23.9),
}
ZOO = (  # the networks of `keras.applications` that the integer network is held against, and timed against
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Small",
    "MobileNetV3Large",
    "EfficientNetB0",
    "DenseNet121",
    "ResNet50V2",
    "NASNetMobile",
)
SECONDS = 35  # roughly, for all their files on two cores


def pictures(size: int, count: int = PICTURES) -> np.ndarray:
    """Return drawn pets enlarged to what a network takes, uint8 [count, size, size, 3]; cats and dogs in turn."""
    labels = [drawn_pets.CLASSES[i % len(drawn_pets.CLASSES)] for i in range(count)]
    drawn = [Image.fromarray(drawn_pets.draw(label, "train", i)[0]) for i, label in enumerate(labels)]
    return np.stack([np.asarray(image.resize((size, size), Image.Resampling.BILINEAR)) for image in drawn])


def build(architectures: dict[str, Architecture], folder: Path) -> None:
    """Write `float32.tflite` and `int8.tflite` of each architecture into a new folder.

    Two processes do it, one after the other, and give back the memory: TensorFlow's converter keeps what it took, and a
    network of 45 million weights takes more than the rest of a notebook.  Each begins with the largest network: what
    that leaves behind is enough for the others, whereas the other way round both would add up.

    Args:
        architectures: {name: which network, and for which size of picture}.
        folder: is made, and in it one for each name; see `folder_of`.

    Raises:
        RuntimeError: a process failed; the message ends with what it said last.
    """
    largest_first = sorted(architectures.items(), key=lambda pair: -pair[1].millions)
    wanted = [[str(folder_of(name, folder)), it.keras_name, it.size, it.options] for name, it in largest_first]
    for path, *_ in wanted:
        Path(path).mkdir(parents=True)
    for kind in KINDS:
        command = processes.command("helpers.networks.untrained_process", kind, json.dumps(wanted))
        done = subprocess.run(command, env=processes.environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"])[-1]
            raise RuntimeError(f"The {kind} files of {', '.join(architectures)} could not be made: {reason}")


def folder_of(name: str, folder: Path) -> Path:
    """Return where the files of an architecture are in a folder: 'MobileNet v1' in mobilenet_v1."""
    return folder / name.lower().replace(" ", "_")


def files() -> dict[str, dict[str, Path]]:
    """Return {architecture: {"float32": path, "int8": path}} for `ARCHITECTURES`, making all first if they are missing.

    They belong to no data set.
    """
    whole = artifacts.root() / FOLDER
    cache.keep_current(whole, cache.key(), "The pairs of files of the lecture's architectures")
    what = f"The set of files of {', '.join(ARCHITECTURES)}"
    folder = artifacts.build_if_missing(whole / "files", lambda part: build(ARCHITECTURES, part), what, SECONDS)
    return {name: {kind: folder_of(name, folder) / filename(kind) for kind in KINDS} for name in ARCHITECTURES}


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
    timings = {}
    for name, pair in files().items():
        image = pictures(ARCHITECTURES[name].size, 1)[0]
        timings[name] = latency.time_files(pair, image, kernels, rounds=rounds)
        gc.collect()  # an interpreter refers to itself: without this, half a gigabyte stays for a while
    return timings
