"""How fast is the integer network in NumPy, against TFLite's reference kernels?

    python benchmarks/integer_speed.py [--rounds 7] [--pictures 64] [--many 2000]

Both classify the same pictures with the full-int8 file of the compact network and must agree in every byte.  They take
turns, and the ratio is taken within each round, so that a machine that slows down slows both.  NumPy's matrix products
run with one thread, as the reference kernels do, and then with as many as they take by default.

The compact network is trained first if need be.  Last comes how long the network that comes with the suite takes for
many pictures; it is given drawn ones unless the photographs are there.
"""

import argparse
import os
import subprocess
import sys
import time

import numpy as np

THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def measure(rounds: int, pictures: int, many: int, threads: str) -> None:
    """Print pictures per second, the ratio with its interval, and the seconds for many pictures."""
    from helpers import conversion, datasets, evaluation, integer_inference, latency, training

    pets = datasets.load(verbose=False)
    images, path = pets.arrays("test", pictures)[0], conversion.file(pets, "int8")
    network = integer_inference.load(path)
    codes = evaluation.quantize_input(datasets.normalise(images), integer_inference.details(network.input))
    ready = evaluation.interpreter(path, "reference", evaluation.BATCH)
    entry, exit_ = ready.get_input_details()[0]["index"], ready.get_output_details()[0]["index"]
    codes = codes[: len(codes) // evaluation.BATCH * evaluation.BATCH]

    def reference() -> np.ndarray:
        answers = []
        for i in range(0, len(codes), evaluation.BATCH):
            ready.set_tensor(entry, codes[i : i + evaluation.BATCH])
            ready.invoke()
            answers.append(ready.get_tensor(exit_))
        return np.concatenate(answers)

    different = int((reference() != network.run(codes)).sum())
    assert different == 0, f"{different} of the outputs differ"
    calls = {"reference kernels": reference, "integer network": lambda: network.run(codes)}
    timings = latency.interleave(calls, rounds, f"NumPy with {threads}", warm_up=1)
    rates = {name: len(codes) / np.median(timings.seconds[name]) for name in calls}
    print(f"NumPy with {threads}: " + ", ".join(f"{name} {rate:,.0f} pictures/s" for name, rate in rates.items()))
    print(f"  the integer network is {timings.ratio(*calls)} times as fast as the reference kernels")
    if many:
        network = integer_inference.load(training.PRETRAINED_INT8)
        start = time.perf_counter()
        network.predict(np.resize(images, (many, *images.shape[1:])))
        print(f"  the residual network: {time.perf_counter() - start:.1f} s for {many:,} pictures")


def main() -> None:
    """Measure in one process for each number of threads: NumPy's library asks for it when it is loaded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--many", type=int, default=2000)
    parser.add_argument("--threads", choices=["one thread", "threads by default"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.threads:
        measure(arguments.rounds, arguments.pictures, arguments.many, arguments.threads)
        return
    for threads, settings in (("one thread", dict.fromkeys(THREADS, "1")), ("threads by default", {})):
        command = [sys.executable, __file__, *sys.argv[1:], "--threads", threads]
        subprocess.run(command, env={**os.environ, **settings}, check=True)


if __name__ == "__main__":
    main()
