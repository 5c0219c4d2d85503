"""What a whole picture takes on the emulated board: memory, instructions and cycles, operator by operator.

    found = inference.instruction_counts(int8_file, codes)      # {label of the version: Inference}

Each version runs in a process of its own, two at a time.  Without the emulator, or for a network with other layers than
the programs are for, there are recorded counts of the network that comes with the suite.
"""

import csv
import dataclasses
import multiprocessing
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from helpers.base import artifacts, console, data
from helpers.base.tables import Table
from helpers.board import boards, compiled_network, emulator, estimates
from helpers.board.arena import Ram
from helpers.board.compiled_network import FOLDER, VERSIONS, Version
from helpers.board.emulated_board import Board
from helpers.board.estimates import Estimate
from helpers.measure import roofline
from helpers.tflite import inspect

RECORDED = "counts.csv"
PROCESSES = 2
BANDS = "in bands"
KINDS = {
    "CONV_2D": "convolution",
    "DEPTHWISE_CONV_2D": "depthwise convolution",
    "FULLY_CONNECTED": "dense layer",
    "ADD": "addition",
    "MAX_POOL_2D": "pool",
    "AVERAGE_POOL_2D": "pool",
    BANDS: "layers in bands",
}
OTHER = "mean and softmax"


@dataclasses.dataclass(frozen=True)
class Step:
    """One call of a kernel, or of all layers that run in bands.

    Attributes:
        operator: its name in the file; BANDS for layers in bands.
        layer: the name of what it makes.
        macs: multiply-accumulates, each counted once.
        instructions: that were executed.
        fewest_cycles, most_cycles: that these take by the manual of the processor.
    """

    operator: str
    layer: str
    macs: int
    instructions: int
    fewest_cycles: int
    most_cycles: int

    @property
    def kind(self) -> str:
        """What it is, in a word."""
        return KINDS.get(self.operator, OTHER)


@dataclasses.dataclass(frozen=True)
class Inference:
    """One picture on the emulated board.

    Attributes:
        label: of the version, see `Version.label`.
        steps: in their order.
        answer: the codes of the output.
        flash: bytes of code and constants.
        arena, variables, stack: bytes of RAM: for activations, for everything else that has a name, for the rest.
        source: "measured" or "recorded".
    """

    label: str
    steps: tuple[Step, ...]
    answer: tuple[int, ...]
    flash: int
    arena: int
    variables: int
    stack: int
    source: str

    @property
    def core(self) -> str:
        """The processor."""
        return self.label.split(",")[0]

    @property
    def instructions(self) -> int:
        """All of them."""
        return sum(step.instructions for step in self.steps)

    @property
    def macs(self) -> int:
        """Multiply-accumulates, each counted once."""
        return sum(step.macs for step in self.steps)

    @property
    def cycles(self) -> tuple[int, int]:
        """The fewest and the most by the manual."""
        return sum(step.fewest_cycles for step in self.steps), sum(step.most_cycles for step in self.steps)

    @property
    def ram(self) -> int:
        """All bytes of RAM."""
        return self.arena + self.variables + self.stack

    @property
    def memory(self) -> Ram:
        """The same as for a file that an interpreter runs; all of it is measured."""
        return Ram(self.arena, None, f"{self.source} on the emulated board", self.variables, self.stack)

    def by_kind(self) -> dict[str, int]:
        """Return the instructions of each kind of step, the most first."""
        total = Counter()
        for step in self.steps:
            total[step.kind] += step.instructions
        return dict(total.most_common())


def measure(path: Path, version: Version, codes: np.ndarray) -> Inference:
    """Run one picture on the emulated board and count.

    Args:
        path: a full-int8 file.
        version: see `compiled_network.firmware`.
        codes: of the picture, int8 [height, width, channels].

    Raises:
        the errors of `compiled_network.firmware` and `Board.run`.
    """
    with tempfile.TemporaryDirectory() as folder:
        board = Board(compiled_network.firmware(path, version, Path(folder)))
    run, layers = board.run(codes, count=True), roofline.layers(path)
    named = [(step.name, inspect.layer_of(made.name)) for step, (*_, made) in inspect.graph(path)]
    merged = version.bands.layers if version.bands else 1  # operators that became the first step
    if version.bands:
        named[merged - 1] = BANDS, named[merged - 1][1]
    macs = [sum(layer.macs for layer in layers[:merged]), *(layer.macs for layer in layers[merged:])]
    steps = [
        Step(*name, work, tally.instructions, *(tally.cycles or (0, 0)))
        for name, work, tally in zip(named[merged - 1 :], macs, run.operators, strict=True)
    ]
    firmware = board.firmware
    memory = firmware.written.arena, firmware.ram - firmware.written.arena, run.stack
    return Inference(version.label, tuple(steps), tuple(run.answer.tolist()), firmware.flash, *memory, "measured")


