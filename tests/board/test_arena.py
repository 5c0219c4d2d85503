"""Which activations are alive, and where the planner puts them, held against TensorFlow Lite Micro to the byte."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.base import data
from helpers.board import arena
from helpers.board.arena import Buffer
from helpers.networks import alexnet, mobilenet
from helpers.tflite import inspect, micro
from needs import needs_micro
from one_operator import Operand, build, constant, values_outside

pytest_plugins = ["tiny", "needs"]

RESIDUAL = data.folder() / "checkpoints" / "residual_cnn_int8.tflite"


# --- which buffers are alive ------------------------------------------------------------------------------------------

PICTURE, CONVOLVED = 96 * 96 * 3, 24 * 24 * 48


@pytest.mark.parametrize("kind, width", [("int8", 1), ("float32", 4)])
def test_the_buffers_are_those_that_the_hand_writes_down(tiny, kind, width):
    """The picture, the convolution, the means, the dense layer and softmax: each until the next operator has run."""
    expected = [
        ("input", width * PICTURE, 0, 0),
        ("conv2d", width * CONVOLVED, 0, 1),
        ("global_average_pooling2d", width * 48, 1, 2),
        ("dense", width * 2, 2, 3),
        ("output", width * 2, 3, 3),
    ]
    sums = [4 * 48] if kind == "int8" else []  # that become the means
    counters = [4 * 4, 4 * 2]  # of four axes, two of which go
    expected += [("scratch of global_average_pooling2d", size, 1, 1) for size in sums + counters]
    found = arena.buffers(tiny[kind])
    numbered = re.compile(r"_\d+$")  # Keras numbers the layers of its second network, and so on
    assert [(numbered.sub("", one.name), one.bytes, one.first, one.last) for one in found] == expected
    assert arena.peak(found) == width * (PICTURE + CONVOLVED)


BUFFERS = st.lists(
    st.tuples(st.integers(1, 40), st.integers(0, 8), st.integers(0, 4)).map(
        lambda drawn: Buffer("a layer", drawn[0], drawn[1], drawn[1] + drawn[2])
    ),
    min_size=1,
    max_size=12,
)


@given(BUFFERS)
def test_what_is_alive_is_counted_one_by_one(needed):
    found = arena.alive(needed)
    assert len(found) == 1 + max(one.last for one in needed)
    for step, bytes_ in enumerate(found):
        assert bytes_ == sum(one.bytes for one in needed if one.alive(step))
    assert arena.peak(needed) == max(found)


def test_liveness_is_told_operator_by_operator(tiny):
    table = arena.liveness_table(tiny["int8"])
    assert table.rows[0] == ["0", "CONV_2D", "input 27,648 + conv2d 27,648", "55,296"]
    assert [int(row[-1].replace(",", "")) for row in table.rows] == list(arena.alive(arena.buffers(tiny["int8"])))
    assert arena.liveness_table(tiny["int8"], [0, 3]).rows == [table.rows[0], table.rows[3]]


def test_activations_of_half_a_byte_are_refused(tmp_path):
    path = tmp_path / "odd.tflite"
    path.write_bytes(build("SOFTMAX", [Operand((1, 2), "int4", 0.1)], Operand((1, 2), "int4", 0.1), beta=1.0))
    with pytest.raises(ValueError, match=r"'tensor 0' cannot be computed: its number type is int4; expected one with"):
        arena.buffers(path)


def test_what_is_missing_or_no_model_is_named(tmp_path):
    (tmp_path / "some.tflite").write_bytes(b"no model at all")
    for needed in (arena.buffers, arena.ram):
        with pytest.raises(FileNotFoundError, match="no model file .*none.tflite"):
            needed(tmp_path / "none.tflite")
        with pytest.raises(ValueError, match="some.tflite is no .tflite file"):
            needed(tmp_path / "some.tflite")


# --- where they are put -----------------------------------------------------------------------------------------------


def by_trying(needed, alignment):
    """Plan by brute force: a map of memory and time in which each buffer, largest first, moves up until it fits."""
    sizes = [math.ceil(one.bytes / alignment) for one in needed]
    taken = np.zeros((sum(sizes), 1 + max(one.last for one in needed)), bool)
    order = sorted(range(len(needed)), key=lambda i: (-sizes[i], -i))
    offsets = {}
    for i in order:
        times = slice(needed[i].first, needed[i].last + 1)
        offset = 0
        while taken[offset : offset + sizes[i], times].any():
            offset += 1
        taken[offset : offset + sizes[i], times] = True
        offsets[i] = offset * alignment
    return [offsets[i] for i in range(len(needed))]


@given(BUFFERS, st.sampled_from([1, 4, 16]))
def test_the_plan_is_that_of_brute_force(needed, alignment):
    assert list(arena.plan(needed, alignment).offsets) == by_trying(needed, alignment)


@given(BUFFERS)
def test_a_plan_keeps_apart_what_is_alive_together(needed):
    found = arena.plan(needed)
    placed = list(zip(needed, found.offsets, strict=True))
    assert all(offset % arena.ALIGNMENT == 0 for offset in found.offsets)
    for i, (a, begin) in enumerate(placed):
        for b, other in placed[:i]:
            together = set(range(a.first, a.last + 1)) & set(range(b.first, b.last + 1))
            assert not together or begin + a.bytes <= other or other + b.bytes <= begin
    assert found.head % arena.ALIGNMENT == 0
    assert arena.peak(needed) <= found.head < max(o + one.bytes for one, o in placed) + arena.ALIGNMENT


def test_the_greedy_plan_need_not_be_the_best():
    """192 bytes would do, with `a` at the bottom and the picture above it; but the picture is larger, and first."""
    needed = [Buffer("picture", 96, 0, 0), Buffer("a", 48, 0, 1), Buffer("b", 64, 1, 2), Buffer("c", 128, 2, 3)]
    assert arena.peak(needed) == 192
    assert arena.plan(needed).offsets == (0, 192, 128, 0)
    assert arena.plan(needed).head == 240


# --- to the byte ------------------------------------------------------------------------------------------------------


def same(path):
    """Fail unless the planned head is the measured one."""
    assert arena.plan(arena.buffers(path)).head == arena.ram(path).activations, path


@needs_micro
@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_the_head_of_the_tiny_network_is_planned_to_the_byte(tiny, kind):
    same(tiny[kind])


@needs_micro
def test_the_head_of_the_shipped_network_is_planned_to_the_byte():
    same(RESIDUAL)


@needs_micro
@pytest.mark.parametrize("kind", ["float32", "int8", "int16x8", "int8, float in/out"])
def test_the_head_of_the_default_network_is_planned_to_the_byte(files, kind):
    same(files[kind])


@needs_micro
def test_the_head_of_the_alexnet_is_planned_to_the_byte(pets):
    for path in alexnet.files(pets).values():
        same(path)


@needs_micro
@pytest.mark.slow
def test_the_heads_of_the_mobilenets_are_planned_to_the_byte(pets):
    paths = [path for pair in mobilenet.files(pets).values() for path in pair.values()]
    for path in paths:
        same(path)
    plans = [arena.plan(arena.buffers(path)) for path in paths]
    assert any(plan.head > arena.peak(plan.buffers) for plan in plans), "some heads are not a sum of what is alive"


# One operator whose kernel asks for scratch that is more than the rest: (operator, weights, output, settings).
KERNEL = {"padding": "SAME", "strideW": 1, "strideH": 1, "dilationWFactor": 1, "dilationHFactor": 1}
SCRATCH = {
    "MEAN": ([constant(np.int32([1, 2]))], (1, 8), {"keepDims": False}),
    "SUM": ([constant(np.int32([3]))], (1, 2, 2), {}),
    "CONV_2D": ([Operand((64, 3, 3, 8), "int4", 0.1, data=np.ones((64, 3, 3, 8), np.int8))], (1, 2, 2, 64), KERNEL),
    "DEPTHWISE_CONV_2D": (
        [Operand((1, 5, 5, 8), "int4", 0.1, axis=3, data=np.ones((1, 5, 5, 8), np.int8))],
        (1, 2, 2, 8),
        KERNEL | {"depthMultiplier": 1},
    ),
    "FULLY_CONNECTED": ([Operand((64, 32), "int4", 0.1, data=np.ones((64, 32), np.int8))], (1, 64), {}),
}


@needs_micro
@pytest.mark.parametrize("operator", SCRATCH)
def test_scratch_is_planned_to_the_byte(operator, tmp_path):
    weights, shape, settings_ = SCRATCH[operator]
    path = tmp_path / "scratch.tflite"
    path.write_bytes(
        build(operator, [Operand((1, 2, 2, 8), scale=0.1), *weights], Operand(shape, scale=0.2), **settings_)
    )
    scratch = [one.bytes for one in arena.buffers(path) if one.name.startswith("scratch")]
    (unpacked,) = [math.prod(one.shape) for one in weights]
    assert scratch == {"MEAN": [4 * 8, 4 * 4, 4 * 2], "SUM": [4 * 4, 4 * 4, 4 * 1]}.get(operator, [unpacked])
    same(path)


@needs_micro
def test_the_counters_of_a_float32_mean_are_planned_to_the_byte(tmp_path):
    path = tmp_path / "mean.tflite"
    axes = constant(np.int32([1, 2]))
    path.write_bytes(build("MEAN", [Operand((1, 2, 2, 8), "float32"), axes], Operand((1, 8), "float32")))
    assert [one.bytes for one in arena.buffers(path)][2:] == [4 * 4, 4 * 2]
    same(path)


# --- measured, or computed --------------------------------------------------------------------------------------------


@needs_micro
def test_a_measurement_is_called_one(tiny):
    found, measured = arena.ram(tiny["int8"]), micro.arena(tiny["int8"])
    assert (found.activations, found.persistent) == (measured.activations, measured.persistent)
    assert found.total == measured.total and found.source == arena.MEASURED


def test_without_the_package_the_plan_is_shown_and_said_to_be_one(tiny, no_micro):
    found = arena.ram(tiny["int8"])
    assert found == arena.Ram(PICTURE + CONVOLVED, None, arena.COMPUTED, arena.working_memory(tiny["int8"]))
    assert found.total == PICTURE + CONVOLVED and "computed" in found.source
    assert arena.ram_table({"int8": tiny["int8"]}).rows == [["int8", *["55,296"] * 2, *"–––", "not measured here"]]


@needs_micro
def test_what_is_measured_is_what_is_flashed(tiny, tmp_path):
    outside = values_outside(tiny["int8"], tmp_path)
    assert arena.ram(outside) == arena.ram(tiny["int8"])


@needs_micro
def test_the_table_says_what_is_refused(tiny):
    table = arena.ram_table({kind: tiny[kind] for kind in ("int8", "dynamic range")})
    measured = micro.arena(tiny["int8"])
    row = ["int8", *["55,296"] * 3, f"{measured.persistent:,}", f"{measured.total:,}", ""]
    assert table.rows == [row, ["dynamic range", *["221,184"] * 2, *"–––", "refused"]]
    with pytest.raises(ValueError, match=r"cannot run dynamic_range.tflite \(Hybrid"):
        arena.ram(tiny["dynamic range"])


# --- what else needs RAM ----------------------------------------------------------------------------------------------


def test_the_working_memory_is_that_of_the_largest_convolution(tiny):
    """By hand for the shipped network: 3 × 3 × 64 inputs, two columns of int16; none for float32 and for 1 × 1."""
    assert arena.working_memory(RESIDUAL) == 2 * 2 * 3 * 3 * 64
    assert arena.working_memory(tiny["float32"]) == arena.working_memory(tiny["dynamic range"]) == 0
    inputs = [t[1].shape for o, t in inspect.graph(tiny["int8"]) if o.name == "CONV_2D"]
    assert arena.working_memory(tiny["int8"]) == max(4 * (-(-h * w * c // 4) * 4) for _, h, w, c in inputs)


def test_the_allowances_are_those_of_a_program_with_a_camera():
    found = arena.allowances()
    assert list(found) == ["stack", "system", "camera"]
    empty = found["stack"].bytes + found["system"].bytes
    assert empty == 44_552, "what the compiler says of an empty sketch"
    assert found["camera"].bytes == 176 * 144 * 2
    assert found["stack"].bytes == 32 * 1024
    assert all("https://" in one.source and len(one.what) > 20 and one.year >= 2026 for one in found.values())


@pytest.mark.parametrize(
    "line", ["stack,32 KB,a stack,somebody,2026", "stack,32768,a stack,somebody", "stack,1,,b,2026"]
)
def test_a_bad_allowance_is_shown(line, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "ram_allowances.csv").write_text(f"part,bytes,what,source,year\n{line}\n")
    monkeypatch.setattr(data, "folder", lambda: tmp_path / "data")
    with pytest.raises(ValueError, match=r"A line of ram_allowances.csv needs part .*bytes .* Found .*stack"):
        arena.allowances()


# --- a tighter plan ---------------------------------------------------------------------------------------------------


@given(BUFFERS)
def test_a_tight_plan_is_a_plan_and_no_higher(needed):
    found = arena.tight_plan(needed, alignment=1)
    assert arena.peak(needed) <= found.head <= arena.plan(needed, alignment=1).head
    assert found.buffers == tuple(needed)
    for i, one in enumerate(needed):
        for j, other in enumerate(needed[:i]):
            together = one.first <= other.last and other.first <= one.last
            apart = (
                found.offsets[i] >= found.offsets[j] + other.bytes or found.offsets[j] >= found.offsets[i] + one.bytes
            )
            assert apart or not together


def test_a_tight_plan_closes_a_gap_that_the_greedy_one_leaves():
    needed = [Buffer("picture", 96, 0, 0), Buffer("a", 48, 0, 1), Buffer("b", 64, 1, 2), Buffer("c", 128, 2, 3)]
    assert arena.plan(needed).head > arena.peak(needed) == arena.tight_plan(needed).head
