"""Milliseconds on a board: multiply-accumulates and estimates by hand, each board with its processor."""

import pytest

from helpers.base import data
from helpers.board import boards, counts, estimates, routines
from helpers.board.counts import Count, Counts
from helpers.board.routines import POINTWISE
from helpers.measure import roofline

RESIDUAL = data.project() / "data" / "checkpoints" / "residual_cnn_int8.tflite"


def made_up(core, per_mac):
    """Counts of 100 multiply-accumulates of everything on one processor: instructions, 1 to 2 cycles each."""
    found = {
        (core, k): Count(core, k, 100, 100 * per_mac, (100 * per_mac, 200 * per_mac))
        for k in routines.routines_of(core)
    }
    return Counts(found, "measured")


def test_multiply_accumulates_by_kind():
    found = estimates.macs(RESIDUAL)
    small = 12 * 12 * 96 * 48 * 2 + 6 * 6 * (96 * 64 + 64 * 160 + 96 * 160 + 160 * 64 + 64 * 160)
    assert found[POINTWISE] == small
    assert found["dense layer"] == 160 * 2
    assert found["depthwise convolution"] == 0
    assert sum(found.values()) == sum(layer.macs for layer in roofline.layers(RESIDUAL))


def test_an_estimate_by_hand():
    """By one compiler every multiply-accumulate takes 3 instructions, by another one 5."""
    both = {"GCC": made_up("Cortex-M4F", 3), "Zig": made_up("Cortex-M4F", 5)}
    (first, *_) = estimates.estimates(RESIDUAL, both, [boards.KIT])
    total = sum(estimates.macs(RESIDUAL).values())
    assert first.instructions == pytest.approx((3 * total, 5 * total))
    assert first.milliseconds == pytest.approx((3 * total / 64e3, 10 * total / 64e3))
    table = estimates.estimate_table([first])
    assert table.rows[0][:3] == [boards.KIT, "Cortex-M4F at 64 MHz", "float32"]
    assert table.rows[0][3] == f"{3 * total / 1e6:,.0f} to {5 * total / 1e6:,.0f}"
    assert "not measured" in table.caption


def test_what_does_not_fit_is_called_so():
    ram = {"float32": (1 << 18) + 1, "int8": 1 << 18}
    found = estimates.estimates(RESIDUAL, counts.recorded(), ram=ram)
    assert [one.fits for one in found] == [False, True, True, True, True]  # the Pico has 264 KB
    named = [row[2] for row in estimates.estimate_table(found).rows]
    assert named == ["float32, if it fitted", "int8", "int8, SMLAD", "float32", "int8"]


def test_each_board_has_its_processor():
    """The Pico has no FPU and no DSP; a board with another processor is refused."""
    found = estimates.estimates(RESIDUAL, counts.recorded())
    assert [(one.core, one.mhz, one.way) for one in found] == [
        ("Cortex-M4F", 64, "float32"),
        ("Cortex-M4F", 64, "int8"),
        ("Cortex-M4F", 64, "int8, SMLAD"),
        ("Cortex-M0+", 133, "float32"),
        ("Cortex-M0+", 133, "int8"),
    ]
    with pytest.raises(NotImplementedError, match=r"Arduino Uno R3 \(8-bit AVR .* cannot be estimated"):
        estimates.estimates(RESIDUAL, counts.recorded(), ["Arduino Uno R3"])
