"""The arithmetic of quantization: its laws, held with Hypothesis, and its agreement with TensorFlow's converter."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from exact import half_away
from helpers.base import console
from helpers.base.tf import keras, tf
from helpers.numbers import errors, quantization
from helpers.numbers.quantization import affine_parameters, code_range, dequantize, quantize, symmetric_parameters
from helpers.tflite import inspect

BITS = st.integers(2, 16)
SIZE = 1e6  # of the numbers that are tried; scales far from float32's limits
FINITE = st.floats(-SIZE, SIZE, width=32)
VALUES = arrays.arrays(np.float32, st.integers(1, 40), elements=FINITE)


def ranges() -> st.SearchStrategy:
    """A range that holds zero or not, and is not absurdly small."""
    ends = st.tuples(FINITE, FINITE).map(sorted)
    return ends.filter(lambda r: r[0] == r[1] == 0 or max(-r[0], r[1]) > 1e-20)


# --- codes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bits, narrow, expected",
    [
        (8, False, (-128, 127)),
        (8, True, (-127, 127)),
        (4, True, (-7, 7)),
        (2, False, (-2, 1)),
        (16, True, (-32767, 32767)),
    ],
)
def test_code_ranges(bits, narrow, expected):
    assert code_range(bits, narrow) == expected


@pytest.mark.parametrize("bits", [1, 17, 0, -8, 7.5])
def test_bits_must_make_sense(bits):
    with pytest.raises(ValueError, match=f"whole number of bits from 2 to 16; found {bits}"):
        code_range(bits)


# --- scale and zero point ---------------------------------------------------------------------------------------------


def test_the_lecture_s_range_by_hand():
    scale, zero_point = affine_parameters(-5.4, 4.5)
    assert scale == np.float32(9.9 / 255)
    assert zero_point == round(-128 + 5.4 * 255 / 9.9) == 11


def test_a_range_is_divided_by_the_steps_not_by_the_levels():
    scale, zero_point = affine_parameters(0, 1)
    assert (float(scale), zero_point) == (np.float32(1 / 255), -128)
    assert dequantize(np.int8([-128, 127]), scale, zero_point).tolist() == [0, 1]


@given(ranges(), BITS)
def test_zero_is_a_code_and_comes_back_as_zero(ends, bits):
    scale, zero_point = affine_parameters(*ends, bits)
    smallest, largest = code_range(bits)
    assert smallest <= zero_point <= largest
    code = quantize(np.zeros(3, np.float32), scale, zero_point, bits)
    assert (code == zero_point).all()
    assert (dequantize(code, scale, zero_point) == 0).all()


@given(ranges(), BITS)
def test_the_range_is_covered(ends, bits):
    """Moving zero onto a code moves the ends by half a step at most; float32 adds its own rounding."""
    scale, zero_point = affine_parameters(*ends, bits)
    smallest, largest = code_range(bits)
    low, high = min(ends[0], 0), max(ends[1], 0)
    slack = float(scale) * 0.5 + 2e-7 * (high - low)
    assert float(scale) * (smallest - zero_point) <= low + slack
    assert float(scale) * (largest - zero_point) >= high - slack


@given(st.integers(2, 400), FINITE.filter(lambda x: abs(x) > 1e-6))
def test_constant_values_are_kept(count, value):
    values = np.full(count, value, np.float32)
    scale, zero_point = affine_parameters(values.min(), values.max())
    restored = dequantize(quantize(values, scale, zero_point), scale, zero_point)
    np.testing.assert_allclose(restored, values, rtol=1e-6)
    scale, zero_point = symmetric_parameters(values)
    np.testing.assert_allclose(dequantize(quantize(values, scale, narrow=True), scale), values, rtol=1e-6)


def test_nothing_but_zeros_has_scale_one():
    assert affine_parameters(0, 0) == (1, -128)
    assert symmetric_parameters(np.zeros(5)) == (1, 0)
    scale, _ = symmetric_parameters(np.array([[0.0, 2], [0, -4]]), axis=1)
    np.testing.assert_array_equal(scale, np.float32([1, 4 / 127]))
    assert (quantization.fake_quantize(np.zeros((2, 2))) == 0).all()


def test_one_scale_a_channel():
    weights = np.array([[1.0, -10], [-0.5, 5]])
    scale, zero_point = symmetric_parameters(weights, axis=1)
    np.testing.assert_array_equal(scale, np.float32([1 / 127, 10 / 127]))
    assert zero_point == 0
    assert quantize(weights, scale, narrow=True, axis=1).tolist() == [[127, -127], [-64, 64]]
    np.testing.assert_array_equal(symmetric_parameters(weights, axis=-1)[0], scale)


@given(arrays.arrays(np.float32, (5, 4), elements=st.floats(-10, 10, width=32)), st.sampled_from([0, 1]))
def test_channels_are_quantized_as_if_each_were_alone(weights, axis):
    assume((np.abs(weights).max(axis=1 - axis) > 1e-6).all())
    together = quantization.fake_quantize(weights, axis=axis)
    for channel in range(weights.shape[axis]):
        alone = quantization.fake_quantize(weights.take(channel, axis))
        np.testing.assert_array_equal(together.take(channel, axis), alone)


# --- the best range ---------------------------------------------------------------------------------------------------


def loss(values: np.ndarray, low: float, high: float, bits: int) -> float:
    parameters = affine_parameters(low, high, bits)
    return errors.rmse(values, dequantize(quantize(values, *parameters, bits), *parameters))


@given(arrays.arrays(np.float32, st.integers(1, 60), elements=st.floats(-100, 100, width=32)), st.integers(2, 8))
@settings(max_examples=25, deadline=None)
def test_the_best_range_is_no_worse_than_any_of_a_grid(values, bits):
    assume(np.abs(values).max() > 1e-3)
    low, high = quantization.best_range(values, bits)
    smallest, largest = min(0, values.min()), max(0, values.max())
    assert smallest <= low <= 0 <= high <= largest
    least = loss(values, low, high, bits)
    assert least <= loss(values, smallest, largest, bits)
    for share in (1.0, 0.5, 0.25, 0.125):
        for ends in ((share * smallest, high), (low, share * largest)):
            if ends[1] > ends[0]:
                assert least <= loss(values, *ends, bits)


@pytest.mark.parametrize(("bits", "expected"), [(2, 0.9957), (4, 0.3352), (8, 0.03076)])
def test_the_best_step_for_a_normal_distribution(bits, expected):
    """Max 1960, *Quantizing for minimum distortion*, table II: the step of the best uniform quantizer."""
    values = np.random.default_rng(3).normal(size=20_000).astype(np.float32)
    low, high = quantization.best_range(values, bits)
    step = (high - low) / (2**bits - 1)
    assert step == pytest.approx(expected, rel=0.12)


def test_one_far_value_among_many_is_clipped_with_few_bits_and_kept_with_many():
    values = np.append(np.random.default_rng(2).uniform(0, 1, 10_000), 20).astype(np.float32)
    assert quantization.best_range(values, 3)[1] < 10
    assert quantization.best_range(values, 8)[1] == 20


def test_a_value_that_was_seen_twice_counts_twice():
    values = np.array([0.1, 0.4, 0.9, 5.0], np.float32)
    counts = np.array([40, 25, 10, 1])
    assert quantization.best_range(values, 3, counts) == quantization.best_range(np.repeat(values, counts), 3)
    assert quantization.best_range(values, 3, counts) != quantization.best_range(values, 3)


@pytest.mark.parametrize("values", [np.zeros(5), np.array([0.0])])
def test_nothing_but_zero_has_no_range(values):
    assert quantization.best_range(values) == (0.0, 0.0)


@pytest.mark.parametrize("values", [[], [1.0, np.nan]])
def test_no_best_range(values):
    with pytest.raises(ValueError, match="Expected"):
        quantization.best_range(np.array(values))


# --- there and back ---------------------------------------------------------------------------------------------------


@given(ranges(), BITS, st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_inside_the_range_the_error_is_at_most_half_a_step(ends, bits, places):
    """The zero point is moved by up to half a step, so the very ends may be clipped by that much: one step in all."""
    scale, zero_point = affine_parameters(*ends, bits)
    smallest, largest = code_range(bits)
    low, high = (float(scale) * (code - zero_point) for code in (smallest, largest))
    values = np.array([low + place * (high - low) for place in places])
    restored = dequantize(quantize(values, scale, zero_point, bits), scale, zero_point)
    limit = float(scale) / 2 + 4e-7 * max(-low, high)
    assert errors.max_error(values, restored) <= limit


@given(VALUES, BITS)
def test_weights_have_at_most_half_a_step_of_error(values, bits):
    assume(np.abs(values).max() > 1e-20)
    scale, _ = symmetric_parameters(values, bits)
    restored = quantization.fake_quantize(values, bits)
    assert errors.max_error(values, restored) <= float(scale) / 2 + 2e-7 * np.abs(values).max()


@given(ranges(), BITS, VALUES)
def test_quantizing_twice_changes_nothing_more(ends, bits, values):
    scale, zero_point = affine_parameters(*ends, bits)
    codes = quantize(values, scale, zero_point, bits)
    again = quantize(dequantize(codes, scale, zero_point), scale, zero_point, bits)
    np.testing.assert_array_equal(again, codes)


@given(ranges(), BITS, VALUES)
def test_the_order_of_values_is_kept(ends, bits, values):
    scale, zero_point = affine_parameters(*ends, bits)
    codes = quantize(np.sort(values), scale, zero_point, bits).astype(int)
    assert (np.diff(codes) >= 0).all()


@given(VALUES, st.floats(2**-10, 2**10, width=32), st.integers(-128, 127))
def test_the_nearest_code_is_chosen(values, scale, zero_point):
    """Held against exact fractions: no other code lies nearer to value / scale, as float32 has it."""
    codes = quantize(values, scale, zero_point)
    for value, code in zip(values, codes, strict=True):
        exact = Fraction(float(value / np.float32(scale))) + zero_point
        if code == 127 or code == -128:
            assert exact >= Fraction(253, 2) if code == 127 else exact <= Fraction(-255, 2)
        else:
            assert abs(exact - int(code)) <= Fraction(1, 2)


def test_halves_go_away_from_zero():
    assert quantize(np.float32([0.5, 1.5, 2.5, -0.5, -2.5]), 1).tolist() == [1, 2, 3, -1, -3]
    assert quantize(np.float32([0.49999997]), 1).tolist() == [0]
    assert quantize([np.nextafter(0.5, 0), -np.nextafter(0.5, 0)], 1).tolist() == [0, 0]


def test_codes_stop_at_the_ends():
    values = np.float32([-1e30, -200, 200, 1e30, np.inf, -np.inf])
    assert quantize(values, 1e-9).tolist() == [-128, -128, 127, 127, 127, -128]
    assert quantize(values, 1, narrow=True).tolist()[:3] == [-127, -127, 127]
    assert quantize(values, 1, bits=4).tolist()[:3] == [-8, -8, 7]


def test_types():
    assert quantize(np.float32([1]), 1).dtype == np.int8
    assert quantize([1, 2], 1, bits=4).dtype == np.int8
    assert quantize([1.0], 1, bits=16).dtype == np.int16
    assert dequantize(np.int8([-128]), np.float32(0.5), 127).tolist() == [-127.5]
    assert dequantize([1], 0.5).dtype == np.float32


@pytest.mark.parametrize("shape", [(0,), (3, 0)])
def test_no_values_have_no_range_but_may_be_quantized(shape):
    empty = np.zeros(shape, np.float32)
    with pytest.raises(ValueError, match="at least one value"):
        symmetric_parameters(empty)
    with pytest.raises(ValueError, match="at least one value"):
        errors.max_error(empty, empty)
    assert quantize(empty, 1).shape == dequantize(empty.astype(np.int8), 1).shape == shape


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_has_no_range(wrong):
    with pytest.raises(ValueError, match="found 1 of 2 that are NaN or infinite"):
        symmetric_parameters([1, wrong])
    for ends in ((wrong, 1), (0, wrong)):
        with pytest.raises(ValueError, match="two finite numbers"):
            affine_parameters(*ends)
    if np.isnan(wrong):
        with pytest.raises(ValueError, match="NaN has no code; found 1 of 2 values"):
            quantize([1, wrong], 1)


def test_other_mistakes_get_a_sentence():
    with pytest.raises(ValueError, match="low <= high; found 2.0 and 1.0"):
        affine_parameters(2, 1)
    with pytest.raises(ValueError, match="scale fits into float32"):
        affine_parameters(0, 1e300)
    with pytest.raises(ValueError, match="scale fits into float32"):
        symmetric_parameters([1e-44])
    with pytest.raises(ValueError, match="width of a step and above zero; found 0"):
        quantize([1.0], 0)
    with pytest.raises(ValueError, match="found 2 for no axis"):
        quantize(np.ones((2, 2)), np.ones(2))
    with pytest.raises(ValueError, match="found 3 for 2 channels along axis 1"):
        dequantize(np.ones((2, 2), np.int8), np.ones(3), axis=1)
    with pytest.raises(ValueError, match=r"one shape .* found \(2,\) and \(3,\)"):
        errors.rmse(np.ones(2), np.ones(3))


# --- the lecture's mapping --------------------------------------------------------------------------------------------


@given(ranges().filter(lambda r: r[1] - r[0] > 1e-6), BITS, st.lists(st.floats(-0.2, 1.2), max_size=20))
def test_compressed_values_are_half_a_step_off_at_most_and_the_ends_are_exact(ends, bits, places):
    low, high = map(float, ends)
    values = np.array([low, high, *(low + p * (high - low) for p in places)])
    codes = quantization.compress(values, low, high, bits)
    restored = quantization.decompress(codes, low, high, bits)
    assert restored[0] == low
    assert restored[1] == pytest.approx(high, rel=1e-12, abs=1e-12 * (high - low))
    step = (high - low) / (2**bits - 1)
    assert np.abs(restored - np.clip(values, low, high)).max() <= step / 2 * (1 + 1e-9)
    np.testing.assert_array_equal(quantization.compress(restored, low, high, bits), codes)


def test_the_lecture_s_number_line_by_hand():
    codes = quantization.compress([-5.4, 0, 4.5, 9], -5.4, 4.5)
    assert (codes.tolist(), codes.dtype) == ([0, 139, 255, 255], np.uint8)
    assert quantization.decompress(139, -5.4, 4.5) == pytest.approx(139 / 255 * 9.9 - 5.4)  # zero comes back as -0.0035
    assert quantization.compress([1.0], 0, 1, bits=12).dtype == np.uint16


@pytest.mark.parametrize("low, high", [(1, 1), (2, 1), (0, np.inf), (np.nan, 1)])
def test_a_range_to_compress_has_two_ends(low, high):
    for function in (quantization.compress, quantization.decompress):
        with pytest.raises(ValueError, match="two finite numbers, low < high"):
            function([0.5], low, high)


def test_what_is_no_number_cannot_be_compressed():
    with pytest.raises(ValueError, match="NaN has no code; found 1 of 2"):
        quantization.compress([0.5, np.nan], 0, 1)


# --- TensorFlow's converter -------------------------------------------------------------------------------------------

RANGES = [(-5.4, 4.5), (-1, 1), (0, 6), (-0.3, 2.6), (-7, 0.5), (0.25, 3), (-4, -1), (-0.001, 100)]


def converted(low: float, high: float) -> bytes:
    """Return the int8 file of a model whose input was calibrated with values from `low` to `high`."""
    entry = keras.Input((2,))
    model = keras.Model(entry, keras.layers.Dense(2, use_bias=False)(entry))
    model.layers[-1].set_weights([np.array([[1, -0.7], [0.4, 3]])])
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: iter([[np.array([[low, high]], np.float32)]])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    with console.quiet():
        return converter.convert()


@pytest.mark.parametrize("low, high", RANGES)
def test_the_converter_chooses_the_same_scale_and_zero_point(low, high, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(converted(low, high))
    known = {t.role: t for t in inspect.tensors(path)}
    scale, zero_point = affine_parameters(np.float32(low), np.float32(high))
    assert known["input"].scale == pytest.approx(scale, rel=2e-7)
    assert known["input"].zero_point == zero_point


def test_the_converter_decides_halves_in_float32(tmp_path):
    """-0.3 and 2.7 as float32 put zero at code -102.4999995, for which float32 has no number but -102.5."""
    path = tmp_path / "model.tflite"
    path.write_bytes(converted(-0.3, 2.7))
    (entry,) = [t for t in inspect.tensors(path) if t.role == "input"]
    _, zero_point = affine_parameters(np.float32(-0.3), np.float32(2.7))
    assert (entry.zero_point[0], zero_point) == (-103, -102)


def test_the_converter_gives_weights_the_same_scales_and_codes(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(converted(-1, 1))
    (weights,) = [t for t in inspect.tensors(path) if t.role == "weights"]
    values = np.array([[1, 0.4], [-0.7, 3]], np.float32)  # output channels first
    scale, zero_point = symmetric_parameters(values, axis=0)
    np.testing.assert_allclose(weights.scale, scale, rtol=1e-7)
    np.testing.assert_array_equal(weights.zero_point, zero_point)
    np.testing.assert_array_equal(weights.data, quantize(values, scale, narrow=True, axis=0))


# --- halves, against exact fractions ----------------------------------------------------------------------------------


@given(st.floats(-(2**20), 2**20, width=32))
def test_rounding_is_that_of_c(x):
    assert quantization.round_half_away(np.float32([x]))[0] == half_away(Fraction(x))


def test_rounding_just_below_a_half():
    assert quantization.round_half_away(np.array([0.49999997, -0.49999997, 2.5, -2.5], np.float32)).tolist() == [
        0,
        0,
        3,
        -3,
    ]
