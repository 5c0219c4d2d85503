"""What every figure must be: described in words with its numbers, labelled, legible, and the same bytes twice."""

from collections.abc import Callable, Iterable

import numpy as np
import pytest
from matplotlib.backends.backend_agg import RendererAgg

from helpers import plots

SHORTEST_ALT = 40  # characters
SMALLEST_TEXT = 15  # pixels of the PNG, so that 14 are left on a slide of 1280 by 720


def check(draw: Callable[[], plots.Picture], named: Iterable[str]) -> None:
    """Fail if a figure breaks a rule.

    Args:
        draw: makes the figure.
        named: words and numbers that its description must hold.
    """
    picture, smallest = drawn(draw)
    assert isinstance(picture, plots.Picture)
    assert len(picture.alt) >= SHORTEST_ALT and "\n" not in picture.alt
    assert [words for words in named if words not in picture.alt] == [], picture.alt
    again = draw()
    assert (again.png(), again.alt) == (picture.png(), picture.alt), "the same figure has the same bytes"
    assert picture.png().startswith(b"\x89PNG\r\n\x1a\n") and b"Software" not in picture.png()
    about = picture._repr_mimebundle_()[1]["image/png"]
    assert about["smallest_text"] == pytest.approx(smallest, abs=0.06) and smallest >= SMALLEST_TEXT
    shown = [axes for axes in picture.figure.axes if axes.axison]  # pictures and drawings have none
    unlabelled = [axes.get_title(loc="left") for axes in shown if not axes.get_xlabel() and not axes.get_ylabel()]
    assert not unlabelled or picture.figure.get_supxlabel(), f"axes without labels: {unlabelled}"


def drawn(draw: Callable[[], plots.Picture]) -> tuple[plots.Picture, float]:
    """Return a figure and the smallest size, in pixels, with which the renderer was asked to write a text of it."""
    sizes, draw_text = [], RendererAgg.draw_text

    def note_size(renderer, gc, x, y, s, prop, *rest, **options):
        sizes.append(prop.get_size_in_points() if s.strip() else np.inf)
        return draw_text(renderer, gc, x, y, s, prop, *rest, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RendererAgg, "draw_text", note_size)
        picture = draw()
        picture.png()
    return picture, min(sizes) * picture.figure.dpi / 72  # 72 points are an inch
