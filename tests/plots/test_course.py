"""The map of the course."""

import pytest

import figure_rules
from helpers import plots
from helpers.course import course_map

# Each figure, and what its description must name.
FIGURES = {
    "course_map": (
        lambda: plots.course_map(course_map.stations()),
        ("8 boxes", "SavedModel", "to 5 notebooks", "7 · On the board"),
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_keeps_the_rules(name):
    figure_rules.check(*FIGURES[name])


def test_one_notebook_between_the_second_and_the_last():
    first, second, third, *_, last = course_map.stations()
    alt = plots.course_map([first, second, third, last]).alt
    assert "from there to 1 notebook, which leads to the last" in alt and "any order" not in alt
