"""The kit's board, emulated: 1 MB of flash, 256 KB of RAM and nothing else, with a whole network running on it.

`firmware/` is the program, `network_in_c` writes the network for it, `build` compiles both, and `Board` runs them in
Unicorn (https://www.unicorn-engine.org): from the reset to the answer, instruction by instruction.

    board = Board(build(int8_file, "Cortex-M4", folder), "Cortex-M4")
    run = board.run(codes)                     # codes of one picture, int8 [height, width, channels]
"""

import dataclasses
import shutil
import subprocess
from pathlib import Path

import numpy as np

from helpers.base import artifacts
from helpers.board import building, network_in_c, processors, programs
from helpers.board.bands import Bands
from helpers.board.building import Compiler
from helpers.board.emulator import Processor, Tally
from helpers.board.network_in_c import Written
from helpers.board.programs import Program

FLASH, FLASH_BYTES = 0x00000000, 1 << 20
RAM, RAM_BYTES = 0x20000000, 256 << 10
SECONDS = 300  # the time that an emulated picture may take; it takes about one, and twenty if it is counted
PAINT = 0xA5  # what the RAM for the stack is filled with, to see afterwards how far it came
START = ("start.c", "bytes.c", "board.ld")
FLAGS = ("-std=c99", "-O2", "-ffreestanding", "-fwrapv", "-Wall", "-Wextra", "-Wconversion", "-Wl,--build-id=none")
GCC_FLAGS = ("-static", "-nostdlib", "-fno-tree-loop-distribute-patterns")
# In the kernel with SMLAD, GCC would load early what it uses late, and run out of registers: a tenth more instructions.
SMLAD_FLAGS = ("-fno-schedule-insns",)
CORES = tuple(name for name, core in processors.CORES.items() if not core.wide)  # those with Thumb instructions


@dataclasses.dataclass(frozen=True)
class Firmware:
    """A network, compiled for a processor.

    Attributes:
        program: the parts of the ELF file.
        written: the network as C.
        compiler: that made it.
    """

    program: Program
    written: Written
    compiler: Compiler

    @property
    def flash(self) -> int:
        """Bytes of code and constants."""
        return sum(len(content) for address, content in self.program.segments if address < RAM)

    @property
    def ram(self) -> int:
        """Bytes of variables, the arena among them, without the stack."""
        return self.program.symbols["bss_end"] - RAM


def build(
    path: Path,
    core: str,
    folder: Path,
    plain: bool = False,
    bands: Bands | None = None,
    compiler: Compiler | None = None,
) -> Firmware:
    """Translate a full-int8 file to C, compile it for a processor, and return the program.

    Args:
        path: the .tflite file.
        core: one of `CORES`.
        folder: for the sources and the program.
        plain: use the kernels in plain C even if the processor has SMLAD.
        bands: how the first layers are cut; if left out, they are not.
        compiler: from `building.compilers`; if left out, the first one found.

    Raises:
        KeyError: there is no such processor.
        NotImplementedError: there is no compiler, or no kernel for an operator.
        RuntimeError: the compiler refused, or the linker: the network does not fit; the message has its own words.
    """
    available = building.compilers(core) if compiler is None else [compiler]
    if core not in CORES:
        raise KeyError(f"Expected one of {', '.join(CORES)}; found {core!r}.")
    if not available:
        raise NotImplementedError(
            "A network cannot be compiled here: neither arm-none-eabi-gcc nor the package ziglang was found."
        )
    written = network_in_c.write(path, folder, bands=bands)
    for name in START:
        with artifacts.atomic(folder / name) as part:
            shutil.copyfile(network_in_c.folder() / name, part)
    target = folder / processors.look_up_core(core).file
    with artifacts.atomic(target) as part:
        command = _command(available[0], core, str(part.resolve()), plain)
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if "error" in line or "overflow" in line]
            reason = (lines or done.stderr.splitlines() or ["without a word"])[0]
            raise RuntimeError(f"{available[0].version} did not make a program for {core}: {reason.strip()}")
    return Firmware(programs.read_program(target), written, available[0])


def _command(compiler: Compiler, core: str, output: str, plain: bool) -> list[str]:
    chosen = processors.look_up_core(core)
    sources = ["start.c", "bytes.c", "kernels.c", "bands.c", "network.c"]
    flags = [*FLAGS, *(["-DPLAIN"] if plain else []), "-T", "board.ld", *sources, "-o", output]
    if compiler.name == "Zig":
        target, cpu = chosen.zig
        return [*compiler.command, "cc", "-target", target, f"-mcpu={cpu}", *building.ZIG_FLAGS, *flags]
    tuned = SMLAD_FLAGS if "SMLAD" in chosen.instructions and not plain else ()
    return [*compiler.command, *chosen.gcc, *GCC_FLAGS, *tuned, *flags, "-lgcc"]


