"""A ladder of methods on one network: each rung is scored on the same pictures, and held against the one below."""

import dataclasses
import time
from collections.abc import Callable

import numpy as np

from helpers.base import tables
from helpers.base.tf import keras
from helpers.measure import accuracy, sample_size
from helpers.measure.accuracy import Score
from helpers.networks import checkpoints

SHARED = {"one scale a layer": False, "one scale a channel": True}  # names of the two sides of a ladder: per channel?


@dataclasses.dataclass(frozen=True)
class Rung:
    """A method, on the same network with one scale a layer and with one a channel.

    Attributes:
        name: of the method.
        scores: {side of the ladder: Score}.
        seconds: {side: time to make the network}.
        pictures, labels: how many the method has looked at.
    """

    name: str
    scores: dict[str, Score]
    seconds: dict[str, float]
    pictures: int
    labels: int


class Ladder:
    """Rungs of methods, from the bottom up.

    Attributes:
        whole: the score of the float32 network.
        rungs: so far.
        models: {(name of the rung, side): network}.
    """

    def __init__(self, exact: keras.Model, images: np.ndarray, labels: np.ndarray):
        """Score the float32 network.

        Args:
            exact: the network.
            images: uint8 [n, size, size, 3], to score on.
            labels: int64 [n].
        """
        self._pictures = images, labels
        self.whole = checkpoints.score(exact, images, labels)
        self.rungs, self.models = [], {}

    def climb(self, name: str, make: Callable[[bool], keras.Model], pictures: int = 0, labels: int = 0) -> None:
        """Make the network of a rung for both sides, score it, and print how it compares with the rung below.

        Args:
            name: of the method.
            make: returns the network; takes whether there is one scale a channel.
            pictures, labels: how many the method looks at.
        """
        scores, seconds = {}, {}
        for side, per_channel in SHARED.items():
            start = time.perf_counter()
            self.models[name, side] = make(per_channel)
            seconds[side] = time.perf_counter() - start
            scores[side] = checkpoints.score(self.models[name, side], *self._pictures)
        self.rungs.append(Rung(name, scores, seconds, pictures, labels))
        for side, score in scores.items():
            print(f"{side:20} {score}{self._against_below(side)}")

    def scores(self) -> dict[str, dict[str, Score]]:
        """Return {rung: {side: Score}}, from the bottom up."""
        return {rung.name: rung.scores for rung in self.rungs}

    def _against_below(self, side: str) -> str:
        """Return what McNemar's test says of the last rung and the one below it."""
        return f", {verdict(self.p_value(-1, side))}" if len(self.rungs) > 1 else ""

    def p_value(self, place: int, side: str) -> tuple[float, float]:
        """Return McNemar's p-value of a rung against the one below it, and the difference in accuracy."""
        below, above = (self.rungs[i].scores[side] for i in (place - 1, place))
        return accuracy.mcnemar(above.correct, below.correct).p_value, above.accuracy - below.accuracy

    def table(self) -> tables.Table:
        """Return what each rung brings on both sides, with McNemar's p-value against the rung below, and its costs."""
        header = ["rung"]
        for side in SHARED:
            header += [side, "p"]
        rows = []
        for i, rung in enumerate(self.rungs):
            cells = [rung.name]
            for side in SHARED:
                cells += [str(rung.scores[side]), short(self.p_value(i, side)[0]) if i else ""]
            rows.append([*cells, f"{np.mean(list(rung.seconds.values())):.1f}", rung.pictures, rung.labels])
        return tables.Table([*header, "seconds", "pictures", "labels"], rows)


def verdict(test: tuple[float, float]) -> str:
    """Return in words how a network compares with another on the same pictures: p-value and difference in accuracy."""
    p_value, gain = test
    if p_value >= sample_size.LEVEL:
        return f"no clear difference from the rung below (p {short(p_value)})"
    return f"{'better' if gain > 0 else 'worse'} than the rung below (p {short(p_value)})"


def short(p_value: float) -> str:
    """Return a p-value as one writes it: "= 0.03" or "< 0.001"."""
    return "< 0.001" if p_value < 0.001 else f"= {p_value:.3f}"
