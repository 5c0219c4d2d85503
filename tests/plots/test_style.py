"""How every figure looks: colours with a meaning, a description beside it, and none stays open."""

import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers import plots
from helpers.plots import style
from plots_data import BOUNDS, CEILINGS, KINDS, PAIRS, SCORES, SLIDE, TIMES, colours


def test_a_picture_shows_itself_with_its_description():
    picture = plots.code_differences(np.array([0, -1]))
    data, metadata = picture._repr_mimebundle_()
    assert data == {"image/png": picture.png(), "text/plain": picture.alt}
    assert set(metadata) == {"image/png"} and metadata["image/png"]["alt"] == picture.alt
    assert repr(picture) == picture.alt


def test_no_figure_stays_open():
    before = plt.get_fignums()
    plots.accuracies(SCORES)
    assert plt.get_fignums() == before


def test_looks_belong_to_kinds_and_no_two_are_alike():
    for looks in (style.COLOURS, style.MARKERS, style.HATCHES):
        assert list(looks) == KINDS
        assert len(set(looks.values())) == len(KINDS)
    assert style.COLOURS["float32"] == "#0072B2"  # Okabe and Ito's blue
    assert style.COLOURS["int8"] == "#D55E00"  # and their vermilion


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_a_kind_has_its_colour_in_every_figure(kind):
    pictures = (
        plots.latencies(TIMES),
        plots.slide_latencies(PAIRS, SLIDE, "XNNPACK"),
        plots.roofline(BOUNDS, CEILINGS),
        plots.tradeoff(SCORES, TIMES["XNNPACK"], dict.fromkeys(KINDS, 123400), "XNNPACK"),
    )
    for picture in pictures:
        assert colours(picture.figure, kind) == {style.COLOURS[kind].lower()}
    rows = plots.accuracies(SCORES).figure.axes[0].get_lines()
    marks = {line.get_color() for line in rows if line.get_marker() == style.MARKERS[kind]}
    assert marks == {style.COLOURS[kind]}


@pytest.mark.parametrize(("count", "advice"), [(0, "pass at least one"), (3, "draw several")])
def test_nothing_is_dropped_for_want_of_a_look(count, advice):
    with pytest.raises(ValueError, match=f"Expected 1 to 2 curves in one figure; found {count}: {advice}"):
        style.paired([str(i) for i in range(count)], ("o", "s"), "curves")
    assert list(style.paired({"a": 1}, ("o", "s"), "curves")) == [("a", "o")]


def test_the_figures_load_what_they_need_only_when_they_are_drawn():
    """TensorFlow takes five seconds to load and SciPy one; what only annotations name is not loaded at all."""
    script = "import sys, helpers.plots; print({'tensorflow', 'keras', 'scipy', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
