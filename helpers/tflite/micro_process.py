"""TensorFlow Lite Micro in the process that it may abort: what `micro` starts.

    python -m helpers.tflite.micro_process measure MODEL NUMBER_OF_INPUTS
    python -m helpers.tflite.micro_process run MODEL INPUTS.npy OUTPUTS.npz NUMBER_OF_OUTPUTS

`measure` runs the model once, on zeros, and lets TensorFlow Lite Micro say what it used of the arena.  `run` runs it on
each picture of an .npy file and writes all its outputs into an .npz file.
"""

import sys

import numpy as np

NO_PACKAGE = 3  # exit status without the package
ARENA = 1 << 28  # bytes, which any of our files fits


def measure(runner, inputs: int) -> None:
    """Run a model on zeros and print what its arena was used for."""
    for i in range(inputs):
        input_details = runner.get_input_details(i)
        runner.set_input(np.zeros(input_details["shape"], input_details["dtype"]), i)
    runner.invoke()
    runner.print_allocations()


def run(runner, inputs: str, outputs: str, count: int) -> None:
    """Run a model on pictures, one after the other, and write its outputs.

    A picture gets an axis for its number, unless it has all axes of the model's input already.
    """
    results = [[] for _ in range(count)]
    axes = len(runner.get_input_details(0)["shape"])
    for picture in np.load(inputs):
        runner.set_input(picture if picture.ndim == axes else picture[None], 0)
        runner.invoke()
        for i, values in enumerate(results):
            values.append(runner.get_output(i).copy())
    np.savez(outputs, *map(np.stack, results))


def main(task: str, model: str, *arguments: str) -> None:
    """Do one of the two tasks."""
    try:
        from tflite_micro import runtime
    except ImportError:
        sys.exit(NO_PACKAGE)
    runner = runtime.Interpreter.from_file(model, arena_size=ARENA)
    if task == "measure":
        measure(runner, int(arguments[0]))
    else:
        run(runner, arguments[0], arguments[1], int(arguments[2]))


if __name__ == "__main__":
    main(*sys.argv[1:])
