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
import tempfile
from pathlib import Path

import numpy as np

from helpers import artifacts, inspection
from helpers.tables import Table

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

# Runs a file on each picture of an .npy file and writes all its outputs into an .npz file.
RUN = f"""
import sys
try:
    import numpy as np
    from tflite_micro import runtime
except ImportError:
    sys.exit({NO_PACKAGE})
ready = runtime.Interpreter.from_file(sys.argv[1], arena_size=1 << 28)
outputs = [[] for _ in range(int(sys.argv[4]))]
for picture in np.load(sys.argv[2]):
    ready.set_input(picture[None], 0)
    ready.invoke()
    for i, values in enumerate(outputs):
        values.append(ready.get_output(i).copy())
np.savez(sys.argv[3], *map(np.stack, outputs))
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


def board_table() -> Table:
    """Return the boards, those without instructions for float32 first, and each group by its RAM.

    KB are those of the makers here, 1,024 bytes.  Where the numbers come from is in `boards()`.
    """
    rows = [
        [b.name, b.cpu, "yes" if b.fpu else "no", f"{b.flash_bytes // 1024:,}", f"{b.ram_bytes // 1024:,}"]
        for b in sorted(boards().values(), key=lambda b: (b.fpu, b.ram_bytes))
    ]
    return Table(["board", "processor", "FPU", "flash (KB)", "RAM (KB)"], rows)


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
    done = _in_a_process(MEASURE, Path(path), SECONDS)
    used = dict(re.findall(r"Arena allocation (head|tail) (\d+) bytes", done.stderr))
    if done.returncode != 0 or len(used) != 2:
        raise _refused(Path(path), done)
    return Arena(int(used["head"]), int(used["tail"]))


def run(path: Path, codes: np.ndarray) -> list[np.ndarray]:
    """Run a .tflite file in TensorFlow Lite Micro on pictures, one after the other, and return all its outputs.

    The kernels are the portable ones, which every processor has; those tuned for one may round otherwise.

    Args:
        path: a .tflite file with one input, made for one picture at a time.
        codes: the input in the file's own type, int8 [n, h, w, channels] for a full-int8 file.

    Returns:
        For each output an array in the file's own type, [n, ...] with the file's shape behind the pictures.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no .tflite file, there are no pictures, or TensorFlow Lite Micro cannot run it on them.
        NotImplementedError: TensorFlow Lite Micro is not installed here.
        TimeoutError: it took longer than `SECONDS`, and a second more for each picture.
    """
    if len(codes) == 0:
        raise ValueError("Expected at least one picture to run; found none.")
    count = len(inspection.outputs(path))
    with tempfile.TemporaryDirectory() as folder:
        entry, exit_ = Path(folder) / "inputs.npy", Path(folder) / "outputs.npz"
        np.save(entry, codes)
        done = _in_a_process(RUN, Path(path), SECONDS + len(codes), entry, exit_, count)
        if done.returncode != 0 or not exit_.exists():
            raise _refused(Path(path), done)
        with np.load(exit_) as found:
            return [found[name] for name in found.files]


def _in_a_process(script: str, path: Path, seconds: float, *words: object) -> subprocess.CompletedProcess:
    """Run a script with TensorFlow Lite Micro on a .tflite file, in a process of its own; for errors see `arena`."""
    with contextlib.suppress(
        AttributeError, LookupError, TypeError
    ):  # odd contents: for TensorFlow Lite Micro to judge
        inspection.operators(path)  # says what is wrong with a file that is missing or broken
    try:
        done = subprocess.run(
            [sys.executable, "-c", script, str(path.resolve()), *map(str, words)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"TensorFlow Lite Micro did not finish {path.name} within {seconds} seconds.") from None
    if done.returncode == NO_PACKAGE:
        raise NotImplementedError(
            "TensorFlow Lite Micro cannot be measured here: it is not installed; "
            "its package tflite-micro exists for Linux on x86-64 processors only."
        )
    return done


def _refused(path: Path, done: subprocess.CompletedProcess) -> ValueError:
    """Return the error that TensorFlow Lite Micro could not run a file."""
    return ValueError(
        f"TensorFlow Lite Micro cannot run {path.name} ({_reason(done)}): it takes float32, full int8 and int16x8 "
        "files made of the operators it knows, not dynamic-range or float16 ones."
    )


def _reason(done: subprocess.CompletedProcess) -> str:
    """Return what TensorFlow Lite Micro said first, without the place in its source; or that it said nothing."""
    said = done.stderr.split("Traceback", 1)[0].strip().splitlines()
    if said:
        return re.sub(r"^\S+\.(?:cc|h)(?::\d+)? *", "", said[0]).rstrip(". ")
    return "it aborted" if done.returncode < 0 else "it stopped without a word"
