"""Scratch and lifetimes against TensorFlow Lite Micro, to the byte: each kernel that asks, variables, other graphs."""

import functools

import numpy as np
import pytest

import odd_files
from helpers.board import arena, lifetimes
from helpers.tflite import inspect, micro
from needs import needs_micro
from odd_files import graph, int8, model, step, tensor

pytest_plugins = ["needs"]


def written(build, folder):
    path = folder / "odd.tflite"
    path.write_bytes(odd_files.content(build))
    return path


def constant(numbers, dtype="int32"):
    return tensor(np.shape(numbers), dtype, np.array(numbers, dtype))


def one(kind: str, read, made, options: str = "", **settings):
    """Return a function that makes a model of one operator; its last tensor is the output."""
    inputs = [i for i, part in enumerate(read) if part.data is None]

    def build():
        return model(
            graph([*read, made], [step(kind, range(len(read)), [len(read)], options, **settings)], inputs, [len(read)])
        )

    return build


def reduced(kind: str, dtype: str = "int8"):
    scale = 0.5 if dtype == "int8" else None
    ends = [tensor(shape, dtype, scale=scale) for shape in ([1, 6, 7, 3], [1, 3])]
    return one(kind, [ends[0], constant([1, 2])], ends[1], "Reducer")


def mirrored():
    return one(
        "MIRROR_PAD", [int8(1, 2, 2, 1), constant([[0, 0], [1, 1], [1, 1], [0, 0]])], int8(1, 4, 4, 1), "MirrorPad"
    )


AXES = [4 * 4, 4 * 2]  # four axes, two of which go
CASES = {
    "REDUCE_MAX": (reduced("REDUCE_MAX"), AXES),
    "REDUCE_MIN": (reduced("REDUCE_MIN"), AXES),
    "REDUCE_ALL": (reduced("REDUCE_ALL", "bool"), AXES),
    "SUM": (reduced("SUM"), [4 * 3, *AXES]),
    "SUM of float32": (reduced("SUM", "float32"), AXES),
    "MIRROR_PAD": (mirrored(), [4 * 4, 4 * 4]),
    "ADD_N": (one("ADD_N", [int8(1, 3) for _ in range(9)], int8(1, 3)), [8 * 9]),
    "TRANSPOSE_CONV": (odd_files.transposed, [4 * 8 * 8 * 5]),
    "TRANSPOSE_CONV of int16": (functools.partial(odd_files.transposed, "int16"), [8 * 8 * 8 * 5]),
    "SVDF": (odd_files.svdf, [4 * 8, 4 * 4]),
    "SVDF of float32": (functools.partial(odd_files.svdf, "float32"), [4 * 8]),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (odd_files.lstm, 4 * [4 * 4]),
}


@needs_micro
@pytest.mark.parametrize("kernel", CASES)
def test_scratch_is_planned_to_the_byte(kernel, tmp_path):
    build, expected = CASES[kernel]
    path = written(build, tmp_path)
    needed = arena.buffers(path)
    assert [buffer.bytes for buffer in needed if buffer.name.startswith("scratch of ")] == expected
    assert arena.plan(needed).head == micro.arena(path).activations
    assert arena.unplanned(path) == []


RUN = ("streaming", "loop", "choice", "several_graphs", "split", "small")  # what TensorFlow Lite Micro runs


@needs_micro
@pytest.mark.parametrize("name", RUN)
def test_variables_and_other_graphs_are_planned_to_the_byte(name, tmp_path):
    path = written(getattr(odd_files, name), tmp_path)
    assert arena.plan(arena.buffers(path)).head == micro.arena(path).activations


@needs_micro
def test_what_nothing_uses_has_a_place_too(tmp_path):
    """A tensor that no operator reads or makes is placed before the first one, where it is in nobody's way."""
    unused, ends = tensor([1, 4]), [tensor([1, 4]) for _ in range(2)]
    path = written(lambda: model(graph([*ends, unused], [step("ADD", [0, 0], [1], "Add")], [0], [1])), tmp_path)
    assert [(one.first, one.last) for one in arena.buffers(path)] == [(0, 0), (0, 0), (-1, -1)]
    assert arena.plan(arena.buffers(path)).head == micro.arena(path).activations == 32
    assert arena.peak(arena.buffers(path)) == 32


