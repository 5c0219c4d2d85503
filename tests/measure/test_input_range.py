"""The range in which a model wants its pixels, told from files that TensorFlow's converter has made."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.base import console
from helpers.base.tf import tf
from helpers.measure import input_range
from helpers.measure.input_range import CONVENTIONS
from helpers.tflite import convert, inspect
from one_operator import Operand, build

INT8, INT16 = (
    tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
    tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
)


def converted(path, function, low=0.0, high=1.0, ends=None, operators=None):
    """Write a .tflite file of a function of one picture, calibrated on pixels of a range if it has operators."""
    traced = tf.function(function).get_concrete_function(tf.TensorSpec((1, 4, 4, 3), tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([traced], tf.Module())
    if operators is not None:
        pixels = np.linspace(low, high, 48, dtype=np.float32).reshape(1, 4, 4, 3)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = convert.representative_dataset(pixels)
        converter.target_spec.supported_ops = [operators]
        converter.inference_input_type = converter.inference_output_type = ends
    with console.quiet():
        return convert.write(converter.convert(), path / "model.tflite")


def pooled(picture):
    return tf.nn.max_pool2d(picture, 2, 2, "SAME")


@pytest.mark.parametrize("name", CONVENTIONS)
@pytest.mark.parametrize("ends", [tf.int8, tf.uint8, tf.float32], ids=lambda ends: ends.name)
def test_the_scale_tells(name, ends, tmp_path):
    """Also that of an input of floats which is quantized first."""
    low, high = CONVENTIONS[name]
    found = input_range.guess(converted(tmp_path, pooled, low, high, ends, INT8))
    assert found.convention == name
    assert (found.codes.low, found.codes.high) == pytest.approx((low, high), abs=(high - low) / 128)
    assert found.reason.startswith("guessed from the scale of the input, whose codes stand for ")


@pytest.mark.parametrize("name, told", [("0..1", "0..1"), ("-1..1", "0..1"), ("0..255", "0..255")])
def test_int16_tells_the_upper_end_only(name, told, tmp_path):
    found = input_range.guess(converted(tmp_path, pooled, *CONVENTIONS[name], tf.int16, INT16))
    assert found.convention == told and found.codes.low == pytest.approx(-found.codes.high, rel=1e-3)
    assert ("which fits -1..1 as well" in found.reason) == (told == "0..1")


@pytest.mark.parametrize(
    "function, told",
    [
        (lambda x: pooled(x / 255), "0..255"),
        (lambda x: pooled(x * (1 / 127.5) - 1), "0..255"),
        (lambda x: pooled((x - 127.5) / 127.5), "0..255"),
        (lambda x: pooled(x * 2 - 1), "0..1"),
        (lambda x: pooled((x + 1) / 2), "-1..1"),
        (lambda x: pooled(x / 255 - [0.5, 0.4, 0.4]), "0..255"),
        (lambda x: pooled(x - [0.5, 0.4, 0.4]), None),
        (lambda x: pooled(x / [255.0, 100.0, 50.0]), None),
        (lambda x: pooled((127.5 - x) / 127.5), None),
        (lambda x: pooled(255 / x), None),
        (lambda x: pooled(x * 0.999), None),
        (lambda x: x * pooled(x)[0, 0, 0, 0], None),
        (lambda x: x * 3, None),
        (pooled, None),
    ],
)
def test_the_first_operators_tell(function, told, tmp_path):
    found = input_range.guess(converted(tmp_path, function))
    assert found.convention == (told or "0..1") and found.codes is None
    assert ("first operators" in found.reason) == (told is not None)
    assert ("assumed: a float32 input does not tell" in found.reason) == (told is None)


def test_bytes_without_a_scale_are_pixels(tmp_path):
    (tmp_path / "cast.tflite").write_bytes(
        build("CAST", [Operand((1, 4, 4, 3), "uint8")], Operand((1, 4, 4, 3), "float32"))
    )
    name, line = input_range.chosen(tmp_path / "cast.tflite", None)
    assert (name, line) == ("0..255", "0 to 255, the bytes of the pixels: the uint8 input has no scale")


def test_another_range_is_named_and_may_be_overruled(tmp_path):
    """The usual mean and deviation of PyTorch's models."""
    path = converted(tmp_path, pooled, -2.12, 2.64, tf.int8, INT8)
    assert input_range.guess(path).convention is None
    with pytest.raises(
        ValueError, match=r"in 0\.\.1, -1\.\.1, 0\.\.255, and the codes .* stand for -2\.1\d* to 2\.6\d*: say"
    ):
        input_range.chosen(path, None)
    name, line = input_range.chosen(path, "-1..1")
    assert name == "-1..1" and line.startswith("-1 to 1, as --range says; the codes of the input stand for -2.1")


@given(st.sampled_from(list(CONVENTIONS)), st.floats(0, 0.19), st.floats(0, 0.19))
def test_pictures_that_are_never_quite_black_or_white(name, darkest, whitest):
    """As long as the ends together are off by less than `NEAR` of the width, only one convention is near."""
    low, high = CONVENTIONS[name]
    width = high - low
    assert input_range.nearest(low + darkest * width, high - whitest * width) == name


@pytest.mark.parametrize(
    "low, high",
    [(-2.12, 2.64), (-128, 127), (-0.5, 0.5), (0, 2), (0, 0.004), (0, 65535), (np.nan, 1), (-np.inf, np.inf)],
)
def test_no_convention_is_near(low, high):
    assert input_range.nearest(low, high) is None


@pytest.mark.parametrize("dtype, codes", [("int8", (-128, 127)), ("uint8", (0, 255)), ("int16", (-32768, 32767))])
def test_what_codes_stand_for(dtype, codes):
    scale, zero_point = np.float32(0.01), int(np.mean(codes))
    tensor = inspect.Tensor(0, "x", (1,), dtype, np.array([scale]), np.array([zero_point]), 0, "input", None)
    found = input_range.code_range(tensor)
    assert (found.low, found.high) == pytest.approx([float(scale) * (code - zero_point) for code in codes])
