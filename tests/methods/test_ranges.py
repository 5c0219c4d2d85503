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


@pytest.mark.parametrize(("bits", "most"), [(2, 0.02), (3, 1e-3), (4, 1e-5), (8, 1e-5)])
@pytest.mark.parametrize("axis", [None, 0])
def test_octav_is_that_of_ai_edge_quantizer(bits, most, axis):
    """Which stops after ten steps; with two bits it is not quite there."""
    from ai_edge_quantizer.algorithms.uniform_quantize import octav

    weights = np.random.default_rng(bits).standard_t(4, (5, 3, 3, 8)).astype(np.float32)
    others = None if axis is None else (1, 2, 3)
    theirs = octav._guess_clipping_with_octav(weights, bits, others, 10, 3.0)
    np.testing.assert_allclose(ranges.octav(weights, bits, axis), np.squeeze(theirs), rtol=most)


def test_octav_comes_close_to_the_search():
    weights = np.random.default_rng(0).normal(size=5000).astype(np.float32)
    found, searched, full = (ranges.weight_scales(weights, 4, None, within) for within in ("octav", "mse", "min/max"))
    assert found == pytest.approx(searched, rel=0.1) and found < 0.85 * full


def test_octav_of_nothing_but_zeros_has_a_scale():
    assert ranges.weight_scales(np.zeros(5, np.float32), 4, None, "octav") == 1
