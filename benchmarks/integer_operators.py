"""How fast are whole networks in integers, in NumPy, against TFLite's reference kernels?

    python benchmarks/integer_operators.py [NETWORK ...] [--size 224] [--rounds 7]

Each network is one of `keras.applications`, untrained but normalised, as an int8 file of AI Edge Quantizer.  Both
classify the same drawn pet on one core and must agree exactly.  They take turns, and the ratio is taken within each
round.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from helpers.base.tf import keras
from helpers.integer.network import load_network
from helpers.measure import latency
from helpers.networks import published, untrained
from helpers.pictures.conventions import normalise
from helpers.tflite import edge_quantizer, from_keras, interpreter


def int8_file(name: str, inputs: np.ndarray, folder: Path) -> Path:
    """Write the int8 file of a network of `keras.applications`."""
    keras.backend.clear_session()
    (folder / "float32.tflite").write_bytes(from_keras.float32_of_large(untrained.network(name, inputs)))
    (folder / "int8.tflite").write_bytes(edge_quantizer.int8(folder / "float32.tflite", inputs[:1]))
    return folder / "int8.tflite"


def compare(path: Path, inputs: np.ndarray, rounds: int) -> str:
    """Time both on one picture, and return what was found."""
    network, ready = load_network(path), interpreter.load(path, "reference")
    codes = interpreter.quantize_input(inputs[:1], network.input.details)
    calls = {
        "integer network": lambda: network.tensors(codes)[network.output.index],
        "reference kernels": lambda: interpreter.run(ready, codes),
    }
    ours, theirs = (call() for call in calls.values())
    assert (interpreter.dequantize_output(ours, network.output.details) == theirs).all()
    with threadpool_limits(1):
        timings = latency.interleave(calls, rounds, network.name, warm_up=1)
    spent = ", ".join(f"{name} {np.median(timings.seconds[name]):.3f} s" for name in calls)
    return f"{len(network.steps)} operators, {spent}; ratio {timings.ratio(*calls)}"


def main() -> None:
    """Measure, and print a line for each network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", default=published.ZOO)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    inputs = normalise(published.pictures(arguments.size))
    for name in arguments.networks:
        with tempfile.TemporaryDirectory() as folder:
            print(f"{name}: {compare(int8_file(name, inputs, Path(folder)), inputs, arguments.rounds)}", flush=True)


if __name__ == "__main__":
    main()
