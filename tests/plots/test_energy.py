"""Figures of energy and of the bits of a number: bars are those of the table, boxes are the bits."""

import numpy as np
import pytest

import figure_rules
from helpers import plots
from helpers.measure import energy
from helpers.numbers import floats
from plots_data import panel_title

SPENT = energy.Inference("float32", 100, 20, 3, 2), energy.Inference("int8", 10, 20, 0.5, 0.75)

# Each figure, and what its description must name.
FIGURES = {
    "energy_per_operation": (
        lambda: plots.energy_per_operation(energy.costs()),
        ["add int8 0.03 pJ", "multiply float32 3.7 pJ", "takes 527 times as much", "overhead 70 pJ"],
    ),
    "energy_per_inference": (
        lambda: plots.energy_per_inference({"a chip": SPENT, "a core": SPENT[::-1]}),
        ["a chip: float32 125 µJ, int8 31 µJ, 4.0 to 1", "a core: int8 31 µJ, float32 125 µJ, 0.25 to 1"],
    ),
    "number_bits": (
        lambda: plots.number_bits(floats.in_formats(3.14, scale=0.05)),
        ["float32 0 10000000 10010001111010111000011 stores 3.1400001049041748046875", "63 × 0.05 = 3.15"],
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_keeps_the_rules(name):
    figure_rules.check(*FIGURES[name])


def test_the_bars_of_energy_are_those_of_the_table():
    left, right = plots.energy_per_operation(energy.costs()).figure.axes
    for axes, quantity in ((left, "energy"), (right, "area")):
        drawn = sorted(bar.get_width() for bars in axes.containers for bar in bars)
        assert drawn == sorted(cost.value for (q, _, _), cost in energy.costs().items() if q == quantity)


def test_the_parts_of_an_inference_stand_beside_each_other():
    axes = plots.energy_per_inference({"a chip": SPENT}).figure.axes[0]
    ends = [[bar.get_x() + bar.get_width() for bar in bars] for bars in axes.containers]
    np.testing.assert_allclose(ends, [[100, 10], [120, 30], [123, 30.5], [125, 31.25]])
    assert axes.get_title(loc="left") == "a chip: int8 takes 25% of float32"
    turned = plots.energy_per_inference({"a core": SPENT[::-1]})
    assert panel_title(turned) == "a core: float32 takes 400% of int8"


@pytest.mark.parametrize("number", [3.14, "-1e-40", "inf", 1000])
def test_every_bit_has_its_box_and_its_letter(number):
    found = floats.in_formats(number)
    axes = plots.number_bits(found).figure.axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert len(axes.patches) == sum(len(one.bits) for one in found)
    for letter in "SEFI":
        count = sum(len(part.bits) for one in found for part in one.parts if part.letter == letter)
        assert texts.count(letter) == count
    for one in found:
        assert any(text.startswith(f"stores {one.shown}") for text in texts)


def test_a_cheaper_float32_is_not_called_dearer():
    costs = energy.costs()
    turned = {key: costs[key[0], key[1], {"int8": "float32", "float32": "int8"}.get(key[2], key[2])] for key in costs}
    assert panel_title(plots.energy_per_operation(turned)) == "float32 × float32: 0.1 times int8's energy"


def test_areas_that_are_published_are_not_called_missing():
    costs = energy.costs()
    right = plots.energy_per_operation(costs).figure.axes[1]
    assert any("no area published" in text.get_text() for text in right.texts)
    known = costs | {("area", "read 64 bits", "DRAM"): costs["area", "add", "int8"]}
    right = plots.energy_per_operation(known).figure.axes[1]
    assert not any("no area published" in text.get_text() for text in right.texts)


def test_a_number_in_one_format_is_not_called_different():
    (one,) = floats.in_formats(3.14, ["float32"])
    assert panel_title(plots.number_bits([one])).startswith("A number in float32: S sign")
    (whole,) = floats.in_formats(3, ["int8"])
    assert "by sign and integer: int8" in plots.number_bits([whole]).alt
