"""Cycles against the manuals, instruction by instruction, and added up for a loop."""

import re

import pytest

from helpers.board import counts, cycles
from needs import emulated


@pytest.mark.parametrize(
    "core, name, operands, jumped, expected",
    [
        ("Cortex-M0+", "ldrsb", "r2, [r1, r3]", False, (2, 2)),
        ("Cortex-M0+", "muls", "r2, r3, r2", False, (1, 1)),
        ("Cortex-M0+", "bne", "#0x10000", True, (2, 2)),
        ("Cortex-M0+", "bne", "#0x10000", False, (1, 1)),
        ("Cortex-M0+", "bl", "#0x10000", True, (3, 3)),
        ("Cortex-M0+", "push", "{r4, r5, lr}", False, (4, 4)),
        ("Cortex-M0+", "pop", "{r4, r5, pc}", True, (6, 6)),
        ("Cortex-M0+", "ldm", "r0!, {r1, r2}", False, (3, 3)),
        ("Cortex-M4F", "ldr", "r0, [r1], #4", False, (1, 2)),
        ("Cortex-M4F", "smlad", "r0, r1, r2, r0", False, (1, 1)),
        ("Cortex-M4F", "vfma.f32", "s0, s1, s2", False, (3, 4)),
        ("Cortex-M4F", "vldmia", "r3!, {s15}", False, (2, 2)),
        ("Cortex-M4F", "vpush", "{d8, d9}", False, (5, 5)),
        ("Cortex-M4F", "ldrd", "r0, r1, [sp]", False, (3, 3)),
        ("Cortex-M4F", "bne", "#0x10000", True, (2, 4)),
        ("Cortex-M4F", "pop.w", "{r4, pc}", True, (4, 6)),
    ],
)
def test_cycles_are_those_of_the_manual(core, name, operands, jumped, expected):
    assert cycles.cycles_of(core, name, operands, jumped) == expected


def test_processors_without_such_a_table_have_no_cycles():
    assert cycles.cycles_of("AArch64", "sdot", "v0.4s, v1.16b, v2.16b") is None
    assert counts.recorded()["GCC"]["Cortex-M3", "pointwise_i8"].cycles_per_mac is None


@emulated
def test_the_cycles_of_a_loop_by_hand():
    """Each jump back of the innermost loop is one that was taken: as many as its turns, but for the last."""
    count = counts.count("Cortex-M0+", "pointwise_i8")
    fixed = sum(times for name, times in count.mix.items() if not re.match("b|ldr|str|push|pop|ldm|stm", name))
    loads = sum(times for name, times in count.mix.items() if name.startswith(("ldr", "str")))
    assert count.cycles[0] == count.cycles[1] > fixed + 2 * loads + count.mix["bne"]
