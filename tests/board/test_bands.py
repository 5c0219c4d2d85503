"""The first layers in bands: which rows are needed, held against row by row, and what that saves and costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.board import arena, bands, savings
from helpers.board.bands import Bands
from helpers.board.windows import NAMES, PADDING
from helpers.measure import roofline
from helpers.networks.plans import PRETRAINED_INT8 as SHIPPED
from helpers.tflite import inspect


@given(st.integers(1, 20), st.integers(1, 5), st.integers(1, 3), st.booleans(), st.data())
def test_the_rows_that_are_needed_are_those_that_a_window_touches(height, window, stride, same, data):
    if not same and window > height:
        return
    out = -(-height // stride) if same else (height - window) // stride + 1
    pad = max((out - 1) * stride + window - height, 0) // 2 if same else 0
    at = dict.fromkeys((*NAMES, *PADDING), 0)
    at |= {"in_height": height, "out_height": out, "height": window, "stride_height": stride, "pad_top": pad}
    first = data.draw(st.integers(0, out - 1))
    end = data.draw(st.integers(first + 1, out))
    touched = {r * stride - pad + k for r in range(first, end) for k in range(window)} & set(range(height))
    if touched:
        assert bands.needed_for(at, (first, end)) == (min(touched), max(touched) + 1)


@pytest.mark.parametrize("cut", [Bands(3), Bands(3, 5), Bands(2, 7), Bands(1)])
def test_the_bands_make_each_row_of_the_last_stage_once(cut):
    last = [band[-1] for band in bands.rows(SHIPPED, cut)]
    height = bands.stages(SHIPPED, cut)[-1].output.shape[1]
    assert [row for first, end in last for row in range(first, end)] == list(range(height))


def test_what_lies_between_is_as_large_as_a_band():
    """Of conv1 four rows of 48 × 16, of conv2 two rows of 48 × 32; the rest of the network as before."""
    found = {one.name: one for one in bands.buffers(SHIPPED, Bands(3))}
    assert (found["conv1"].bytes, found["conv2"].bytes) == (4 * 48 * 16, 2 * 48 * 32)
    assert {(one.first, one.last) for one in (found["conv1"], found["conv2"], found["input"])} == {(0, 0)}
    before = {one.name: one for one in arena.buffers(SHIPPED)}
    assert all((one.first, one.last) == (before[n].first - 2, before[n].last - 2)
               for n, one in found.items() if before[n].first > 2)  # fmt: skip
    assert arena.peak(list(found.values())) == 55_296
    assert bands.buffers(SHIPPED) == arena.buffers(SHIPPED)


def test_products_are_counted_once_and_again():
    """By the definition: conv1 has 27 products for each of its outputs and is computed four rows at a time."""
    layers = {inspect.layer_of(made.name): layer.macs for (_, (*_, made)), layer in
              zip(inspect.graph(SHIPPED), roofline.layers(SHIPPED), strict=True)}  # fmt: skip
    once, often = bands.products(SHIPPED, Bands(3))
    assert once == layers["conv1"] + layers["conv2"]
    assert often - once == (4 * 24 - 2 - 48) * 48 * 16 * 27  # the first and the last band have one row less
    assert bands.products(SHIPPED, Bands(3, 24)) == (once, once)


def test_the_table_is_computed():
    shown = bands.table(SHIPPED, [Bands(3), Bands(3, 2)])
    assert [row[1] for row in shown.rows] == ["110,592", "55,296", "56,832"]
    assert [row[2] for row in shown.rows] == ["0", "953,856", "456,192"]
    assert shown.rows[1][0] == "3 layers, 1 row at a time" and shown.rows[2][0] == "3 layers, 2 rows at a time"


@pytest.mark.parametrize(
    "cut, words",
    [
        (Bands(4), "operator 2 is MAX_POOL_2D and is read by 2"),
        (Bands(0), "found 0 and 1"),
        (Bands(9), "found 9 and 1"),
        (Bands(3, 0), "found 3 and 0"),
    ],
)
def test_what_cannot_run_in_bands_is_refused(cut, words):
    with pytest.raises(ValueError, match=words):
        bands.stages(SHIPPED, cut)


# --- what would help --------------------------------------------------------------------------------------------------


def test_an_addition_in_place_needs_one_buffer_less():
    """Its result begins to live when the input did that it is written over; several can follow each other."""
    needed = arena.buffers(SHIPPED)
    found = {one.tensor: one for one in savings.additions_in_place(SHIPPED, needed) if one.tensor is not None}
    before = {one.tensor: one for one in needed}
    additions = [step for step in inspect.operators(SHIPPED) if step.name == "ADD"]
    assert len(needed) - len(savings.additions_in_place(SHIPPED, needed)) == len(additions) > 0
    for step in additions:
        gone = [before[tensor] for tensor in step.inputs if tensor not in found]
        assert len(gone) >= 1 and all(one.last == before[step.outputs[0]].first for one in gone)
    assert int(arena.alive(list(found.values())).sum()) < int(arena.alive(needed).sum())
    assert arena.peak(list(found.values())) == arena.peak(needed)


def test_an_input_that_is_still_needed_is_not_written_over():
    needed = [one.__class__(one.name, one.bytes, one.first, one.last + 1, one.tensor) for one in arena.buffers(SHIPPED)]
    assert savings.additions_in_place(SHIPPED, needed) == needed


def test_only_bands_help_the_network_that_comes_with_the_suite():
    shown = savings.table(SHIPPED, Bands(3))
    assert [row[-1] for row in shown.rows] == ["", "nothing", "nothing", "-55,296", "-55,296"]
    assert [row[2] for row in shown.rows] == ["110,592", "110,592", "110,592", "55,296", "55,296"]


def test_the_rows_of_one_band_are_shown():
    shown = bands.rows_table(SHIPPED, Bands(3), 10)
    assert [row[1:] for row in shown.rows] == [
        ["conv1", "19 to 22", "48"],
        ["conv2", "20 to 21", "48"],
        ["pool1", "10 to 10", "24"],
    ]
