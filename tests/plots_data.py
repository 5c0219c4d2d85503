"""What the tests of several figures share: made-up scores and times, and what a figure says and draws."""

import re

import matplotlib.colors
import numpy as np

from helpers.measure.accuracy import Score
from helpers.measure.ceilings import Ceilings
from helpers.measure.latency import Timings
from helpers.measure.roofline import LayerWork, Prediction
from helpers.plots import Picture
from helpers.tflite import convert

KINDS = list(convert.KINDS)


def made_up_score(seed: int, pictures: int = 200) -> Score:
    """Return a score of pictures that are mostly right."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, pictures)
    dog = np.clip(labels + rng.normal(0, 0.35, pictures), 0.01, 0.99)
    return Score(np.stack([1 - dog, dog], axis=1).astype(np.float32), labels)


def counted(right: int, pictures: int = 200) -> Score:
    """Return a score with so many right answers, the first ones."""
    return Score(np.eye(2)[(np.arange(pictures) >= right).astype(int)], np.zeros(pictures, int))


_RNG = np.random.default_rng(5)
SCORES = {kind: made_up_score(i) for i, kind in enumerate(KINDS)}
TIMES = {
    k: Timings({n: _RNG.gamma(9, s, 20) for n, s in zip(KINDS, range(1, 7), strict=True)}) for k in ("XNNPACK", "b")
}

SLIDE = {"A": {"float32": 80.0, "int8": 40.0}, "B": {"float32": 1480.0, "int8": 970.0}}
PAIRS = {name: Timings({"float32": np.full(5, k * 9e-3), "int8": np.full(5, 3e-3)}) for name, k in (("A", 1), ("B", 2))}
CEILINGS = Ceilings({"float32": 50e9, "int8": 200e9}, {2**20: 80e9, 2**27: 20e9})
CONVOLUTION = LayerWork("c", "CONV_2D", "float32", 10**8, 64, 10**5, 10**5, 1)
DENSE = LayerWork("d", "FULLY_CONNECTED", "float32", 10**6, 1000, 4 * 10**6, 8000, 1000)
POOL = LayerWork("p", "MAX_POOL_2D", "float32", 0, 64, 0, 5 * 10**4, 1)
PREDICTION = Prediction([CONVOLUTION, POOL, DENSE], np.array([2e-3, 0, 2e-5]), np.array([1e-5, 2e-6, 2e-4]), 2e10)
BOUNDS = {name: {"float32": PREDICTION, "int8": PREDICTION} for name in ("A", "B")}


def panel_title(picture: Picture, panel: int = 0) -> str:
    """Return the title of one panel of a figure."""
    return picture.figure.axes[panel].get_title(loc="left")


def suptitle(picture: Picture) -> str:
    """Return the title over all panels of a figure."""
    return picture.figure.get_suptitle()


def colours(figure, label: str) -> set[str]:
    """Return the colours of everything in a figure that carries a label, whatever it is."""
    codes = set()
    for axes in figure.axes:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            if re.split(r",(?! float)", name)[0] == label:
                artist = handle[0] if hasattr(handle, "patches") else handle
                colour = artist.get_facecolor() if hasattr(artist, "get_facecolor") else artist.get_color()
                codes.add(matplotlib.colors.to_hex(np.ravel(colour)[:3] if not isinstance(colour, str) else colour))
    return codes
