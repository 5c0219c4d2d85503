"""What a board has, and what a model asks of it: flash for the file, RAM for the tensor arena.

The arena is measured by TensorFlow Lite Micro itself, on this computer and in a process of its own: it aborts the whole
process on some files that it cannot run.
"""

import contextlib
import csv
import dataclasses
import re
import subprocess
import sys
from pathlib import Path

from helpers import artifacts, inspection

KIT = "Arduino Nano 33 BLE Sense"  # the board of the lecture's kit
SECONDS = 60  # the time a measurement may take; a small network takes half a second
NO_PACKAGE = 3  # exit status of a measurement without the package

# Runs a file once, on zeros, in an arena that any of our files fits, and lets TensorFlow Lite Micro say what it used.
MEASURE = f"""
import sys
try:
    import numpy as np
    from tflite_micro import runtime
except ImportError:
    sys.exit({NO_PACKAGE})
ready = runtime.Interpreter.from_file(sys.argv[1], arena_size=1 << 28)
entry = ready.get_input_details(0)
ready.set_input(np.zeros(entry["shape"], entry["dtype"]), 0)
ready.invoke()
ready.print_allocations()
"""


# --- boards -------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Board:
    """A board and where its numbers come from.

    Attributes:
        name: as its maker calls it.
        flash_bytes: memory that keeps the program and the model.
        ram_bytes: memory that both work in.
        cpu: its core and clock.
        fpu: whether it has instructions for float32.
        source, year: the document with these numbers.
    """

    name: str
    flash_bytes: int
    ram_bytes: int
    cpu: str
    fpu: bool
    source: str
    year: int


def boards() -> dict[str, Board]:
    """Return the boards of `data/boards.csv`, {name: board}; 1 KB is 1,024 bytes and 1 MB is 1,048,576 bytes there.

    Raises:
        ValueError: a line of the table is incomplete, or a number in it is none.
    """
    with (artifacts.project() / "data" / "boards.csv").open(encoding="utf-8", newline="") as table:
        return {row["name"]: _board(row) for row in csv.DictReader(table)}


def _board(row: dict[str, str]) -> Board:
    names = [field.name for field in dataclasses.fields(Board)]
    try:
        if row["fpu"] not in ("yes", "no") or not all(row[name] for name in names):
            raise ValueError
        numbers = {name: int(row[name]) for name in ("flash_bytes", "ram_bytes", "year")}
    except (KeyError, ValueError):
        raise ValueError(
            f"A line of boards.csv needs {', '.join(names)} (fpu yes or no, whole numbers of bytes); found {row}."
        ) from None
    return Board(**{**row, **numbers, "fpu": row["fpu"] == "yes"})


def kit() -> Board:
    """Return the board of the lecture's kit."""
    return boards()[KIT]


# --- the tensor arena ---------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Arena:
    """The RAM that TensorFlow Lite Micro works in, in bytes.

    Attributes:
        activations: written anew for each picture: inputs, outputs and scratch of the layers (the arena's head).
        persistent: kept from picture to picture: the structures of tensors and layers, and their multipliers (the
            arena's tail).  Pointers have 8 bytes on this computer and 4 on a board, so a board needs somewhat less.
    """

    activations: int
    persistent: int

    @property
    def total(self) -> int:
        """The smallest arena in which the file runs."""
        return self.activations + self.persistent


def arena_bytes(path: Path) -> int:
    """Return the bytes of tensor arena that TensorFlow Lite Micro needs for a .tflite file; see `arena`."""
    return arena(path).total


def arena(path: Path) -> Arena:
    """Measure the tensor arena of a .tflite file: let TensorFlow Lite Micro run it once and say what it used.

    The numbers are those of its recording allocator.  An arena of their sum is enough, and one byte less is not.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no .tflite file, or TensorFlow Lite Micro cannot run it.
        NotImplementedError: TensorFlow Lite Micro is not installed here.
        TimeoutError: it took longer than `SECONDS`.
    """
    path = Path(path)
    with contextlib.suppress(
        AttributeError, LookupError, TypeError
    ):  # odd contents: for TensorFlow Lite Micro to judge
        inspection.operators(path)  # says what is wrong with a file that is missing or broken
    try:
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, str(path.resolve())],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"TensorFlow Lite Micro did not finish {path.name} within {SECONDS} seconds.") from None
    if done.returncode == NO_PACKAGE:
        raise NotImplementedError(
            "The tensor arena cannot be measured here: TensorFlow Lite Micro is not installed; "
            "its package tflite-micro exists for Linux on x86-64 processors only."
        )
    used = dict(re.findall(r"Arena allocation (head|tail) (\d+) bytes", done.stderr))
    if done.returncode != 0 or len(used) != 2:
        raise ValueError(
            f"TensorFlow Lite Micro cannot run {path.name} ({_reason(done)}): it takes float32, full int8 and int16x8 "
            "files made of the operators it knows, not dynamic-range or float16 ones."
        )
    return Arena(int(used["head"]), int(used["tail"]))


def _reason(done: subprocess.CompletedProcess) -> str:
    """Return what TensorFlow Lite Micro said first, without the place in its source; or that it said nothing."""
    said = done.stderr.split("Traceback", 1)[0].strip().splitlines()
    if said:
        return re.sub(r"^\S+\.(?:cc|h)(?::\d+)? *", "", said[0]).rstrip(". ")
    return "it aborted" if done.returncode < 0 else "it stopped without a word"
