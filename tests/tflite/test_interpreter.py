"""Files that are run: numbers to codes and back against the definition, and what cannot be run is named."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from helpers.measure import accuracy
from helpers.tflite import interpreter

pytest_plugins = ["small"]


# --- numbers to codes and back ----------------------------------------------------------------------------------------

DETAILS = st.builds(
    lambda dtype, scale, share: {
        "dtype": dtype,
        "quantization": (scale, int(np.iinfo(dtype).min + share * (np.iinfo(dtype).max - np.iinfo(dtype).min))),
    },
    st.sampled_from([np.int8, np.uint8, np.int16]),
    st.floats(1e-4, 10).map(lambda x: float(np.float32(x))),
    st.floats(0, 1),
)
FLOATS = hnp.arrays(np.float32, st.integers(1, 20), elements=st.floats(-1e4, 1e4, width=32))


@settings(deadline=None)
@given(FLOATS, DETAILS)
def test_quantize_input_rounds_and_clips(values, details):
    """Against the definition in exact arithmetic, one number at a time; Python rounds halves to even, as NumPy does."""
    codes = interpreter.quantize_input(values, details)
    (scale, zero_point), limits = details["quantization"], np.iinfo(details["dtype"])
    assert codes.dtype == details["dtype"]
    for value, code in zip(values, codes, strict=True):
        quotient = float(np.float32(value) / np.float32(scale))
        assert code == min(max(round(quotient) + zero_point, limits.min), limits.max)


@settings(deadline=None)
@given(FLOATS, DETAILS)
def test_there_and_back_is_off_by_half_a_step_at_most(values, details):
    (scale, zero_point), limits = details["quantization"], np.iinfo(details["dtype"])
    low, high = (limits.min - zero_point) * scale, (limits.max - zero_point) * scale
    back = interpreter.dequantize_output(interpreter.quantize_input(values, details), details)
    assert back.dtype == np.float32
    error = np.abs(back - np.clip(values.astype(np.float64), low, high))
    assert np.all(error <= scale / 2 + 1e-5 * np.abs(values) + 1e-6)


def test_halves_go_to_the_even_code():
    details = {"dtype": np.int8, "quantization": (1.0, 0)}
    assert interpreter.quantize_input(np.array([0.5, 1.5, 2.5, -0.5, -1.5], np.float32), details).tolist() == [
        0,
        2,
        2,
        0,
        -2,
    ]


@settings(deadline=None)
@given(FLOATS)
def test_a_float_model_gets_its_numbers_unchanged(values):
    details = {"dtype": np.float32, "quantization": (0.0, 0)}
    assert interpreter.quantize_input(values, details) is values
    assert interpreter.dequantize_output(values, details) is values


def test_our_rounding_of_the_input_is_tflites(small):
    """The file with float input starts with TFLite's own QUANTIZE operator; the rest of the two files is the same."""
    images, _ = small.pets.arrays("train", 40)
    ours = accuracy.predict(small.files["int8"], images)
    theirs = accuracy.predict(small.files["int8, float in/out"], images)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1 / 256)


# --- what can go wrong ------------------------------------------------------------------------------------------------


def test_unknown_kernels(small):
    with pytest.raises(KeyError, match="XNNPACK, built-in, reference; found 'fast'"):
        interpreter.load(small.files["int8"], "fast")


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no model file .*nothing\.tflite: run 02_convert"):
        interpreter.load(tmp_path / "nothing.tflite")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x1c\0\0\0TFL3" + b"\xff" * 99, "half"])
def test_a_file_that_is_no_model(small, tmp_path, content, capfd):
    if content == "half":
        whole = small.files["int8"].read_bytes()
        content = whole[: len(whole) // 2]
    path = tmp_path / "broken.tflite"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.tflite is no model TFLite can run: "):
        interpreter.load(path)
    if content:
        with pytest.raises(ValueError, match="The content is no model TFLite can run: "):
            interpreter.load(content)
