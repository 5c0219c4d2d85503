"""The chance to notice a loss, against throwing the dice and asking SciPy's test each time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from helpers.measure import sample_size
from helpers.measure.accuracy import mcnemar


def thrown(pictures: int, loss: float, disagreement: float, times: int = 1200) -> float:
    """Return how often McNemar's exact test has p < 0.05 with the better model ahead, among made-up test sets."""
    rng = np.random.default_rng(5)
    shares = [(disagreement + loss) / 2, (disagreement - loss) / 2, 1 - disagreement]
    splits = rng.multinomial(pictures, shares, times)[:, :2]
    ahead = [(first, second) for first, second in splits if first > second]
    return sum(stats.binomtest(int(f), int(f + s)).pvalue < sample_size.LEVEL for f, s in ahead) / times


@pytest.mark.parametrize(
    ("pictures", "loss", "disagreement"),
    [(300, 0.03, 0.04), (2000, 0.005, 0.01), (2000, 0.005, 0.005), (900, 0.02, 0.3)],
)
def test_paired_is_what_the_dice_say(pictures, loss, disagreement):
    found = sample_size.chance_paired(pictures, loss, disagreement)
    assert found == pytest.approx(thrown(pictures, loss, disagreement), abs=0.045)


@given(st.integers(0, 400))
def test_what_is_needed_is_exactly_what_the_test_asks(count):
    needed = int(sample_size._needed(np.array([count]))[0])
    if needed <= count:
        first = np.arange(count) < needed
        assert mcnemar(first, ~first).p_value < sample_size.LEVEL
    if count and needed - 1 >= count / 2:
        first = np.arange(count) < needed - 1
        assert mcnemar(first, ~first).p_value >= sample_size.LEVEL


@pytest.mark.parametrize(("pictures", "loss", "accuracy"), [(2000, 0.02, 0.95), (2000, 0.005, 0.95), (300, 0.1, 0.8)])
def test_apart_is_what_the_dice_say(pictures, loss, accuracy):
    rng = np.random.default_rng(6)
    first, second = (rng.binomial(pictures, share, 20_000) for share in (accuracy, accuracy - loss))
    together = (first + second) / (2 * pictures)
    z = (first - second) / pictures / np.sqrt(2 * together * (1 - together) / pictures)
    noticed = (z > stats.norm.isf(sample_size.LEVEL / 2)).mean()
    assert sample_size.chance_apart(pictures, loss, accuracy) == pytest.approx(noticed, abs=0.015)


@settings(max_examples=30, deadline=None)
@given(st.integers(2000, 20_000), st.floats(0.005, 0.1), st.floats(0.0, 0.2))
def test_more_disagreement_hides_a_loss(pictures, loss, noise):
    quiet, loud = (sample_size.chance_paired(pictures, loss, loss + extra) for extra in (noise, noise + 0.1))
    assert loud <= quiet + 0.02  # the number of tosses is whole, so that the curve has small steps


@pytest.mark.parametrize(
    ("chance", "given"),
    [(sample_size.chance_paired, {"disagreement": 0.01}), (sample_size.chance_apart, {"accuracy": 0.95})],
)
def test_the_number_needed_is_enough_and_no_more(chance, given):
    found = sample_size.pictures_needed(chance, loss=0.005, **given)
    assert chance(found, loss=0.005, **given) >= sample_size.WANTED
    assert chance(round(0.97 * found), loss=0.005, **given) < sample_size.WANTED


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: sample_size.chance_paired(0, 0.01, 0.02), "at least one picture"),
        (lambda: sample_size.chance_paired(100, 0.0, 0.02), "a loss above 0"),
        (lambda: sample_size.chance_paired(100, 0.03, 0.02), "cannot lose more pictures than it answers differently"),
        (lambda: sample_size.chance_apart(100, 0.3, 0.2), "accuracy from the loss"),
        (
            lambda: sample_size.pictures_needed(sample_size.chance_apart, loss=1e-6, accuracy=0.9),
            "Not even 10,000,000 pictures",
        ),
    ],
)
def test_what_cannot_be(call, says):
    with pytest.raises(ValueError, match=says):
        call()
