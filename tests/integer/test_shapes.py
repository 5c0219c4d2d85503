"""Operators that only move values, byte by byte as TFLite's reference kernels have them, along the first axis too."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.integer.network import load_network
from one_operator import Operand, build, constant, int8, refused, run, same_bytes
from random_layers import SEEDS, SIXTY, ZERO_POINTS, draw_codes


def numbers(*values) -> Operand:
    return constant(np.array(values, np.int32))


def takes_several(folder, content: bytes) -> bool:
    """Whether the first axis of all tensors may count any number of pictures."""
    (folder / "one.tflite").write_bytes(content)
    return bool(load_network(folder / "one.tflite").counted)


# --- another shape for the same values --------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2, 24), (2, 4, 6), (2, 1, 1, 24), (2, 3, -1), (48,), (1, 48), (4, 12)])
def test_reshape(folder, shape):
    codes = draw_codes(1, (2, 2, 3, 4))
    final = tuple(48 // -np.prod(shape) if n == -1 else n for n in shape)
    content = build("RESHAPE", [int8(*codes.shape), numbers(*shape)], int8(*final))
    same_bytes(content, codes, folder)
    assert takes_several(folder, content) == (shape[0] == 2)


@pytest.mark.parametrize(("operator", "before", "after", "axis"), [
    ("SQUEEZE", (2, 1, 3, 1), (2, 3), None),
    ("SQUEEZE", (1, 2, 3), (2, 3), 0),
    ("EXPAND_DIMS", (2, 3), (2, 1, 3), 1),
    ("EXPAND_DIMS", (2, 3), (1, 2, 3), 0),
])  # fmt: skip
def test_axes_of_length_1(folder, operator, before, after, axis):
    codes = draw_codes(1, before)
    inputs = [int8(*before)] + ([numbers(axis)] if operator == "EXPAND_DIMS" else [])
    options = {"squeezeDims": [] if axis is None else [axis]} if operator == "SQUEEZE" else {}
    content = build(operator, inputs, int8(*after), **options)
    same_bytes(content, codes, folder)
    assert takes_several(folder, content) == (axis != 0)


@given(st.permutations(range(4)), SEEDS)
@settings(max_examples=20, deadline=None)
def test_transpose(folder, order, seed):
    codes = draw_codes(seed, (2, 3, 4, 5))
    content = build("TRANSPOSE", [int8(*codes.shape), numbers(*order)], int8(*(codes.shape[i] for i in order)))
    same_bytes(content, codes, folder)
    assert takes_several(folder, content) == (order[0] == 0)


def test_the_shape_of_pictures(folder):
    """Each picture's own, if that is what the network gives: [7, 3, 4] would be that of no picture."""
    content = build("SHAPE", [int8(1, 3, 4)], Operand((3,), "int32"), outType=2)
    same_bytes(content, draw_codes(1, (1, 3, 4)), folder)
    assert load_network(folder / "one.tflite").run(draw_codes(1, (7, 3, 4))).tolist() == [[1, 3, 4]] * 7


# --- parts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_split(folder, axis):
    codes = draw_codes(1, (6, 12, 18))
    shape = tuple(n // 3 if i == axis % 3 else n for i, n in enumerate(codes.shape))
    same_bytes(build("SPLIT", [numbers(axis), int8(*codes.shape)], [int8(*shape)] * 3, numSplits=3), codes, folder)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("lengths", [(1, 2, 3), (4, -1, 1)])
def test_split_into_different_parts(folder, axis, lengths):
    codes = draw_codes(1, (6, 6, 6))
    parts = [int8(*(1 if n == -1 and i == axis % 3 else n if i == axis % 3 else 6 for i in range(3))) for n in lengths]
    inputs = [int8(*codes.shape), numbers(*lengths), numbers(axis)]
    same_bytes(build("SPLIT_V", inputs, parts, numSplits=3), codes, folder)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_unpack(folder, axis):
    codes = draw_codes(1, (3, 4, 5))
    shape = [n for i, n in enumerate(codes.shape) if i != axis % 3]
    count = codes.shape[axis]
    content = build("UNPACK", [int8(*codes.shape)], [int8(*shape)] * count, num=count, axis=axis)
    same_bytes(content, codes, folder)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=3, max_size=3), SEEDS)
