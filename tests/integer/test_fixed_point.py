"""Multiplying integers by a real number without floating point, against Python's exact fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exact import half_away, half_up
from helpers.integer import fixed_point

INT32 = st.integers(-(2**31), 2**31 - 1)
MULTIPLIERS = st.integers(2**30, 2**31 - 1)


def one(x: int) -> np.ndarray:
    return np.array([x], np.int32)


@given(st.floats(2**-32, 2**30))
def test_a_multiplier_is_the_nearest_number_of_31_bits(real):
    multiplier, shift = fixed_point.quantize_multiplier(real)
    assert 2**30 <= multiplier < 2**31 and -31 <= shift <= 31
    written = Fraction(multiplier, 2**31) * Fraction(2) ** shift
    assert abs(written / Fraction(real) - 1) <= Fraction(1, 2**31)


@pytest.mark.parametrize(
    "real, expected",
    [
        (0.0, (0, 0)),
        (0.5, (2**30, 0)),
        (1.0, (2**30, 1)),
        (math.nextafter(1, 0), (2**30, 1)),  # rounds up to 2^31, which is written as 2^30 and one more shift
        (0.75, (3 * 2**29, 0)),
        (2.0**-32, (2**30, -31)),
        (math.nextafter(2.0**-32, 0), (2**30, -31)),
        (2.0**-33, (0, 0)),
        (1e-300, (0, 0)),
    ],
)
def test_multipliers_by_hand(real, expected):
    assert fixed_point.quantize_multiplier(real) == expected


@pytest.mark.parametrize("real", [-1.0, math.inf, math.nan])
def test_a_multiplier_that_is_none(real):
    with pytest.raises(ValueError, match="ratio of scales, finite and not negative"):
        fixed_point.quantize_multiplier(real)


@given(INT32, INT32)
def test_the_doubling_high_multiplication(a, b):
    expected = min(half_up(Fraction(a * b, 2**31)), 2**31 - 1)
    assert fixed_point.saturating_rounding_doubling_high_mul(one(a), one(b)) == expected


@pytest.mark.parametrize(
    "a, b, expected",
    [
        (-(2**31), -(2**31), 2**31 - 1),  # -1 times -1 saturates
        (1, 2**30, 1),  # 1/2 rounds up
        (-1, 2**30, 0),  # so does -1/2
        (-(2**31), 2**31 - 1, -(2**31) + 1),
    ],
)
def test_the_corners_of_the_multiplication(a, b, expected):
    assert fixed_point.saturating_rounding_doubling_high_mul(one(a), one(b)) == expected


@given(INT32, st.integers(0, 31))
def test_the_division_by_a_power_of_two(x, exponent):
    assert fixed_point.rounding_divide_by_pot(one(x), exponent) == half_away(Fraction(x, 2**exponent))


@pytest.mark.parametrize("x, expected", [(3, 2), (-3, -2), (1, 1), (-1, -1), (5, 3), (-5, -3)])
def test_halves_go_away_from_zero(x, expected):
    assert fixed_point.rounding_divide_by_pot(one(x), 1) == expected


@given(INT32, st.integers(0, 31))
def test_the_saturating_multiplication_by_a_power_of_two(x, exponent):
    expected = min(max(x * 2**exponent, -(2**31)), 2**31 - 1)
    assert fixed_point.saturating_multiply_by_pot(one(x), exponent) == expected


@given(st.integers(-(2**24), 2**24), MULTIPLIERS, st.integers(-31, 6))
def test_requantization_rounds_twice(x, multiplier, shift):
    product = half_up(Fraction((x << max(shift, 0)) * multiplier, 2**31))
    expected = half_away(Fraction(product, 2 ** max(-shift, 0)))
    found = fixed_point.requantize(one(x), multiplier, shift)
    assert found == expected
    exact = Fraction(x * multiplier, 2**31) * Fraction(2) ** shift
    assert abs(int(found[0]) - exact) <= Fraction(3, 4) + Fraction(1, 2**30)


@given(st.lists(st.tuples(st.integers(-(2**20), 2**20), MULTIPLIERS, st.integers(-31, 2)), min_size=1, max_size=9))
def test_channels_are_requantized_one_by_one(columns):
    sums, multipliers, shifts = (np.array(values, np.int32) for values in zip(*columns, strict=True))
    together = fixed_point.requantize(np.stack([sums, -sums]), multipliers, shifts)
    for i, column in enumerate(columns):
        assert together[0, i] == fixed_point.requantize(one(column[0]), *column[1:])[0]
        assert together[1, i] == fixed_point.requantize(one(-column[0]), *column[1:])[0]


@given(st.floats(1e-4, 1.0), st.integers(-128, 127), st.sampled_from(["NONE", "RELU", "RELU6"]))
def test_the_range_of_an_activation(scale, zero_point, activation):
    low, high = fixed_point.activation_range(activation, np.float32(scale), zero_point)
    assert -128 <= low <= 127 and high <= 127
    assert low == (-128 if activation == "NONE" else zero_point)
    six = zero_point + half_away(Fraction(float(np.float32(6) / np.float32(scale))))
    assert high == (min(127, six) if activation == "RELU6" else 127)
