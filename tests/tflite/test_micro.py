"""The tensor arena against hand calculation and the smallest that works, what is refused, and what a file answers."""

import subprocess
import sys
import time

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import odd_files
from helpers.tflite import convert, edit, inspect, interpreter, micro, own_process
from helpers.tflite.edit import packed
from needs import needs_micro
from one_operator import Operand, build

pytest_plugins = ["tiny", "needs"]

SLEEP = "import time; time.sleep(60)"

# Finds the smallest arena in which a file runs by trying, without asking the allocator what it used.
SMALLEST = """
import sys
import numpy as np
from tflite_micro import runtime

def runs(size):
    try:
        ready = runtime.Interpreter.from_file(sys.argv[1], arena_size=size)
        entry = ready.get_input_details(0)
        ready.set_input(np.zeros(entry["shape"], entry["dtype"]), 0)
        ready.invoke()
    except RuntimeError:
        return False
    return True

too_small, enough = 0, 1 << 22
while enough - too_small > 1:
    middle = (too_small + enough) // 2
    too_small, enough = (too_small, middle) if runs(middle) else (middle, enough)
print(enough)
"""


def aborting(path, folder):
    """Return a file that looks right and kills the process that prepares it."""
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    mean = model.subgraphs[0].operators[1]
    mean.inputs = mean.inputs[:1]  # without the axes
    (folder / "bad.tflite").write_bytes(packed(model))
    return folder / "bad.tflite"


# --- the tensor arena -------------------------------------------------------------------------------------------------


@needs_micro
@pytest.mark.parametrize("kind, width", [("int8", 1), ("float32", 4)])
def test_activations_are_what_the_hand_calculates(tiny, kind, width):
    picture, convolved = 96 * 96 * 3, 24 * 24 * 48  # alive at once, while the convolution runs
    arena = micro.arena(tiny[kind])
    assert arena.activations == width * (picture + convolved)
    assert 500 < arena.persistent < 4000
    assert micro.arena_bytes(tiny[kind]) == arena.total == arena.activations + arena.persistent


@needs_micro
@pytest.mark.parametrize("kind", ["int8", "float32"])
def test_one_byte_less_is_not_enough(tiny, kind):
    tried = subprocess.run(
        [sys.executable, "-c", SMALLEST, str(tiny[kind])], capture_output=True, text=True, check=True, timeout=60
    )
    assert micro.arena_bytes(tiny[kind]) == int(tried.stdout)


@needs_micro
def test_a_dynamic_range_file_is_refused(tiny):
    with pytest.raises(
        ValueError, match=r"cannot run dynamic_range.tflite \(Hybrid models are not .*\): it takes .*int8"
    ):
        micro.arena_bytes(tiny["dynamic range"])


@needs_micro
def test_what_aborts_a_process_leaves_this_one_alone(tiny, tmp_path):
    bad = aborting(tiny["int8"], tmp_path)
    with pytest.raises(ValueError, match=r"cannot run bad.tflite \(it aborted\)"):
        micro.arena(bad)
    with pytest.raises(ValueError, match=r"cannot run bad.tflite \(it aborted\)"):
        micro.allocations(bad)


@pytest.mark.parametrize("content", [b"", b"no model at all"])
def test_what_is_no_model_is_named(content, tmp_path):
    (tmp_path / "some.tflite").write_bytes(content)
    with pytest.raises(ValueError, match="some.tflite is no .tflite file"):
        micro.arena_bytes(tmp_path / "some.tflite")


def test_half_a_model_is_named(tiny, tmp_path):
    (tmp_path / "half.tflite").write_bytes(tiny["int8"].read_bytes()[:2000])
    with pytest.raises(ValueError, match="half.tflite is a broken .tflite file of 2,000 bytes"):
        micro.arena_bytes(tmp_path / "half.tflite")


@needs_micro
def test_an_empty_model_is_refused(tmp_path):
    (tmp_path / "empty.tflite").write_bytes(b"\0\0\0\0TFL3!")
    with pytest.raises(ValueError, match="empty.tflite cannot be read: it is of version 0; expected version 3"):
        micro.arena_bytes(tmp_path / "empty.tflite")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no model file .*none.tflite"):
        micro.arena_bytes(tmp_path / "none.tflite")


@pytest.mark.parametrize("measure", [micro.arena_bytes, micro.arena, micro.allocations])
def test_without_the_package_one_sentence_says_so(measure, tiny, no_micro):
    with pytest.raises(
        NotImplementedError, match=r"cannot be measured here: .* for Linux on x86-64 processors only\.$"
    ):
        measure(tiny["int8"])


@pytest.mark.parametrize("measure", [micro.arena_bytes, micro.allocations, micro.refusal])
def test_a_measurement_has_a_time_limit(measure, tiny, monkeypatch):
    monkeypatch.setattr(own_process.processes, "command", lambda *_: [sys.executable, "-c", SLEEP])
    monkeypatch.setattr(micro, "SECONDS", 0.2)
    started = time.monotonic()
    with pytest.raises(TimeoutError, match=r"^[^.\n]* did not finish int8.tflite within 0.2 seconds\.$"):
        measure(tiny["int8"])
    assert time.monotonic() - started < 10


