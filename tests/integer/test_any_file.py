"""The integer network answers every file: it runs, or a sentence of its own says which operator or tensor is at fault.

The files of `odd_files` stand for what occurs in the wild; then bytes and numbers of small files are changed at random.
"""

import functools
import re
import warnings

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import odd_files
from flipped import FLIPS, flipped
from helpers.integer import batches, loading, step
from helpers.integer.network import load_network
from helpers.integer.step import Refused
from helpers.tflite.inspect import Unreadable
from mutated import mutated
from one_operator import Operand, build, constant, int8
from random_layers import draw_codes

FLOATS = r"input 0 should be int8 and is float32; it is the first operator with real numbers, made from tensor 0 \(t0\)"
MEMORY = r"cannot do the CALL_ONCE: the network keeps a state from one run to the next"
WEIGHTS_ONLY = r"the file has integers for weights only"
SAYS = {  # situation: what the integer network says; the others it runs
    "variables (streaming)": MEMORY,
    "variables (streaming), int8": MEMORY,
    "state in a variable tensor (SVDF)": r"cannot do the SVDF that makes tensor 5 \(t5\): of the operators",
    "state in variable tensors (LSTM)": r"SEQUENCE_LSTM that makes tensor 15 .*first operator with real numbers",
    "WHILE": r"cannot do the WHILE that makes tensor 2 \(t2\): it runs other graphs of the file",
    "IF": r"cannot do the IF that makes tensor 2 \(t2\): it runs other graphs of the file",
    "texts": r"cannot do the GATHER that makes tensor 2: its input 0 should be .* and is string",
    "variants": r"cannot do the CUSTOM TensorListReserve that makes tensor 1 \(t1\): of the operators",
    "custom operator": r"cannot do the CUSTOM Some_PostProcess that makes tensor 2 .*first operator with real numbers",
    "scales in blocks": rf"cannot do the FULLY_CONNECTED that makes tensor 3: .*{WEIGHTS_ONLY}",
    "tensor that nothing makes": r"The ADD reads tensor 1 \(t1\), and no operator has made it by then",
    **dict.fromkeys(
        (
            "several signatures",
            "sparse float32",
            "sparse float16 behind DENSIFY and DEQUANTIZE",
            "every number type",
            "input [16000]",
            "input a single number",
            "open batch",
            "no length",
            "float16 behind DEQUANTIZE",
            "metadata",
        ),
        FLOATS,
    ),
}


def answer(path) -> str:
    """Load a file and run it on zeros; return "" for a result, or the sentence of an exception of ours."""
    try:
        network = load_network(path)
        shapes = [t.shape[1:] if network.counted else batches.with_pictures(t.shape) for t in network.inputs]
        network.tensors([np.zeros((1, *s), t.dtype) for s, t in zip(shapes, network.inputs, strict=True)])
    except (Refused, Unreadable) as problem:
        return str(problem)
    return ""


def said(content: bytes, folder) -> str:
    (folder / "odd.tflite").write_bytes(content)
    return answer(folder / "odd.tflite")


@pytest.mark.parametrize("situation", odd_files.READ)
def test_what_occurs(situation, folder):
    found = said(odd_files.content(odd_files.READ[situation]), folder)
    assert re.search(SAYS.get(situation, "^$"), found), found


@pytest.mark.parametrize("situation", odd_files.REFUSED)
def test_what_cannot_be_read(situation, folder):
    content, why = odd_files.content(odd_files.REFUSED[situation][0]), odd_files.REFUSED[situation][1]
    assert re.search(why, said(content, folder))


def test_codes_of_other_kinds(folder):
    """Files of before 2019, and with activations of 16 bits."""
    weights, old = np.ones((3, 3), np.uint8), Operand((1, 3), "uint8", 0.1, 128)
    content = build("FULLY_CONNECTED", [old, Operand((3, 3), "uint8", 0.1, 128, 0, weights)], old)
    assert "is uint8; the file is quantized to uint8, as TensorFlow did until 2019" in said(content, folder)
    wide = Operand((1, 3), "int16", 0.1)
    content = build("FULLY_CONNECTED", [wide, constant(np.ones((3, 3), np.int8), 0.1)], wide)
    assert "is int16; the file has activations of 16 bits" in said(content, folder)


def test_tensors_that_are_made_twice_or_not_at_all(folder):
    add = functools.partial(odd_files.step, "ADD", [0, 0], options="Add")
    parts = [odd_files.int8(1, 4) for _ in range(3)]

    def answer_of(steps: list, outputs: list[int]) -> str:
        return said(odd_files.content(lambda: odd_files.model(odd_files.graph(parts, steps, [0], outputs))), folder)

    assert answer_of([add([1])], [1]) == ""
    assert "The ADD makes tensor 1 (t1), which is there already" in answer_of([add([1]), add([1])], [1])
    assert "The ADD makes tensor 0 (t0), which is there already" in answer_of([add([0])], [0])
    assert "The network gives tensor 2 (t2), and no operator makes it" in answer_of([add([1])], [2])
    assert "The ADD makes nothing" in answer_of([add([])], [0])


