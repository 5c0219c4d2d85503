"""Rounding in a graph: bit for bit as by hand, and as TensorFlow's own operator does."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from helpers.base.tf import tf
from helpers.methods import fake_quantization
from helpers.numbers import quantization

BITS = st.integers(2, 16)
FLOATS = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)


@settings(max_examples=200, deadline=None)
@given(
    values=st.lists(FLOATS, min_size=1, max_size=50), ends=st.tuples(FLOATS, FLOATS), bits=BITS, halves=st.booleans()
)
def test_activations_are_rounded_bit_for_bit_as_by_hand(values, ends, bits, halves):
    width = max(*ends, 0) - min(*ends, 0)  # a range reaches to zero
    assume(width == 0 or width > 1e-30)  # else no float32 can hold the scale
    scale, zero_point = quantization.affine_parameters(min(ends), max(ends), bits)
    values = np.array(values, np.float32)
    if halves:  # numbers halfway between two codes, and the floats beside them
        middle = (np.round(values % 100) + np.float32(0.5)) * scale
        values = np.concatenate([middle, np.nextafter(middle, np.float32(0)), -middle]).astype(np.float32)
    codes = quantization.quantize(values, scale, zero_point, bits)
    expected = quantization.dequantize(codes, scale, zero_point)
    grid = np.float32([scale, zero_point, *quantization.code_range(bits)])
    np.testing.assert_array_equal(in_a_graph(values, *grid).numpy(), expected)


in_a_graph = tf.function(
    fake_quantization.fake_quantize, input_signature=[tf.TensorSpec(None)] + [tf.TensorSpec(())] * 4
)


@settings(max_examples=100, deadline=None)
@given(
    low=st.floats(-100, 0, width=32),
    high=st.floats(0.125, 100, width=32),
    bits=BITS,
    seed=st.integers(0, 1000),
)
def test_tensorflow_rounds_to_the_same_numbers(low, high, bits, seed):
    """`fake_quant_with_min_max_vars`, but where a number lies next to the middle between two codes."""
    scale, zero_point = quantization.affine_parameters(low, high, bits)
    smallest, largest = quantization.code_range(bits)
    values = np.random.default_rng(seed).uniform(2 * low - 1, 2 * high, 200).astype(np.float32)
    ends = [float(scale) * (code - zero_point) for code in (smallest, largest)]
    theirs = tf.quantization.fake_quant_with_min_max_vars(values, *ends, num_bits=bits).numpy()
    ours = fake_quantization.fake_quantize(values, scale, *np.float32([zero_point, smallest, largest])).numpy()
    middle = np.abs(np.abs(values / scale % 1) - 0.5) < 1e-2
    np.testing.assert_allclose(ours[~middle], theirs[~middle], rtol=1e-5, atol=1e-5 * (high - low))
    assert np.abs(ours - theirs).max() <= 1.001 * scale + np.spacing(np.abs(theirs).max())


@given(st.integers(-(2**15), 2**15), st.sampled_from([0.0, 0.5, 0.25]), st.sampled_from([-np.inf, 0, np.inf]))
def test_halves_go_away_from_zero_and_their_neighbours_do_not(whole, fraction, towards):
    x = np.float32(whole + fraction)
    x = np.nextafter(x, np.float32(towards)) if towards else x
    assert fake_quantization.round_half_away(tf.constant(x)).numpy() == quantization.round_half_away(x)