# --- the arena, part by part ------------------------------------------------------------------------------------------


@needs_micro
@pytest.mark.parametrize("kind", ["int8", "float32"])
def test_the_parts_are_the_whole_arena(kind, tiny):
    parts, whole = {one.name: one for one in micro.allocations(tiny[kind])}, micro.arena(tiny[kind])
    assert sum(one.bytes for one in parts.values()) == whole.total
    assert parts[micro.HEAD].bytes == whole.activations
    assert parts["TfLiteEvalTensor data"].count == len(inspect.tensors(tiny[kind]))
    assert parts["NodeAndRegistration struct"].count == len(inspect.operators(tiny[kind]))
    assert parts["Persistent TfLiteTensor data"].count == 2, "the input and the output"
    assert 0 < parts[micro.REST].bytes < whole.persistent / 2
    assert all(one.what for one in parts.values())


@needs_micro
def test_two_integers_for_each_channel_stay_in_the_arena(tiny):
    """A multiplier and a shift, each int32: they are asked for even if the network is in float32."""
    for kind in ("int8", "float32"):
        parts = {one.name: one.bytes for one in micro.allocations(tiny[kind])}
        assert parts["Persistent buffer data"] > 2 * 4 * 48


@needs_micro
def test_the_parts_of_two_files_stand_beside_each_other(tiny):
    table = micro.allocation_table({kind: tiny[kind] for kind in ("float32", "int8")})
    assert table.columns == ["part of the arena", "float32", "int8", "what it keeps there"]
    assert [row[0] for row in table.rows][:: len(table.rows) - 1] == [micro.HEAD, "Total"]
    for column, kind in enumerate(("float32", "int8"), 1):
        *parts, total = [int(row[column].replace(",", "")) if row[column] != "–" else 0 for row in table.rows]
        assert sum(parts) == total == micro.arena_bytes(tiny[kind])
    quantization = next(row for row in table.rows if "quantization" in row[0])
    assert quantization[1] == "–" and int(quantization[2]) > 0, "float32 has no scales to keep"


# --- what is refused, in words ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def halves(tiny, tmp_path_factory):
    """The tiny network as a float16 file."""
    content = convert.convert("float16", tiny["int8"].parent / "saved_model")
    return convert.write(content, tmp_path_factory.mktemp("half") / "float16.tflite")


@pytest.fixture(scope="module")
def four_bits(tmp_path_factory):
    """A dense layer with int4 weights, and a scale for each output."""
    weights = Operand((2, 6), "int4", [0.1, 0.2], data=np.arange(-6, 6, dtype=np.int8).reshape(2, 6))
    content = build("FULLY_CONNECTED", [Operand((1, 6), scale=0.1), weights], Operand((1, 2), scale=0.2))
    path = tmp_path_factory.mktemp("int4") / "int4.tflite"
    path.write_bytes(content)
    return path


@needs_micro
def test_what_runs_is_not_refused(tiny):
    assert micro.refusal(tiny["int8"]) == micro.refusal(tiny["float32"]) == ""


@needs_micro
def test_a_hybrid_file_is_explained(tiny):
    said = micro.refusal(tiny["dynamic range"])
    assert said.startswith("TensorFlow Lite Micro says at operator 0, a CONV_2D: “Hybrid models are not supported on")
    assert "of 2 operators with weights, 1 have int8 weights but read float32, the first in conv2d." in said
    assert said.endswith(
        "Convert to full int8: then the file has the scales of the activations, and all of it is integers."
    )


@needs_micro
def test_a_float16_file_is_explained(halves):
    said = micro.refusal(halves)
    numbers = sum(np.prod(t.shape) for t in inspect.tensors(halves) if t.dtype == "float16")
    assert numbers >= 27 * 48 + 48 + 2 * 48 + 2
    assert "says at operator 0, a DEQUANTIZE: “input->type == kTfLiteInt8" in said
    assert f"The copies would take {4 * numbers:,} bytes of RAM" in said and "reads integers only" in said


@needs_micro
def test_int4_weights_of_a_dense_layer_are_explained(four_bits):
    said = micro.refusal(four_bits)
    assert "a FULLY_CONNECTED" in said and "1 of 1 dense layers have int4 weights with a scale for each output" in said


@needs_micro
def test_a_file_without_a_known_reason_has_what_was_said(tiny, tmp_path):
    assert micro.refusal(aborting(tiny["int8"], tmp_path)) == "TensorFlow Lite Micro says: “it aborted”."


@needs_micro
def test_operators_that_are_not_in_the_schema_are_named(tmp_path):
    path = tmp_path / "custom.tflite"
    path.write_bytes(odd_files.content(odd_files.custom))
    assert micro.refusal(path).endswith("It does not know CUSTOM Some_PostProcess: build the network without it.")


