"""Milliseconds on a board, estimated from what was counted."""

import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path

from helpers.base.tables import Table
from helpers.board import routines
from helpers.board.boards import KIT, Board, load
from helpers.board.counts import Counts
from helpers.board.cycles import MANUALS
from helpers.board.routines import POINTWISE
from helpers.measure import roofline
from helpers.tflite import inspect

BOARDS = (KIT, "Raspberry Pi Pico")  # with an FPU, and without

WAYS = {  # {name: kernels for convolutions and dense layers, and for depthwise convolutions}
    "float32": ("pointwise_f32_blocked", "depthwise_f32"),
    "int8": ("pointwise_i8_blocked", "depthwise_i8"),
    "int8, SMLAD": ("pointwise_i8_smlad", "depthwise_i8_smlad"),
}


@dataclasses.dataclass(frozen=True)
class Estimate:
    """How long a network might take on a board for one picture.

    Attributes:
        board, core: names.
        mhz: clock.
        way: which kernels, a name in `WAYS`.
        instructions: for all multiply-accumulates.
        cycles: the fewest and the most by the processor's manual.
    """

    board: str
    core: str
    mhz: int
    way: str
    instructions: float
    cycles: tuple[float, float]

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


def estimates(path: Path, counts: Counts, boards: Iterable[str] = BOARDS) -> list[Estimate]:
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
        counts: from `counts`.
        boards: names in `boards.load()`.

    Raises:
        NotImplementedError: a board has a processor whose cycles are not known.
        KeyError: there is no such board, or there are no counts for its processor.
    """
    totals, known, results = macs(path), load(), []
    depthwise = totals["depthwise convolution"]
    others = sum(totals.values()) - depthwise
    for name in boards:
        core, mhz = core_and_clock(known[name])
        for way, kernels in WAYS.items():
            if not set(kernels) <= set(routines.routines_of(core)):
                continue
            terms = list(zip((others, depthwise), (counts[core, kernel] for kernel in kernels), strict=True))
            instructions = sum(number * count.per_mac for number, count in terms)
            low, high = (sum(number * count.cycles_per_mac[end] for number, count in terms) for end in (0, 1))
            results.append(Estimate(name, core, mhz, way, instructions, (low, high)))
    return results


def estimate_table(shown: Iterable[Estimate]) -> Table:
    """Return the estimates, one line each; see `estimates` for what they assume."""
    rows = [
        [
            estimate.board,
            f"{estimate.core} at {estimate.mhz:g} MHz",
            estimate.way,
            f"{estimate.instructions / 1e6:,.0f}",
            f"{estimate.instructions / estimate.mhz / 1e3:,.0f}",
            " to ".join(dict.fromkeys(f"{end:,.0f}" for end in estimate.milliseconds)),
        ]
        for estimate in shown
    ]
    columns = ["board", "processor", "kernels", "million instructions", "ms if each takes 1 cycle", "ms by the manual"]
    return Table(columns, rows, "Estimated, not measured: one picture")
