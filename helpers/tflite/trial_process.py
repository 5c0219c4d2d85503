"""TensorFlow Lite in the process that it may end: what `trial` starts.

    python -m helpers.tflite.trial_process MODEL KERNELS

The model runs once, on zeros.  What TensorFlow Lite has against it goes to standard output.
"""

import contextlib
import sys
from pathlib import Path

import numpy as np

from helpers.base import memory
from helpers.tflite import interpreter
from helpers.tflite.interpreter import Interpreter

REFUSED = 3  # exit status


def main(model: str, kernels: str) -> None:
    """Run a model once; leave with `REFUSED` if TensorFlow Lite does not take it."""
    stay_within(memory.available())
    try:
        run_on_zeros(interpreter.load(Path(model), kernels))
    except interpreter.Refused as problem:
        print(problem.reason)
        sys.exit(REFUSED)


def run_on_zeros(ready: Interpreter) -> None:
    """Run a model on inputs that are all zero; texts are empty.

    Raises:
        interpreter.Refused: an operator cannot do it, or an input takes no zeros.
    """
    try:
        for details in ready.get_input_details():
            ready.set_tensor(details["index"], np.zeros(details["shape"], details["dtype"]))
        ready.invoke()
    except Exception as problem:  # of TensorFlow Lite or of NumPy: either way it does not run
        raise interpreter.Refused("The model", str(problem)) from None


def stay_within(bytes_: int | None) -> None:
    """Let the system refuse this process more memory, where it can, so that a broken size makes no computer swap."""
    with contextlib.suppress(ImportError, OSError, ValueError):  # Windows has no such limit, macOS does not keep it
        import resource

        if bytes_ is not None:
            resource.setrlimit(resource.RLIMIT_AS, (bytes_, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main(*sys.argv[1:])
