"""What is read from a file, against TFLite's own interpreter and against sums by hand."""

import dataclasses
import math

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given, settings
from hypothesis import strategies as st

import odd_files
from helpers.base.tf import keras
from helpers.networks import training
from helpers.tflite import convert, edge_quantizer, edit, from_keras, inspect
from helpers.tflite.inspect import Tensor

pytest_plugins = ["small"]

KINDS = list(convert.KINDS)
BITS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}


def made_up(data, scale, zero_point=None, axis=0):
    """Return a constant tensor."""
    zero_point = np.zeros(len(scale), np.int64) if zero_point is None else np.array(zero_point, np.int64)
    return Tensor(
        0, "t", np.shape(data), "int8", np.array(scale, np.float32), zero_point, axis, "weights", np.array(data)
    )


# --- tensors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_tensor_is_as_the_interpreter_says(small, kind):
    tensors = inspect.tensors(small.files[kind])
    ready = Interpreter(str(small.files[kind]), experimental_preserve_all_tensors=True)
    details = {entry["index"]: entry for entry in ready.get_tensor_details()}
    for tensor in tensors:
        entry = details[tensor.index]
        assert tensor.name == entry["name"]
        assert tensor.dtype == np.dtype(entry["dtype"]).name
        assert tensor.shape == tuple(entry["shape"])
        theirs = entry["quantization_parameters"]
        np.testing.assert_array_equal(tensor.scale, theirs["scales"])
        np.testing.assert_array_equal(tensor.zero_point, theirs["zero_points"])
        if len(tensor.scale) > 1:
            assert tensor.axis == theirs["quantized_dimension"]
    assert {t.index for t in tensors if t.role == "input"} == {d["index"] for d in ready.get_input_details()}
    assert {t.index for t in tensors if t.role == "output"} == {d["index"] for d in ready.get_output_details()}


@pytest.mark.parametrize("kind", ["float32", "dynamic range", "int8", "int16x8", "int8, float in/out"])
def test_the_details_of_input_and_output_are_the_interpreters(small, kind):
    interpreter = Interpreter(str(small.files[kind]))
    ends = {"input": interpreter.get_input_details()[0], "output": interpreter.get_output_details()[0]}
    for role, expected in ends.items():
        tensor = next(tensor for tensor in inspect.tensors(small.files[kind]) if tensor.role == role)
        assert tensor.details == {name: expected[name] for name in ("dtype", "quantization")}


def test_operators_are_those_that_run(small):
    names = [step.name for step in inspect.operators(small.files["int8"])]
    assert names.count("CONV_2D") == 5
    assert names.count("MAX_POOL_2D") == 3
    assert names[-3:] == ["MEAN", "FULLY_CONNECTED", "SOFTMAX"]
    around = [step.name for step in inspect.operators(small.files["int8, float in/out"])]
    assert around == ["QUANTIZE", *names, "DEQUANTIZE"]


def test_settings_are_those_of_the_network(small):
    """As `models.compact_cnn` sets them, with the names of schema.fbs."""
    steps = inspect.operators(small.files["int8"])
    first = steps[0].options
    assert (first["padding"], first["stride_h"], first["stride_w"]) == ("SAME", 2, 2)
    assert (first["dilation_h_factor"], first["fused_activation_function"]) == (1, "RELU6")
    pool = next(step for step in steps if step.name == "MAX_POOL_2D").options
    assert (pool["padding"], pool["filter_height"], pool["filter_width"], pool["stride_h"]) == ("VALID", 2, 2, 2)
    assert {step.name: step.options for step in steps}["SOFTMAX"] == {"beta": 1.0}
    assert {step.name: step.options for step in steps}["MEAN"] == {"keep_dims": False}
    assert len({hash(step) for step in steps}) == len(steps)


def test_settings_that_are_lists_become_tuples():
    step = schema.OperatorT()
    step.builtinOptions = schema.ReshapeOptionsT()
    step.builtinOptions.newShape = np.array([1, -1], np.int32)
    assert inspect._options(step) == {"new_shape": (1, -1)}
    assert inspect._options(schema.OperatorT()) == {}


def test_outputs_are_those_of_the_network(small):
    assert inspect.outputs(small.files["int8"]) == inspect.operators(small.files["int8"])[-1].outputs


