"""A processor in Unicorn (https://www.unicorn-engine.org), an emulator made from QEMU: it runs a program and counts."""

import contextlib
import ctypes
import dataclasses
import re
import struct
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from helpers.base import machine
from helpers.board import layers, processors, programs, routines
from helpers.board.cycles import MANUALS, cycles_of
from helpers.board.layers import ConvolutionLayer
from helpers.board.programs import Program
from helpers.board.routines import COMPILERS, POINTWISE, Routine

SECONDS = 20  # the time that an emulated kernel may take; on the example layers the slowest takes about one second

# The memory of an emulated processor.
FLASH, FLASH_BYTES = 0x00000000, 1 << 20  # link.ld puts code and constants there
RAM, RAM_BYTES, STACK_BYTES = 0x20000000, 1 << 23, 1 << 16  # and the kernels' own buffers here; the stack is at the end
DATA = RAM + (1 << 16)  # layer, weights, input and output, behind those buffers
STOP, PAGE = 0x3FF00000, 4096  # where kernels return to; there is nothing

SIZE_BITS = 16  # a basic block is one number: its address, and in the lowest bits its bytes


def installed() -> bool:
    """Return whether the emulator and the disassembler are installed."""
    return machine.importable("unicorn", "capstone")


@dataclasses.dataclass(frozen=True)
class Tally:
    """What was executed; see `counts.Count`."""

    instructions: int
    cycles: tuple[int, int] | None
    mix: dict[str, int]
    loop: str


def execute(
    core: str, kernel: str | Routine, layer: ConvolutionLayer, compiled: str | Path = COMPILERS[0]
) -> tuple[np.ndarray, Tally]:
    """Run a kernel on a layer: its output, int8 or float32 [height, width, filters], and what was executed.

    Args:
        core: a name in `CORES`.
        kernel: a name in `routines.ROUTINES`, or a routine that is not there.
        layer: what to compute.
        compiled: by which compiler, or the folder with the programs; see `programs.load_program`.

    Raises:
        the errors of `counts.count`, but for that of a wrong result.
    """
    chosen = kernel if isinstance(kernel, Routine) else routines.look_up_routine(core, kernel)
    layers.check(chosen, layer)
    program = programs.load_program(core, compiled)
    if not installed():
        raise NotImplementedError(
            "Instructions cannot be counted here: the packages unicorn and capstone are not installed "
            "(python -m pip install -r requirements.txt); counts.recorded() has counts made elsewhere."
        )
    return _Machine(core, program).call(chosen, layer)


def _block(packed: int) -> tuple[int, int]:
    """Return the address and the bytes of a block from one number."""
    return packed >> SIZE_BITS, packed & ((1 << SIZE_BITS) - 1)


class Instruction(NamedTuple):
    """One instruction in the memory: where it is, where the next one is, its name, and its operands."""

    address: int
    end: int
    name: str
    operands: str


