"""How fast is scoring in batches, against the loop over single pictures that tutorials use?

    python benchmarks/evaluation_speed.py [--rounds 5] [--pictures 1000]

Both ways classify the same test pictures with the same file and must agree.  They take turns, and the ratio is taken
within each round, so that a machine that slows down slows both.
"""

import argparse

import numpy as np

from helpers.measure import accuracy, latency
from helpers.networks import converted
from helpers.pictures import datasets
from helpers.pictures.conventions import normalise
from helpers.tflite import interpreter


def one_at_a_time(path, images: np.ndarray) -> np.ndarray:
    """Classify pictures one by one, as the tutorials do: one interpreter, batch 1, a Python loop."""
    runner = interpreter.load(path)
    input_details = runner.get_input_details()[0]
    answers = []
    for image in images:
        inputs = interpreter.quantize_input(normalise(image[None]), input_details)
        answers.append(interpreter.run(runner, inputs)[0])
    return np.array(answers)


def main() -> None:
    """Measure float32 and int8, and print pictures per second and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=1000)
    arguments = parser.parse_args()
    pets = datasets.load()
    images = pets.arrays("test", arguments.pictures)[0]
    for kind in ("float32", "int8"):
        path = converted.file(pets, kind)
        difference = np.abs(one_at_a_time(path, images[:100]) - accuracy.predict(path, images[:100])).max()
        assert difference < 1e-5, f"the two ways disagree by {difference}"
        calls = {
            "one at a time": lambda path=path: one_at_a_time(path, images),
            "in batches": lambda path=path: accuracy.predict(path, images),
        }
        timings = latency.interleave(calls, arguments.rounds, kind, warm_up=1)
        rates = {name: len(images) / np.median(timings.seconds[name]) for name in calls}
        print(f"{kind:8} {', '.join(f'{name}: {rate:,.0f} pictures/s' for name, rate in rates.items())}", end="")
        print(f"; batches are {timings.ratio('one at a time', 'in batches')} times as fast")


if __name__ == "__main__":
    main()
