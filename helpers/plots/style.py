"""How every figure looks: colours, markers and hatches with a meaning, and a figure with its alternative text."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import matplotlib
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

matplotlib.use("agg", force=False)

import matplotlib.pyplot as plt

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from matplotlib.figure import Figure

    from helpers.measure.accuracy import Score

BLACK, BLUE, SKY, GREEN = "#000000", "#0072B2", "#56B4E9", "#009E73"


ORANGE, VERMILION, PURPLE, GREY = "#E69F00", "#D55E00", "#CC79A7", "#8C8C8C"


COLOURS = {
    "float32": BLUE,
    "dynamic range": GREEN,
    "float16": SKY,
    "int8, float in/out": ORANGE,
    "int8": VERMILION,
    "int16x8": PURPLE,
}


MARKERS = {
    "float32": "o",
    "dynamic range": "^",
    "float16": "D",
    "int8, float in/out": "v",
    "int8": "s",
    "int16x8": "P",
}


HATCHES = {
    "float32": "",
    "dynamic range": "..",
    "float16": "xx",
    "int8, float in/out": "\\\\",
    "int8": "//",
    "int16x8": "++",
}


STYLE = {
    "figure.dpi": 110,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E5E5E5",
    "legend.frameon": False,
    "hatch.linewidth": 0.6,
}


plt.rcParams.update(STYLE)


class Picture:
    """A finished figure and the text that stands for it where it cannot be seen.

    Attributes:
        figure: as Matplotlib has it.
        alt: the text.
        live: what a page needs to show the figure of `web/figures/` in its place, {"figure": its name, ...}, or a
            function that returns it; or None.
    """

    def __init__(self, figure: Figure, alt: str, live: dict | Callable[[], dict] | None = None):
        self.figure, self.alt, self.live = figure, alt, live
        self._png = b""
        plt.close(figure)

    def png(self) -> bytes:
        """Return the figure as a PNG file, the same bytes for the same figure."""
        if not self._png:  # drawn once: the layout may settle a little differently the second time
            buffer = io.BytesIO()
            self.figure.savefig(buffer, format="png", metadata={"Software": None})
            self._png = buffer.getvalue()
        return self._png

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        data = {"image/png": self.png(), "text/plain": self.alt}
        about = {"alt": self.alt, "smallest_text": _smallest_text(self.figure)}
        live = self.live() if callable(self.live) else self.live
        return data, {"image/png": about | ({"live": live} if live else {})}


def _smallest_text(figure: Figure) -> float:
    """Return the size of the smallest letters in a drawn figure, in pixels of its PNG (72 points are an inch)."""
    hidden = [axis for axes in figure.axes if not axes.axison for axis in (axes.xaxis, axes.yaxis)]
    unseen = {text for axis in hidden for text in axis.findobj(Text)}
    shown = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return round(min(text.get_fontsize() for text in shown if text not in unseen) * figure.dpi / 72, 1)


def axes(width: float = 8, height: float = 4, **grid):
    """Return a new figure of `width` by `height` inches and its axes."""
    return plt.subplots(figsize=(width, height), **grid)


def plain_log(axis, low: float, high: float) -> None:
    """Make a logarithmic x axis from `low` to `high` with plain numbers on it, not powers of ten."""
    axis.set(xscale="log", xlim=(low, high))
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 500 * low else (1,), numticks=20))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_locator(NullLocator())


def join(items: Sequence[str]) -> str:
    """Join words as in a sentence: 'a, b and c'."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


GRID_STEP, SMALL_GRID_STEP = 8, 16  # every 8th (16th) int8 code gets a tick under a histogram; all would run together


BITS_LOOKS = {8: (VERMILION, "s", "-"), 4: (BLACK, "^", "--"), 3: (GREEN, "D", "-."), 2: (PURPLE, "v", ":")}


def paired(items: Collection, looks: Sequence, what: str) -> Iterator[tuple]:
    """Return each of some things to draw together with its look.

    Args:
        items: at least one; a dictionary gives its keys.
        looks: one for each place, in this order.
        what: the things are, in the plural, for the error message.

    Raises:
        ValueError: there is nothing to draw, or more than there are looks for.
    """
    if not 1 <= len(items) <= len(looks):
        advice = "draw several" if items else "pass at least one"
        raise ValueError(f"Expected 1 to {len(looks)} {what} in one figure; found {len(items)}: {advice}.")
    return zip(items, looks[: len(items)], strict=True)


def natural(name: str) -> list:
    """Return a key that sorts names with numbers in them as people do: conv2 before conv10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def short(value: float) -> str:
    """Return a number with two digits and a proper minus sign."""
    return f"{value:.2g}".replace("-", "−")


def binary_size(size: int) -> str:
    """Return bytes as makers of boards count them: 1 KB is 1,024 bytes."""
    return f"{size / 2**20:g} MB" if size >= 2**20 else f"{size / 2**10:g} KB"


def interval_bar(axis, score: Score, row: float, name: str) -> None:
    """Draw one accuracy with its 95% interval on a row, in the look of its kind of file."""
    low, high = score.interval
    axis.plot([100 * low, 100 * high], [row, row], color=COLOURS[name], linewidth=2.5)
    axis.plot(100 * score.accuracy, row, MARKERS[name], color=COLOURS[name], markersize=9, markeredgecolor="white")


def split_by_pictures(scores: Mapping[str, Score]) -> tuple[dict[str, Score], dict[str, Score]]:
    """Return the scores on all pictures, whose shares can be compared, and those on the first few of them."""
    most = max(len(score.labels) for score in scores.values())
    whole = {name: score for name, score in scores.items() if len(score.labels) == most}
    return whole, {name: score for name, score in scores.items() if name not in whole}


def shorten(name: str, longest: int = 20) -> str:
    """Return a file's name short enough for a caption, with a question mark for what the font cannot write."""
    known = get_font(findfont(FontProperties())).get_charmap()
    name = "".join(c if ord(c) in known else "?" for c in name)
    return name if len(name) <= longest else f"{name[: longest // 2 - 1]}…{name[-longest // 2 :]}"


def two_digits(number: float) -> str:
    """Return a positive number with at least two digits: 123, 12, 1.2, 0.12."""
    return f"{number:.0f}" if number >= 10 else f"{number:.1f}" if number >= 1 else f"{number:.2f}"
