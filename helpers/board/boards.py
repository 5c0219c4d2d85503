"""Boards: their flash, their RAM, their processor, with the document that says so."""

import dataclasses
import re

from helpers.base import data
from helpers.base.tables import Table

KIT = "Arduino Nano 33 BLE Sense"  # the board of the lecture's kit
SIMD = ("no", "DSP", "vector")
CLOCK = re.compile(r"at (\d+) MHz")


@dataclasses.dataclass(frozen=True)
class Board:
    """A board and where its numbers come from.

    Attributes:
        name: as its maker calls it.
        flash_bytes: memory that keeps the program and the model.
        ram_bytes: memory that both work in.
        cpu: its core and clock.
        fpu: whether it has instructions for float32.
        simd: whether one instruction multiplies several small integers: "no"; "DSP" (SMLAD, two products of int16; Arm
            has it in the Cortex-M4 and M7, and as an option in the M33); "vector" (registers of 16 bytes).
        source, year: the document with these numbers.
    """

    name: str
    flash_bytes: int
    ram_bytes: int
    cpu: str
    fpu: bool
    simd: str
    source: str
    year: int

    @property
    def mhz(self) -> int:
        """The clock, in millions of cycles a second."""
        return int(CLOCK.search(self.cpu)[1])


@dataclasses.dataclass(frozen=True)
class Current:
    """What the chip of a board draws while its processor works.

    Attributes:
        board: name of the board; nothing else on it is counted.
        milliamperes, volts: at the supply of the chip.
        condition: under which this holds.
        source, year: the document with these numbers.
    """

    board: str
    milliamperes: float
    volts: float
    condition: str
    source: str
    year: int

    def millijoules(self, milliseconds: float) -> float:
        """Return the energy that it takes in a time."""
        return self.milliamperes * self.volts * milliseconds / 1e3


def currents() -> dict[str, Current]:
    """Return the currents of `data/current.csv`, {name of the board: current}; not every board is there.

    Raises:
        ValueError: a line of the table is incomplete, or a number in it is none.
    """
    rule = "current and voltage are larger than 0"
    lines = data.records("current.csv", Current, rule, lambda one: min(one.milliamperes, one.volts) > 0)
    return {one.board: one for one in lines}


def load() -> dict[str, Board]:
    """Return the boards of `data/boards.csv`, {name: board}; 1 KB is 1,024 bytes and 1 MB is 1,048,576 bytes there.

    Raises:
        ValueError: a line of the table is incomplete, or a number in it is none.
    """
    rule = f"simd is {', '.join(SIMD)}; cpu ends with its clock, 'at 64 MHz'"
    boards = data.records("boards.csv", Board, rule, lambda b: b.simd in SIMD and CLOCK.search(b.cpu))
    return {board.name: board for board in boards}


def kit() -> Board:
    """Return the board of the lecture's kit."""
    return load()[KIT]


def table(simd: bool = False) -> Table:
    """Return the boards, those without instructions for float32 first, and each group by its RAM.

    KB are those of the makers here, 1,024 bytes.  Where the numbers come from is in `load()`.

    Args:
        simd: whether to show also which boards have instructions for several small integers at once.
    """
    rows = [
        [b.name, b.cpu, "yes" if b.fpu else "no", *([b.simd] * simd)]
        + [f"{b.flash_bytes // 1024:,}", f"{b.ram_bytes // 1024:,}"]
        for b in sorted(load().values(), key=lambda b: (b.fpu, b.ram_bytes))
    ]
    return Table(["board", "processor", "FPU", *(["DSP or vector"] * simd), "flash (KB)", "RAM (KB)"], rows)
