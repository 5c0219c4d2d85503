"""How often a .tflite file is right, how sure that number is, and whether two files really differ."""

import dataclasses
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from scipy import stats

from helpers.base import console
from helpers.base.machine import THREADS
from helpers.measure import answers
from helpers.pictures.conventions import normalise
from helpers.tflite import interpreter

BATCH = 10  # larger batches fall out of the cache and are no faster


def predict(
    model: Path | bytes,
    images: np.ndarray,
    kernels: str = "XNNPACK",
    to_input=interpreter.quantize_input,
    threads: int = THREADS,
) -> np.ndarray:
    """Return the probabilities that a model gives, float32 [n, classes].

    Pictures run in batches, on one interpreter a thread.

    Args:
        model: path or content of a .tflite file.
        images: uint8 [n, 96, 96, 3].
        kernels: see `interpreter`.
        to_input: how float inputs become the model's type.
        threads: how many share the pictures, each on a core.

    Raises:
        ValueError: there are no pictures.
    """
    if len(images) == 0:
        raise ValueError("Expected at least one picture to classify; found none.")
    parts = [part for part in np.array_split(images, threads) if len(part)]
    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(lambda part: _predict_part(model, part, kernels, to_input), parts)))


def _predict_part(model: Path | bytes, images: np.ndarray, kernels: str, to_input) -> np.ndarray:
    """Classify pictures on one core: whole batches first, then the rest as one smaller batch."""
    in_batches = len(images) // BATCH * BATCH
    outputs = []
    for pictures, batch in ((images[:in_batches], BATCH), (images[in_batches:], len(images) - in_batches)):
        if len(pictures):
            runner = interpreter.load(model, kernels, batch)
            input_details = runner.get_input_details()[0]
            chunks = (pictures[i : i + batch] for i in range(0, len(pictures), batch))
            outputs += [interpreter.run(runner, to_input(normalise(chunk), input_details)) for chunk in chunks]
    return np.concatenate(outputs)


# --- what the predictions are worth -------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Score:
    """How a model did on a set of pictures.

    Attributes:
        probabilities: float32 [n, classes].
        labels: int64 [n].
    """

    probabilities: np.ndarray
    labels: np.ndarray

    @property
    def predictions(self) -> np.ndarray:
        """The class with the largest probability, int64 [n]."""
        return self.probabilities.argmax(axis=1)

    @property
    def correct(self) -> np.ndarray:
        """Whether each prediction is right, bool [n]."""
        return self.predictions == self.labels

    @property
    def accuracy(self) -> float:
        """The share of right predictions, 0 to 1."""
        return float(self.correct.mean())

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the accuracy (Wilson 1927), which stays inside 0 to 1."""
        return wilson(int(self.correct.sum()), len(self.labels))

    def same_answers(self, other: "Score") -> int:
        """Return how many answers are those of another model, on the first pictures if one of them has seen fewer."""
        seen = min(len(self.labels), len(other.labels))
        return int((self.predictions[:seen] == other.predictions[:seen]).sum())

    def beside(self, whole: "Score") -> str:
        """Return in words how many answers are those of another model, which has seen more pictures.

        An accuracy on the first 150 of 2,000 pictures differs from one on all of them by luck with the pictures, so
        the two are no comparison.  Whether the answers to those pictures are the same is one.
        """
        seen = len(self.labels)
        return f"same answer on {self.same_answers(whole):,} of {seen:,}"

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.accuracy:.1%} ({low:.1%} to {high:.1%})"


def as_float32(same: int, seen: int) -> str:
    """Return in words how many answers are float32's, of a file that has seen some of the pictures only."""
    return f"as float32 on {same:,} of {seen:,}"


