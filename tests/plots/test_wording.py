"""Words from numbers: singular and plural, equal ends, curves that fall, rise or do neither."""

import numpy as np
import pytest

from helpers.plots import wording
from plots_data import counted


def test_one_is_singular_and_none_is_plural():
    assert [wording.counted(n, "epoch") for n in (0, 1, 2, 2000)] == ["0 epochs", "1 epoch", "2 epochs", "2,000 epochs"]


def test_only_two_names_are_listed():
    assert [wording.few(list("abcd"[:n])) for n in (1, 2, 3, 4)] == ["a", "a and b", "a and 2 others", "a and 3 others"]


@pytest.mark.parametrize(
    ("values", "words"),
    [([2.0, 1.5], "1.5 to 2.0"), ([1.0], "1.0"), ([1.01, 1.04], "1.0"), ([9.9, 10.1], "9.9 to 10.1")],
)
def test_a_spread_has_its_smaller_end_first(values, words):
    assert wording.spread(values) == words


@pytest.mark.parametrize(
    ("lost", "words"),
    [(1.5, "1.5 points lost"), (-0.5, "0.5 points gained"), (0.0, "0.0 points lost"), (-0.01, "0.0 points lost")],
)
def test_a_loss_below_zero_is_a_gain(lost, words):
    assert wording.points(lost) == words


def test_one_whole_point_is_singular():
    assert [wording.points(lost, 0) for lost in (1.2, 2, -1)] == ["1 point lost", "2 points lost", "1 point gained"]


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ([4, 3, 2, 1], "falls"),
        ([4, 1.4, 1.6, 1], "falls"),
        ([1, 2], "rises"),
        ([3, 3, 3], "stays the same"),
        ([3, 1, 3], "goes up and down"),
        ([3, 1, 2.5], "goes up and down"),
        ([1, np.nan], "is not always a number"),
        ([1, np.inf], "is not always a number"),
    ],
)
def test_which_way_a_curve_runs(values, word):
    assert wording.trend(values) == word


@pytest.mark.parametrize(("right", "less"), [(180, False), (176, False), (130, True), (190, False)])
def test_less_accurate_is_what_the_paired_test_says(right, less):
    """Four lost pictures may be chance (p = 0.125), fifty may not, and more right answers are no loss."""
    assert wording.less_accurate(counted(right), counted(180)) == less