def estimated(found: Iterable[Estimate]) -> dict[str, tuple[float, float]]:
    """Return what was estimated for int8, {label of the version: instructions, the fewest and the most}.

    Args:
        found: from `estimates.estimates`, for boards with different processors.
    """
    ways = {"int8, SMLAD": "SMLAD", "int8": "plain C"}
    known = {f"{one.core}, {ways[one.way]}": one.instructions for one in found if one.way in ways}
    return {label: known[label] for label in sorted(known, key=[v.label for v in VERSIONS.values()].index)}


def measure_all(path: Path, codes: np.ndarray, versions: Iterable[Version]) -> dict[str, Inference]:
    """Measure several versions, two at a time, each in its own process, with a progress bar: {label: inference}.

    Raises:
        the errors of `measure`.
    """
    if not emulator.installed():  # no process need be started to find that out
        raise NotImplementedError("Unicorn is not installed here, so no picture can be run on an emulated board.")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        running = [pool.submit(measure, path, version, codes) for version in versions]
        found = [job.result() for job in console.progress(running, "Counting instructions", "program")]
    return {one.label: one for one in found}


def instruction_counts(path: Path, codes: np.ndarray) -> dict[str, Inference]:
    """Return what `compiled_network.VERSIONS` take: measured here, or recorded if that cannot be done, saying so.

    Args:
        path, codes: see `measure`.
    """
    try:
        return measure_all(path, codes, VERSIONS.values())
    except NotImplementedError as reason:
        print(f"{reason} These counts were recorded with the network that comes with the suite.")
        return recorded()


# --- recorded -------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class RecordedStep(Step):
    """A step as a line of the table, with what belongs to the whole run."""

    label: str
    answer: tuple[str, ...]
    flash: int
    arena: int
    variables: int
    stack: int


def recorded() -> dict[str, Inference]:
    """Return the counts in the table beside the programs, {label: inference}.

    Raises:
        ValueError: a line of the table is incomplete, or a number in it is none.
    """
    known = {version.label for version in VERSIONS.values()}
    lines = data.records(FOLDER / RECORDED, RecordedStep, "the label is known", lambda line: line.label in known)
    names, found = [field.name for field in dataclasses.fields(Step)], {}
    for label in dict.fromkeys(line.label for line in lines):
        of_it = [line for line in lines if line.label == label]
        steps = tuple(Step(*(getattr(line, name) for name in names)) for line in of_it)
        first = of_it[0]
        memory = first.flash, first.arena, first.variables, first.stack
        found[label] = Inference(label, steps, tuple(map(int, first.answer)), *memory, "recorded")
    return found


def example(path: Path) -> np.ndarray:
    """Return the codes of the picture that is recorded: noise, the same on every computer.

    Args:
        path: a file with one int8 input [1, height, width, channels].
    """
    (entry,) = (tensor for tensor in inspect.tensors(path) if tensor.role == "input")
    return np.random.default_rng(0).integers(-128, 128, entry.shape[1:], np.int8)


def record(found: Mapping[str, Inference]) -> None:
    """Write counts to the table beside the programs."""
    columns = [field.name for field in dataclasses.fields(RecordedStep)]
    with artifacts.atomic(FOLDER / RECORDED) as part, part.open("w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(columns)
        for one in found.values():
            whole = [one.label, " ".join(map(str, one.answer)), one.flash, one.arena, one.variables, one.stack]
            writer.writerows([*dataclasses.astuple(step), *whole] for step in one.steps)


# --- tables ---------------------------------------------------------------------------------------------------------


def table(found: Iterable[Inference], known: Sequence[str] = estimates.BOARDS) -> Table:
    """Return instructions, and the time and the energy that the manuals and the data sheets make of them.

    Args:
        found: what was counted.
        known: boards, one for each processor.
    """
    by_core = {estimates.core_and_clock(board)[0]: board for board in map(boards.load().__getitem__, known)}
    currents, rows = boards.currents(), []
    for one in found:
        board = by_core[one.core]
        times = [cycles / board.mhz / 1e3 for cycles in one.cycles]
        current = currents.get(board.name)
        energy = " to ".join(f"{current.millijoules(time):.1f}" for time in times) if current else "–"
        million, each = f"{one.instructions / 1e6:.1f}", f"{one.instructions / one.macs:.2f}"
        rows.append([one.label, million, each, board.name, estimates.spread(times), energy])
    columns = ["version", "million instructions", "for one product", "on the", "ms by the manual", "mJ"]
    return Table(columns, rows, "One picture: instructions counted, time and energy estimated from them")
