"""The figures of the tensor arena: blocks where the plan has them, bars as long as the bytes, judged to the byte."""

import matplotlib.colors
import numpy as np
import pytest

import figure_rules
from helpers import plots
from helpers.board.arena import COMPUTED, MEASURED, Allowance, Buffer, Ram, alive, plan
from helpers.board.boards import Board
from helpers.plots import style

BOARD = Board("B", 2**20, 2**18, "core at 1 MHz", True, "no", "a document", 2024)
LARGE = [Buffer("input", 100_000, 0, 0), Buffer("conv1", 200_000, 0, 1), Buffer("output", 16, 1, 1)]
SMALL = [Buffer(one.name, one.bytes // 4, one.first, one.last) for one in LARGE]
# A plan with gaps: see the test of the plan itself.
GAPS = [Buffer("picture", 96, 0, 0), Buffer("a", 48, 0, 1), Buffer("b", 64, 1, 2), Buffer("c", 128, 2, 3)]
PLANS = {"float32": plan(LARGE), "int8": plan(SMALL)}
ALLOWED = {
    name: Allowance(name, size, "a part", "a source", 2026) for name, size in (("stack", 30_000), ("system", 2_000))
}
RAM = {"float32": Ram(300_000, 17_000, MEASURED), "int8": Ram(75_000, 18_000, MEASURED)}

# Each figure, and what its description must name.
FIGURES = {
    "memory_plan": (
        lambda: plots.memory_plan(PLANS, BOARD),
        [
            "against 256 KB of RAM of the B",
            "float32 takes 300,000 bytes, more than the RAM; 300,000 are alive at operator 0",
            "int8 takes 75,008 bytes, less than the RAM; 75,000 are alive at operator 0",
        ],
    ),
    "ram_bar": (
        lambda: plots.ram_bar(RAM, ALLOWED, BOARD),
        [
            "against 262,144",
            "float32: stack 30,000, system 2,000, runtime 17,000, activations 300,000, together 349,000 (measured by",
            "int8: stack 30,000, system 2,000, runtime 18,000, activations 75,000, together 125,000 (measured by",
            "int8 fits, float32 does not fit into the RAM",
        ],
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_keeps_the_rules(name):
    figure_rules.check(*FIGURES[name])


def test_the_blocks_are_those_of_the_plan():
    axes = plots.memory_plan(PLANS, BOARD).figure.axes
    for axis, (kind, found) in zip(axes, PLANS.items(), strict=True):
        blocks = [one for one in axis.patches if one.get_label() != "alive at the same time"]
        places = [(one.get_x(), one.get_y(), one.get_width(), one.get_height()) for one in blocks]
        assert places == [
            (one.first - 0.5, offset / 1e3, one.last - one.first + 1, one.bytes / 1e3)
            for one, offset in zip(found.buffers, found.offsets, strict=True)
        ]
        assert {matplotlib.colors.to_hex(one.get_facecolor()) for one in blocks} == {style.COLOURS[kind].lower()}
        (steps,) = [one for one in axis.patches if one not in blocks]
        np.testing.assert_array_equal(steps.get_data().values, alive(found.buffers) / 1e3)


def test_blocks_carry_their_names_where_there_is_room():
    left, right = plots.memory_plan(PLANS, BOARD).figure.axes
    shown = [[text.get_text() for text in axis.texts if "RAM" not in text.get_text()] for axis in (left, right)]
    assert shown == [["input", "conv1"]] * 2
    many = [Buffer("tall", 2**18, 0, 0), Buffer("narrow", 9, 0, 0), Buffer("flat", 2**12, 0, 40)]
    (axis,) = plots.memory_plan({"int8": plan(many)}, BOARD).figure.axes
    assert [text.get_text() for text in axis.texts] == ["RAM: 256 KB"]
    many[0] = Buffer("tall", 2**18, 0, 1)
    (axis,) = plots.memory_plan({"int8": plan(many)}, BOARD).figure.axes
    assert [(text.get_text(), text.get_rotation()) for text in axis.texts] == [("tall", 90), ("RAM: 256 KB", 0)]


@pytest.mark.parametrize(
    ("needed", "title"),
    [
        ([Buffer("a", 2**18, 0, 0)], "int8: 262 kB, less than the RAM,\nas much as is alive at the peak"),
        ([Buffer("a", 2**18 + 1, 0, 0)], "int8: 262 kB, more than the RAM,\nas much as is alive at the peak"),
        (GAPS, "int8: 0 kB, less than the RAM,\n25% more than is ever alive"),
    ],
)
def test_a_plan_is_judged_to_the_byte(needed, title):
    (axes,) = plots.memory_plan({"int8": plan(needed)}, BOARD).figure.axes
    assert axes.get_title(loc="left") == title


def test_the_parts_of_a_bar_stand_behind_each_other():
    (axes,) = plots.ram_bar(RAM, ALLOWED, BOARD).figure.axes
    for row, ram in enumerate(RAM.values()):
        bars = [bar for bars in axes.containers for bar in bars if round(bar.get_y() + bar.get_height() / 2) == row]
        ends = np.cumsum([30_000, 2_000, ram.persistent, ram.activations]) / 1e3
        np.testing.assert_allclose([bar.get_x() + bar.get_width() for bar in bars], ends)
        np.testing.assert_allclose([bar.get_x() for bar in bars], [0, *ends[:-1]])
    activations = axes.containers[3][0], axes.containers[7][0]
    for bar, kind in zip(activations, RAM, strict=True):
        assert matplotlib.colors.to_hex(bar.get_facecolor()) == style.COLOURS[kind].lower()


@pytest.mark.parametrize(
    ("activations", "title"),
    [
        ({"float32": 9, "int8": 5}, "float32 and int8 fit into"),
        ({"int8": 2**18 - 32_000}, "int8 fits into"),
        ({"int8": 2**18 - 32_000 + 1}, "int8 does not fit into"),
        ({"float32": 2**20, "int16x8": 2**19, "int8": 5}, "int8 fits, float32 and int16x8 do not fit into"),
    ],
)
def test_a_program_is_judged_to_the_byte(activations, title):
    files = {kind: Ram(size, None, COMPUTED) for kind, size in activations.items()}
    picture = plots.ram_bar(files, ALLOWED, BOARD)
    (axes,) = picture.figure.axes
    assert axes.get_title(loc="left") == f"{title} the 256 KB of the B"
    assert "computed from the file" in axes.get_xlabel() and "runtime" not in picture.alt