def wilson(right: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval for `right` out of `total` (doi:10.1080/01621459.1927.10502953), from SciPy.

    Raises:
        ValueError: there are no pictures, or more right answers than pictures.
    """
    if total < 1 or not 0 <= right <= total:
        raise ValueError(f"Expected 0 <= right <= total and at least one picture; found {right} of {total}.")
    interval = stats.binomtest(right, total).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def score(model: Path | bytes, images: np.ndarray, labels: np.ndarray, kernels: str = "XNNPACK", **options) -> Score:
    """Run a model over labelled pictures.

    A file that the suite has made and that has been asked before is not run again: see `answers`.

    Args:
        model, images, kernels: see `predict`.
        labels: int64 [n].
        options: go to `predict`; with any, nothing is kept.
    """

    def ask() -> np.ndarray:
        return predict(model, images, kernels, **options)

    again = isinstance(model, Path) and not options
    return Score(answers.kept(model, images, kernels, ask) if again else ask(), labels)


def score_all(
    files: dict[str, Path], images: np.ndarray, labels: np.ndarray, few: dict[str, int] | None = None
) -> dict[str, Score]:
    """Score several files on the same pictures, {name: score}, with a progress bar.

    Args:
        files: {name: path}.
        images, labels: the pictures, uint8 [n, 96, 96, 3], and their classes, int64 [n].
        few: {name: how many pictures} for files that are too slow to see all; they see the first ones.
    """
    bar, few = console.progress(files.items(), "Scoring", "file", len(files)), few or {}
    return {name: score(path, images[: few.get(name)], labels[: few.get(name)]) for name, path in bar}


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two models on the same pictures.

    Attributes:
        only_first, only_second: pictures that just one of the two gets right.
        p_value: McNemar's exact test: how likely a split this uneven is if both are equally good.
    """

    only_first: int
    only_second: int
    p_value: float


def mcnemar(first: np.ndarray, second: np.ndarray) -> Comparison:
    """Compare two models picture by picture (McNemar 1947, doi:10.1007/BF02295996), exactly.

    If one of them has seen fewer pictures, only these count.

    Pictures that both get right, or both wrong, say nothing about which is better.  Among the others, two equally
    good models would win as a fair coin does; SciPy's binomial test gives the probability.

    Args:
        first, second: whether each picture was classified rightly, bool [n]; the same pictures in the same order.
    """
    both = min(len(first), len(second))
    first, second = first[:both], second[:both]
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    either = only_first + only_second
    return Comparison(only_first, only_second, float(stats.binomtest(only_first, either).pvalue) if either else 1.0)


def difference(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Return the 95 % confidence interval of the second model's accuracy less the first one's, on the same pictures.

    Wilson's intervals of both accuracies, put together by how much the two go along with each other (Newcombe 1998,
    doi:10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C, method 10).  Two models that never differ
    have an interval too: a small test says little.

    Args:
        first, second: see `mcnemar`.
    """
    total = min(len(first), len(second))
    first, second = np.asarray(first[:total], float), np.asarray(second[:total], float)
    (low1, high1), (low2, high2) = (wilson(int(right.sum()), total) for right in (first, second))
    share1, share2 = first.mean(), second.mean()
    spread = first.std() * second.std()
    along = float(np.mean((first - share1) * (second - share2)) / spread) if spread else 0.0

    def reach(a: float, b: float) -> float:
        return float(np.sqrt(max(a * a - 2 * along * a * b + b * b, 0.0)))

    middle = float(share2 - share1)
    return middle - reach(share2 - low2, high1 - share1), middle + reach(high2 - share2, share1 - low1)


def cliff(scores: Mapping[int, Score], float_score: Score, points: float = 5.0) -> int | None:
    """Return where accuracy breaks off: the most bits at which it is more than `points` points below float32.

    The loss must also be more than chance: McNemar's test on the same pictures gives less than 0.05.  None if there is
    no such number among those tried.

    Args:
        scores: {bits: Score}, from `Simulation.sweep`.
        float_score: of the float32 network on the same pictures.
        points: percentage points of accuracy.
    """
    over = [
        bits
        for bits, score in scores.items()
        if 100 * (float_score.correct.sum() - score.correct.sum()) > points * len(float_score.labels)
        and mcnemar(float_score.correct, score.correct).p_value < 0.05
    ]
    return max(over, default=None)