@pytest.mark.parametrize("kind", KINDS)
def test_weights_and_biases_are_found_in_every_kind(small, kind):
    tensors = inspect.tensors(small.files[kind])
    weights, biases = ([t for t in tensors if t.role == role] for role in ("weights", "bias"))
    assert sum(t.data.size for t in weights) == sum(math.prod(shape) for shape in SHAPES)
    assert len(weights) == len(biases) == 6
    assert sum(t.data.size for t in biases) == 16 + 24 + 48 + 96 + 128 + 2


def test_the_scale_of_a_bias_is_that_of_its_products(small):
    """A bias is added to sums of input code times weight code, so its step is input scale times weight scale."""
    for kind in ("int8", "int16x8"):
        known = inspect.tensors(small.files[kind])
        steps = [s for s in inspect.operators(small.files[kind]) if s.name in inspect.WEIGHED]
        assert len(steps) == 6
        for step in steps:
            data, weights, bias = (known[i] for i in step.inputs)
            np.testing.assert_allclose(bias.scale, data.scale * weights.scale, rtol=1e-6)
            assert not bias.zero_point.any()
            assert not weights.zero_point.any()
            assert bias.dtype == ("int32" if kind == "int8" else "int64")


def test_int8_weights_are_the_float_weights_to_half_a_step(small):
    """The two files come from one model; batch normalisation is folded into the weights of both."""
    whole, coded = ([t for t in inspect.tensors(small.files[k]) if t.role == "weights"] for k in ("float32", "int8"))
    by_shape = {t.shape: t for t in whole}
    assert len(by_shape) == len(coded) == 6
    for tensor in coded:
        expected, steps = by_shape[tensor.shape].data, tensor.scale.reshape(-1, *[1] * (len(tensor.shape) - 1))
        assert tensor.dequantized().dtype == np.float32
        assert np.all(np.abs(tensor.dequantized() - expected) <= steps * 0.501)


@settings(deadline=None)
@given(st.lists(st.floats(2**-20, 8, width=32), min_size=3, max_size=3), st.integers(0, 2), st.integers(-9, 9))
def test_per_channel_values_by_hand(scale, axis, zero):
    data = np.arange(-13, 14, dtype=np.int8).reshape(3, 3, 3)
    values = made_up(data, scale, [zero] * 3, axis).dequantized()
    for place, code in np.ndenumerate(data):
        assert values[place] == pytest.approx((int(code) - zero) * scale[place[axis]], rel=1e-6)


def test_one_scale_for_all_values_and_none():
    data = np.array([[-128, 0], [5, 127]], np.int8)
    np.testing.assert_allclose(made_up(data, [0.5], [-3]).dequantized(), (data.astype(float) + 3) * 0.5)
    np.testing.assert_allclose(made_up(data, [0.5], [-3], axis=1).dequantized(), (data.astype(float) + 3) * 0.5)
    np.testing.assert_array_equal(made_up(data, []).dequantized(), data)
    assert made_up(np.int8(7), [0.5]).dequantized() == 3.5, "a single number"


def test_one_zero_point_may_stand_for_all_channels(tmp_path):
    """Files made for TensorFlow Lite Micro alone save bytes so (micro_allocator.cc)."""
    path = tmp_path / "odd.tflite"
    path.write_bytes(
        odd_files.content(odd_files.changed(quantization_of_weights, "zeroPoint", [3], odd_files.transposed))
    )
    (weights,) = [t for t in inspect.tensors(path) if t.role == "weights"]
    assert weights.zero_point.tolist() == [3] * 5
    np.testing.assert_allclose(weights.dequantized(), (weights.data - 3) * 0.1, rtol=1e-6)
    assert inspect.bytes_by_purpose(path)["quantization parameters"] == 4 * 5 + 8 + 2 * (4 + 8)


def quantization_of_weights(_, main):
    return main.tensors[1].quantization


def test_a_range_or_numbers_that_are_not_there_are_refused():
    whole = made_up(np.zeros(3, np.int8), [])
    with pytest.raises(inspect.Unreadable, match=r"^Tensor 0, 't', is int8 and has no scale: no range of codes\.$"):
        _ = whole.range
    for wrong in (dataclasses.replace(whole, data=None), dataclasses.replace(whole, dtype="complex64")):
        with pytest.raises(inspect.Unreadable, match=r"^Tensor 0, 't', has no real numbers as its values\.$"):
            wrong.dequantized()


