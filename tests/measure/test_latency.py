"""Timing: fair turns, medians and intervals against NumPy. The clock is a made-up one: no test waits or measures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.measure import accuracy, latency
from helpers.measure.latency import Timings
from helpers.tflite import interpreter

pytest_plugins = ["small"]

SAMPLES = st.lists(st.floats(1e-6, 1e3), min_size=2, max_size=40).map(np.array)


class Clock:
    """A clock that only what is timed moves on."""

    def __init__(self):
        self.now, self.calls = 0, []

    def __call__(self):
        return self.now

    def takes(self, name, nanoseconds):
        """Return a function that takes some time: a number, or a function of how often it has been called."""

        def call():
            count = self.calls.count(name)
            self.calls.append(name)
            self.now += nanoseconds(count) if callable(nanoseconds) else nanoseconds

        return call


@pytest.fixture
def clock(monkeypatch):
    made_up = Clock()
    monkeypatch.setattr(latency.time, "perf_counter_ns", made_up)
    return made_up


# --- medians -------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(SAMPLES)
def test_the_median_is_numpys_and_lies_in_its_interval(samples):
    found = latency.median(samples)
    assert found.value == np.median(samples)
    points = np.array([samples.min(), found.low, found.value, found.high, samples.max()])
    assert np.all(np.diff(points) >= -1e-12 * points[1:])  # percentiles lie between samples, to the last bits
    assert latency.median(samples) == found, "the same samples give the same interval"


def test_the_interval_is_that_of_a_bootstrap_written_out():
    samples = np.random.default_rng(1).gamma(3, size=60)
    resampled = np.random.default_rng(2).choice(samples, (20_000, 60))
    expected = np.percentile(np.median(resampled, axis=1), [2.5, 97.5])
    found = latency.median(samples)
    np.testing.assert_allclose([found.low, found.high], expected, rtol=0.05)


def test_the_interval_holds_the_true_median_about_95_times_in_100():
    rng = np.random.default_rng(3)
    intervals = [latency.median(rng.normal(size=40)) for _ in range(150)]
    assert 0.88 <= np.mean([m.low <= 0 <= m.high for m in intervals]) <= 0.99


def test_equal_samples_have_an_interval_of_no_width():
    assert latency.median(np.full(5, 2.0)) == latency.Median(2.0, 2.0, 2.0)


@pytest.mark.parametrize("samples", [np.array([]), np.array([1.0])])
def test_too_few_samples(samples):
    with pytest.raises(ValueError, match=f"needs at least two samples; found {len(samples)}"):
        latency.median(samples)


def test_a_median_in_words():
    assert str(latency.Median(1.234, 1.0, 2.006)) == "1.23 (1.00 to 2.01)"


# --- taking turns --------------------------------------------------------------------------------------------


def test_each_model_is_called_once_a_round_in_changing_order(clock):
    timings = latency.interleave({name: clock.takes(name, 10) for name in "abc"}, rounds=20)
    rounds = [tuple(clock.calls[i : i + 3]) for i in range(0, len(clock.calls), 3)]
    assert len(rounds) == 20 + latency.WARM_UP
    assert all(sorted(calls) == ["a", "b", "c"] for calls in rounds)
    assert len(set(rounds)) > 3
    assert {len(values) for values in timings.seconds.values()} == {20}


def test_each_time_goes_to_its_model_and_round_and_warming_up_does_not_count(clock):
    calls = {
        "slow": clock.takes("slow", lambda count: 10**9 if count < latency.WARM_UP else 1000 * count),
        "fast": clock.takes("fast", lambda count: 10**9 if count < latency.WARM_UP else 100 * count),
    }
    timings = latency.interleave(calls, rounds=30)
    counts = np.arange(latency.WARM_UP, 30 + latency.WARM_UP)
    np.testing.assert_allclose(timings.seconds["slow"], 1e-6 * counts)
    np.testing.assert_allclose(timings.seconds["fast"], 1e-7 * counts)


def test_two_runs_take_the_same_turns(clock):
    orders = []
    for _ in range(2):
        clock.calls.clear()
        latency.interleave({name: clock.takes(name, 1) for name in "abcd"}, rounds=10)
        orders.append(list(clock.calls))
    assert orders[0] == orders[1]


def test_a_ratio_pairs_the_times_of_a_round():
    """The machine slows down tenfold half-way: the times spread, the ratio does not."""
    slow = np.array([2.0] * 10 + [20.0] * 10)
    timings = Timings({"float32": slow, "int8": slow / 2})
    assert timings.ratio("float32", "int8") == latency.Median(2.0, 2.0, 2.0)
    assert timings.milliseconds("float32").high > 5 * timings.milliseconds("float32").low
    assert timings.milliseconds("int8").value == pytest.approx(5500)


@settings(max_examples=20, deadline=None)
@given(SAMPLES)
def test_a_ratio_is_the_median_of_ratios_and_not_the_ratio_of_medians(samples):
    other = np.random.default_rng(0).random(len(samples)) + 0.1
    timings = Timings({"a": samples, "b": other})
    assert timings.ratio("a", "b").value == pytest.approx(np.median(samples / other))
    assert timings.milliseconds("a").value == pytest.approx(1000 * np.median(samples))


# --- files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernels", ["XNNPACK", "reference"])
def test_files_are_timed_without_their_preparation(small, clock, monkeypatch, kernels):
    loaded, load = [], interpreter.load

    def counted(path, chosen, **options):
        loaded.append((path.name, chosen, options))
        return load(path, chosen, **options)

    monkeypatch.setattr(interpreter, "load", counted)
    files = {kind: small.files[kind] for kind in ("float32", "int8")}
    image = small.pets.arrays("test")[0][0]
    timings = latency.time_files(files, image, kernels, rounds=3)
    assert loaded == [(path.name, kernels, {"num_threads": 1}) for path in files.values()], "once each, one thread"
    assert {name: len(values) for name, values in timings.seconds.items()} == {"float32": 3, "int8": 3}


def test_what_is_timed_is_the_picture_given(small):
    image = small.pets.arrays("test")[0][0]
    model = latency._loaded(small.files["int8"], image, "reference", 1)
    model.invoke()
    output = model.get_output_details()[0]
    found = interpreter.dequantize_output(model.get_tensor(output["index"]), output)
    expected = accuracy.predict(small.files["int8"], image[None], "reference")
    np.testing.assert_array_equal(found, expected)
