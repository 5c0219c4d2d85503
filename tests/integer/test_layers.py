"""Convolutions of every kind, and products of two tensors, byte by byte as TFLite's reference kernels have them."""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from one_operator import Operand, build, constant, int8, refused, same_bytes, weighed
from random_layers import (
    KERNELS,
    LENGTHS,
    PLACES,
    POOLS,
    SCALES,
    SEEDS,
    SIXTY,
    WEIGHED,
    ZERO_POINTS,
    draw_codes,
    fits,
    geometry,
    places_of,
)


@given(WEIGHED, PLACES, LENGTHS, KERNELS, st.integers(2, 4), st.integers(1, 3), st.integers(1, 3))
@SIXTY
def test_grouped_convolution(folder, drawn, places, lengths, kernel, groups, seen, filters):
    assume(fits(lengths, kernel, places))
    codes = draw_codes(drawn[-1], (2, *lengths, groups * seen))
    weights = draw_codes(drawn[-1] + 1, (groups * filters, *kernel, seen), -127)
    shape = (2, *places_of(lengths, kernel, places), len(weights))
    same_bytes(weighed("CONV_2D", codes, weights, 0, shape, drawn, **geometry(places)), codes, folder)


@given(WEIGHED.filter(lambda drawn: drawn[4] == "NONE"), POOLS, LENGTHS, KERNELS, st.integers(1, 5), st.integers(1, 6))
@SIXTY
def test_transposed_convolution(folder, drawn, places, lengths, kernel, channels, filters):
    """The shape of its output is that of an input of the convolution in the other direction."""
    strides, same = places["strides"], places["padding"] == "SAME"
    outputs = [(n - 1) * s + (1 if same else k) for n, s, k in zip(lengths, strides, kernel, strict=True)]
    outputs = [n + drawn[-1] % s for n, s in zip(outputs, strides, strict=True)]  # several go back to the same
    codes = draw_codes(drawn[-1], (2, *lengths, channels))
    weights = draw_codes(drawn[-1] + 1, (filters, *kernel, channels), -127)
    shape = (2, *outputs, filters)
    content = weighed("TRANSPOSE_CONV", codes, weights, 0, shape, drawn, **geometry(places))
    same_bytes(content, codes, folder)


MATRICES = st.sampled_from(  # the axes before the last two, of both and of what becomes of them
    [((2,), (2,), (2,)), ((2, 3), (2, 3), (2, 3)), ((2, 3), (3,), (2, 3)), ((2, 1), (2, 3), (2, 3)), ((), (), ())]
)


@given(
    MATRICES,
    st.tuples(st.integers(1, 6), st.integers(1, 300), st.integers(1, 6)),
    st.tuples(st.booleans(), st.booleans()),
    st.tuples(SCALES, SCALES),
    st.tuples(ZERO_POINTS, ZERO_POINTS, ZERO_POINTS),
    st.booleans(),
    SEEDS,
)
@SIXTY
def test_matrix_products(folder, axes, sizes, swapped, scales, zeros, constant_second, seed):
    (rows, length, columns), (first, second, both) = sizes, axes
    a_shape = (*first, length, rows) if swapped[0] else (*first, rows, length)
    b_shape = (*second, columns, length) if swapped[1] else (*second, length, columns)
    a, b = draw_codes(seed, a_shape), draw_codes(seed + 1, b_shape)
    output = Operand((*both, rows, columns), "int8", scales[0] * scales[1] * length * 20, zeros[2])
    inputs = [
        Operand(a_shape, "int8", scales[0], zeros[0]),
        Operand(b_shape, "int8", scales[1], zeros[1], 0, b if constant_second else None),
    ]
    content = build("BATCH_MATMUL", inputs, output, adjX=swapped[0], adjY=swapped[1])
    same_bytes(content, a, folder, *(() if constant_second else (b,)))


@given(WEIGHED, st.integers(1, 40), st.integers(1, 10))
@SIXTY
def test_a_dense_layer_that_makes_rows_of_a_picture(folder, drawn, length, units):
    codes = draw_codes(drawn[-1], (1, 6, length))
    weights = draw_codes(drawn[-1] + 1, (units, length), -127)
    same_bytes(weighed("FULLY_CONNECTED", codes, weights, 0, (6, units), drawn), codes, folder)


# --- what is refused --------------------------------------------------------------------------------------------------


def test_filters_that_do_not_fit_their_input(folder):
    weights, bias = constant(np.ones((4, 1, 1, 3), np.int8), 0.1), constant(np.zeros(4, np.int32), 0.01)
    content = build("CONV_2D", [int8(1, 3, 3, 4), weights, bias], int8(1, 3, 3, 4), strideH=1, strideW=1)
    refused(folder, content, "its 4 filters see 3 channels, and its input has 4", ValueError)
    weights = constant(np.ones((4, 1, 1, 2), np.int8), 0.1)
    content = build("CONV_2D", [int8(1, 3, 3, 4), weights, bias], int8(1, 4, 3, 4), strideH=1, strideW=1)
    refused(folder, content, "make 1 x 3 x 3 x 4, and the file says", ValueError)
    content = build("CONV_2D", [int8(1, 3, 3, 4), weights, bias], int8(1, 3, 3, 4), strideH=0, strideW=1)
    refused(folder, content, r"strides \(0, 1\), dilations .* make no convolution", ValueError)


def test_results_that_leave_32_bits_are_refused(folder):
    weights = constant(np.full((1, 3), 127, np.int8), 1.0)
    content = build("FULLY_CONNECTED", [int8(1, 3, scale=1.0), weights], int8(1, 1, scale=1e-6))
    refused(folder, content, r"its results could reach 4.88e\+10 times the scale of its output")
    far = {"zero_point": -128}
    content = build("BATCH_MATMUL", [int8(1, 1, 40_000, **far), int8(1, 40_000, 1, **far)], int8(1, 1, 1))
    refused(folder, content, "its sums could reach 2,601,000,000, too much for 32 bits")