def test_granularity_in_words():
    words = [made_up(np.zeros(8, np.int8), [1.0] * count).granularity for count in (0, 1, 8)]
    assert words == ["–", "per tensor", "per channel (8)"]


# --- four bits and blocks ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def low_bits(small, tmp_path_factory):
    """The small network in AI Edge Quantizer's forms with int4 weights: {form: path}."""
    folder = tmp_path_factory.mktemp("low_bits")
    forms = {"channel": {}, "tensor": {"granularity": "tensor"}, "blocks": {"granularity": 32}}
    options = {"weights": 4, "activations": "dynamic"}
    contents = {name: edge_quantizer.quantize(small.files["float32"], **options, **f) for name, f in forms.items()}
    return {name: convert.write(content, folder / f"{name}.tflite") for name, content in contents.items()}


@pytest.mark.parametrize("form", ["channel", "tensor", "blocks"])
def test_int4_weights_are_the_float_weights_to_half_a_step(small, low_bits, form):
    """TFLite's interpreter gives no int4 values, so they are held against the numbers that they stand for."""
    whole = {t.name: t for t in inspect.tensors(small.files["float32"]) if t.role == "weights"}
    coded = [t for t in inspect.tensors(low_bits[form]) if t.role == "weights"]
    assert {t.name for t in coded} == set(whole)
    for tensor in coded:
        assert (tensor.dtype, tensor.data.dtype, tensor.shape) == ("int4", np.int8, whole[tensor.name].shape)
        assert np.abs(tensor.data).max() == 7, "the weight farthest from zero has the last code"
        channels = whole[tensor.name].data.reshape(len(tensor.data), -1)
        blocks = channels.reshape(len(channels), -1, tensor.block_size or channels.shape[1])
        farthest = np.abs(blocks).max(axis=(0, 1, 2) if form == "tensor" else 2)
        np.testing.assert_allclose(np.ravel(tensor.scale), np.ravel(farthest / 7), rtol=2**-7)  # bfloat16 in blocks
        step = np.broadcast_to(farthest[..., None] / 7, blocks.shape).reshape(tensor.shape)
        assert np.all(np.abs(tensor.dequantized() - whole[tensor.name].data) <= 0.55 * step)


def test_which_weights_have_blocks(low_bits):
    """The dense layer, whose inputs are a multiple of 32; convolutions have a scale a channel."""
    words = {t.granularity for t in inspect.tensors(low_bits["blocks"]) if t.role == "weights" and len(t.shape) == 2}
    assert words == {"per block of 32 (8)"}, "2 classes, 128 inputs"
    tensors = inspect.tensors(low_bits["blocks"])
    assert {t.granularity[:11] for t in tensors if t.role == "weights" and len(t.shape) == 4} == {"per channel"}
    assert sum(t.role == "scales" for t in tensors) == 1


def test_bytes_of_packed_weights(small, low_bits):
    whole = inspect.bytes_by_purpose(small.files["float32"])["weights"]
    for path in low_bits.values():
        sizes = inspect.bytes_by_purpose(path)
        assert sizes["weights"] == whole / 8
        assert sum(sizes.values()) == path.stat().st_size
    parameters = {n: inspect.bytes_by_purpose(p)["quantization parameters"] for n, p in low_bits.items()}
    assert parameters["channel"] - parameters["blocks"] == 2 * (4 + 8) - 8 * 2, "2 scales and zero points for 8 halves"


def test_tables_know_four_bits(low_bits):
    assert inspect.dtype_table(low_bits).rows[0][2] == "int4"
    assert "per block of 32 (8)" in str(inspect.tensor_table(low_bits["blocks"]))