@SIXTY
def test_slice(folder, borders, seed):
    codes = draw_codes(seed, (4, 5, 6))
    begin = [before for before, _ in borders]
    size = [n - before - after for n, (before, after) in zip(codes.shape, borders, strict=True)]
    rest = [-1 if after == 0 else n for n, (_, after) in zip(size, borders, strict=True)]
    content = build("SLICE", [int8(*codes.shape), numbers(*begin), numbers(*rest)], int8(*size))
    same_bytes(content, codes, folder)
    assert takes_several(folder, content) == (size[0] == 4)


ENTRIES = st.lists(
    st.tuples(st.integers(-3, 3), st.integers(-3, 4), st.sampled_from([1, 1, 2, -1, -2])), min_size=1, max_size=3
)
MASKS = ("beginMask", "endMask", "shrinkAxisMask")


@given(ENTRIES, st.tuples(*[st.integers(0, 7)] * 3), st.sampled_from([None, "ellipsisMask", "newAxisMask"]), SEEDS)
@settings(max_examples=120, deadline=None)
def test_strided_slice(folder, entries, masks, special, seed):
    """TFLite says what shape comes out; then the file is written once more, with this shape."""
    codes = draw_codes(seed, (3, 4, 5))
    masks = dict(zip(MASKS, (mask & (2 ** len(entries) - 1) for mask in masks), strict=True))
    shrunk = masks["shrinkAxisMask"]
    entries = [(abs(b) % 3, e, 1) if shrunk >> i & 1 else (b, e, s) for i, (b, e, s) in enumerate(entries)]
    if special:
        masks[special] = 1 << seed % len(entries)
    inputs = [int8(*codes.shape), *(numbers(*column) for column in zip(*entries, strict=True))]
    expected = run(build("STRIDED_SLICE", inputs, int8(1), **masks), codes)
    if expected.size:  # a network has no use for an empty tensor
        same_bytes(build("STRIDED_SLICE", inputs, int8(*expected.shape), **masks), codes, folder)


def test_numbers_out_of_a_shape(folder):
    sizes = Operand((4,), "int32", None, 0)
    for begin, end, masks in ((1, 3, {}), (2, 3, {"shrinkAxisMask": 1}), (-1, 0, {"endMask": 1})):
        inputs = [sizes, numbers(begin), numbers(end), numbers(1)]
        x = np.array([5, 96, 48, 3], np.int32)
        shape = run(build("STRIDED_SLICE", inputs, Operand((1,), "int32"), **masks), x).shape
        same_bytes(build("STRIDED_SLICE", inputs, Operand(shape, "int32"), **masks), x, folder)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_gather(folder, axis):
    codes = draw_codes(1, (4, 5, 6))
    shape = (*codes.shape[:axis], 2, 3, *codes.shape[axis + 1 :])
    places = constant(np.array([[0, 3, 1], [2, 2, 0]], np.int32))
    content = build("GATHER", [int8(*codes.shape), places], int8(*shape), axis=axis)
    same_bytes(content, codes, folder)
    assert takes_several(folder, content) == (axis > 0)


def test_rows_of_a_table_by_their_numbers(folder):
    """An embedding: the numbers are the input, a list for each picture."""
    table = Operand((10, 4), "int8", 0.1, 0, 0, draw_codes(1, (10, 4)))
    content = build("GATHER", [table, Operand((2, 3), "int32")], int8(2, 3, 4), axis=0)
    same_bytes(content, np.array([[0, 9, 4], [5, 5, 1]], np.int32), folder)
    assert takes_several(folder, content)
    both = build("GATHER", [int8(2, 5, 6), Operand((2, 3), "int32")], int8(2, 2, 3, 6), axis=1)
    same_bytes(both, draw_codes(2, (2, 5, 6)), folder, np.array([[0, 4, 2], [3, 3, 1]], np.int32))
    assert not takes_several(folder, both)


# --- several become one -----------------------------------------------------------------------------------------------


