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
PICTURES = 4  # that set the statistics; the first of them calibrates the int8 file


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


def build(architecture: Architecture, folder: Path, **options) -> None:
    """Write `float32.tflite` and `int8.tflite` of an architecture into a new folder.

    Two processes do it, one after the other, and give back the memory: TensorFlow's converter keeps what it took, and a
    network of 45 million weights takes more than the rest of a notebook.

    Args:
        architecture: which network, and for which size of picture.
        folder: is made.
        options: see `untrained.network`.

    Raises:
        RuntimeError: a process failed; the message ends with what it said last.
    """
    folder.mkdir(parents=True)
    for kind in ("float32", "int8"):
        words = kind, folder, architecture.keras_name, architecture.size, json.dumps(options)
        command = processes.command("helpers.networks.untrained_process", *words)
        done = subprocess.run(command, env=processes.environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"])[-1]
            raise RuntimeError(f"The {kind} file of {architecture.keras_name} could not be made: {reason}")


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
    return {kind: folder / filename(kind) for kind in ("float32", "int8")}


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
    for name, architecture in ARCHITECTURES.items():
        timings[name] = latency.time_files(files(name), pictures(architecture.size, 1)[0], kernels, rounds=rounds)
        gc.collect()  # an interpreter refers to itself: without this, half a gigabyte stays for a while
    return timings
