"""What is faster on a processor, float32 or int8: judged by ranges of cycles, which may overlap.

A manual gives a load one cycle or two, and two compilers make different instructions of the same source.  So a kernel
takes no number of cycles but a range, and one kind of number is only called faster than another if its whole range lies
below: whichever compiler, and whatever the loads take.  Everything else is an overlap, which only a board can decide.
"""

from collections.abc import Mapping

from helpers.base.tables import Table
from helpers.board.counts import Count, Counts
from helpers.board.routines import POINTWISE, ROUTINES

FASTER, OVERLAP, SLOWER = "faster", "overlap", "slower"
Range = tuple[float, float]  # cycles for one multiply-accumulate, the fewest and the most


def cycle_ranges(counts: Mapping[str, Counts], core: str, layer: str = POINTWISE) -> dict[str, Range]:
    """Return the cycles of each kind of number, from the fewest to the most with the best kernel of any compiler.

    Args:
        counts: by compiler.
        core: a processor with known cycles.
        layer: POINTWISE or DEPTHWISE.

    Returns:
        {"float32", "int8", and "SMLAD": (fewest, most)}.

    Raises:
        KeyError: there are no counts, or the manual of the processor has no table of cycles.
    """
    kinds: dict[str, list[Range]] = {}
    for found in counts.values():
        for kind, one in found.best(core, layer).items():
            kinds.setdefault(kind, []).append(_cycles(one))
    return {kind: (min(low for low, _ in ends), max(high for _, high in ends)) for kind, ends in kinds.items()}


def _cycles(one: Count) -> Range:
    if one.cycles_per_mac is None:
        raise KeyError(f"Cycles are not known for {one.core}: its manual has no table of them.")
    return one.cycles_per_mac


def verdict(one: Range, other: Range) -> str:
    """Return whether a range lies below another (FASTER), above it (SLOWER), or shares a number with it (OVERLAP)."""
    if one[1] < other[0]:
        return FASTER
    return SLOWER if one[0] > other[1] else OVERLAP


def verdicts(ranges: Mapping[str, Range]) -> dict[str, str]:
    """Return the verdict on each kind beside float32."""
    return {kind: verdict(ends, ranges["float32"]) for kind, ends in ranges.items() if kind != "float32"}


def words(ends: Range) -> str:
    """Return a range in words: "3.19 to 5.87"; one number if both ends are the same."""
    return " to ".join(dict.fromkeys(f"{end:.3g}" for end in ends))


def verdict_table(counts: Mapping[str, Counts], core: str, layer: str = POINTWISE) -> Table:
    """Return the best kernels of each compiler on a processor, their cycles, and what both together say of each kind.

    Raises:
        KeyError: see `cycle_ranges`.
    """
    ranges = cycle_ranges(counts, core, layer)
    beside = verdicts(ranges)
    rows = [
        [compiler, ROUTINES[one.kernel].label, f"{one.per_mac:.3g}", words(_cycles(one)), ""]
        for compiler, found in counts.items()
        for one in found.best(core, layer).values()
    ]
    rows += [["any", kind, "", words(ends), beside.get(kind, "–")] for kind, ends in ranges.items()]
    heads = ["compiler", "kernel", "instructions", "cycles", "beside float32"]
    return Table(heads, rows, f"{layer} on the {core}: for one multiply-accumulate")
