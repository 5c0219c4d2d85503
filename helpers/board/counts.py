"""What a microcontroller would execute: the inner loops of two layers in C, run in an emulator and counted.

`data/microcontroller/kernels.c` has a 1×1 convolution and a 3×3 depthwise one, in float32 and in int8, as plain loops,
in blocks, and with the instructions that some processors have for int8.  Two compilers made programs of it for six
processors, which come with the suite.  Unicorn (https://www.unicorn-engine.org), an emulator made from QEMU, executes
them here on this computer; every result is compared with `integer.network` before its count is shown.

The counts are exact, and the same in every run.  They are instructions, not time: how many cycles an instruction takes
depends on the processor, and `cycles` says what its manual says.  `verdicts` compares those.

From the command line, `python -m helpers.microcontroller` prints the counts; `--build` compiles all programs again, and
`--record` counts and writes `counts.csv`, which is shown where there is no emulator.
"""

import csv
import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from helpers.base import artifacts, console, data
from helpers.base.tables import Table
from helpers.board import emulator, layers, routines
from helpers.board.cycles import MANUALS
from helpers.board.layers import ConvolutionLayer
from helpers.board.processors import CORES, OWN_INSTRUCTIONS
from helpers.board.routines import COMPILERS, POINTWISE, RECORDED, ROUTINES, Routine


@dataclasses.dataclass(frozen=True)
class Count:
    """What one kernel executes for one layer.

    Attributes:
        core, kernel: names in `CORES` and `ROUTINES`.
        macs: multiply-accumulates of the layer.
        instructions: executed, from the first of the function to its return.  One whose condition is not met (after
            IT) counts too: the processor fetches it, and it takes a cycle.
        cycles: the fewest and the most that they take by the processor's manual; None where it has no such table.
        mix: {instruction: how often it was executed}; empty if the count was read from a table.
        loop: the innermost loop, one instruction a line: what lies between the conditional jump back that was taken
            most often and where it goes; empty likewise.
    """

    core: str
    kernel: str
    macs: int
    instructions: int
    cycles: tuple[int, int] | None
    mix: dict[str, int] = dataclasses.field(default_factory=dict, compare=False)
    loop: str = dataclasses.field(default="", compare=False)

    @property
    def per_mac(self) -> float:
        """Instructions for one multiply-accumulate."""
        return self.instructions / self.macs

    @property
    def cycles_per_mac(self) -> tuple[float, float] | None:
        """Cycles for one multiply-accumulate, the fewest and the most."""
        return self.cycles and (self.cycles[0] / self.macs, self.cycles[1] / self.macs)


@dataclasses.dataclass(frozen=True)
class CountLine:
    """A count as a line of `counts.csv`; the cycles are empty where the processor's manual has no table of them."""

    compiler: str
    core: str
    kernel: str
    macs: int
    instructions: int
    fewest_cycles: int | None
    most_cycles: int | None

    def as_count(self) -> Count:
        """Return it as a `Count`, without a mix and a loop."""
        cycles = None if self.most_cycles is None else (self.fewest_cycles, self.most_cycles)
        return Count(self.core, self.kernel, self.macs, self.instructions, cycles)


@dataclasses.dataclass(frozen=True)
class Counts:
    """Counts of several kernels on several processors, from the programs of one compiler.

    Attributes:
        counts: {(core, kernel): count}.
        source: "measured" if they were counted here, "recorded" if they were read from `counts.csv`.
    """

    counts: dict[tuple[str, str], Count]
    source: str

    def __getitem__(self, key: tuple[str, str]) -> Count:
        """Return one count: counts["Cortex-M4F", "pointwise_i8"]."""
        if key not in self.counts:
            raise KeyError(f"There is no count for {' and '.join(key)}; there are {len(self.counts)} others.")
        return self.counts[key]

    def per_mac(self, core: str, kernel: str) -> float:
        """Return the instructions for one multiply-accumulate."""
        return self[core, kernel].per_mac

    def cores(self) -> list[str]:
        """Return the processors, in the order of `CORES`."""
        return [name for name in CORES if any(core == name for core, _ in self.counts)]

    def of(self, core: str, layer: str = POINTWISE) -> list[Count]:
        """Return the counts of all kernels of a processor for a layer, in the order of `ROUTINES`."""
        names = [name for name in ROUTINES if ROUTINES[name].layer == layer]
        return [self.counts[core, name] for name in names if (core, name) in self.counts]

    def best(self, core: str, layer: str = POINTWISE) -> dict[str, Count]:
        """Return the best kernels of a processor for a layer, {"float32", "int8", and "SMLAD" or "SDOT": count}.

        The best has the fewest cycles, in the middle of its range; where no cycles are known, the fewest instructions.
        Kernels with instructions of their own stand apart from the int8 kernels that need none.

        Raises:
            KeyError: there are no counts of that layer for the processor.
        """
        best = {}
        for one in self.of(core, layer):
            kernel = ROUTINES[one.kernel]
            kind = kernel.needs if kernel.needs in OWN_INSTRUCTIONS else kernel.kind
            best[kind] = min(best.get(kind, one), one, key=lambda c: sum(c.cycles or (c.instructions,)))
        if not best:
            raise KeyError(f"There is no count of a {layer} for {core}.")
        return best

    def ratio(self, core: str, layer: str = POINTWISE) -> float:
        """Return the instructions of the best float32 kernel over those of the best int8 one."""
        best = self.best(core, layer)
        return best["float32"].per_mac / min(one.per_mac for kind, one in best.items() if kind != "float32")


