"""Files with something changed: other weights, every tensor shown, values of a few bits packed, all values inside."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from hypothesis import given
from hypothesis import strategies as st

import odd_files
from helpers.base.tf import keras
from helpers.integer.network import load_network
from helpers.tflite import convert, edge_quantizer, edit, from_keras, inspect, interpreter, micro
from one_operator import values_outside

pytest_plugins = ["small", "tiny"]


# --- other weights in a file ------------------------------------------------------------------------------------------


def test_replaced_weights_are_what_the_file_holds(small, tmp_path):
    """The interpreter reads the new values; what is no weight stays as it was."""
    path = small.files["float32"]
    new = convert.write(edit.replace_weights(path, lambda t: 2 * t.data), tmp_path / "new.tflite")
    before, after = inspect.tensors(path), inspect.tensors(new)
    assert sum(t.role == "weights" for t in after) > 3
    for old, changed in zip(before, after, strict=True):
        if old.data is not None:
            factor = 2 if old.role == "weights" else 1
            np.testing.assert_array_equal(changed.data, factor * old.data)
    ready = interpreter.load(new)
    (weights,) = [t for t in after if t.role == "weights" and t.shape[-1] == 3]  # the first layer sees three colours
    np.testing.assert_array_equal(ready.get_tensor(weights.index), weights.data)


def test_the_same_weights_give_the_same_file(small):
    for kind in ("float32", "float16", "int8"):
        path = small.files[kind]
        assert edit.replace_weights(path, lambda t: t.data) == path.read_bytes()


def test_new_weights_need_the_old_shape(small):
    with pytest.raises(ValueError, match=r"has the shape .* found new values of shape \(3,\)"):
        edit.replace_weights(small.files["float32"], lambda t: np.zeros(3))


# --- every tensor as an output ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_an_excerpt_computes_the_same_and_shows_every_tensor(small, kind):
    """Against the file as it is, asked to keep its tensors; on the reference kernels, which leave nothing out."""
    path = small.files[kind]
    whole, excerpt = (
        Interpreter(experimental_op_resolver_type=OpResolverType.BUILTIN_REF, **source)
        for source in (
            {"model_path": str(path), "experimental_preserve_all_tensors": True},
            {"model_content": edit.excerpt(path)},
        )
    )
    input_details = whole.get_input_details()[0]
    picture = np.random.default_rng(1).integers(0, 100, input_details["shape"]).astype(input_details["dtype"])
    for ready in (whole, excerpt):
        ready.allocate_tensors()
        ready.set_tensor(input_details["index"], picture)
        ready.invoke()
    shown = [output_details["index"] for output_details in excerpt.get_output_details()]
    assert shown == [index for step in inspect.operators(path) for index in step.outputs]
    for index in shown:
        np.testing.assert_array_equal(excerpt.get_tensor(index), whole.get_tensor(index))


def test_an_excerpt_of_one_step_has_that_step_only(small, tmp_path):
    path, steps = small.files["int8"], inspect.operators(small.files["int8"])
    for number, step in enumerate(steps):
        (tmp_path / "one.tflite").write_bytes(edit.excerpt(path, number))
        assert inspect.operators(tmp_path / "one.tflite") == [step]
        roles = {t.index: t.role for t in inspect.tensors(tmp_path / "one.tflite")}
        assert roles[step.inputs[0]] == "input" and roles[step.outputs[0]] == "output"
        assert [index for index, role in roles.items() if role == "input"] == [step.inputs[0]]


def written(build, folder):
    path = folder / "odd.tflite"
    path.write_bytes(odd_files.content(build))
    return path


def test_an_excerpt_shows_no_handles_of_variables(tmp_path):
    """They are no values; the running sum is still one, and starts at zero."""
    ready = Interpreter(model_content=edit.excerpt(written(odd_files.streaming, tmp_path)))
    ready.allocate_tensors()
    shown = [details["index"] for details in ready.get_output_details()]
    assert shown == [2, 3], "what READ_VARIABLE and ADD make"
    for expected in (1, 2):
        ready.set_tensor(0, np.ones((1, 4), np.float32))
        ready.invoke()
        assert ready.get_tensor(3).tolist() == [[expected] * 4]


def test_an_operator_that_reads_a_variable_cannot_stand_alone(tmp_path):
    path = written(odd_files.streaming, tmp_path)
    with pytest.raises(edit.Uneditable, match="Operator 2 of odd.tflite, READ_VARIABLE, cannot stand alone"):
        edit.excerpt(path, 2)
    assert inspect.operators(written(lambda: edit_of(path, 3), tmp_path))[0].name == "ADD"
    with pytest.raises(inspect.Unreadable, match="has 1 operators, counted from 0; there is no number 5"):
        edit.excerpt(path, 5)


def edit_of(path, number: int):
    return schema.ModelT.InitFromPackedBuf(edit.excerpt(path, number), 0)


def test_a_state_is_no_input_of_an_excerpt(tmp_path):
    path = written(odd_files.svdf, tmp_path)
    assert edit_of(path, 0).subgraphs[0].inputs.tolist() == [0]


def test_sparse_weights_get_no_other_values(tmp_path):
    with pytest.raises(edit.Uneditable, match="t1 is sparse .*: other values need another number of bytes"):
        edit.replace_weights(written(odd_files.sparse, tmp_path), lambda tensor: 2 * tensor.data)


# --- several values in a byte -----------------------------------------------------------------------------------------


@given(st.sampled_from([("int4", 4, -8), ("int2", 2, -2), ("uint4", 4, 0)]), st.data())
def test_packed_values_by_hand(form, data):
    """The first value stands in the lowest bits: the byte is the sum of value mod 2^bits * 2^place."""
    dtype, bits, low = form
    values = data.draw(st.lists(st.integers(low, low + 2**bits - 1), max_size=9))
    each = 8 // bits
    padded = values + [0] * (-len(values) % each)
    expected = [
        sum((value % 2**bits) << (bits * place) for place, value in enumerate(padded[i : i + each]))
        for i in range(0, len(padded), each)
    ]
    packed = edit.pack(np.array(values, np.int8), dtype)
    assert list(packed) == expected
    assert inspect.unpack(packed, dtype).tolist() == padded


def test_an_odd_number_of_codes_is_packed():
    assert list(edit.pack(np.int8([1, -1, -7]), "int4")) == [0xF1, 0x09]


def test_values_too_large_for_four_bits():
    with pytest.raises(ValueError, match="int4 holds -8 to 7; found -3 to 8"):
        edit.pack(np.array([-3, 8]), "int4")
    with pytest.raises(ValueError, match="uint4 holds 0 to 15; found -1 to 8"):
        edit.pack(np.array([-1, 8]), "uint4")


# --- all values inside ------------------------------------------------------------------------------------------------


def test_a_file_goes_into_the_flash_as_it_is(tiny):
    for path in tiny.values():
        assert edit.flash_image(path) == path.read_bytes()


def test_values_behind_the_flatbuffer_are_brought_inside(tiny, tmp_path):
    outside = values_outside(tiny["int8"], tmp_path)
    image = edit.flash_image(outside)
    model = schema.ModelT.InitFromPackedBuf(image, 0)
    assert image != outside.read_bytes() and not any(buffer.size for buffer in model.buffers)
    original = schema.ModelT.InitFromPackedBuf(tiny["int8"].read_bytes(), 0)
    for ours, theirs in zip(model.buffers, original.buffers, strict=True):
        assert bytes(ours.data if ours.data is not None else b"") == bytes(
            theirs.data if theirs.data is not None else b""
        )


def test_what_is_no_model_does_not_go_into_the_flash(tmp_path):
    with pytest.raises(FileNotFoundError, match="no model file .*none.tflite"):
        edit.flash_image(tmp_path / "none.tflite")


def test_values_behind_the_flatbuffer_are_lost_on_a_board(tmp_path):
    """A dense layer of 300 kB: the file of AI Edge Quantizer, and the same with its values inside."""
    model = keras.Sequential([keras.Input((600,)), keras.layers.Dense(500, name="dense")])
    rng = np.random.default_rng(1)
    inputs = rng.uniform(0, 1, (10, 600)).astype(np.float32)
    whole = convert.write(from_keras.float32(model), tmp_path / "float32.tflite")
    outside = convert.write(edge_quantizer.int8(whole, inputs), tmp_path / "outside.tflite")
    inside = convert.write(edit.self_contained(outside), tmp_path / "inside.tflite")
    network = load_network(inside)
    codes = interpreter.quantize_input(inputs, network.input.details)
    expected = network.run(codes)
    np.testing.assert_array_equal(load_network(outside).run(codes), expected)
    try:
        lost, found = (micro.run(path, codes)[0].reshape(expected.shape) for path in (outside, inside))
    except NotImplementedError:
        pytest.skip("TensorFlow Lite Micro is not installed here")
    assert np.abs(found.astype(int) - expected).max() <= 1, "the two round dense layers differently"
    assert np.abs(lost.astype(int) - expected).max() > 20
    assert micro.arena(inside).total + 250_000 < micro.arena(outside).total