# --- when what is alive -----------------------------------------------------------------------------------------------


def test_a_loop_lasts_as_long_as_its_graphs(tmp_path):
    """WHILE at moment 0, its condition from 1, LESS at 2, its body from 3, and two additions."""
    path = written(odd_files.loop, tmp_path)
    found = lifetimes.spans(inspect.graphs(path), path)
    moments = [(moment.graph, moment.step) for moment in found.moments]
    assert moments == [(0, 0), (1, None), (1, 0), (2, None), (2, 0), (2, 1)]
    assert found.operators == {(0, 0): (0, 5), (1, 0): (2, 2), (2, 0): (4, 4), (2, 1): (5, 5)}
    assert found.tensors[0, 1] == (0, 5), "the numbers that go in stay until the loop ends"
    assert found.tensors[1, 3] == (2, 2) and found.tensors[2, 3] == (4, 5)
    assert (1, 2) not in found.tensors, "a constant"


def test_liveness_is_told_for_other_graphs_too(tmp_path):
    path = written(odd_files.loop, tmp_path)
    table = arena.liveness_table(path)
    assert [row[:2] for row in table.rows] == [
        ["0", "WHILE"],
        ["1:", "the graph begins"],
        ["1:0", "LESS"],
        ["2:", "the graph begins"],
        ["2:0", "ADD"],
        ["2:1", "ADD"],
    ]
    assert arena.liveness_table(path, [0, -1]).rows == 2 * table.rows[:1]
    with pytest.raises(inspect.Unreadable, match="has 1 operators, counted from 0; there is no number 1"):
        arena.liveness_table(path, [1])


def test_handles_and_states_are_not_among_the_activations(tmp_path):
    streaming = {buffer.tensor for buffer in arena.buffers(written(odd_files.streaming, tmp_path))}
    assert streaming == {0, 2, 3}, "neither the handle nor the zeros of the other graph"
    assert [b.tensor for b in arena.buffers(written(odd_files.svdf, tmp_path))] == [0, 5, None, None]


# --- what is not planned ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "names"),
    [
        (odd_files.custom, ["CUSTOM Some_PostProcess"]),
        (odd_files.sparse, ["DENSIFY"]),
        (odd_files.READ["metadata"], ["OfflineMemoryAllocation"]),
        (odd_files.small, []),
    ],
)
def test_what_the_plan_leaves_out_is_named(build, names, tmp_path, no_micro):
    path = written(build, tmp_path)
    assert arena.unplanned(path) == names
    said = f"without what {', '.join(names)} may add" if names else ""
    assert arena.liveness_table(path).caption == said
    assert arena.planned(path).source == ", ".join(filter(None, (arena.COMPUTED, said)))
    (row,) = arena.ram_table({"a": path}).rows
    remark = "refused" if build is odd_files.sparse else "not measured here"  # sparse weights are not even tried
    assert row[-1] == ", ".join(filter(None, (remark, said)))


def test_an_activation_without_a_size_is_named_and_its_row_has_dashes(tmp_path):
    path = written(odd_files.texts, tmp_path)
    with pytest.raises(arena.Unplannable, match=r"The bytes of 't2' cannot be computed: its number type is string"):
        arena.buffers(path)
    assert arena.ram_table({"a": path}).rows[0][1:3] == ["–", "–"]


def test_an_activation_beyond_all_reason_is_named(tmp_path):
    path = written(functools.partial(odd_files.doubled, [2**31 - 1] * 3), tmp_path)
    with pytest.raises(
        arena.Unplannable, match=r"The bytes of 't0' are 39,614,[\d,]+: no computer has room for its shape \(2"
    ):
        arena.buffers(path)
