"""What tensors are for, by hand: a constant that enters the arithmetic is weights or bias, a shape is neither."""

import numpy as np
import pytest

import odd_files
from helpers.tflite import inspect
from odd_files import graph, int8, model, step, tensor


def written(build, folder):
    path = folder / "odd.tflite"
    path.write_bytes(odd_files.content(build))
    return path


def roles(build, folder) -> list[str]:
    return [t.role for t in inspect.tensors(written(build, folder))]


def elementwise(kind: str, options: str = ""):
    """Return a function that makes a file in which an operator reads an input and eight constant codes."""
    constant = int8(1, 8, data=np.arange(8, dtype=np.int8))
    return lambda: model(graph([int8(1, 8), constant, int8(1, 8)], [step(kind, [0, 1], [2], options)], [0], [2]))


def table(kind: str, inputs: list[int]) -> object:
    """Return a function that makes a file in which numbers choose rows of a table."""
    parts = [tensor([2], "int32"), tensor([5, 4], data=np.ones((5, 4), np.float32)), tensor([2, 4])]
    return lambda: model(graph(parts, [step(kind, inputs, [2])], [0], [2]))


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (odd_files.transposed, ["constant", "weights", "input", "output"]),
        (odd_files.svdf, ["input", "weights", "weights", "bias", "activation", "output"]),
        (odd_files.lstm, ["input", *8 * ["weights"], *4 * ["bias"], *2 * ["activation"], "output"]),
        (odd_files.halves, ["input", "weights", "bias", "activation", "activation", "output"]),
        (odd_files.sparse, ["input", "weights", "activation", "activation", "output"]),
        (odd_files.in_blocks, ["input", "weights", "scales", "output"]),
        (odd_files.custom, ["input", "weights", "output"]),
        (odd_files.split, ["input", "constant", "output", "output"]),
        (odd_files.texts, ["input", "constant", "output"]),
        (elementwise("ADD", "Add"), ["input", "weights", "output"]),
        (elementwise("SUB", "Sub"), ["input", "weights", "output"]),
        (elementwise("MUL", "Mul"), ["input", "weights", "output"]),
        (elementwise("PRELU"), ["input", "weights", "output"]),
        (elementwise("BATCH_MATMUL", "BatchMatMul"), ["input", "weights", "output"]),
        (table("EMBEDDING_LOOKUP", [0, 1]), ["input", "weights", "output"]),
        (table("GATHER", [1, 0]), ["input", "weights", "output"]),
    ],
)
def test_roles_by_hand(build, expected, tmp_path):
    assert roles(build, tmp_path) == expected


def test_arithmetic_on_shapes_has_no_weights(tmp_path):
    """Whole numbers without a scale are counted with, not calculated."""
    counted = tensor([1], "int32", np.int32([3]))
    parts = [tensor([1], "int32"), counted, tensor([1], "int32")]
    assert roles(lambda: model(graph(parts, [step("ADD", [0, 1], [2], "Add")], [0], [2])), tmp_path)[1] == "constant"


def test_a_bias_is_what_it_becomes(tmp_path):
    """DEQUANTIZE may stand in front of a bias as well, and one that goes in circles has no origin."""
    assert inspect.dtype_table({"a": written(odd_files.halves, tmp_path)}).rows[0][1:4] == [
        "float32",
        "float16",
        "float16",
    ]
    whole = odd_files.halves()
    whole.subgraphs[0].operators[0].inputs = [3]
    assert roles(lambda: whole, tmp_path)[1] == "constant"


# --- bytes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "weights", "biases"),
    [
        (odd_files.transposed, 5 * 3 * 3 * 2, 0),
        (odd_files.svdf, 8 * 3 + 2 * 8 * 5, 4 * 4),
        (odd_files.lstm, 4 * (4 * 4 * 2 + 4 * 4 * 4), 4 * 4 * 4),
        (odd_files.halves, 2 * 12, 2 * 3),
        (odd_files.several_graphs, 4 * (3 + 5) * 4, 0),
        (odd_files.in_blocks, 2 * 64 // 2, 0),
        (table("GATHER", [1, 0]), 4 * 20, 0),
    ],
)
def test_bytes_by_hand(build, weights, biases, tmp_path):
    """Those of all graphs: two signatures have theirs each."""
    path = written(build, tmp_path)
    sizes = inspect.bytes_by_purpose(path)
    assert (sizes["weights"], sizes["biases"]) == (weights, biases)
    assert sum(sizes.values()) == path.stat().st_size


def test_what_tensors_share_counts_once(tmp_path):
    whole = odd_files.several_graphs()
    first, second = (one.tensors[1] for one in whole.subgraphs)
    second.shape, second.buffer = first.shape, first.buffer
    whole.subgraphs[1].tensors[2].shape = [1, 3]
    assert inspect.bytes_by_purpose(written(lambda: whole, tmp_path))["weights"] == 4 * 3 * 4


def test_the_table_says_that_there_are_more_graphs(tmp_path):
    assert inspect.tensor_table(written(odd_files.loop, tmp_path)).caption == "The main graph; 2 more not shown."
    found = inspect.graphs(tmp_path / "odd.tflite")
    assert [[step.name for step in one.operators] for one in found] == [["WHILE"], ["LESS"], ["ADD", "ADD"]]
    assert [(one.inputs, one.outputs) for one in found] == [((0, 1), (3,)), ((0, 1), (3,)), ((0, 1), (3, 4))]


def test_weights_of_one_layer_keep_apart(tmp_path):
    """A convolution and an addition of the same layer, both with constants."""
    parts = [
        int8(1, 4),
        int8(3, 4, data=np.ones(12, np.int8)),
        int8(1, 3),
        int8(1, 3, data=np.ones(3, np.int8)),
        int8(1, 3),
    ]
    for index, name in ((1, "net/dense_1/MatMul"), (3, "net/dense_1/Add")):
        parts[index].name = name
    steps = [step("FULLY_CONNECTED", [0, 1, -1], [2], "FullyConnected"), step("ADD", [2, 3], [4], "Add")]
    found = inspect.layer_weights(written(lambda: model(graph(parts, steps, [0], [4])), tmp_path))
    assert {name: values.shape for name, values in found.items()} == {"dense": (3, 4), "dense (3)": (1, 3)}