def test_values_behind_the_flatbuffer(tmp_path):
    """AI Edge Quantizer writes the values of files above 256 KB there; the interpreter is the truth."""
    model = keras.Sequential([keras.Input((700,)), keras.layers.Dense(600, name="dense")])
    float_file = convert.write(from_keras.float32(model), tmp_path / "float32.tflite")
    path = convert.write(edge_quantizer.quantize(float_file, activations="dynamic"), tmp_path / "large.tflite")
    parsed = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    assert any(buffer.offset for buffer in parsed.buffers), "else this tests nothing"
    (weights,) = [t for t in inspect.tensors(path) if t.role == "weights"]
    np.testing.assert_array_equal(weights.data, Interpreter(str(path)).get_tensor(weights.index))
    inputs = np.random.default_rng(1).normal(size=(1, 700)).astype(np.float32)
    answers = []
    for content in (path.read_bytes(), edit.excerpt(path)):
        ready = Interpreter(model_content=content)
        ready.allocate_tensors()
        ready.set_tensor(ready.get_input_details()[0]["index"], inputs)
        ready.invoke()
        answers.append(ready.get_tensor(ready.get_output_details()[0]["index"]))
    np.testing.assert_array_equal(*answers)
    same = edit.replace_weights(path, lambda t: t.data)
    assert same == path.read_bytes()
    doubled = convert.write(edit.replace_weights(path, lambda t: t.data // 2), tmp_path / "half.tflite")
    (halved,) = [t for t in inspect.tensors(doubled) if t.role == "weights"]
    np.testing.assert_array_equal(halved.data, weights.data // 2)


# --- bytes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_bytes_add_up_to_the_file(small, kind):
    sizes = inspect.bytes_by_purpose(small.files[kind])
    assert tuple(sizes) == inspect.PURPOSES
    assert sum(sizes.values()) == small.files[kind].stat().st_size
    assert all(size >= 0 for size in sizes.values())
    assert sizes["structure"] < 20_000


def test_int8_weights_are_four_times_as_small_and_the_file_is_not(small):
    whole, coded = (inspect.bytes_by_purpose(small.files[kind]) for kind in ("float32", "int8"))
    assert whole["weights"] == 4 * coded["weights"]
    assert coded["weights"] == sum(math.prod(shape) for shape in SHAPES)
    assert 3.5 < sum(whole.values()) / sum(coded.values()) < 4
    assert whole["quantization parameters"] == 0 < coded["quantization parameters"]


SHAPES = [(16, 3, 3, 3), (24, 3, 3, 16), (48, 3, 3, 24), (96, 3, 3, 48), (128, 3, 3, 96), (2, 128)]


def test_quantization_parameters_by_hand(small):
    """Each scale takes 4 bytes and each zero point 8; the converter stores no minima and maxima."""
    known = inspect.tensors(small.files["int8"])
    expected = sum(4 * len(t.scale) + 8 * len(t.zero_point) for t in known)
    assert inspect.bytes_by_purpose(small.files["int8"])["quantization parameters"] == expected


# --- tables -----------------------------------------------------------------------------------------------------------


def test_the_table_of_tensors_has_a_row_for_each(small):
    known = inspect.tensors(small.files["int8"])
    table = inspect.tensor_table(small.files["int8"])
    assert len(table.rows) == len(known)
    for row, tensor in zip(table.rows, known, strict=True):
        cells = dict(zip(table.columns, row, strict=True))
        assert (cells["#"], cells["role"], cells["dtype"]) == (str(tensor.index), tensor.role, tensor.dtype)
        if len(tensor.scale) == 1:
            assert float(cells["scale"]) == pytest.approx(float(tensor.scale[0]), rel=0.01)
            assert int(cells["zero point"]) == tensor.zero_point[0]


def test_the_table_of_some_steps_has_their_tensors_only(small):
    table = inspect.tensor_table(small.files["int8"], steps=(0, -1))
    first, *_, last = inspect.operators(small.files["int8"])
    expected = [*first.inputs, *first.outputs, *last.inputs, *last.outputs]
    assert [row[0] for row in table.rows] == [str(index) for index in expected]
    roles = [row[table.columns.index("role")] for row in table.rows]
    assert roles == ["input", "weights", "bias", "activation", "activation", "output"]


def test_the_table_of_sizes(small):
    table = inspect.size_table({kind: small.files[kind] for kind in ("float32", "int8")})
    first, second = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    assert (first["weights shrink"], second["weights shrink"]) == ("1.00", "4.00")
    sizes = [small.files[kind].stat().st_size for kind in ("float32", "int8")]
    assert [int(row["file"].replace(",", "")) for row in (first, second)] == sizes
    assert second["file shrinks"] == f"{sizes[0] / sizes[1]:.2f}"


@pytest.mark.parametrize(
    "name", ["", "picture", "a/b;c/d", "StatefulPartitionedCall/net_1/conv1_1/convolution;x", "x" * 99]
)
def test_short_names_fit(name):
    assert len(inspect.short_name(name)) <= 34
    if len(name) < 10:
        assert inspect.short_name(name) in name


# --- what can go wrong ------------------------------------------------------------------------------------------------

READERS = [inspect.tensors, inspect.operators, inspect.bytes_by_purpose, inspect.tensor_table]


@pytest.mark.parametrize("reader", READERS, ids=lambda f: f.__name__)
def test_a_missing_file(tmp_path, reader):
    with pytest.raises(FileNotFoundError, match=r"no model file .*nothing\.tflite: run 02_convert"):
        reader(tmp_path / "nothing.tflite")
    with pytest.raises(FileNotFoundError, match="no model file"):
        reader(tmp_path)  # a folder


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"hello, this is no model"])
def test_a_file_that_is_no_model(tmp_path, content):
    path = tmp_path / "photo.tflite"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"photo\.tflite is no \.tflite file: bytes 4 to 8 should be b'TFL3', found"):
        inspect.tensors(path)


