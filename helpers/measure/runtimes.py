"""Which runtime runs a file, and whether its answers are right."""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from helpers.base import console
from helpers.base.tables import Table
from helpers.measure import accuracy
from helpers.pictures.conventions import normalise
from helpers.tflite import inspect, interpreter, micro


def who_runs(files: dict[str, Path], images: np.ndarray, labels: np.ndarray) -> Table:
    """Return how often each set of kernels is right with each file, or why it does not run it.

    That a file runs is not enough: kernels can give wrong answers without a word.

    Args:
        files: {name: .tflite file}.
        images, labels: pictures to try, uint8 [n, size, size, 3] and int64 [n]; a few dozen are enough.
    """
    rows = []
    for name, path in console.progress(files.items(), "Trying", "file", len(files)):
        cells = [
            _right(functools.partial(_answers, path, images, kernels), labels) for kernels in interpreter.KERNEL_SETS
        ]
        on_micro = _right(functools.partial(_micro, path, images), labels)
        rows.append([name, f"{path.stat().st_size:,}", *cells, on_micro])
    return Table(["file", "bytes", *interpreter.KERNEL_SETS, "TensorFlow Lite Micro"], rows)


def _right(run: Callable[[], np.ndarray], labels: np.ndarray) -> str:
    """Return the share of right answers, or what the kernels say instead."""
    try:
        return f"{accuracy.Score(run(), labels).accuracy:.0%} right"
    except micro.Refused as problem:
        return f"no: {problem.reason}"
    except (ValueError, RuntimeError, TimeoutError) as problem:
        return f"no: {problem}"
    except NotImplementedError:  # there is no TensorFlow Lite Micro for this system
        return "–"


def _answers(path: Path, images: np.ndarray, kernels: str) -> np.ndarray:
    """Return the probabilities, picture by picture: not every file takes several at once."""
    runner = interpreter.load(path, kernels)
    input_details = runner.get_input_details()[0]
    return np.concatenate([interpreter.run(runner, codes[None]) for codes in _codes(images, input_details)])


def _micro(path: Path, images: np.ndarray) -> np.ndarray:
    """Return the probabilities that TensorFlow Lite Micro gives."""
    input_details, output_details = (
        next(t for t in inspect.tensors(path) if t.role == role).details for role in ("input", "output")
    )
    (outputs,) = micro.run(path, _codes(images, input_details))
    return interpreter.dequantize_output(outputs.reshape(len(images), -1), output_details)


def _codes(images: np.ndarray, input_details: dict) -> np.ndarray:
    return interpreter.quantize_input(normalise(images), input_details)
