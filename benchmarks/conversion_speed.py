"""What do weights that are constants of the SavedModel bring, against `model.export`, which makes them variables?

    python benchmarks/conversion_speed.py [--rounds 5]

The residual network that comes with the suite is exported both ways and converted from both, taking turns; the ratio is
taken within each round.  The two files must hold the same tensors: the same numbers, scales and zero points.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from helpers.base import console
from helpers.measure import latency
from helpers.networks import training
from helpers.pictures import datasets
from helpers.tflite import convert, from_keras, inspect

PICTURES = 20  # that calibrate


def exported_by_keras(model, path: Path) -> None:
    """Write the SavedModel that Keras itself writes."""
    with console.quiet():
        model.export(path, verbose=False)


def contents(content: bytes, path: Path) -> list[tuple]:
    """Return what the tensors of a .tflite file hold, without their names."""
    tensors = inspect.tensors(convert.write(content, path))
    return [(t.shape, t.dtype, t.scale.tolist(), t.zero_point.tolist(), np.asarray(t.data).tolist()) for t in tensors]


def main() -> None:
    """Print the seconds of both ways and their ratio, for the export and for two kinds of files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    model, calibration = training.pretrained(), datasets.calibration_inputs(datasets.load("drawn"), PICTURES)
    with tempfile.TemporaryDirectory() as folder:
        ways = {"variables": exported_by_keras, "constants": from_keras.export}
        saved = {way: Path(folder) / way for way in ways}
        steps = {"export": {way: lambda way=way: ways[way](model, saved[way]) for way in ways}}
        for kind in ("float32", "int8"):
            steps[kind] = {
                way: lambda kind=kind, way=way: convert.convert(kind, saved[way], calibration) for way in ways
            }
        for step, calls in steps.items():
            timings = latency.interleave(calls, arguments.rounds, step, warm_up=1)
            seconds = ", ".join(f"{way} {np.median(timings.seconds[way]):.2f} s" for way in ways)
            print(f"{step:8} {seconds}; constants are {timings.ratio(*ways)} times as fast")
            if step != "export":
                files = [contents(call(), Path(folder) / "model.tflite") for call in calls.values()]
                assert files[0] == files[1], f"the {step} files hold other numbers"


if __name__ == "__main__":
    main()
