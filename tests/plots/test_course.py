"""The map of the course."""

import pytest

import figure_rules
from helpers import plots
from helpers.course import course_map

# Each figure, and what its description must name.
FIGURES = {
    "course_map": (
        lambda: plots.course_map(course_map.stations()),
        ("9 boxes", "SavedModel", "to 5 notebooks", "7 · On the board", "9 · Fewer bits stands below it, beyond the"),
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_keeps_the_rules(name):
    figure_rules.check(*FIGURES[name])


def test_one_notebook_between_the_second_and_the_last():
    first, second, third, *_, last = (s for s in course_map.stations() if not s.beyond)
    alt = plots.course_map([first, second, third, last]).alt
    assert "from there to 1 notebook, which leads to the last" in alt and "any order" not in alt


def test_what_goes_beyond_is_dashed_and_has_no_arrow():
    picture = plots.course_map(course_map.stations())
    styles = [patch.get_linestyle() for patch in picture.figure.axes[0].patches]
    assert styles.count("--") == 1 and styles.count("-") == 8
    arrows = [text for text in picture.figure.axes[0].texts if not text.get_text()]
    assert len(arrows) == 1 + 5 + 5
    assert "stands below it" not in plots.course_map([s for s in course_map.stations() if not s.beyond]).alt
