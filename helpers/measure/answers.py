"""What a .tflite file answered is kept: several notebooks ask the same file the same 2,000 pictures.

The answers of a file follow from its bytes, the pictures, the kernels and the processor, so these are what an answer is
kept under.  Whoever changes one of them is answered anew.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from helpers.base import artifacts, cache, machine

FOLDER = "answers"


def kept(model: Path, images: np.ndarray, kernels: str, ask: Callable[[], np.ndarray]) -> np.ndarray:
    """Return the answers of a file that the suite has made; `ask` is called for those that are not there yet.

    Args:
        model: path of a .tflite file.  Of one that lies elsewhere than in the folder of results, nothing is kept.
        images: uint8 [n, height, width, 3].
        kernels: see `interpreter.load`.
        ask: returns the probabilities, float32 [n, classes].
    """
    if not model.is_file() or not model.resolve().is_relative_to(artifacts.root().resolve()):
        return ask()
    path = artifacts.root() / FOLDER / f"{_name(model, images, kernels)}.npy"
    with contextlib.suppress(OSError, ValueError):  # not there, or no longer whole
        return np.load(path, allow_pickle=False)
    answers = ask()
    with artifacts.atomic(path) as part, part.open("wb") as file:
        np.save(file, answers)
    return answers


def _name(model: Path, images: np.ndarray, kernels: str) -> str:
    """Return a name that is another one as soon as the answers may be."""
    about = {
        "file": artifacts.sha256(model),
        "pictures": hashlib.sha256(np.ascontiguousarray(images)).hexdigest(),
        "shape": images.shape,
        "kernels": kernels,
        "machine": machine.describe(),
        **cache.key(),
    }
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]