class Processor:
    """An emulated processor without memory, and a disassembler for it.

    Attributes:
        core: what it is.
        uc: the emulator.
        unicorn: the emulator's module, for its constants and errors.
    """

    def __init__(self, name: str):
        """Make a processor.

        Args:
            name: in `processors.CORES`.

        Raises:
            KeyError: there is no such processor.
            NotImplementedError: the emulator is not installed.
        """
        self.core = processors.look_up_core(name)
        if not installed():
            raise NotImplementedError(
                "There is no emulator here: the packages unicorn and capstone are not installed "
                "(python -m pip install -r requirements.txt)."
            )
        import capstone
        import unicorn
        from unicorn import arm64_const, arm_const

        self.unicorn = unicorn
        if self.core.wide:
            self._names, self._prefix = arm64_const, "UC_ARM64_REG_"
            self.uc = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
            self.uc.ctl_set_cpu_model(getattr(arm64_const, f"UC_CPU_ARM64_{self.core.unicorn}"))
            self._decoder = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
        else:
            self._names, self._prefix = arm_const, "UC_ARM_REG_"
            # not UC_MODE_MCLASS, with which Unicorn takes a Cortex-M33 whatever model is asked for
            self.uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
            self.uc.ctl_set_cpu_model(getattr(arm_const, f"UC_CPU_ARM_{self.core.unicorn}"))
            self._decoder = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
        self._decoder.skipdata = True  # an instruction newer than the disassembler still counts as one

    def register(self, name: str) -> int:
        """Return the emulator's number of a register, such as "SP"."""
        return getattr(self._names, self._prefix + name)

    def disassemble(self, address: int, size: int) -> list[Instruction]:
        """Return the instructions in a part of the memory."""
        found = self._decoder.disasm(bytes(self.uc.mem_read(address, size)), address)
        return [Instruction(one.address, one.address + one.size, one.mnemonic, one.op_str) for one in found]

    def count_edges(self, emulate: Callable[[], None], marks: Container[int] = ()) -> list[Counter]:
        """Emulate something and note each basic block as it is entered.

        A basic block has one way in and one way out: whoever enters it executes all of it.  (The emulator also ends one
        where a page of its memory ends.)

        Args:
            emulate: lets the processor run.
            marks: addresses; when a block begins at one of them, a new count begins.

        Returns:
            How often each block was followed by each address, {((address, bytes), address of the next): times}; as many
            of them as counts were begun.
        """
        edges, last = defaultdict(int), 0
        parts = [edges]

        def enter(_, address: int, size: int) -> None:
            nonlocal edges, last
            edges[last, address] += 1
            if address in marks:
                edges = defaultdict(int)
                parts.append(edges)
            last = address << SIZE_BITS | size

        with self._block_hook(enter):
            emulate()
        edges[last, STOP] += 1
        return [Counter({(_block(before), to): n for (before, to), n in part.items() if before}) for part in parts]

    @contextlib.contextmanager
    def _block_hook(self, enter: Callable[[int, int, int], None]) -> Iterator[None]:
        """Let the emulator call a function with each block.

        `Uc.hook_add` does the same with three Python functions around it, which takes three times as long.
        """
        from unicorn.unicorn_py3.unicorn import uclib

        kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32)
        called, hook = kind(enter), ctypes.c_size_t()
        everywhere = ctypes.c_uint64(1), ctypes.c_uint64(0)  # a range that ends before it begins
        handle, function = self.uc._uch, ctypes.cast(called, ctypes.c_void_p)
        self.uc.ctl_flush_tb()  # blocks that have run without a hook would go on without it
        uclib.uc_hook_add(handle, ctypes.byref(hook), self.unicorn.UC_HOOK_BLOCK, function, None, *everywhere)
        try:
            yield
        finally:
            uclib.uc_hook_del(handle, hook)

    def tally(self, edges: Counter) -> Tally:
        """Add up the instructions of all blocks."""
        blocks, jumps = Counter(), Counter()
        for (block, following), times in edges.items():
            blocks[block] += times
            jumps[block] += times if sum(block) != following else 0
        mix, fewest, most = Counter(), 0, 0
        for block, times in blocks.items():
            instructions = self.disassemble(*block)
            for number, (*_, name, operands) in enumerate(instructions, 1):
                mix[name] += times
                jumped = jumps[block] if number == len(instructions) else 0
                for often, jump in ((times - jumped, False), (jumped, True)):
                    low, high = cycles_of(self.core.name, name, operands, jump) or (0, 0)
                    fewest, most = fewest + often * low, most + often * high
        known = (fewest, most) if self.core.name in MANUALS else None
        return Tally(mix.total(), known, dict(mix.most_common()), self.loop(edges))

    def loop(self, edges: Counter) -> str:
        """Return the innermost loop; see `counts.Count`."""
        for ((address, size), following), _ in edges.most_common():
            if following <= address:
                instructions = self.disassemble(following, address + size - following)
                if re.fullmatch(r"(b\.?(eq|ne|hs|lo|mi|pl|hi|ls|ge|lt|gt|le)(\.w)?)|cbn?z", instructions[-1].name):
                    return "\n".join(f"{name:<9} {operands}" for *_, name, operands in instructions)
        return ""


