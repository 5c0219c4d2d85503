"""How long one picture takes, measured so that the number can be trusted.

Timings of two models are only comparable if they ran under the same conditions.  So the models take turns (a machine
that slows down slows all of them), the order changes each round, the first rounds do not count, one thread runs, and
what is reported is the median with a bootstrap interval.  Ratios are taken within a round.
"""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import stats

from helpers.base import console
from helpers.base.seed import SEED
from helpers.base.undisturbed import undisturbed
from helpers.pictures import conventions
from helpers.tflite import interpreter

ROUNDS = 60
WARM_UP = 5
RESAMPLES = 2000


@dataclasses.dataclass(frozen=True)
class Median:
    """A median with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def median(samples: np.ndarray) -> Median:
    """Return the median of samples [n] and its 95 % bootstrap interval (percentile method, SciPy).

    Raises:
        ValueError: there are fewer than two samples.
    """
    if len(samples) < 2:
        raise ValueError(f"A bootstrap interval needs at least two samples; found {len(samples)}.")
    result = stats.bootstrap(
        (samples,), np.median, n_resamples=RESAMPLES, method="percentile", rng=SEED, vectorized=True
    )
    interval = result.confidence_interval
    return Median(float(np.median(samples)), float(interval.low), float(interval.high))


@dataclasses.dataclass(frozen=True)
class Timings:
    """Seconds for one call of each model in each round.

    Attributes:
        seconds: {name: float64 [rounds]}; the same index is the same round.
    """

    seconds: dict[str, np.ndarray]

    def milliseconds(self, name: str) -> Median:
        """Return the median time of one call in milliseconds."""
        return median(self.seconds[name] * 1e3)

    def ratio(self, slow: str, fast: str) -> Median:
        """Return how many times as fast `fast` is as `slow`, from the ratios within each round."""
        return median(self.seconds[slow] / self.seconds[fast])


def interleave(
    calls: dict[str, Callable[[], object]], rounds: int = ROUNDS, what: str = "Timing", warm_up: int = WARM_UP
) -> Timings:
    """Time several functions in turn, in a new order each round; nothing else of a run is executed meanwhile.

    Args:
        calls: {name: function without arguments}.
        rounds: counted rounds.
        what: label of the progress bar.
        warm_up: rounds that come first and do not count.
    """
    names, shuffle = list(calls), np.random.default_rng(SEED)
    seconds = {name: np.empty(rounds) for name in names}
    with undisturbed():
        for i in console.progress(range(-warm_up, rounds), what, "round", rounds + warm_up):
            for name in shuffle.permutation(names):
                start = time.perf_counter_ns()
                calls[name]()
                elapsed = time.perf_counter_ns() - start
                if i >= 0:
                    seconds[name][i] = elapsed * 1e-9
    return Timings(seconds)


def time_files(
    files: dict[str, Path], image: np.ndarray, kernels: str, threads: int = 1, rounds: int = ROUNDS
) -> Timings:
    """Time several .tflite files on one picture, taking turns.

    Only `invoke` is timed: reading and preparing the picture costs the same for every file and would blur the ratio.

    Args:
        files: {name: path}.
        image: one picture, uint8 [96, 96, 3]; a model for another size gets it scaled.
        kernels: see `interpreter.load`.
        threads: threads of the kernels; one makes runs comparable between machines.
        rounds: counted rounds.
    """
    models = {name: _loaded(path, image, kernels, threads) for name, path in files.items()}
    return interleave({name: model.invoke for name, model in models.items()}, rounds, f"Timing, {kernels} kernels")


def _loaded(path: Path, image: np.ndarray, kernels: str, threads: int):
    """Return an interpreter with the picture already in its input."""
    model = interpreter.load(path, kernels, num_threads=threads)
    input_details = model.get_input_details()[0]
    size = int(input_details["shape"][1])
    picture = image[None]
    if size != len(image):
        from helpers.pictures import reading  # TensorFlow resizes, and is loaded only where that is needed

        picture = reading.resize(picture, size)
    model.set_tensor(input_details["index"], interpreter.quantize_input(conventions.normalise(picture), input_details))
    return model
