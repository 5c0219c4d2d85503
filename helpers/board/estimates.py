"""Milliseconds on a board, estimated from what was counted."""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from helpers.base.tables import Table
from helpers.board import verdicts
from helpers.board.boards import KIT, Board, load
from helpers.board.counts import Counts
from helpers.board.cycles import MANUALS
from helpers.board.routines import DEPTHWISE, POINTWISE
from helpers.measure import roofline
from helpers.tflite import inspect

BOARDS = (KIT, "Raspberry Pi Pico")  # with an FPU, and without

WAYS = {"float32": "float32", "int8": "int8", "SMLAD": "int8, SMLAD"}  # {kind of kernel: what it is called}


@dataclasses.dataclass(frozen=True)
class Estimate:
    """How long a network might take on a board for one picture.

    Attributes:
        board, core: names.
        mhz: clock.
        way: which kernels, a name in `WAYS`.
        instructions: for all multiply-accumulates, by the compiler that needs the fewest and the one that needs most.
        cycles: the fewest and the most by the processor's manual, with any compiler.
        fits: whether the network fits into the board's RAM; None if nobody asked.
    """

    board: str
    core: str
    mhz: int
    way: str
    instructions: tuple[float, float]
    cycles: tuple[float, float]
    fits: bool | None = None

    @property
    def milliseconds(self) -> tuple[float, float]:
        """The least and the most."""
        return self.cycles[0] / self.mhz / 1e3, self.cycles[1] / self.mhz / 1e3


def macs(path: Path) -> dict[str, int]:
    """Return the multiply-accumulates of a .tflite file for one picture, by kind of layer."""
    totals = dict.fromkeys((POINTWISE, "other convolution", "depthwise convolution", "dense layer"), 0)
    for (operator, tensors), layer in zip(inspect.graph(path), roofline.layers(path), strict=True):
        match operator.name:
            case "CONV_2D":
                totals[POINTWISE if tensors[1].shape[1:3] == (1, 1) else "other convolution"] += layer.macs
            case "DEPTHWISE_CONV_2D":
                totals["depthwise convolution"] += layer.macs
            case "FULLY_CONNECTED":
                totals["dense layer"] += layer.macs
    return totals


def core_and_clock(board: Board) -> tuple[str, int]:
    """Return the processor and the clock in MHz of a board: ("Cortex-M4F", 64).

    Raises:
        NotImplementedError: no instructions are counted for its processor.
    """
    match = re.search(r"(Cortex-\S+) at", board.cpu)
    if not match or match[1] not in MANUALS:
        raise NotImplementedError(
            f"The time on the {board.name} ({board.cpu}) cannot be estimated: cycles are known for "
            f"{', '.join(MANUALS)}."
        )
    return match[1], board.mhz


def estimates(
    path: Path, counts: Mapping[str, Counts], boards: Iterable[str] = BOARDS, ram: Mapping[str, int] | None = None
) -> list[Estimate]:
    """Estimate how long a network takes on boards, from what was counted.  An estimate, not a measurement.

    What it assumes:

    - every convolution that is not depthwise, and every dense layer, costs for each multiply-accumulate what the 1×1
      convolution of 64 channels does; to gather the inputs of a 3×3 kernel costs nothing;
    - pooling, additions of two branches, softmax and the interpreter cost nothing;
    - an instruction takes the cycles of the processor's manual, and no time is spent waiting for flash;
    - one processor works, and does nothing else.

    All but the first flatter every way alike.

    Args:
        path: a float32 or a full-int8 file; its shapes matter only.
        counts: by compiler, from `counts.instruction_counts`.
        boards: names in `boards.load()`.
        ram: the bytes of RAM that the network needs, {"float32": bytes, "int8": bytes}.

    Raises:
        NotImplementedError: a board has a processor whose cycles are not known.
        KeyError: there is no such board, or there are no counts for its processor.
    """
    totals, known, results = macs(path), load(), []
    depthwise = totals["depthwise convolution"]
    others = sum(totals.values()) - depthwise
    for name in boards:
        core, mhz = core_and_clock(known[name])
        numbers = {POINTWISE: others, DEPTHWISE: depthwise}
        cycles = {layer: verdicts.cycle_ranges(counts, core, layer) for layer in numbers}
        for kind in cycles[POINTWISE]:
            low, high = (sum(numbers[layer] * cycles[layer][kind][end] for layer in numbers) for end in (0, 1))
            each = [
                sum(number * found.best(core, layer)[kind].per_mac for layer, number in numbers.items())
                for found in counts.values()
            ]
            needed = None if ram is None else ram["float32" if kind == "float32" else "int8"]
            fits = None if needed is None else needed <= known[name].ram_bytes
            results.append(Estimate(name, core, mhz, WAYS[kind], (min(each), max(each)), (low, high), fits))
    return results


def estimate_table(shown: Iterable[Estimate]) -> Table:
    """Return the estimates, one line each; see `estimates` for what they assume."""
    rows = [
        [
            estimate.board,
            f"{estimate.core} at {estimate.mhz:g} MHz",
            estimate.way + (", if it fitted" if estimate.fits is False else ""),
            spread(end / 1e6 for end in estimate.instructions),
            spread(estimate.milliseconds),
        ]
        for estimate in shown
    ]
    columns = ["board", "processor", "kernels", "million instructions", "ms by the manual"]
    return Table(columns, rows, "Estimated, not measured: one picture")


def spread(ends: Iterable[float]) -> str:
    """Return two ends in words, as whole numbers: '1,996 to 2,703'; one number if both are the same."""
    return " to ".join(dict.fromkeys(f"{end:,.0f}" for end in ends))
