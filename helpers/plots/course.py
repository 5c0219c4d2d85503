"""The map of the course."""

from __future__ import annotations

import base64
import html
import textwrap
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np

from helpers.plots import style
from helpers.plots.style import GREEN, GREY, Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from helpers.course.course_map import Station


class LinkedPicture(Picture):
    """A picture with places that lead somewhere; where places cannot be laid over it, the links stand below it.

    Args of the class besides those of `Picture`:
        links: {(left, bottom, width, height) as shares of the figure: (address, name)}.
    """

    def __init__(self, figure: Figure, alt: str, links: dict[tuple[float, float, float, float], tuple[str, str]]):
        super().__init__(figure, alt)
        self.links = links

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        data, metadata = super()._repr_mimebundle_()
        about = metadata["image/png"]
        picture = base64.b64encode(data["image/png"]).decode("ascii")
        image = f'<img src="data:image/png;base64,{picture}" alt="{html.escape(self.alt)}" style="display:block" '
        image += f'data-smallest-text="{about["smallest_text"]}">'
        places = " ".join(_link(place, *target) for place, target in self.links.items())
        page = f'<div style="position:relative;display:inline-block">{image}{places}</div>'
        return data | {"text/html": page}, metadata


def _link(place: tuple[float, float, float, float], address: str, name: str) -> str:
    """Return a link that lies invisibly over a part of a picture: left, bottom, width and height as shares of it."""
    left, bottom, width, height = (100 * share for share in place)
    where = f"left:{left:.1f}%;top:{100 - bottom - height:.1f}%;width:{width:.1f}%;height:{height:.1f}%"
    hidden = "position:absolute;overflow:hidden;color:transparent"
    return (
        f'<a href="{html.escape(address)}" title="{html.escape(name)}" style="{hidden};{where}">{html.escape(name)}</a>'
    )


def course_map(stations: Sequence[Station]) -> LinkedPicture:
    """Draw the notebooks of the course as boxes that lead to them: two first, then any of the others, then the last.

    Those that go beyond the lecture stand below the last, with dashed lines.

    Args:
        stations: from `course_map.stations`.
    """
    first, second, *middle, last = course = [s for s in stations if not s.beyond]
    beyond = [s for s in stations if s.beyond]
    figure, axis = style.axes(11, 5.8)
    figure.set_layout_engine("none")
    axis.set_position((0, 0, 1, 1))
    axis.axis("off")
    axis.set(xlim=(0, 1), ylim=(0, 1))
    tops = np.linspace(0.93, 0.08, len(middle) + 1)
    gap = tops[0] - tops[1]
    boxes = {first: (0.01, 0.4, 0.15, 0.2), second: (0.265, 0.4, 0.165, 0.2), last: (0.84, 0.4, 0.15, 0.2)}
    boxes |= {s: (0.51, top - 0.9 * gap, 0.26, 0.78 * gap) for s, top in zip(middle, tops[:-1], strict=True)}
    boxes |= {s: (0.84, 0.1 - 0.22 * i, 0.15, 0.2) for i, s in enumerate(beyond)}
    for station, (left, bottom, width, height) in boxes.items():
        look = {
            "facecolor": "#F1F8F6",
            "edgecolor": GREEN,
            "linewidth": 2,
            "linestyle": "--" if station.beyond else "-",
        }
        axis.add_patch(plt.Rectangle((left, bottom), width, height, **look))
        wide = 31 if station in middle else 18
        words = textwrap.fill(station.question, wide)
        axis.text(left + 0.012, bottom + height - 0.018, station.title, va="top", fontweight="bold", fontsize=12.5)
        axis.text(left + 0.012, bottom + height - 0.065, words, va="top", fontsize=11)
    _map_arrows(axis, boxes, course)
    for station in beyond:
        left, bottom, width, height = boxes[station]
        axis.text(left + width / 2, bottom - 0.02, f"beyond {station.beyond}", ha="center", va="top", fontsize=11)
    links = {place: (station.file, station.title) for station, place in boxes.items()}
    asked = "; ".join(f"{s.title}: {s.question}" for s in stations)
    return LinkedPicture(
        figure,
        f"Map of the course, {len(stations)} boxes. An arrow named {first.makes} leads from the first notebook to the "
        f"second, and arrows named {second.makes} from there to {_passed_on(len(middle))} to the last"
        f"{_beyond(beyond)}. {asked}",
        links,
    )


def _passed_on(middle: int) -> str:
    """Return where the arrows between the second and the last notebook lead, over so many others."""
    return f"{middle} notebooks that can be read in any order; all lead" if middle > 1 else "1 notebook, which leads"


def _beyond(stations: Sequence[Station]) -> str:
    """Return which boxes stand apart."""
    return "".join(f"; {s.title} stands below it, beyond {s.beyond}" for s in stations)


def _map_arrows(axis, boxes: dict[Station, tuple[float, float, float, float]], stations: Sequence[Station]) -> None:
    """Draw what is passed on: from the first to the second, from there to the middle ones, from those to the last."""
    first, second, *middle, last = stations
    arrow = {"arrowstyle": "-|>", "color": GREY, "linewidth": 1.5, "shrinkA": 2, "shrinkB": 2}

    def side(station: Station, right: bool) -> tuple[float, float]:
        left, bottom, width, height = boxes[station]
        return left + width * right, bottom + height / 2

    pairs = [(first, second), *((second, s) for s in middle), *((s, last) for s in middle)]
    for start, end in pairs:
        axis.annotate("", side(end, False), side(start, True), arrowprops=arrow)
    x, y = (np.add(side(first, True), side(second, False))) / 2
    axis.text(x, y + 0.02, first.makes, ha="center", va="bottom", fontsize=11)
    left, bottom, width, _ = boxes[second]
    axis.text(left + width / 2, bottom - 0.02, f"{second.makes} for all", ha="center", va="top", fontsize=11)
    left, bottom, width, _ = boxes[last]
    axis.text(left + width / 2, bottom - 0.02, "your numbers", ha="center", va="top", fontsize=11)