@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
def test_half_a_file(small, tmp_path, share):
    whole = small.files["int8"].read_bytes()
    path = tmp_path / "half.tflite"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"half\.tflite is a broken \.tflite file.*convert again"):
        inspect.tensors(path)


def test_tensors_cannot_be_changed(small):
    with pytest.raises(dataclasses.FrozenInstanceError):
        inspect.tensors(small.files["int8"])[0].dtype = "int4"


# --- layers -----------------------------------------------------------------------------------------------------------


def test_weights_by_layer_are_those_of_the_network(small):
    """In the order in which they run; batch normalisation has been multiplied into them, so shapes are compared."""
    model = keras.models.load_model(small.saved_model.parent / training.CHECKPOINT)
    kernels = {layer.name: layer.kernel.shape for layer in model.layers if hasattr(layer, "kernel")}
    weights = inspect.layer_weights(small.files["float32"])
    assert list(weights) == list(kernels)
    for name, values in weights.items():
        assert values.dtype == np.float32
        assert sorted(values.shape) == sorted(kernels[name])
        assert values.shape[0] == kernels[name][-1], "output channels first"
    int8 = inspect.layer_weights(small.files["int8"])
    for name, values in weights.items():
        np.testing.assert_allclose(int8[name], values, atol=np.abs(values).max() / 127)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("net_1/conv1_1/convolution;net_1/norm1_1/add", "conv1"),
        ("StatefulPartitionedCall/net_1/dense_2/MatMul", "dense"),
        ("arith.constant13", "arith.constant13"),
    ],
)
def test_the_name_of_a_layer(name, expected):
    assert inspect.layer_name(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("net_1/relu1_1/Relu6;net_1/norm1_1/batchnorm/add_1;net_1/conv1_1/convolution;net_1/norm1_1/sub1", "conv1"),
        ("net/depthwise_relu1_1/Relu6;net/depthwise_norm1_1/batchnorm/mul_1;net/depthwise1_1/depthwise", "depthwise1"),
        ("net_1/relu_add1_1/Relu6;net_1/add1_1/Add", "add1"),
        ("net_1/dense_1/MatMul;net_1/dense_1/BiasAdd", "dense"),
        ("net_1/pool1_1/MaxPool2d", "pool1"),
        ("StatefulPartitionedCall_1:0", "output"),
        ("PartitionedCall:0", "output"),
    ],
)
def test_the_layer_that_makes_a_tensor(name, expected):
    assert inspect.layer_of(name) == expected


def test_the_graph_joins_operators_and_tensors(small):
    known = inspect.tensors(small.files["int8"])
    steps = inspect.graph(small.files["int8"])
    assert [step for step, _ in steps] == inspect.operators(small.files["int8"])
    for step, (*inputs, output) in steps:
        assert [t.name for t in inputs] == [known[i].name for i in step.inputs]
        assert output.name == known[step.outputs[0]].name
    layers = [inspect.layer_of(tensors[-1].name) for _, tensors in steps]
    assert layers[0] == "conv1" and layers[-2:] == ["dense", "output"]


def test_the_range_of_a_tensor_is_what_its_end_codes_stand_for(small):
    (entry,) = [t for t in inspect.tensors(small.files["int8"]) if t.role == "input"]
    assert entry.range == pytest.approx((0, 1), abs=1e-6)
