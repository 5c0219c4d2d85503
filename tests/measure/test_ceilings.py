"""Ceilings with a made-up clock, and the layer that they are measured with."""

import types

import numpy as np
import pytest

from helpers.base.seed import SEED
from helpers.base.tf import keras
from helpers.measure import ceilings, latency, roofline
from helpers.measure.ceilings import Ceilings, layer_files, layer_seconds, read_bandwidth
from helpers.tflite import interpreter


def test_bandwidth_between_sizes():
    ceilings = Ceilings({}, {2**20: 80e9, 2**24: 40e9, 2**28: 20e9})
    assert ceilings.memory == 20e9
    assert ceilings.bandwidth_for(2**22) == pytest.approx(60e9)
    assert ceilings.bandwidth_for(2**24) == 40e9
    assert (ceilings.bandwidth_for(1), ceilings.bandwidth_for(2**40)) == (80e9, 20e9)


def test_what_a_layer_exceeds_is_no_ceiling():
    found = Ceilings({"float32": 10.0, "int8": 40.0}, {1: 2.0})
    speeds = {"a": {"float32": 9.0, "int8": 41.5}, "b": {"float32": 2.0, "int8": 3.0}}
    assert found.raised(speeds) == Ceilings({"float32": 10.0, "int8": 41.5}, {1: 2.0})
    shares = [row[1:3] for row in roofline.speed_table(speeds, found.raised(speeds)).rows]
    assert shares == [["0.0 (90%)", "0.0 (100%)"], ["0.0 (20%)", "0.0 (7%)"]]


class Clock:
    """A clock that moves on by as many nanoseconds as it is told, each second time it is asked."""

    def __init__(self, elapsed):
        self.elapsed, self.now, self.asked = iter(elapsed), 0, 0

    def __call__(self):
        self.asked += 1
        if self.asked % 2 == 0:
            self.now += next(self.elapsed)
        return self.now


def test_reading_memory_counts_the_best_round(monkeypatch):
    warm_up = 10**9
    times = [warm_up, 100, 50, 80, warm_up, 400, 300, 200]  # of 4,096 and of 8,192 bytes, in nanoseconds
    monkeypatch.setattr(latency.time, "perf_counter_ns", Clock(times))
    found = read_bandwidth((4096, 8192), rounds=3)
    assert found == {4096: pytest.approx(4096 / 50e-9), 8192: pytest.approx(8192 / 200e-9)}


def test_a_small_array_is_read_at_least_as_fast_as_a_large_one(monkeypatch):
    monkeypatch.setattr(latency.time, "perf_counter_ns", Clock([1, 400, 400, 1, 100, 100]))
    found = read_bandwidth((4096, 8192), rounds=2)
    assert found[4096] == found[8192] == pytest.approx(8192 / 100e-9)


def test_the_peak_is_that_of_the_convolution(monkeypatch):
    asked = {}
    told = iter([{"float32": [0.3, 0.2], "int8": [0.5, 0.4]}, {"float32": [0.4, 0.4], "int8": [0.1, 0.4]}])

    def seconds(layer, shape):
        asked.update(filters=layer.filters, kernel=layer.kernel_size, shape=shape)
        return {kind: np.array(times) for kind, times in next(told).items()}

    monkeypatch.setattr(ceilings, "layer_seconds", seconds)
    monkeypatch.setattr(ceilings, "read_bandwidth", lambda: {1: 2.0})
    found = ceilings.measure()
    assert asked == {"filters": 512, "kernel": (1, 1), "shape": (32, 32, 512)}
    assert found.macs == {"float32": pytest.approx(32 * 32 * 512 * 512 / 0.2), "int8": pytest.approx(2**28 / 0.1)}
    assert found.bandwidth == {1: 2.0}


def test_a_layer_in_two_files():
    layer = keras.layers.Dense(8, bias_initializer="random_normal")
    files = layer_files(layer, (32,))
    inputs = np.random.default_rng(SEED).normal(size=(1, 32)).astype(np.float32)  # those of the calibration
    expected = inputs @ layer.kernel.numpy() + layer.bias.numpy()
    for kind, tolerance in (("float32", 1e-5), ("int8", 0.15)):
        ready = interpreter.load(files[kind])
        entry = ready.get_input_details()[0]
        assert entry["dtype"] == np.dtype(kind)
        answer = interpreter.run(ready, interpreter.quantize_input(inputs, entry))
        np.testing.assert_allclose(answer, expected, atol=tolerance)


def test_both_files_of_a_layer_take_turns(monkeypatch):
    calls = {}
    monkeypatch.setattr(ceilings, "layer_files", lambda layer, shape: {"float32": b"a", "int8": b"b"})
    monkeypatch.setattr(interpreter, "load", lambda content: types.SimpleNamespace(invoke=lambda: content))
    monkeypatch.setattr(
        latency, "interleave", lambda what, rounds, label: calls.update(what) or latency.Timings({"x": np.ones(rounds)})
    )
    assert layer_seconds(None, (1,), rounds=4)["x"].shape == (4,)
    assert {kind: call() for kind, call in calls.items()} == {"float32": b"a", "int8": b"b"}


def test_measured_speeds_count_multiply_accumulates(monkeypatch):
    monkeypatch.setattr(ceilings, "layer_seconds", lambda layer, shape: {"float32": np.array([2.0, 1.0, 9.0])})
    assert ceilings.measured_speeds() == {
        "convolution": {"float32": 28 * 28 * 128 * 3 * 3 * 128},
        "first convolution": {"float32": 112 * 112 * 32 * 3 * 3 * 3},
        "depthwise convolution": {"float32": 28 * 28 * 256 * 3 * 3},
    }
