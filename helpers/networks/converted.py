"""The .tflite files of the course's own network, made when they are first asked for."""

import tempfile
from pathlib import Path

from helpers.base import artifacts, cache, console
from helpers.networks.plans import PRETRAINED, PRETRAINED_INT8, SAVED_MODEL, is_trained
from helpers.pictures import datasets
from helpers.pictures.datasets import Pets
from helpers.tflite.kinds import GRAPH, KINDS, filename


def file(pets: Pets, kind: str) -> Path:
    """Return the .tflite file of one kind for the model trained on this data.

    It is converted first if it is missing, or older than the model.

    Raises:
        KeyError: there is no such kind.
    """
    path, graph = pets.folder / filename(kind), pets.folder / SAVED_MODEL / GRAPH

    def is_current() -> bool:
        return path.exists() and path.stat().st_mtime >= graph.stat().st_mtime

    if is_trained(pets) and is_current():
        return path
    from helpers.networks import training  # TensorFlow trains and converts, and is loaded only where that is needed
    from helpers.tflite import convert

    model = training.saved_model(pets)
    with artifacts.one_at_a_time(path, f"The {kind} file"):
        if not is_current():
            convert.write(convert.convert(kind, model, datasets.calibration_inputs(pets)), path)
    return path


def files(pets: Pets) -> dict[str, Path]:
    """Return the files of all `KINDS`, {kind: path}, making those that are missing."""
    return {kind: file(pets, kind) for kind in console.progress(KINDS, "Converting", "file")}


def pretrained_files() -> dict[str, Path]:
    """Return the float32 and the int8 file of the network that comes with the suite, which knows real photographs.

    The int8 file comes with the suite as well: calibrating it takes photographs.  The float32 file is converted from
    the weights when it is first needed.
    """

    def build(part: Path) -> None:
        from helpers.networks import training
        from helpers.tflite import convert, from_keras

        with tempfile.TemporaryDirectory() as folder:
            from_keras.export(training.pretrained(), Path(folder) / SAVED_MODEL)
            part.write_bytes(convert.convert("float32", Path(folder) / SAVED_MODEL))

    path = artifacts.root() / "pretrained" / filename("float32")
    what = "The float32 file of the network that comes with the suite"
    cache.keep_current(path.parent, cache.key(weights=artifacts.sha256(PRETRAINED)), what)
    return {"float32": artifacts.build_if_missing(path, build, what, 10), "int8": PRETRAINED_INT8}
