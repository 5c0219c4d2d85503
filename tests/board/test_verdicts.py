"""What is faster, by ranges of cycles: numbers made up by hand, and the verdicts on the shipped programs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.board import counts, verdicts
from helpers.board.counts import Count, Counts
from helpers.board.routines import DEPTHWISE, POINTWISE

RANGES = st.tuples(st.floats(0, 100), st.floats(0, 100)).map(lambda pair: tuple(sorted(pair)))


def made_up(**kernels):
    """Counts on one processor: {kernel without "pointwise_": (fewest, most cycles of 100 multiply-accumulates)}."""
    found = [Count("Cortex-M4F", f"pointwise_{name}", 100, ends[0], ends) for name, ends in kernels.items()]
    return Counts({(one.core, one.kernel): one for one in found}, "recorded")


@given(RANGES, RANGES)
def test_a_verdict_is_about_whole_ranges(one, other):
    """Faster if every number of one is below every number of the other, slower if above, else an overlap."""
    found = verdicts.verdict(one, other)
    assert (found == verdicts.FASTER) == all(a < b for a in one for b in other)
    assert (found == verdicts.SLOWER) == all(a > b for a in one for b in other)
    opposite = {verdicts.FASTER: verdicts.SLOWER, verdicts.SLOWER: verdicts.FASTER, verdicts.OVERLAP: verdicts.OVERLAP}
    assert verdicts.verdict(other, one) == opposite[found]


def test_a_range_spans_the_compilers():
    """Of each compiler the best kernel, then from the fewest to the most of them all."""
    both = {
        "GCC": made_up(f32=(900, 990), f32_4x4=(400, 500), i8=(300, 420)),
        "Zig": made_up(f32=(350, 450), i8=(310, 340)),
    }
    ranges = verdicts.cycle_ranges(both, "Cortex-M4F")
    assert ranges == {"float32": (3.5, 5.0), "int8": (3.0, 4.2)}
    assert verdicts.verdicts(ranges) == {"int8": verdicts.OVERLAP}
    alone = verdicts.cycle_ranges({"Zig": both["Zig"]}, "Cortex-M4F")
    assert verdicts.verdicts(alone) == {"int8": verdicts.FASTER}
    table = verdicts.verdict_table(both, "Cortex-M4F")
    assert table.rows[0] == ["GCC", "float32, blocks of 4 × 4", "4", "4 to 5", ""]
    assert table.rows[-1] == ["any", "int8", "", "3 to 4.2", "overlap"]


def test_the_shipped_programs():
    """SMLAD alone is clear of float32 on the board of the kit; without an FPU every int8 kernel is."""
    found = counts.recorded()
    kit = {
        layer: verdicts.verdicts(verdicts.cycle_ranges(found, "Cortex-M4F", layer)) for layer in (POINTWISE, DEPTHWISE)
    }
    assert kit[POINTWISE] == {"int8": verdicts.OVERLAP, "SMLAD": verdicts.FASTER}
    assert kit[DEPTHWISE] == {"int8": verdicts.OVERLAP, "SMLAD": verdicts.OVERLAP}
    for core in ("Cortex-M0+", "Cortex-M4"):
        for layer in (POINTWISE, DEPTHWISE):
            assert set(verdicts.verdicts(verdicts.cycle_ranges(found, core, layer)).values()) == {verdicts.FASTER}


def test_a_processor_without_a_manual():
    with pytest.raises(KeyError, match="Cycles are not known for Cortex-M3"):
        verdicts.cycle_ranges(counts.recorded(), "Cortex-M3")
