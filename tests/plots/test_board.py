"""The figures of the tensor arena: blocks where the plan has them, bars as long as the bytes, judged to the byte."""

import matplotlib.colors
import numpy as np
import pytest

import figure_rules
from helpers import plots
from helpers.board.arena import COMPUTED, MEASURED, Allowance, Buffer, Ram, alive, plan
from helpers.board.boards import Board
from helpers.board.counts import Count, Counts
from helpers.networks.costs import LayerCost
from helpers.plots import board, style
from plots_data import colours, panel_title

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

LAYERS = [LayerCost("conv1", (2,), 1, 1, 50_000), LayerCost("conv2", (2,), 1, 1, 100_000)]


def made_up_counts(smlad=200, plain=400):
    """Return counts of 100 multiply-accumulates on two processors, one without known cycles, by two compilers."""
    numbers = {"f32": 900, "f32_4x4": 600, "i8": 1600, "i8_2x2": plain, "i8_smlad": smlad}
    made = {}
    for compiler, more in (("GCC", 0), ("Zig", 10)):
        found = [Count("Cortex-M4F", f"pointwise_{k}", 100, n, (n, 1.5 * n + more)) for k, n in numbers.items()]
        found += [Count("Cortex-M3", f"pointwise_{k}", 100, n, None) for k, n in (("f32", 9000), ("i8", 450))]
        made[compiler] = Counts({(one.core, one.kernel): one for one in found}, "recorded")
    return made


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
    "flash_budget": (
        lambda: plots.flash_budget({"float32": 1_500_000, "int8": 400_000}, BOARD),
        ["1 MB of flash: float32 1,500 kB or 143% and int8 400 kB or 38%", "Too large for the flash of the B: float32"],
    ),
    "ram_budget": (
        lambda: plots.ram_budget(LAYERS, BOARD),
        ["peak, at conv2, is 400 kB in float32, 100 kB in int8; the B has 262 kB", "Only int8 fits into the RAM"],
    ),
    "instructions": (
        lambda: plots.instructions(made_up_counts()),
        [
            "recorded instructions per multiply-accumulate of a 1×1 convolution by GCC",
            "Cortex-M3 float32 90, int8 4.5",
            "Zig float32, plain loop 9 to 13.6",
            "together: float32 6 to 9.1, int8 4 to 6.1, SMLAD 2 to 3.1",
            "SMLAD is clear of float32, int8 overlaps with it",
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
        ([Buffer("a", 2**18, 0, 0)], "int8: 262 kB, all of the RAM,\nas much as is alive at the peak"),
        ([Buffer("a", 2**18 + 1, 0, 0)], "int8: 262 kB, more than the RAM,\nless than 1% more than is ever alive"),
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


@pytest.mark.parametrize(
    ("sizes", "title"),
    [
        ({"float32": 2**20, "int8": 1}, "Every file fits into the flash of the B"),
        ({"float32": 2**20 + 1, "int8": 1}, "Too large for the flash of the B: float32"),
        ({"float32": 2**22, "float16": 2**21}, "Too large for the flash of the B: float32 and float16"),
    ],
)
def test_flash_is_judged_to_the_byte(sizes, title):
    axes = plots.flash_budget(sizes, BOARD).figure.axes[0]
    assert axes.get_title(loc="left") == title
    assert [bar.get_width() for bars in axes.containers for bar in bars] == [size / 1e3 for size in sizes.values()]


@pytest.mark.parametrize(
    ("live", "words"),
    [(2**16, "Both fit"), (2**16 + 1, "Only int8 fits"), (2**18, "Only int8 fits"), (2**18 + 1, "Neither fits")],
)
def test_ram_is_judged_to_the_byte(live, words):
    axes = plots.ram_budget([LayerCost("a", (1,), 0, 0, 5), LayerCost("b", (1,), 0, 0, live)], BOARD).figure.axes[0]
    assert axes.get_title(loc="left") == f"{words} into the RAM: the peak is at b"
    heights = {bars.get_label(): [bar.get_height() for bar in bars] for bars in axes.containers}
    assert heights == {"float32": [4 * 5 / 1e3, 4 * live / 1e3], "int8": [5 / 1e3, live / 1e3]}


def test_the_kinds_keep_their_colours_in_the_budgets():
    ram, flash = plots.ram_budget(LAYERS, BOARD).figure, plots.flash_budget({"float32": 9, "int8": 3}, BOARD).figure
    for i, kind in enumerate(("float32", "int8")):
        assert colours(ram, kind) == {style.COLOURS[kind].lower()}
        assert matplotlib.colors.to_hex(flash.axes[0].containers[i][0].get_facecolor()) == style.COLOURS[kind].lower()


def test_the_bars_are_the_best_kernels_and_the_lines_all_of_one_processor():
    """Left float32, int8 and, where there is one, the int8 kernel with instructions of its own; right all, twice."""
    left, right = FIGURES["instructions"][0]().figure.axes
    assert [bar.get_height() for bars in left.containers for bar in bars] == [90, 4.5, 6, 4, 2]
    lines = [line for line in right.get_lines() if line.get_linestyle() != "None"]
    ranges = [(n, 1.5 * n + more) for more in (0, 0.1) for n in (9, 6, 16, 4, 2)]
    np.testing.assert_allclose([line.get_xdata() for line in lines], ranges)
    marks = [line.get_xdata()[0] for line in right.get_lines() if line.get_linestyle() == "None"]
    assert marks == [9, 6, 16, 4, 2] * 2
    assert left.get_title("left") == "Without an FPU, int8 takes 20 times fewer"


@pytest.mark.parametrize(
    ("smlad", "plain", "said"),
    [
        (200, 400, "SMLAD is clear of float32,\nint8 overlaps with it"),
        (200, 350, "int8 and SMLAD are clear of float32"),
        (500, 400, "nothing is clear of float32,\nint8 and SMLAD overlap with it"),
        (950, 920, "float32 is clear of int8 and SMLAD"),
        (950, 400, "float32 is clear of SMLAD,\nint8 overlaps with it"),
    ],
)
def test_the_title_of_the_kernels_follows_the_ranges(smlad, plain, said):
    assert plots.instructions(made_up_counts(smlad, plain)).figure.axes[1].get_title("left") == f"Cortex-M4F: {said}"


def test_a_processor_without_cycles_has_no_ranges():
    with pytest.raises(KeyError, match="Cycles are not known for Cortex-M3"):
        plots.instructions(made_up_counts(), "Cortex-M3")


def test_one_file_is_not_every_file():
    assert panel_title(plots.flash_budget({"int8": 9}, BOARD)) == "int8 fits into the flash of the B"


def test_a_peak_that_is_reached_twice_is_at_both_places():
    layers = [LayerCost(name, (1,), 0, 0, live) for name, live in (("a", 5), ("b", 2), ("c", 5))]
    picture = plots.ram_budget(layers, BOARD)
    assert panel_title(picture) == "Both fit into the RAM: the peak is at a and c"
    assert "The peak, at a and c, is" in picture.alt


def test_a_gap_that_rounds_to_nothing_is_still_one():
    needed = [Buffer("a", 100_001, 0, 0)]
    assert panel_title(plots.memory_plan({"int8": plan(needed)}, BOARD)).endswith(
        "less than 1% more than is ever alive"
    )


def test_the_legend_of_the_parts_holds_for_all_programs():
    files = {"float32": Ram(9, 17_000, MEASURED), "int8": Ram(9, 25_000, MEASURED)}
    figure = plots.ram_bar(files, ALLOWED, BOARD).figure
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "stack 30 kB",
        "system 2 kB",
        "runtime 17 to 25 kB",
    ]
    tuned = {"float32": Ram(9, 17_000, MEASURED), "int8": Ram(9, 25_000, MEASURED, 5_000)}
    picture = plots.ram_bar(tuned, ALLOWED, BOARD)
    assert [text.get_text() for text in picture.figure.legends[0].get_texts()][-1] == "kernels 5 kB"
    assert "runtime 25,000, kernels 5,000, activations 9, together 62,009" in picture.alt
    late = {"float32": Ram(9, None, COMPUTED), "int8": Ram(9, 25_000, MEASURED)}
    figure = plots.ram_bar(late, ALLOWED, BOARD).figure
    assert [text.get_text() for text in figure.legends[0].get_texts()][-1] == "runtime 25 kB"


@pytest.mark.parametrize(
    ("ratios", "title"),
    [
        ({"Cortex-M0+": 27, "Cortex-M3": 49, "Cortex-M4F": 1.4}, "Without an FPU, int8 takes 27 to 49 times fewer"),
        ({"Cortex-M3": 1.3}, "Without an FPU, int8 takes 1.3 times fewer"),
        ({"Cortex-M0+": 0.5, "Cortex-M3": 20}, "Without an FPU, int8 takes fewer on Cortex-M3 only"),
        ({"Cortex-M3": 1.0, "Cortex-M4F": 60}, "Without an FPU, int8 takes no fewer"),
        ({"Cortex-M4F": 60}, "All processors"),
    ],
)
def test_int8_takes_fewer_instructions_only_where_it_does(ratios, title):
    """Which processor has no FPU is known by its program, not by how long float32 takes."""
    assert board._without_fpu(ratios) == title
