"""What quantization loses: errors by hand, and six decibels for each bit."""

import numpy as np
import pytest

from helpers.numbers import errors, quantization
from helpers.numbers.quantization import code_range, symmetric_parameters


def test_errors_by_hand():
    values, restored = np.array([3.0, -4]), np.array([3.0, -3])
    assert errors.max_error(values, restored) == 1
    assert errors.rmse(values, restored) == pytest.approx(np.sqrt(0.5))
    assert errors.sqnr(values, restored) == pytest.approx(10 * np.log10(25 / 1))
    assert errors.sqnr(values, values) == np.inf
    assert errors.sqnr(np.zeros(2), restored) == -np.inf
    assert errors.sqnr(np.zeros(2), np.zeros(2)) == np.inf


@pytest.mark.parametrize("bits", range(4, 17))
def test_six_decibels_a_bit(bits):
    """Evenly spread values: power over noise is the square of the steps, so SQNR = 20 log10(steps)."""
    values = np.random.default_rng(0).uniform(-1, 1, 200_000)
    decibels = errors.sqnr(values, quantization.fake_quantize(values, bits))
    assert decibels == pytest.approx(20 * np.log10(2 * code_range(bits)[1]), abs=0.1)
    scale, _ = symmetric_parameters(values, bits)
    assert errors.rmse(values, quantization.fake_quantize(values, bits)) == pytest.approx(scale / np.sqrt(12), rel=0.02)