@pytest.mark.parametrize(("scale", "zero_point"), [(0.0, 0), (-0.1, 0), (np.nan, 0), (np.inf, 0), (0.1, 128)])
def test_scales_that_are_none(folder, scale, zero_point):
    broken = int8(1, 3, scale=scale, zero_point=zero_point)
    for content in (build("RELU", [broken], int8(1, 3)), build("RELU", [int8(1, 3)], broken)):
        assert re.search(
            r"Tensor . \(tensor .\) should have a scale above 0 and a zero point from", said(content, folder)
        )
    unscaled = Operand((1, 3), "int8")
    assert "one scale and one zero point; found 0 and 0" in said(build("RELU", [int8(1, 3)], unscaled), folder)


def test_sizes_beyond_reason_are_refused_before_memory_is_asked_for(folder):
    far = 2**30
    assert "holds 1,073,741,824 values" in said(build("RELU", [int8(1, far)], int8(1, far)), folder)
    widths = constant(np.array([[0, 0], [0, far]], np.int32))
    assert "make 1 x 1073741825, and the file says [1, 3]" in said(
        build("PAD", [int8(1, 1), widths], int8(1, 3)), folder
    )
    pool = {"filterHeight": 65_000, "filterWidth": 65_000, "strideH": 1, "strideW": 1, "padding": "SAME"}
    content = build("MAX_POOL_2D", [int8(1, 2, 2, 1)], int8(1, 2, 2, 1), **pool)
    assert "its input with padding would hold 4,225,130,001 values" in said(content, folder)
    picture, weights = int8(1, 2**12, 2**12, 1), constant(np.ones((1, 5, 5, 1), np.int8), 0.1)
    content = build("CONV_2D", [picture, weights], picture, strideH=1, strideW=1, padding="SAME")
    assert "what its filters see would hold 419,430,400 values" in said(content, folder)


def test_what_nobody_expected_becomes_a_sentence(folder, monkeypatch):
    """When the operator is prepared, when it runs, and when it makes something else than the file says."""
    content = build("RELU", [int8(1, 3)], int8(1, 3))

    def fails(*_):
        return {}["what nobody looked at"]

    for function, why in (
        (fails, r"do not fit together \(KeyError: 'what nobody looked at'\)"),
        (lambda _: fails, r"do not fit together \(KeyError: 'what nobody looked at'\)"),
        (lambda _: lambda codes: codes[:, :2], r"tensor 1 became int8 \[1, 2\] instead of int8 \[1, 3\]"),
    ):
        monkeypatch.setitem(loading.OPERATORS, "RELU", function)
        assert re.search(rf"The RELU that makes tensor 1 cannot be right: .*{why}", said(content, folder))

    def too_much(_):
        raise MemoryError

    monkeypatch.setitem(loading.OPERATORS, "RELU", too_much)
    assert "it needs more memory than there is" in said(content, folder)
    assert MemoryError not in step.UNEXPECTED  # which would call the file damaged


# --- bytes and numbers changed at random ------------------------------------------------------------------------------


def numbers(*values: int) -> Operand:
    return constant(np.array(values, np.int32))


def small_files() -> list[bytes]:
    """Return files of a few operators with all kinds of settings."""
    pool = {"filterHeight": 2, "filterWidth": 2, "strideH": 2, "strideW": 2, "padding": "SAME"}
    picture = int8(1, 4, 4, 2)
    rows = constant(draw_codes(1, (40, 60)), 0.01)
    return [
        build("FULLY_CONNECTED", [int8(1, 60), rows], int8(1, 40)),  # most of its bytes are weights
        *(odd_files.content(one) for one in (odd_files.small, odd_files.transposed, odd_files.split)),
        build("RESIZE_BILINEAR", [picture, numbers(7, 9)], int8(1, 7, 9, 2), halfPixelCenters=True),
        build("STRIDED_SLICE", [picture, numbers(0, 1), numbers(1, 3), numbers(1, 1)], int8(1, 2, 4, 2)),
        build("PAD", [picture, constant(np.array([[0, 0], [1, 2], [0, 3], [0, 0]], np.int32))], int8(1, 7, 7, 2)),
        build("BATCH_MATMUL", [picture, int8(1, 4, 2, 3)], int8(1, 4, 4, 3)),
        build("AVERAGE_POOL_2D", [picture], int8(1, 2, 2, 2), **pool),
        build("CONCATENATION", [picture, int8(1, 4, 4, 3)], int8(1, 4, 4, 5), axis=-1),
        build("ADD", [picture, constant(np.ones((1, 1, 1, 2), np.int8), 0.1)], picture),
    ]


@pytest.fixture
def strict():
    """NumPy says what an integer cannot hold with a warning; in a file of anybody's that is an error too."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


@pytest.mark.usefixtures("strict")
def test_changed_bytes_end_in_a_result_or_a_sentence(folder):
    """Most of these files can no longer be read; `FLIPS` of them, each loaded and run."""
    contents = small_files()
    found = [said(flipped(contents[i % len(contents)], i), folder) for i in range(FLIPS)]
    assert found.count("") > FLIPS / 20
    assert sum("cannot be read" in one or "broken" in one for one in found) > FLIPS / 2


@pytest.mark.usefixtures("strict")
def test_changed_numbers_end_in_a_result_or_a_sentence(folder):
    """Whole files with numbers that make no sense reach the operators more often."""
    models = [functools.partial(schema.ModelT.InitFromPackedBuf, one, 0) for one in small_files()]
    found = [said(mutated(models[i % len(models)], i), folder) for i in range(FLIPS // 2)]
    assert found.count("") > FLIPS / 20
    assert sum("that makes tensor" in one for one in found) > FLIPS / 20
    assert not any("do not fit together" in one for one in found)
