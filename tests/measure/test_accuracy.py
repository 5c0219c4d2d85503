"""Scores, intervals and tests against formulas written out a second time; batches against one picture at a time."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from helpers.measure import accuracy
from helpers.measure.accuracy import Score
from helpers.pictures.conventions import normalise
from helpers.tflite import interpreter

pytest_plugins = ["small"]


# --- Wilson's interval ------------------------------------------------------------------------------------------------

COUNTS = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(deadline=None)
@given(COUNTS, st.floats(0.5, 0.999))
def test_wilson_is_the_closed_formula(counts, confidence):
    """Wilson 1927: the p for which |p-hat - p| = z sqrt(p (1 - p) / n)."""
    (right, total), p = counts, counts[0] / counts[1]
    z = math.sqrt(2) * erfinv(confidence)
    centre = (p + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * math.sqrt(p * (1 - p) / total + z**2 / (4 * total**2))
    low, high = accuracy.wilson(right, total, confidence)
    assert low == pytest.approx(max(0, centre - half), abs=1e-9)
    assert high == pytest.approx(min(1, centre + half), abs=1e-9)


def erfinv(x):
    """Return the y with erf(y) = x, by bisection."""
    low, high = 0.0, 10.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if math.erf(middle) < x else (low, middle)
    return low


@settings(deadline=None)
@given(COUNTS)
def test_wilson_stays_between_0_and_1_and_holds_the_share_found(counts):
    low, high = accuracy.wilson(*counts)
    assert 0 <= low <= counts[0] / counts[1] <= high <= 1
    assert low < high


@settings(deadline=None)
@given(COUNTS, st.integers(2, 10))
def test_wilson_narrows_with_more_pictures(counts, times):
    low, high = accuracy.wilson(*counts)
    narrow_low, narrow_high = accuracy.wilson(times * counts[0], times * counts[1])
    assert narrow_high - narrow_low < high - low


def test_wilson_of_a_published_example():
    """Newcombe 1998 (doi:10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E), table I: 81 of 263."""
    assert accuracy.wilson(81, 263) == (pytest.approx(0.2553, abs=5e-5), pytest.approx(0.3662, abs=5e-5))


@pytest.mark.parametrize(("right", "total"), [(0, 0), (3, 2), (-1, 5)])
def test_wilson_says_what_it_needs(right, total):
    with pytest.raises(ValueError, match=f"at least one picture; found {right} of {total}"):
        accuracy.wilson(right, total)


# --- McNemar's test ---------------------------------------------------------------------------------------------------


def binomial_sum(b, c):
    """Return McNemar's exact two-sided p: as likely as the split found, or less, if a fair coin decides."""
    n = b + c
    return sum(math.comb(n, k) for k in range(n + 1) if math.comb(n, k) <= math.comb(n, b)) / 2**n


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.randoms())
def test_mcnemar_is_a_sum_of_binomial_coefficients(only_first, only_second, both, neither, random):
    pairs = [(1, 0)] * only_first + [(0, 1)] * only_second + [(1, 1)] * both + [(0, 0)] * neither
    assume(pairs)
    random.shuffle(pairs)
    first, second = np.array(pairs, bool).T
    found = accuracy.mcnemar(first, second)
    assert (found.only_first, found.only_second) == (only_first, only_second)
    assert found.p_value == pytest.approx(binomial_sum(only_first, only_second))
    assert accuracy.mcnemar(second, first).p_value == pytest.approx(found.p_value)


@pytest.mark.parametrize(("losses", "gains"), [(0.016, 0.0), (0.002, 0.0), (0.01, 0.005), (0.03, 0.03), (0.001, 0.001)])
def test_the_interval_of_a_difference_holds_it_nineteen_times_out_of_twenty(losses, gains):
    """Counted over 1,000 tests of 1,000 pictures, drawn with known shares, of which both get 93 % right."""
    rng, held = np.random.default_rng(0), 0
    for only_first, only_second, both, _ in rng.multinomial(1000, [losses, gains, 0.93, 0.07 - losses - gains], 1000):
        first, second = (np.zeros(1000, bool) for _ in range(2))
        first[: only_first + both] = True
        second[only_first : only_first + both + only_second] = True
        low, high = accuracy.difference(first, second)
        held += low <= gains - losses <= high
    assert held / 1000 > 0.93


def test_two_models_that_never_differ_have_an_interval():
    """The fewer pictures, the less is known."""
    few, many = np.ones(100, bool), np.ones(10_000, bool)
    (low, high), (lower, higher) = accuracy.difference(few, few), accuracy.difference(many, many)
    assert low < lower <= 0 <= higher < high
    assert low < -0.005 < lower


def test_mcnemar_of_two_models_that_agree():
    same = np.array([True, False, True])
    assert accuracy.mcnemar(same, same) == accuracy.Comparison(0, 0, 1.0)


def test_mcnemar_by_hand():
    first, second = np.array([1, 1, 1, 1, 1, 1, 0], bool), np.array([0, 0, 0, 0, 0, 0, 0], bool)
    assert accuracy.mcnemar(first, second).p_value == pytest.approx(2 / 2**6)


# --- scores -----------------------------------------------------------------------------------------------------------


def test_a_score_by_hand():
    score = Score(np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]], np.float32), np.array([0, 1, 1, 1]))
    assert score.predictions.tolist() == [0, 1, 0, 1]
    assert score.correct.tolist() == [True, True, False, True]
    assert score.accuracy == 0.75
    assert score.interval == accuracy.wilson(3, 4)
    assert str(score) == "75.0% (30.1% to 95.4%)"


