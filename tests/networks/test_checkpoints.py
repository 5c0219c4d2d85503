"""Weights that come with the suite: those of the default network are those of their card, and fit the board."""

import json

import numpy as np
import pytest
from scipy import stats

from helpers.base import artifacts, data
from helpers.measure import accuracy
from helpers.networks import checkpoints, plans, pretrained, training
from helpers.pictures import conventions, datasets, photographs
from helpers.tflite import micro
from made_up import tiny

pytest_plugins = ["made_up"]

CARD = json.loads(training.PRETRAINED.with_suffix(".json").read_text())
README = training.PRETRAINED.with_name("README.md").read_text()
FILE_LIMIT, ARENA_LIMIT = 400_000, 160_000  # bytes: half of the board is left for the application
SHIPPED_LIMIT = 2_000_000  # bytes in the repository


def test_the_files_are_those_of_the_card():
    assert artifacts.sha256(training.PRETRAINED) == CARD["sha256"]
    assert artifacts.sha256(plans.PRETRAINED_INT8) == CARD["int8_sha256"]
    assert sum(path.stat().st_size for path in training.PRETRAINED.parent.glob("residual_cnn*")) <= SHIPPED_LIMIT


def test_the_card_says_what_was_measured():
    said = [CARD["sha256"], CARD["int8_sha256"], f"{CARD['int8_bytes']:,}", f"{CARD['int8_arena_bytes']:,}"]
    said += [f"{found['accuracy']:.2%}" for split in CARD["results"].values() for found in split.values()]
    assert [words for words in said if words not in README] == []


def test_the_card_has_a_second_opinion_of_photographs_that_were_kept_back():
    before = CARD["predecessor"]
    for kind, found in ((kind, before["kept_back"][kind]) for kind in ("float32", "int8")):
        assert f"{found['accuracy']:.1%} ({found['low']:.1%} to {found['high']:.1%})" in README
        low, high = accuracy.wilson(round(found["accuracy"] * found["pictures"]), found["pictures"])
        assert (low, high) == pytest.approx((found["low"], found["high"]), abs=1e-3)
        assert pretrained.opinions(kind)["kept back"] == found
        assert pretrained.opinions(kind)["test"] == before["results"]["test"][kind]
    right = [before["results"]["test"]["float32"]["right"], round(0.955 * 2738)]
    table = [[right[0], 2226 - right[0]], [right[1], 2738 - right[1]]]
    assert stats.chi2_contingency(table, correction=False).pvalue == pytest.approx(1 / 50, rel=0.3)


def test_the_card_promises_97_percent_in_int8_on_both_splits_together():
    test, both = CARD["results"]["test"], [CARD["results"][split]["int8"] for split in ("validation", "test")]
    share = sum(one["right"] for one in both) / sum(one["pictures"] for one in both)
    assert share >= 0.97 and f"{share:.2%}" in README
    assert test["float32"]["accuracy"] - test["int8"]["accuracy"] <= 0.003
    assert test["int8"]["right"] / test["int8"]["pictures"] == pytest.approx(test["int8"]["accuracy"], abs=1e-5)


def test_it_fits_the_board():
    assert plans.PRETRAINED_INT8.stat().st_size == CARD["int8_bytes"] <= FILE_LIMIT
    try:
        needed = micro.arena_bytes(plans.PRETRAINED_INT8)
    except NotImplementedError as reason:
        pytest.skip(str(reason))
    assert needed == CARD["int8_arena_bytes"] <= ARENA_LIMIT


@pytest.mark.photographs
@pytest.mark.skipif(not photographs.prepared(), reason="the photographs are not prepared: make photos")
def test_the_card_is_true_on_the_photographs():
    found = accuracy.score(plans.PRETRAINED_INT8, *datasets.load("photographs").arrays("test"))
    promised = CARD["results"]["test"]["int8"]
    assert len(found.labels) != promised["pictures"] or found.correct.sum() == promised["right"]


def test_the_readme_repeats_the_card():
    said = (data.project() / "README.md").read_text()
    assert f"{CARD['results']['test']['int8']['accuracy']:.1%} of the test photographs" in said
    kept_back = CARD["predecessor"]["kept_back"]["int8"]
    assert f"{kept_back['accuracy']:.1%} of {kept_back['pictures']:,} that nobody had used before" in said
    assert all(command in README.replace(" \\\n    ", " ") for command in CARD["commands"])
    assert f"{CARD['int8_bytes'] / 1e3:.0f} kB" in said
    assert f"{CARD['int8_arena_bytes'] / 1e3:.0f} kB of RAM" in said


def test_the_score_is_that_of_keras(few):
    images, labels = few.arrays("test")
    model = tiny()
    found = checkpoints.score(model, images, labels)
    np.testing.assert_allclose(
        found.probabilities, model.predict(conventions.normalise(images), verbose=0), rtol=1e-5, atol=1e-6
    )
    assert found.accuracy == np.mean(found.probabilities.argmax(1) == labels)
    with pytest.raises(ValueError, match="at least one picture"):
        checkpoints.score(model, images[:0], labels[:0])