def count(
    core: str, kernel: str | Routine, layer: ConvolutionLayer | None = None, compiled: str | Path = COMPILERS[0]
) -> Count:
    """Run a kernel in the emulator, check its result, and count what it executed.

    Args:
        core: a name in `CORES`.
        kernel: a name in `ROUTINES`, or a routine that is not there.
        layer: what to compute; if left out, `example`.
        compiled: by which compiler, a name in `COMPILERS`, for the programs that come with the suite; or a folder with
            others.

    Raises:
        KeyError: there is no such processor or compiler, or the processor has no such kernel.
        ValueError: the kernel does not take this layer, or the program is not the one that was built.
        FileNotFoundError: the program is missing.
        NotImplementedError: the emulator is not installed.
        RuntimeError: the emulated program broke off, or its result is not that of the integer network.
        TimeoutError: it took longer than `emulator.SECONDS`.
    """
    chosen = kernel if isinstance(kernel, Routine) else routines.look_up_routine(core, kernel)
    layer = layer or layers.example(chosen.layer)
    output, tally = emulator.execute(core, kernel, layer, compiled)
    _verify(core, chosen, layer, output)
    return Count(core, chosen.name, layer.macs, tally.instructions, tally.cycles, tally.mix, tally.loop)


def _verify(core: str, kernel: Routine, layer: ConvolutionLayer, output: np.ndarray) -> None:
    """Raise a RuntimeError if a kernel's result is not as expected: equal codes, or within the bound of float32."""
    if kernel.kind == "int8":
        wrong = int(np.count_nonzero(output != layer.expected()))
    else:
        expected, bound = layer.expected_real()
        wrong = int(np.count_nonzero(~(np.abs(output - expected) <= bound)))
    if wrong:
        ours = kernel.name in ROUTINES
        raise RuntimeError(
            f"{kernel.name} on {core} computed {wrong:,} of {output.size:,} values otherwise than expected, so its "
            f"instructions are not counted{': change kernels.c back, or build it again with --build' if ours else ''}."
        )


def measured(compiled: str | Path = COMPILERS[0], cores: Iterable[str] | None = None) -> Counts:
    """Count all kernels on some processors (all of them: about five seconds), with a progress bar.

    Args:
        compiled: see `count`.
        cores: names in `CORES`; all if left out.

    Raises:
        the errors of `count`.
    """
    pairs = [(core, kernel) for core in (CORES if cores is None else cores) for kernel in routines.routines_of(core)]
    bar = console.progress(pairs, "Counting instructions", "kernel")
    return Counts({pair: count(*pair, compiled=compiled) for pair in bar}, "measured")


def recorded() -> dict[str, Counts]:
    """Return the counts of `data/microcontroller/counts.csv`, of the programs that lie beside it, by compiler.

    Raises:
        ValueError: a line of the table is incomplete, or a number in it is none.
    """

    def known(line: CountLine) -> bool:
        return line.compiler in COMPILERS and line.core in CORES and line.kernel in routines.routines_of(line.core)

    lines = data.records(routines.FOLDER / RECORDED, CountLine, "compiler, core and kernel are known", known)
    return {
        name: Counts({(one.core, one.kernel): one.as_count() for one in lines if one.compiler == name}, "recorded")
        for name in COMPILERS
    }


def record(counts: Mapping[str, Counts]) -> None:
    """Write counts to `counts.csv`.

    Args:
        counts: by compiler.
    """
    with artifacts.atomic(routines.FOLDER / RECORDED) as part, part.open("w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow([field.name for field in dataclasses.fields(CountLine)])
        for compiler, found in counts.items():
            for one in found.counts.values():
                numbers = [one.macs, one.instructions, *(one.cycles or ("", ""))]
                writer.writerow([compiler, one.core, one.kernel, *numbers])


def instruction_counts() -> dict[str, Counts]:
    """Return measured counts where the emulator is installed, and the recorded ones elsewhere, saying so; by compiler.

    Of the second compiler only what is compared with the first: the processors whose cycles are known.
    """
    if emulator.installed():
        first, *others = COMPILERS
        return {first: measured(first)} | {name: measured(name, MANUALS) for name in others}
    print("Unicorn is not installed here: these counts were recorded with the same programs on another computer.")
    return recorded()


def count_table(counts: Counts, layer: str = POINTWISE) -> Table:
    """Return instructions for one multiply-accumulate, one line for each kernel and one column for each processor.

    Raises:
        ValueError: there are no counts of that layer.
    """
    names = [name for name in ROUTINES if ROUTINES[name].layer == layer and any(k == name for _, k in counts.counts)]
    cores = [core for core in counts.cores() if any((core, name) in counts.counts for name in names)]
    if not names:
        raise ValueError(f"There are no counts of a {layer}: expected at least one.")
    rows = [
        [
            ROUTINES[name].label,
            *(f"{counts.per_mac(core, name):.3g}" if (core, name) in counts.counts else "–" for core in cores),
        ]
        for name in names
    ]
    return Table(["kernel", *cores], rows, f"{layer}: instructions per multiply-accumulate, {counts.source}")
