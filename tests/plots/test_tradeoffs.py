"""Accuracy against its cost: intervals are Wilson's, and titles say what overlaps."""

import numpy as np
import pytest

import figure_rules
from helpers import plots
from helpers.course import summary
from helpers.measure import accuracy
from plots_data import KINDS, SCORES, TIMES, counted, panel_title

# Each figure, and what its description must name.
FIGURES = {
    "accuracies": (lambda: plots.accuracies(SCORES), [f"int8 {SCORES['int8']}", f"float16 {SCORES['float16']}"]),
    "tradeoff": (
        lambda: plots.tradeoff(SCORES, TIMES["XNNPACK"], dict.fromkeys(KINDS, 123400), "XNNPACK"),
        [f"int8 {SCORES['int8'].accuracy:.1%} in {TIMES['XNNPACK'].milliseconds('int8').value:.2f} ms and 123 kB"],
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_keeps_the_rules(name):
    figure_rules.check(*FIGURES[name])


def test_figures_use_what_is_measured():
    """The interval that is drawn is Wilson's."""
    axes = plots.accuracies({"int8": SCORES["int8"]}).figure.axes[0]
    low, high = accuracy.wilson(int(SCORES["int8"].correct.sum()), 200)
    np.testing.assert_allclose(axes.get_lines()[0].get_xdata(), [100 * low, 100 * high])


@pytest.mark.parametrize(
    ("right", "title"),
    [
        ({"float32": 180, "int8": 179}, "The intervals overlap: look at the pictures, not at the dots"),
        ({"float32": 180, "int8": 60}, "Whole interval below float32's: int8"),
        ({"float32": 60, "int8": 180}, "Whole interval above float32's: int8"),
        (
            {"float32": 120, "float16": 190, "int8": 60, "int16x8": 50},
            "Whole interval below float32's: int8 and int16x8;\nabove float32's: float16",
        ),
        ({"float32": 150, "int8": 135, "float16": 165}, "Each interval overlaps float32's, but not each other one"),
        ({"int8": 60}, "One interval"),
    ],
)
def test_intervals_overlap_only_where_they_do(right, title):
    picture = plots.accuracies({name: counted(n) for name, n in right.items()})
    assert panel_title(picture) == title
    assert f"The shaded band is {next(iter(right))}'s interval" in picture.alt


def test_a_file_that_has_seen_fewer_pictures_is_not_compared():
    """Its accuracy differs by luck with the pictures; its answers can be compared."""
    scores = {"float32": counted(180), "int8": counted(178), "int16x8": counted(149, 150)}
    picture = plots.accuracies(scores)
    assert [text.get_text() for text in picture.figure.axes[0].texts] == ["float32's answer on 149 of 150 pictures"]
    assert "int16x8: same answer on 149 of 150 pictures as float32" in picture.alt and "99.3%" not in picture.alt
    times = TIMES["b"]
    shown = plots.tradeoff(scores, times, dict.fromkeys(KINDS, 1000), "b")
    assert "Not shown, on fewer pictures: int16x8." in shown.alt and "int16x8 " not in shown.alt


def test_a_larger_file_has_a_larger_mark():
    picture = plots.tradeoff(SCORES, TIMES["b"], {kind: 1000 * (i + 1) for i, kind in enumerate(KINDS)}, "b")
    areas = [
        marks.get_sizes()[0]
        for marks in picture.figure.axes[0].collections
        if marks.get_label() in picture_labels(picture)
    ]
    assert areas == sorted(areas) and len(areas) == len(KINDS)
    assert "small mark is a small file" in panel_title(picture)


def picture_labels(picture):
    return picture.figure.axes[0].get_legend_handles_labels()[1]


def made_up_record(speed_ups):
    """Return a record of pairs of networks, on a front each, whose int8 twin is so many times as fast."""
    names = [f"n{i}" for i in range(len(speed_ups))]

    def row(ms, accuracy):
        times = {"XNNPACK": {"value": ms, "low": ms, "high": ms}}
        return {
            "bytes": 1000,
            "accuracy": accuracy,
            "low": accuracy - 0.01,
            "high": accuracy + 0.01,
            "milliseconds": times,
        }

    networks = {
        name: {"float32": row(2.0 + i, 0.8 + i / 100), "int8": row((2.0 + i) / (s or 1), 0.8 + i / 100)}
        for i, (name, s) in enumerate(zip(names, speed_ups, strict=True))
    }
    matches = [{"speed_up": s} for s in speed_ups]
    return {"data": "drawn pets", "pictures": 200, "networks": networks, "matches": {"XNNPACK": matches}}


@pytest.mark.parametrize(
    ("speed_ups", "words", "middle"),
    [
        ([2.0, 3.0], "for 2 of 2 float32 networks on their front,", ", 2.5 times in the middle."),
        ([2.0, 0.5], "for 1 of 2 float32 networks on their front,", ", 2.0 times."),
        ([0.5, None], "for none of 2 float32 networks on their front,", "as accurate and faster."),
        ([1.0], "for none of 1 float32 network on its front,", "as accurate and faster."),
    ],
)
def test_int8_is_faster_only_where_it_is(speed_ups, words, middle):
    picture = plots.frontier(made_up_record(speed_ups))
    assert panel_title(picture) == f"Drawn pets: {words}\nan int8 network is as accurate and faster"
    assert words.capitalize() in picture.alt and picture.alt.endswith(middle)


NUMBERS = np.array([100, 1000, 10_000])


@pytest.mark.parametrize(
    ("curves", "pictures", "words"),
    [
        (
            [[0.05, 0.5, 1.0]],
            1000,
            "rising with the number of pictures from nothing to certainty. On 1,000 pictures it is 50%",
        ),
        ([[0.05, 0.2, 0.5]], 1000, "rising with the number of pictures from nothing to 50%"),
        ([[0.3, 0.5, 1.0], [0.2, 0.5, 0.9]], 1000, "pictures from 20% to 30% to 90% to 100%"),
        ([[0.5, 0.5, 0.5]], 1000, "points, 50% on the fewest pictures, 50% on the most. On"),
        ([[1.0, 0.5, 0.1]], 1000, "points, 100% on the fewest pictures, 10% on the most. On"),
        ([[0.05, 0.5, 1.0]], 50, "On 50 pictures it is beyond the curve (5% on 100) with A"),
        ([[0.05, 0.5, 0.9]], 20_000, "On 20,000 pictures it is beyond the curve (90% on 10,000) with A"),
        ([[0.05, 0.5, 0.9]], 1, "On 1 picture it is"),
    ],
)
def test_the_chance_to_notice_rises_only_where_it_does(curves, pictures, words):
    named = {"AB"[i]: (NUMBERS, np.array(chances)) for i, chances in enumerate(curves)}
    assert words in plots.power(named, 0.005, pictures).alt


@pytest.mark.parametrize(
    ("scores", "title", "alt"),
    [
        ({1: 0.95, 10: 0.96, 100: 0.97}, "the best of 100 scores 97.0% on average", "The average rises, from 95.0% to"),
        ({1: 0.95, 10: 0.95}, "the best of 10 scores 95.0% on average", "The average stays the same, from 95.0% to 95"),
        ({1: 0.96, 2: 0.94}, "the best of 2 scores 94.0% on average", "The average falls, from 96.0% to 94.0%"),
    ],
)
def test_the_best_scores_more_only_where_it_does(scores, title, alt):
    picture = plots.best_of({k: np.full(50, score) for k, score in scores.items()}, 0.95)
    assert title in panel_title(picture) and alt in picture.alt


@pytest.mark.parametrize("count", [0, 3])
def test_no_design_is_dropped(count):
    curves = {str(i): (NUMBERS, np.array([0.0, 0.5, 1.0])) for i in range(count)}
    with pytest.raises(ValueError, match=f"Expected 1 to 2 designs in one figure; found {count}"):
        plots.power(curves, 0.005, 200)


@pytest.mark.parametrize("cost", ["XNNPACK", "bytes"])
def test_no_name_covers_another(cost):
    """Held against what Matplotlib says of the place of each text, on the reference run."""
    record = summary.reference()["frontier"]
    figure = plots.frontier(record, cost).figure
    figure.draw_without_rendering()
    names = [text for text in figure.axes[0].texts if text.get_text()]
    assert {text.get_text() for text in names} == set(record["networks"])
    boxes = [text.get_window_extent() for text in names]
    for i, box in enumerate(boxes):
        assert not any(box.shrunk(0.95, 0.7).overlaps(other.shrunk(0.95, 0.7)) for other in boxes[i + 1 :]), names[i]