# --- running files ----------------------------------------------------------------------------------------------------


def one_by_one(path, images, kernels="XNNPACK"):
    """Run pictures as the tutorials do: one interpreter, one picture at a time."""
    ready = interpreter.load(path, kernels)
    entry = ready.get_input_details()[0]
    return np.concatenate(
        [interpreter.run(ready, interpreter.quantize_input(normalise(i[None]), entry)) for i in images]
    )


@pytest.fixture(scope="module")
def alone(small):
    """The probabilities of 25 pictures, taken one at a time: {kind: [25, 2]}."""
    images, _ = small.pets.arrays("train", 25)
    return images, {kind: one_by_one(small.files[kind], images) for kind in ("float32", "int8")}


@pytest.mark.parametrize("count", [1, 2, 9, 10, 11, 25])
def test_batches_give_what_single_pictures_give_in_their_order(small, alone, count):
    images, expected = alone
    found = accuracy.predict(small.files["int8"], images[:count])
    assert (found.shape, found.dtype) == ((count, 2), np.float32)
    np.testing.assert_array_equal(found, expected["int8"][:count])
    found = accuracy.predict(small.files["float32"], images[:count])
    np.testing.assert_allclose(found, expected["float32"][:count], rtol=0, atol=1e-6)


@pytest.mark.parametrize("threads", [1, 3, 40])
def test_any_number_of_threads_gives_the_same(small, alone, threads):
    images, expected = alone
    np.testing.assert_array_equal(accuracy.predict(small.files["int8"], images, threads=threads), expected["int8"])


def test_the_pictures_are_told_apart(alone):
    """Otherwise a wrong order could not be seen above."""
    assert len(np.unique(alone[1]["int8"][:, 0])) > 5


def test_the_bytes_of_a_file_do_as_well(small, alone):
    images, expected = alone
    np.testing.assert_array_equal(accuracy.predict(small.files["int8"].read_bytes(), images), expected["int8"])


@pytest.mark.parametrize("kernels", interpreter.KERNEL_SETS)
def test_all_kernel_sets_run_all_files_and_agree(small, kernels):
    images, labels = small.pets.arrays("train", 12)
    for kind, path in small.files.items():
        score = accuracy.score(path, images, labels, kernels=kernels)
        default = accuracy.predict(path, images)
        step = 1 / 256 if kind.startswith("int8") else 1e-3  # one code of an int8 output
        np.testing.assert_allclose(score.probabilities, default, rtol=0, atol=step)
        np.testing.assert_allclose(score.probabilities.sum(axis=1), 1, atol=0.01)


def test_score_all_keeps_names_and_order(small):
    images, labels = small.pets.arrays("test")
    scores = accuracy.score_all(small.files, images, labels)
    assert list(scores) == list(small.files)
    for kind, score in scores.items():
        np.testing.assert_array_equal(score.probabilities, accuracy.predict(small.files[kind], images))


def test_another_way_to_the_input_is_used(small):
    images, _ = small.pets.arrays("train", 3)
    seen = []

    def black(inputs, details):
        seen.append((inputs.dtype, inputs.max() <= 1, details["dtype"]))
        return np.full(inputs.shape, -128, np.int8)

    found = accuracy.predict(small.files["int8"], images, to_input=black)
    np.testing.assert_array_equal(found, accuracy.predict(small.files["int8"], np.zeros_like(images)))
    assert set(seen) == {(np.dtype(np.float32), np.True_, np.int8)}


# --- what can go wrong ------------------------------------------------------------------------------------------------


def test_no_pictures(small):
    with pytest.raises(ValueError, match="at least one picture to classify; found none"):
        accuracy.predict(small.files["int8"], np.empty((0, 96, 96, 3), np.uint8))


# --- the promise of the course ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_int8_costs_at_most_half_a_point_on_the_drawn_pets(pets, files):
    images, labels = pets.arrays("test")
    whole, small = (accuracy.score(files[kind], images, labels) for kind in ("float32", "int8"))
    assert whole.accuracy - small.accuracy <= 0.005
    assert 0.9 < whole.accuracy < 0.98, "the drawn pets are neither hopeless nor trivial"


# --- a cliff in a sweep -----------------------------------------------------------------------------------------------


def score(right, pictures=400):
    """A score with so many right answers, the first ones."""
    labels = np.zeros(pictures, np.int64)
    return Score(np.eye(2, dtype=np.float32)[(np.arange(pictures) >= right).astype(int)], labels)


@pytest.mark.parametrize(
    ("right", "bits"),
    [
        ({8: 360, 4: 355, 3: 300, 2: 200}, 3),
        ({8: 360, 4: 341, 3: 339}, 3),
        ({8: 360, 5: 320, 4: 352, 3: 200}, 5),
        ({8: 360, 2: 350}, None),
        ({2: 340, 3: 340}, None),
        ({}, None),
    ],
)
def test_the_cliff(right, bits):
    """From 360 of 400, more than five points is fewer than 340."""
    assert accuracy.cliff({b: score(r) for b, r in right.items()}, score(360)) == bits


def test_a_loss_that_may_be_chance_is_no_cliff():
    """Of 16 pictures one is lost: six points, but McNemar's test gives 1."""
    assert accuracy.cliff({8: score(15, 16)}, score(16, 16)) is None
    assert accuracy.cliff({8: score(8, 16)}, score(16, 16)) == 8
