"""Sums of products against the definition in 64-bit integers: no bit is lost, however long they are."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from helpers.integer.sums import convolution, depthwise_convolution, exact_dtype, fully_connected
from random_layers import PLACES, SEEDS, draw_codes, fits


def integer_convolution(codes, weights, bias, zero_point, strides, padding, dilations):
    """The definition of a convolution, place by place, in int64."""
    (n, *lengths, _), (filters, *kernel, _) = codes.shape, weights.shape
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    if padding == "SAME":
        outputs = [-(-length // s) for length, s in zip(lengths, strides, strict=True)]
        missing = [
            max((o - 1) * s + k - length, 0) for o, s, k, length in zip(outputs, strides, span, lengths, strict=True)
        ]
    else:
        outputs = [(length - k) // s + 1 for length, k, s in zip(lengths, span, strides, strict=True)]
        missing = [0, 0]
    sums = np.zeros((n, *outputs, filters), np.int64)
    for y, x, i, j in np.ndindex(*outputs, *kernel):
        row = y * strides[0] + i * dilations[0] - missing[0] // 2
        column = x * strides[1] + j * dilations[1] - missing[1] // 2
        if 0 <= row < lengths[0] and 0 <= column < lengths[1]:
            sums[:, y, x] += (codes[:, row, column].astype(np.int64) - zero_point) @ weights[:, i, j].astype(np.int64).T
    return sums + bias


@given(
    PLACES,
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.integers(1, 4),
    st.integers(-128, 127),
    SEEDS,
)
@settings(max_examples=60, deadline=None)
def test_sums_of_a_convolution_are_exact(places, lengths, kernel, channels, zero_point, seed):
    assume(fits(lengths, kernel, places))
    codes = draw_codes(seed, (2, *lengths, channels))
    weights, bias = draw_codes(seed + 1, (3, *kernel, channels)), np.array([1, -(2**20), 2**20], np.int32)
    found = convolution(codes, weights, bias, zero_point, **places)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, integer_convolution(codes, weights, bias, zero_point, **places))
    each = depthwise_convolution(codes, weights[:1], None, zero_point, **places)
    for c in range(channels):
        alone = integer_convolution(codes[..., [c]], weights[:1, ..., [c]], 0, zero_point, **places)
        np.testing.assert_array_equal(each[..., [c]], alone)


@pytest.mark.parametrize("length", [513, 514, 515, 516, 3000, 20_000])
def test_long_sums_are_exact_where_float32_would_not_be(length):
    """All ends of the range: the largest sums there are, and an odd one out that float32 would lose."""
    weights = np.full((2, length), -128, np.int8)
    weights[1] = 127
    codes = np.full((1, length), 127, np.int8)
    codes[0, 0] = 126
    found = fully_connected(codes, weights, np.array([5, -5], np.int32), -128)
    exact = (codes.astype(np.int64) + 128) @ weights.astype(np.int64).T + [5, -5]
    np.testing.assert_array_equal(found, exact)
    assert exact_dtype(weights, -128) == (np.float32 if length <= 514 else np.float64)


def test_float32_would_lose_a_bit():
    """What `exact_dtype` protects from: 2^24 + 1 has no code in float32."""
    weights, codes = np.full((1, 1100), 127, np.int8), np.full((1, 1100), 127, np.int8)
    weights[0, 0] = 2
    exact = (codes.astype(np.int64) + 128) @ weights.astype(np.int64).T
    assert exact[0, 0] > 2**24 and exact[0, 0] % 2 == 1
    assert float(np.float32(exact[0, 0])) != exact[0, 0]
    np.testing.assert_array_equal(fully_connected(codes, weights, None, -128), exact)
