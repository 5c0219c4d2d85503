"""Ranges of weights: none has a smaller error than the one searched for, and a percentile is one."""

import numpy as np
import pytest

from helpers.methods import ranges
from helpers.numbers import quantization


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("axis", [None, 2])
def test_no_range_has_a_smaller_error_than_the_one_searched_for(bits, axis):
    weights = np.random.default_rng(bits).standard_t(3, (3, 3, 8, 1)).astype(np.float32)

    def error(scale):
        codes = quantization.quantize(weights, scale, 0, bits, narrow=True, axis=axis)
        axes = None if axis is None else (0, 1, 3)
        return np.mean((quantization.dequantize(codes, scale, 0, axis) - weights) ** 2, axis=axes)

    best = error(ranges.weight_scales(weights, bits, axis, "mse"))
    full = ranges.weight_scales(weights, bits, axis)
    for share in np.linspace(0.05, 1, 20):
        assert np.all(best <= 1.05 * error(full * np.float32(share)))
    for within in ("min/max", 99.0, 90.0):
        assert np.all(best <= error(ranges.weight_scales(weights, bits, axis, within)) + 1e-9)
    if bits == 2:
        assert np.mean(best) < 0.9 * np.mean(error(full)), "outliers should not decide"


def test_a_percentile_is_one():
    weights = np.arange(-100, 101, dtype=np.float32)
    assert ranges.weight_scales(weights, 8, None, 100) == pytest.approx(100 / 127)
    assert ranges.weight_scales(weights, 8, None, 90) == pytest.approx(90 / 127)
    mostly_zero = np.float32([0] * 999 + [5])
    assert ranges.weight_scales(mostly_zero, 8, None, 90) == pytest.approx(5 / 127), "no scale can be zero"