@dataclasses.dataclass(frozen=True)
class Run:
    """One picture on the board.

    Attributes:
        answer: codes of the output, int8 [classes].
        stack: bytes of stack that were used at most.
        operators: what each call of `network_run` executed, in their order; empty if nothing was counted.
        rest: what the start executed, before and after.
    """

    answer: np.ndarray
    stack: int
    operators: tuple[Tally, ...] = ()
    rest: Tally | None = None

    @property
    def instructions(self) -> int:
        """All that were executed between the reset and the answer."""
        return sum(tally.instructions for tally in (*self.operators, self.rest))


class Board(Processor):
    """An emulated board with a program in its flash."""

    def __init__(self, firmware: Firmware, core: str):
        """Put a program into the flash.

        Args:
            firmware: for this processor.
            core: one of `CORES`.

        Raises:
            NotImplementedError: the emulator is not installed.
        """
        super().__init__(core)
        self.firmware = firmware
        self.uc.mem_map(FLASH, FLASH_BYTES)
        self.uc.mem_map(RAM, RAM_BYTES)
        for address, content in firmware.program.segments:
            if address < RAM:
                self.uc.mem_write(address, content)

    def run(self, codes: np.ndarray, count: bool = False) -> Run:
        """Reset the board with a picture in its memory, and let it run until it has an answer.

        Args:
            codes: int8, as many as the network takes.
            count: count instructions, which takes ten times as long.

        Raises:
            ValueError: the network takes other codes.
            RuntimeError: the program touched an address at which the board has no memory.
            TimeoutError: it did not come to an end.
        """
        program, written = self.firmware.program, self.firmware.written
        expected = int(np.prod(written.input.shape))
        if codes.dtype != np.int8 or codes.size != expected:
            raise ValueError(
                f"The network takes {expected:,} codes of type int8; found {codes.size:,} of type {codes.dtype}."
            )
        end = program.symbols["bss_end"]
        self.uc.mem_write(RAM, bytes(end - RAM))
        self.uc.mem_write(end, bytes([PAINT]) * (RAM + RAM_BYTES - end))
        self.uc.mem_write(program.symbols["arena"] + written.places[written.input.index], codes.tobytes())
        tallies = [self.tally(edges) for edges in self.count_edges(self._start, self._returns())] if count else []
        if not count:
            self._start()
        pointer = int.from_bytes(self.uc.mem_read(program.symbols["answer"], 4), "little")
        answer = np.frombuffer(self.uc.mem_read(pointer, int(np.prod(written.output.shape))), np.int8)
        painted = np.frombuffer(self.uc.mem_read(end, RAM + RAM_BYTES - end), np.uint8) == PAINT
        stack = int(len(painted) - np.argmin(painted)) if not painted.all() else 0
        return Run(answer, stack, tuple(tallies[:-1]), tallies[-1] if tallies else None)

    def _start(self) -> None:
        """Run from the reset to the end."""
        stack, reset = (int.from_bytes(self.uc.mem_read(FLASH + 4 * i, 4), "little") for i in range(2))
        self.uc.reg_write(self.register("SP"), stack)
        counter, finished = self.register("PC"), self.firmware.program.functions["finished"]
        try:
            self.uc.emu_start(reset | 1, finished, timeout=SECONDS * 1_000_000)
        except self.unicorn.UcError as error:
            raise RuntimeError(
                f"The program broke off on the emulated {self.core.name} at address {self.uc.reg_read(counter):#x}: "
                f"{error}. The board has {FLASH_BYTES >> 20} MB of flash and {RAM_BYTES >> 10} KB of RAM, and "
                "nothing else."
            ) from None
        if self.uc.reg_read(counter) & ~1 != finished:
            raise TimeoutError(f"The emulated {self.core.name} gave no answer within {SECONDS} seconds.")

    def _returns(self) -> set[int]:
        """Return the addresses in `network_run` to which the kernels come back, one for each call."""
        found = set()
        for _, end, name, operands in self.disassemble(self.firmware.program.functions["network_run"], 4096):
            if name in ("bl", "blx"):
                found.add(end)
            if name == "pop" and "pc" in operands or name == "bx":
                break
        return found
