"""The .tflite files of the course's own network, made when they are first asked for."""

import tempfile
from pathlib import Path

from helpers.base import artifacts, cache, console
from helpers.networks import training
from helpers.pictures import datasets
from helpers.pictures.datasets import Pets
from helpers.tflite import convert, from_keras
from helpers.tflite.convert import GRAPH, KINDS


def file(pets: Pets, kind: str) -> Path:
    """Return the .tflite file of one kind for the model trained on this data.

    It is converted first if it is missing, or older than the model.
    """
    path, model = pets.folder / convert.filename(kind), training.saved_model(pets)
    if not path.exists() or path.stat().st_mtime < (model / GRAPH).stat().st_mtime:
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
        with tempfile.TemporaryDirectory() as folder:
            from_keras.export(training.pretrained(), Path(folder) / training.SAVED_MODEL)
            part.write_bytes(convert.convert("float32", Path(folder) / training.SAVED_MODEL))

    path = artifacts.root() / "pretrained" / convert.filename("float32")
    cache.keep_current(path.parent, cache.key(), "The float32 file of the network that comes with the suite")
    what = "The float32 file of the network that comes with the suite"
    return {"float32": artifacts.build_if_missing(path, build, what, 10), "int8": training.PRETRAINED_INT8}
