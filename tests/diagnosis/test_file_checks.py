"""What a file tells without being run: files broken on purpose, one for each finding, and good ones."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import odd_files
from helpers.base import console
from helpers.diagnosis import contents, finding, ranges, weights
from helpers.diagnosis.finding import Finding
from helpers.tflite import convert, edit, inspect

pytest_plugins = ["small"]


def checked(path):
    whole = contents.read(path)
    return [*ranges.check(whole), *weights.check(whole)]


def found(path, name):
    """Return the one finding of a file; it has that name."""
    (one,) = checked(path)
    assert one.name == name and one.severity in finding.SEVERITIES and one.evidence and one.advice
    return one


@pytest.mark.parametrize("kind", ["int8", "int8, float in/out", "int16x8"])
def test_nothing_is_found_in_a_good_quantized_file(small, kind):
    assert checked(small.files[kind]) == []


@pytest.mark.parametrize(
    "kind, name",
    [("float32", "nothing_quantized"), ("float16", "nothing_quantized"), ("dynamic range", "weights_only")],
)
def test_what_is_not_quantized_is_a_note(small, kind, name):
    one = found(small.files[kind], name)
    assert one.severity == "note"
    assert ("float16" in one.title) == (kind == "float16")


# --- the input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scale, zero_point, severity, words",
    [
        (1.0, -128, "severe", "reaches to 255, as if pictures were not normalised"),
        (235 / 255, -128, "severe", "reaches to 235"),
        (1 / 255**2, -128, "severe", "divided by 255 twice"),
        (1e-9, 0, "severe", "no range when the file was calibrated"),
        (9.3 / 255, 0, "warning", "as random normal numbers do"),
    ],
)
def test_an_input_range_that_no_pictures_have(small, broken, tools, scale, zero_point, severity, words):
    part, _ = tools

    def change(model):
        entry = part(model, small.files["int8"], "input").quantization
        entry.scale, entry.zeroPoint = [scale], [zero_point]

    others = [one for one in checked(broken(small.files["int8"], change)) if one.name != "bias_scale"]
    (one,) = others
    assert one.name == "input_range" and one.severity == severity and words in one.title


@pytest.mark.parametrize("low, high", [(0, 1), (-1, 1), (-2.12, 2.64), (0, 0.9)])
def test_an_input_range_that_pictures_have(small, broken, tools, low, high):
    part, _ = tools

    def change(model):
        entry = part(model, small.files["int8"], "input").quantization
        scale = (high - low) / 255
        entry.scale, entry.zeroPoint = [scale], [round(-128 - low / scale)]

    assert [one.name for one in checked(broken(small.files["int8"], change))] in ([], ["bias_scale"])


@pytest.mark.parametrize("operator, options, names", [("MUL", "Mul", []), ("MAXIMUM", "", ["input_range"])])
def test_a_network_that_rescales_its_input_may_take_0_to_255(tmp_path, operator, options, names):
    entry = odd_files.tensor([1, 8, 8, 3], "int8", scale=1.0, zero_point=-128)
    factor = odd_files.tensor([1], "int8", np.array([127], np.int8), scale=1 / 255 / 127)
    made = odd_files.tensor([1, 8, 8, 3], "int8", scale=1 / 255)
    graph = odd_files.graph([entry, factor, made], [odd_files.step(operator, [0, 1], [2], options)], [0], [2])
    (tmp_path / "one.tflite").write_bytes(edit.packed(odd_files.model(graph)))
    assert [one.name for one in checked(tmp_path / "one.tflite")] == names


@pytest.mark.parametrize(
    "shape, a_picture",
    [
        ([1, 96, 96, 3], True),
        ([1, 3, 96, 96], True),
        ([1, 96, 96, 1], True),
        ([1, 1, 28, 28], True),
        ([1, 49, 40, 1], False),  # a spectrogram
        ([1, 1960], False),
        ([1, 8, 8, 16], False),
    ],
)
def test_what_looks_like_a_picture(tmp_path, shape, a_picture):
    """A wide range is only odd for a picture."""
    tensors = [odd_files.tensor(shape, "int8", scale=1.0, zero_point=-128) for _ in range(2)]
    graph = odd_files.graph(tensors, [odd_files.step("RELU", [0], [1])], [0], [1])
    (tmp_path / "one.tflite").write_bytes(edit.packed(odd_files.model(graph)))
    assert [one.name for one in checked(tmp_path / "one.tflite")] == ["input_range"] * a_picture


# --- floats in between, ranges ----------------------------------------------------------------------------------------


def test_an_island_of_floats_is_named_with_its_beginning(tmp_path):
    tensors = [
        odd_files.tensor([1, 4], "int8", scale=0.1),
        odd_files.tensor([1, 4], "int8", scale=0.1),
        *(odd_files.tensor([1, 4], name=f"net/{name}/it") for name in ("out", "sine", "cosine")),
        odd_files.tensor([1, 4], "int8", scale=0.1),
        odd_files.tensor([1, 4], "int8", scale=0.1),
    ]
    kinds = ["RELU", "DEQUANTIZE", "SIN", "COS", "QUANTIZE", "RELU"]
    steps = [odd_files.step(kind, [i], [i + 1]) for i, kind in enumerate(kinds)]
    (tmp_path / "one.tflite").write_bytes(edit.packed(odd_files.model(odd_files.graph(tensors, steps, [0], [6]))))
    one = found(tmp_path / "one.tflite", "float_islands")
    assert one.severity == "warning" and one.title == "2 of 6 operators work in floating point"
    assert "1 island, beginning at sine (SIN, operator 2), 2 operators." in one.evidence


def test_an_activation_without_a_range(small, broken, tools):
    part, _ = tools

    def change(model):
        part(model, small.files["int8"], "activation", 2).quantization.scale = [1e-9]

    names = [one.name for one in checked(broken(small.files["int8"], change))]
    assert "empty_range" in names and set(names) <= {"empty_range", "bias_scale"}


def test_probabilities_with_a_scale_of_their_own(small, broken, tools):
    part, _ = tools

    def change(model):
        part(model, small.files["int8"], "output").quantization.scale = [1 / 200]

    assert "scale 0.005, zero point -128" in found(broken(small.files["int8"], change), "output_scale").evidence


# --- weights and biases -----------------------------------------------------------------------------------------------


def test_one_scale_for_all_weights(small):
    from helpers.pictures import datasets

    with_one = small.home / "one_scale.tflite"
    with console.quiet():
        content = convert.int8(small.saved_model, datasets.calibration_inputs(small.pets), per_channel=False)
    with_one.write_bytes(content)
    one = found(with_one, "per_tensor_weights")
    counts = [len(t.scale) for t in inspect.tensors(with_one) if t.role == "weights" and len(t.shape) == 4]
    assert set(counts) == {1} and one.title.startswith(f"{len(counts)} of {len(counts)} convolutions")


def first(path, tools, dtype, role="weights", number=1):
    """Return a change of some constant values: `first(...)(lambda values: ...)`."""
    part, values = tools
    return lambda act: lambda model: act(values(model, part(model, path, role, number), dtype))


def test_a_channel_without_weights(small, broken, tools):
    path = small.files["int8"]

    def no_weights(codes):
        codes[3] = 0

    one = found(broken(path, first(path, tools, np.int8)(no_weights)), "dead_channels")
    assert one.title == "1 output channel with no weight but 0" and "conv2 (CONV_2D, operator 1): 1." in one.evidence


def test_a_channel_a_hundred_times_as_wide(small, broken, tools):
    part, _ = tools
    path = small.files["int8"]
    scales = np.sort(contents.read(path).weighed[1].weights.scale)

    def wider(model):
        for role in ("weights", "bias"):
            quantization = part(model, path, role, 1).quantization
            quantization.scale = list(quantization.scale)
            quantization.scale[5] *= 130 * scales[-1] / scales[0]

    one = found(broken(path, wider), "wide_channels")
    assert one.severity == "warning" and "conv2 (CONV_2D, operator 1): 1, up to" in one.evidence


def test_weights_with_a_zero_point(small, broken, tools):
    part, _ = tools
    path = small.files["int8"]

    def change(model):
        quantization = part(model, path, "weights", 1).quantization
        quantization.zeroPoint = [3] * len(quantization.scale)

    assert found(broken(path, change), "weights_zero_point").severity == "severe"


def test_weights_of_the_time_before_2019(small, broken, tools):
    part, _ = tools
    path = small.files["int8"]

    def change(model):
        tensor = part(model, path, "weights", 1)
        tensor.type = schema.TensorType.UINT8

    assert "uint8" in found(broken(path, change), "unsigned_weights").title


@pytest.mark.parametrize("bias, words", [(2**31 - 1, "At the end of 32 bits"), (2**31 - 1000, "could leave 32 bits")])
def test_a_bias_that_saturates(small, broken, tools, bias, words):
    path = small.files["int8"]

    def fill(codes):
        codes[2] = bias

    one = found(broken(path, first(path, tools, np.int32, "bias")(fill)), "bias_saturates")
    assert one.severity == "severe" and words in one.evidence and "conv2" in one.evidence


def test_a_bias_with_another_scale(small, broken, tools):
    part, _ = tools
    path = small.files["int8"]

    def change(model):
        quantization = part(model, path, "bias", 1).quantization
        quantization.scale = [2 * scale for scale in quantization.scale]

    assert "conv2 (CONV_2D, operator 1): off by a factor of 2" in found(broken(path, change), "bias_scale").evidence


# --- words ------------------------------------------------------------------------------------------------------------


def test_findings_are_counted_and_the_worst_come_first():
    made = [Finding("a", severity, "t", "e", "w") for severity in ("note", "severe", "warning", "note")]
    assert [one.severity for one in finding.worst_first(made)] == ["severe", "warning", "note", "note"]
    assert finding.summary(made) == "Found: 1 severe, 1 warning, 2 notes."
    assert finding.summary([]) == "Nothing found."


@pytest.mark.parametrize(
    "names, words",
    [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c"), (list("abcde"), "a, b, c and 2 more")],
)
def test_places_are_named_and_counted(names, words):
    assert finding.places(names) == words
