"""How fast is the integer network in NumPy, against TFLite's reference kernels?

    python benchmarks/integer_speed.py [--rounds 7] [--pictures 200] [--many 2000]

Both classify the same pictures with the full int8 file of the compact network and must agree exactly, first on one core
and then on two.  They take turns, and the ratio is taken within each round, so that a machine that slows down slows
both.  The compact network is trained for one epoch first, once: a network that is not trained quantizes into a file
that means nothing.

Last comes how long the network that comes with the suite takes for many pictures, on two cores.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from helpers.base import artifacts
from helpers.integer.network import load_network
from helpers.measure import accuracy, latency
from helpers.networks import models, plans, training
from helpers.pictures import datasets
from helpers.tflite import convert, from_keras


def compact_int8(pets: datasets.Pets) -> Path:
    """Return the full int8 file of the compact network, trained for one epoch."""

    def build(part: Path) -> None:
        model, _ = training.train(pets, models.compact_cnn, training.TrainingPlan(epochs=1), pets.folder / "compact")
        saved = pets.folder / "compact" / training.SAVED_MODEL
        from_keras.export(model, saved)
        part.write_bytes(convert.convert("int8", saved, datasets.calibration_inputs(pets)))

    path = pets.folder / "compact" / convert.filename("int8")
    return artifacts.build_if_missing(path, build, "The compact network's int8 file", 40)


def main() -> None:
    """Measure, and print pictures per second and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--many", type=int, default=2000)
    arguments = parser.parse_args()
    pets = datasets.load()
    images, path = pets.arrays("test", arguments.pictures)[0], compact_int8(pets)
    network = load_network(path)

    def calls_on(threads: int) -> dict[str, Callable[[], np.ndarray]]:
        return {
            "reference kernels": lambda: accuracy.predict(path, images, "reference", threads=threads),
            "integer network": lambda: network.predict(images, threads),
        }

    expected, actual = (call() for call in calls_on(2).values())
    different = int((expected != actual).sum())
    assert different == 0, f"{different} of the outputs differ"
    for cores in (1, 2):
        calls = calls_on(cores)
        timings = latency.interleave(calls, arguments.rounds, f"{cores} cores", warm_up=1)
        rates = {name: len(images) / np.median(timings.seconds[name]) for name in calls}
        speeds = ", ".join(f"{name} {rate:,.0f} pictures/s" for name, rate in rates.items())
        print(f"cores used: {cores}. {speeds}; ratio {timings.ratio(*calls)}")
    if arguments.many:
        network = load_network(plans.PRETRAINED_INT8)
        start = time.perf_counter()
        network.predict(np.resize(images, (arguments.many, *images.shape[1:])))
        print(f"the residual network: {time.perf_counter() - start:.1f} s for {arguments.many:,} pictures")


if __name__ == "__main__":
    main()
