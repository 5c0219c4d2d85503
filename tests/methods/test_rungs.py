"""The ladder: each rung is held against the one below, and the table has what was measured."""

import numpy as np
import pytest

import made_up
from helpers.measure import accuracy
from helpers.methods import rungs
from helpers.networks import checkpoints, folding

pytest_plugins = ["made_up"]


@pytest.fixture(scope="module")
def ladder():
    """Two rungs of a network of noise: itself, and one whose answers are turned round with one scale a layer."""
    exact = folding.fold(made_up.residual())
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (60, 32, 32, 3), np.uint8), rng.integers(0, 2, 60)
    turned = folding.fold(made_up.residual())
    turned.set_weights(exact.get_weights())
    kernel, bias = exact.get_layer("dense").get_weights()
    turned.get_layer("dense").set_weights([-kernel, -bias])
    found = rungs.Ladder(exact, images, labels)
    found.climb("itself", lambda per_channel: exact)
    found.climb("turned", lambda per_channel: exact if per_channel else turned, pictures=7, labels=3)
    return found, exact, turned, images, labels


def test_scores_are_those_of_the_networks(ladder):
    found, exact, turned, images, labels = ladder
    assert str(found.whole) == str(checkpoints.score(exact, images, labels))
    sides = found.scores()["turned"]
    assert sides["one scale a layer"].accuracy == checkpoints.score(turned, images, labels).accuracy
    assert sides["one scale a channel"].accuracy == found.whole.accuracy
    assert found.models["turned", "one scale a layer"] is turned


def test_the_p_value_is_mcnemars(ladder):
    found, *_ = ladder
    below, above = (rung.scores["one scale a layer"] for rung in found.rungs)
    p_value, gain = found.p_value(1, "one scale a layer")
    assert p_value == accuracy.mcnemar(above.correct, below.correct).p_value
    assert gain == above.accuracy - below.accuracy
    assert found.p_value(1, "one scale a channel") == (1.0, 0.0)


def test_the_table_has_the_price(ladder):
    found, *_ = ladder
    table = found.table()
    assert table.columns == [
        "rung",
        "one scale a layer",
        "p",
        "one scale a channel",
        "p",
        "seconds",
        "pictures",
        "labels",
    ]
    assert table.rows[0][2] == "" and table.rows[1][4] == "= 1.000"
    assert table.rows[1][-2:] == ["7", "3"]


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ((0.2, 0.1), "no clear difference from the rung below (p = 0.200)"),
        ((0.01, 0.1), "better than the rung below (p = 0.010)"),
        ((0.0001, -0.1), "worse than the rung below (p < 0.001)"),
    ],
)
def test_a_difference_is_told_only_if_it_is_more_than_chance(test, words):
    assert rungs.verdict(test) == words
