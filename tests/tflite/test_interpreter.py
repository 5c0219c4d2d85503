"""Files that are run: numbers to codes and back against the definition, and what cannot be run is named."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import odd_files
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


@settings(deadline=None)
@given(hnp.arrays(np.int64, 5, elements=st.integers(-300, 300)), st.sampled_from([np.int8, np.uint8, np.int32]))
def test_whole_numbers_without_a_scale_stay_what_they_are(values, dtype):
    """As an index, or the pixels of a file without scales; TFLite gives them the scale 0."""
    details, limits = {"dtype": dtype, "quantization": (0.0, 0)}, np.iinfo(dtype)
    codes = interpreter.quantize_input(values.astype(np.float32), details)
    assert codes.dtype == dtype and codes.tolist() == [min(max(v, limits.min), limits.max) for v in values]
    assert interpreter.dequantize_output(codes, details).tolist() == codes.tolist()


def test_other_floats_are_rounded_to_their_type():
    details = {"dtype": np.float16, "quantization": (0.0, 0)}
    values = np.float32([0.1, -3])
    np.testing.assert_array_equal(interpreter.quantize_input(values, details), values.astype(np.float16))


# --- batches ----------------------------------------------------------------------------------------------------------


def shape_of(build, batch: int) -> list[int]:
    ready = interpreter.load(odd_files.content(build), batch=batch)
    ready.invoke()
    return ready.get_input_details()[0]["shape"].tolist()


def test_the_first_axis_is_that_of_the_pictures():
    for build in (odd_files.READ["open batch"], odd_files.small):
        assert shape_of(build, 1)[0] == 1 and shape_of(build, 3)[0] == 3


def test_an_input_without_a_batch_stays_as_it_is():
    assert shape_of(odd_files.READ["input [16000]"], 1) == [16000]
    assert shape_of(odd_files.READ["input a single number"], 1) == []
    for situation, shape in (("input [16000]", r"\[16000\]"), ("input a single number", r"\[\]")):
        with pytest.raises(
            interpreter.Refused, match=rf"not 8 inputs in one call, for its input has the shape {shape}"
        ):
            interpreter.load(odd_files.content(odd_files.READ[situation]), batch=8)


def test_one_open_axis_is_one_for_the_batch():
    assert shape_of(lambda: odd_files.doubled([1], shapeSignature=[-1]), 5) == [5]


def test_a_file_without_inputs_is_loaded(tmp_path):
    counted = odd_files.tensor([2], data=np.float32([1, 2]))
    steps = [odd_files.step("ADD", [0, 0], [1], "Add")]
    ready = interpreter.load(
        odd_files.content(lambda: odd_files.model(odd_files.graph([counted, odd_files.tensor([2])], steps, [], [1])))
    )
    ready.invoke()
    assert ready.get_tensor(1).tolist() == [2, 4]


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


def test_what_tflite_says_is_one_line_without_the_places_in_its_source():
    said = "tensorflow/lite/kernels/conv.cc:343 a != b (2 != 4)\nNode number 0 (CONV_2D) failed to prepare.\n"
    problem = interpreter.Refused("x.tflite", said)
    assert problem.reason == "a != b (2 != 4); Node number 0 (CONV_2D) failed to prepare"
    assert str(problem) == f"x.tflite is no model TFLite can run: {problem.reason}. Convert it again."
    assert interpreter.Refused("x.tflite", problem.reason).reason == problem.reason