@given(st.sampled_from([0, 1, 2, 3, -1]), st.integers(1, 4), SEEDS)
@settings(max_examples=20, deadline=None)
def test_concatenation(folder, axis, more, seed):
    codes = draw_codes(seed, (2, 3, 3, 3))
    shape, total = list(codes.shape), list(codes.shape)
    shape[axis], total[axis] = more, codes.shape[axis] + more
    other = Operand(tuple(shape), "int8", 0.1, 7, 0, draw_codes(seed + 1, tuple(shape)))
    inputs, output = [int8(*codes.shape, zero_point=7), other], int8(*total, zero_point=7)
    same_bytes(build("CONCATENATION", inputs, output, axis=axis), codes, folder)
    both = [inputs[0], int8(*shape, zero_point=7)]
    content = build("CONCATENATION", both, output, axis=axis)
    same_bytes(content, codes, folder, other.data)
    assert takes_several(folder, content) == (axis != 0)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_pack(folder, axis):
    codes = [draw_codes(seed, (2, 3)) for seed in (1, 2, 3)]
    shape = np.stack(codes, axis).shape
    content = build("PACK", [int8(2, 3)] * 3, int8(*shape), valuesCount=3, axis=axis)
    same_bytes(content, *codes[:1], folder, *codes[1:])
    assert takes_several(folder, content) == (axis != 0)


# --- more values ------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=4, max_size=4),
    ZERO_POINTS,
    st.one_of(st.none(), st.integers(-128, 127)),
    SEEDS,
)
@settings(max_examples=120, deadline=None)
def test_pad(folder, widths, zero, fill, seed):
    codes = draw_codes(seed, (2, 3, 4, 2))
    if seed % 2:
        widths = [(0, 0), *widths[1:]]
    shape = tuple(n + sum(w) for n, w in zip(codes.shape, widths, strict=True))
    inputs = [Operand(codes.shape, "int8", 0.1, zero), constant(np.array(widths, np.int32))]
    if fill is not None:
        inputs.append(Operand((1,), "int8", 0.1, zero, 0, np.array([fill], np.int8)))
    content = build("PAD" if fill is None else "PADV2", inputs, Operand(shape, "int8", 0.1, zero))
    same_bytes(content, codes, folder)


# --- what is refused --------------------------------------------------------------------------------------------------


def test_what_cannot_be_right(folder):
    """Each in a sentence of its own, not in NumPy's."""
    codes = int8(2, 3)
    wrong = {
        "makes .3, 3. of .2, 3., which has another number": build("RESHAPE", [codes, numbers(3, 3)], int8(3, 3)),
        "puts 2 axes in the order .0, 0.": build("TRANSPOSE", [codes, numbers(0, 0)], int8(2, 3)),
        "names axis 5 of 2": build("SPLIT", [numbers(5), codes], [int8(1, 3)] * 2, numSplits=2),
        "cuts 3 into parts of .1, 1.": build("SPLIT", [numbers(1), codes], [int8(2, 1)] * 2, numSplits=2),
        "cuts 2 into 3": build("UNPACK", [codes], [int8(3)] * 3, num=3),
        "takes .3, 3. from .0, 0. on, out of .2, 3.": build("SLICE", [codes, numbers(0, 0), numbers(3, 3)], int8(2, 3)),
        "steps by .0.": build("STRIDED_SLICE", [codes, numbers(0), numbers(1), numbers(0)], int8(1, 3)),
        "pads 2 axes by .0, -1, 0, 0.": build("PAD", [codes, constant(np.array([[0, -1], [0, 0]], np.int32))], codes),
        "make 3 x 3, and the file says": build("CONCATENATION", [codes, int8(1, 3)], int8(2, 3), axis=0),
    }
    for why, content in wrong.items():
        refused(folder, content, why, ValueError)


def test_what_tflite_refuses_is_refused(folder):
    two = [int8(1, 3), Operand((1, 3), "int8", 0.1, 0, 0, np.zeros((1, 3), np.int8))]
    refused(folder, build("CONCATENATION", two, int8(1, 6, scale=0.2), axis=1), "differ in scale or zero point")
    refused(
        folder, build("PAD", [int8(2, 3), Operand((2, 2), "int32")], int8(2, 3)), "its input 1 should be a constant"
    )
