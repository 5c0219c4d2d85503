"""Softmax in fixed point: exponential and reciprocal against real numbers, the whole against TFLite's kernel."""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from helpers.integer import softmax
from one_operator import Operand, build, same_bytes
from random_layers import EXAMPLES, SEEDS, draw_codes

# --- against real numbers ---------------------------------------------------------------------------------------------


@given(st.lists(st.integers(-(2**31) + 1, 0), min_size=1, max_size=50))
def test_the_exponential(raw):
    x = np.array(raw, np.int32)
    found = softmax.exp_on_negative_values(x) / 2**31
    left_out = (1 / 8) ** 5 / 120  # the first term of the Taylor series that is left out, where it is largest
    np.testing.assert_allclose(found, np.exp(x / 2**26), rtol=0, atol=1.2 * left_out)


@given(st.lists(st.integers(2**19, 2**31 - 1), min_size=1, max_size=50))
def test_the_reciprocal(raw):
    x = np.array(raw, np.int32)
    inverse, bits = softmax.reciprocal(x)
    np.testing.assert_allclose(inverse / 2.0**31 * 2.0**-bits, 2.0**19 / x, rtol=1e-8)
    assert (inverse > 2**30 - 10).all()  # between 1/2 and 1


# --- against the reference kernel, byte by byte -----------------------------------------------------------------------


@given(st.floats(2e-6, 2.0), st.floats(0.05, 2.0), st.integers(1, 300), SEEDS)
@EXAMPLES
def test_softmax(folder, scale, beta, classes, seed):
    assume(scale * beta * 2**26 > 2)  # below, TFLite ends the process
    codes = draw_codes(seed, (20, classes))
    output = Operand(codes.shape, "int8", 1 / 256, -128)
    content = build("SOFTMAX", [Operand(codes.shape, "int8", scale, 3)], output, beta=beta)
    same_bytes(content, codes, folder)


def test_softmax_of_every_pair_of_codes(folder):
    """All 65,536 inputs that a network with two classes can have."""
    codes = np.stack(np.meshgrid(*[np.arange(-128, 128, dtype=np.int8)] * 2), axis=-1).reshape(-1, 2)
    for scale in (0.01, 0.0625, 0.3):
        output = Operand(codes.shape, "int8", 1 / 256, -128)
        same_bytes(build("SOFTMAX", [Operand(codes.shape, "int8", scale, 0)], output, beta=1.0), codes, folder)