class _Machine(Processor):
    """A processor with a program in its memory."""

    def __init__(self, core: str, program: Program):
        super().__init__(core)
        self.program = program
        for start, size in ((FLASH, FLASH_BYTES), (RAM, RAM_BYTES), (STOP, PAGE)):
            self.uc.mem_map(start, size)
        for address, content in program.segments:
            self.uc.mem_write(address, content)
        if self.core.wide:  # let it use its vectors
            self.uc.reg_write(self.register("CPACR_EL1"), 3 << 20)
        self.free = DATA

    def place(self, values: np.ndarray | bytes) -> int:
        """Write something into the memory and return where it begins."""
        content = values if isinstance(values, bytes) else np.ascontiguousarray(values).tobytes()
        start, self.free = self.free, -(-(self.free + len(content)) // 64) * 64
        if self.free > RAM + RAM_BYTES - STACK_BYTES:
            raise ValueError(f"The layer does not fit into the {RAM_BYTES >> 20} MiB of the emulated memory.")
        self.uc.mem_write(start, content)
        return start

    def call(self, kernel: Routine, layer: ConvolutionLayer) -> tuple[np.ndarray, Tally]:
        """Call a kernel as a C program would: arguments in registers, a stack, a place to return to."""
        dtype = np.dtype(kernel.kind)
        inputs, weights, bias = layer.real()
        data = (layer.codes, layer.weights) if kernel.kind == "int8" else (inputs, weights)
        size = int(np.prod(layer.out_shape))
        described = self.place(self.describe(layer, bias))
        arguments = (described, *map(self.place, data), self.place(bytes(size * dtype.itemsize)))
        for number, argument in enumerate(arguments):
            self.uc.reg_write(self.register(f"{'X' if self.core.wide else 'R'}{number}"), argument)
        thumb = 0 if self.core.wide else 1  # the lowest bit of an address says: Thumb instructions
        self.uc.reg_write(self.register("SP"), RAM + RAM_BYTES)
        self.uc.reg_write(self.register("X30" if self.core.wide else "LR"), STOP | thumb)
        (edges,) = self.count_edges(lambda: self.start(kernel.name, thumb))
        output = np.frombuffer(self.uc.mem_read(arguments[3], size * dtype.itemsize), dtype)
        return output.reshape(layer.out_shape), self.tally(edges)

    def describe(self, layer: ConvolutionLayer, bias: np.ndarray) -> bytes:
        """Return the `struct layer` of kernels.h."""
        (_, top, _), (_, left, _) = layer.edges
        axes = (1, 2, 3) if layer.kind == POINTWISE else (0, 1, 2)
        folded = layer.bias - layer.input_zero_point * layer.weights.astype(np.int64).sum(axis=axes)
        multiplier, shift = layer.multipliers()
        tables = [bias, *(np.asarray(v).astype(np.int32) for v in (layer.bias, folded, multiplier, shift))]
        return struct.pack(
            f"<14i2f5{'Q' if self.core.wide else 'I'}",
            *layer.codes.shape,
            *layer.out_shape,
            *layer.strides,
            top,
            left,
            layer.input_zero_point,
            layer.output_zero_point,
            *layer.limits,
            *layer.real_limits,
            *map(self.place, tables),
        )

    def start(self, function: str, thumb: int) -> None:
        """Emulate a function until it returns."""
        counter = self.register("PC")
        try:
            self.uc.emu_start(self.program.functions[function] | thumb, STOP, timeout=int(SECONDS * 1_000_000))
        except KeyError:
            raise RuntimeError(
                f"The program for {self.core.name} has no function {function}: build it again."
            ) from None
        except self.unicorn.UcError as error:
            raise RuntimeError(
                f"{function} broke off in the emulated {self.core.name} at address "
                f"{self.uc.reg_read(counter):#x}: {error}. Its program was made for another processor, or is broken."
            ) from None
        if self.uc.reg_read(counter) != STOP:
            raise TimeoutError(f"{function} on the emulated {self.core.name} did not return within {SECONDS} seconds.")
