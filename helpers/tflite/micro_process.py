"""TensorFlow Lite Micro in the process that it may abort: what `micro` starts.

    python -m helpers.tflite.micro_process measure MODEL
    python -m helpers.tflite.micro_process run MODEL INPUTS.npy OUTPUTS.npz NUMBER_OF_OUTPUTS

`measure` runs the model once, on zeros, and lets TensorFlow Lite Micro say what it used of the arena.  `run` runs it on
each picture of an .npy file and writes all its outputs into an .npz file.
"""

import sys

import numpy as np

NO_PACKAGE = 3  # exit status without the package
ARENA = 1 << 28  # bytes, which any of our files fits


def measure(ready) -> None:
    """Run a model on zeros and print what its arena was used for."""
    entry = ready.get_input_details(0)
    ready.set_input(np.zeros(entry["shape"], entry["dtype"]), 0)
    ready.invoke()
    ready.print_allocations()


def run(ready, inputs: str, outputs: str, count: int) -> None:
    """Run a model on pictures, one after the other, and write its outputs."""
    results = [[] for _ in range(count)]
    for picture in np.load(inputs):
        ready.set_input(picture[None], 0)
        ready.invoke()
        for i, values in enumerate(results):
            values.append(ready.get_output(i).copy())
    np.savez(outputs, *map(np.stack, results))


def main(task: str, model: str, *words: str) -> None:
    """Do one of the two tasks."""
    try:
        from tflite_micro import runtime
    except ImportError:
        sys.exit(NO_PACKAGE)
    ready = runtime.Interpreter.from_file(model, arena_size=ARENA)
    if task == "measure":
        measure(ready)
    else:
        run(ready, words[0], words[1], int(words[2]))


if __name__ == "__main__":
    main(*sys.argv[1:])