def test_sparse_weights_are_refused_before_they_are_read_as_dense_ones(tmp_path):
    """TensorFlow Lite Micro does not look whether weights are sparse: it reads on behind their end."""
    path = tmp_path / "sparse.tflite"
    path.write_bytes(odd_files.content(odd_files.sparse))
    for tool in (micro.arena, micro.allocations):
        with pytest.raises(
            micro.Refused, match=r"cannot run sparse.tflite \(its weights are sparse\): it would read them"
        ):
            tool(path)
    assert "its weights are sparse" in micro.refusal(path)


def test_without_the_package_the_file_alone_is_judged(tiny, halves, no_micro):
    assert micro.refusal(tiny["int8"]) == ""
    for path, words in ((tiny["dynamic range"], "Hybrid means"), (halves, "stored as float16")):
        said = micro.refusal(path)
        assert said.startswith("Not tried here, TensorFlow Lite Micro is not installed. ") and words in said


def test_what_is_missing_or_no_model_has_no_reason(tmp_path):
    with pytest.raises(FileNotFoundError, match="no model file .*none.tflite"):
        micro.refusal(tmp_path / "none.tflite")
    (tmp_path / "some.tflite").write_bytes(b"no model at all")
    with pytest.raises(ValueError, match="some.tflite is no .tflite file"):
        micro.refusal(tmp_path / "some.tflite")


# --- running a file ---------------------------------------------------------------------------------------------------


def codes(drawn, count=5):
    """Drawn pictures as the int8 network takes them."""
    return (drawn[0][:count].astype(np.int16) - 128).astype(np.int8)


@needs_micro
def test_a_file_answers_as_the_reference_kernels_do(tiny, drawn):
    """To a code: the layers of this network round alike in both."""
    (found,) = micro.run(tiny["int8"], codes(drawn))
    assert found.dtype == np.int8 and found.shape == (5, 1, 2)
    ready = interpreter.load(tiny["int8"], "reference", 5)
    ready.set_tensor(ready.get_input_details()[0]["index"], codes(drawn))
    ready.invoke()
    expected = ready.get_tensor(ready.get_output_details()[0]["index"])
    assert len(np.unique(expected)) > 4
    assert np.abs(found[:, 0].astype(int) - expected).max() <= 1


@needs_micro
def test_every_output_comes_back(tiny, drawn, tmp_path):
    (tmp_path / "all.tflite").write_bytes(edit.excerpt(tiny["int8"]))
    found = micro.run(tmp_path / "all.tflite", codes(drawn, 2))
    assert [values.shape for values in found] == [(2, 1, 24, 24, 48), (2, 1, 48), (2, 1, 2), (2, 1, 2)]
    np.testing.assert_array_equal(found[-1], micro.run(tiny["int8"], codes(drawn, 2))[0])


@needs_micro
def test_an_input_without_an_axis_for_pictures_is_run_as_it_is(tmp_path):
    """Five numbers added to themselves, three times."""
    path = tmp_path / "sound.tflite"
    path.write_bytes(odd_files.content(lambda: odd_files.doubled([5])))
    inputs = np.random.default_rng(1).normal(size=(3, 5)).astype(np.float32)
    (found,) = micro.run(path, inputs)
    np.testing.assert_array_equal(found, inputs + inputs)


@needs_micro
def test_a_file_with_several_inputs_is_measured_and_not_run(tmp_path):
    path = tmp_path / "loop.tflite"
    path.write_bytes(odd_files.content(odd_files.loop))
    assert micro.arena(path).total > 0 and micro.refusal(path) == ""
    with pytest.raises(micro.Refused, match=r"cannot run loop.tflite \(it has 2 inputs\): expected a file with one"):
        micro.run(path, np.zeros((1, 1), np.int32))


def test_no_pictures_are_refused(tiny, drawn):
    with pytest.raises(ValueError, match="at least one picture to run; found none"):
        micro.run(tiny["int8"], codes(drawn, 0))


@needs_micro
def test_pictures_that_do_not_fit_are_refused(tiny, drawn):
    with pytest.raises(ValueError, match="cannot run int8.tflite"):
        micro.run(tiny["int8"], codes(drawn)[:, ::2])
    with pytest.raises(ValueError, match="cannot run dynamic_range.tflite"):
        micro.run(tiny["dynamic range"], drawn[0][:1].astype(np.float32))


def test_a_missing_file_cannot_be_run(tmp_path, drawn):
    with pytest.raises(FileNotFoundError, match="no model file .*none.tflite"):
        micro.run(tmp_path / "none.tflite", codes(drawn))


def test_without_the_package_nothing_runs(tiny, drawn, no_micro):
    with pytest.raises(NotImplementedError, match=r"Micro cannot be measured here: it is not installed; .* only\.$"):
        micro.run(tiny["int8"], codes(drawn))


def test_a_run_has_a_time_limit(tiny, drawn, monkeypatch):
    monkeypatch.setattr(own_process.processes, "command", lambda *_: [sys.executable, "-c", SLEEP])
    monkeypatch.setattr(micro, "SECONDS", -0.75)  # and one second for the picture
    with pytest.raises(TimeoutError, match=r"did not finish int8.tflite within 0.25 seconds"):
        micro.run(tiny["int8"], codes(drawn, 1))
