"""The kit's board, emulated: 1 MB of flash, 256 KB of RAM and nothing else, with a whole network running on it.

`firmware/` is the program, `compiled_network` makes it, and `Board` runs it in Unicorn
(https://www.unicorn-engine.org): from the reset to the answer, instruction by instruction.

    board = Board(compiled_network.firmware(int8_file, Version("Cortex-M4F"), folder))
    run = board.run(codes)                     # codes of one picture, int8 [height, width, channels]
"""

import dataclasses
import tempfile
from pathlib import Path

import numpy as np

from helpers.base.tables import Table
from helpers.board import arena, building, compiled_network, emulator, network_in_c
from helpers.board.compiled_network import RAM, Firmware
from helpers.board.emulator import Processor, Tally
from helpers.integer import comparison
from helpers.integer.network import load_network
from helpers.integer.rounding import MICRO
from helpers.tflite import inspect
from helpers.tflite.inspect import Tensor

FLASH, FLASH_BYTES = 0x00000000, 1 << 20
RAM_BYTES = 256 << 10
SECONDS = 300  # the time that an emulated picture may take; it takes half a one, and a few if it is counted
PAINT = 0xA5  # what the RAM for the stack is filled with, to see afterwards how far it came


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

    def __init__(self, firmware: Firmware):
        """Put a program into the flash.

        Raises:
            NotImplementedError: the emulator is not installed.
        """
        super().__init__(firmware.version.core)
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
            count: count instructions, which takes several times as long.

        Raises:
            ValueError: the network takes other codes.
            RuntimeError: the program touched an address at which the board has no memory.
            TimeoutError: it did not come to an end.
        """
        program, written, end = self.firmware.program, self.firmware.written, self._prepare(codes)
        tallies = [self.tally(edges) for edges in self.count_edges(self._start, self._returns())] if count else []
        if not count:
            self._start()
        pointer = int.from_bytes(self.uc.mem_read(program.symbols["answer"], 4), "little")
        answer = np.frombuffer(self.uc.mem_read(pointer, int(np.prod(written.output.shape))), np.int8)
        painted = np.frombuffer(self.uc.mem_read(end, RAM + RAM_BYTES - end), np.uint8) == PAINT
        stack = int(len(painted) - np.argmin(painted)) if not painted.all() else 0
        return Run(answer, stack, tuple(tallies[:-1]), tallies[-1] if tallies else None)

    def tensors(self, codes: np.ndarray) -> dict[int, np.ndarray]:
        """Run the network as `run` does, and return what each of its calls wrote, {tensor: int8, of its shape}.

        Raises:
            ValueError, RuntimeError, TimeoutError: see `run`.
        """
        self._prepare(codes)
        written, found = self.firmware.written, {}
        made = dict(zip(sorted(self._returns()), written.made, strict=True))

        def returned(_, address: int, *__) -> None:
            tensor = made[address]
            content = self._activations(tensor)
            found[tensor.index] = np.frombuffer(content, np.int8).reshape(tensor.shape)

        self.uc.ctl_flush_tb()
        kind = self.unicorn.UC_HOOK_CODE
        hooks = [self.uc.hook_add(kind, returned, begin=address, end=address) for address in made]
        try:
            self._start()
        finally:
            for hook in hooks:
                self.uc.hook_del(hook)
        return found

    def _activations(self, tensor: Tensor) -> bytes:
        """Return what is in the arena where a tensor has its place."""
        written = self.firmware.written
        place = self.firmware.program.symbols["arena"] + written.places[tensor.index]
        return bytes(self.uc.mem_read(place, int(np.prod(tensor.shape))))

    def _prepare(self, codes: np.ndarray) -> int:
        """Write a picture to its place and paint the RAM that has no name; return where that begins."""
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
        return end

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
            if name.startswith(("pop", "ldm")) and "pc" in operands or name == "bx":
                break
        return found


def answer_table(firmware: Firmware, path: Path, codes: np.ndarray) -> Table:
    """Return the answers of the emulated board for some pictures, beside those of two others, as codes.

    The last column counts the values of all activations that differ between the board and the integer network.

    Args:
        firmware: the network as a program.
        path: its .tflite file.
        codes: of the pictures, int8 [n, height, width, channels].
    """
    network = load_network(path, rounding=MICRO)
    output, board = network.output.index, Board(firmware) if emulator.installed() else None
    rows = []
    for number, one in enumerate(codes):
        ours = network.tensors(one[np.newaxis])
        theirs = comparison.kernel_tensors(path, one[np.newaxis], "reference")[output]
        found = board.tensors(one) if board else {}
        answer = _codes(found[output]) if board else "not installed"
        apart = sum(int(np.sum(values != ours[tensor])) for tensor, values in found.items())
        differ = f"{apart:,} of {sum(values.size for values in found.values()):,}" if board else "–"
        rows.append([number, answer, _codes(ours[output]), _codes(theirs), differ])
    return Table(["picture", "emulated board", "integer network", "TensorFlow Lite", "activations that differ"], rows)


def _codes(values: np.ndarray) -> str:
    return ", ".join(str(int(value)) for value in values.ravel())


# --- what does not fit ----------------------------------------------------------------------------------------------

FITS = "it fits"
CORE = "Cortex-M4F"  # the processor of the kit's board


def refusals(path: Path) -> dict[str, str]:
    """Try to get the constants of a file into the flash, and its activations into the RAM; return who refuses, and how.

    Where there is a compiler, its linker is asked, else the emulator.  Neither gets a program: if the data alone do not
    fit, nothing else matters.

    Args:
        path: a .tflite file of any type.

    Returns:
        {"flash" and "RAM": words of the linker or the emulator, "it fits", or that there is neither of them}.
    """
    sizes = {
        "flash": sum(t.data.nbytes for t in inspect.tensors(path) if t.data is not None),
        "RAM": arena.tight_plan(arena.buffers(path)).head,
    }
    compilers = building.compilers(CORE)
    if compilers:
        return {memory: _of_the_linker(compilers[0], memory, size) for memory, size in sizes.items()}
    if not emulator.installed():
        return dict.fromkeys(sizes, "There is neither a linker nor an emulator here to ask.")
    return {memory: _of_the_emulator(memory, size) for memory, size in sizes.items()}


def _of_the_linker(compiler: building.Compiler, memory: str, size: int) -> str:
    """Return what the linker says to an array of some bytes."""
    kind = "const char array[{0}] = {{1}};" if memory == "flash" else "char array[{0}];"
    use = '__attribute__((section(".vectors"), used)) static const void *const vectors[] = {array};'
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        network_in_c.copy("board.ld", folder)
        (folder / "array.c").write_text(f"{kind.format(size)}\n{use}\n")
        whole = compiled_network.command(compiler, compiled_network.Version(CORE))
        words = [word for word in whole if word not in compiled_network.SOURCES]
        try:
            building.call([*words, "array.c"], folder, folder / "array.elf", "the linker")
        except RuntimeError as error:
            return str(error)
        return FITS


def _of_the_emulator(memory: str, size: int) -> str:
    """Return what the emulator says to some bytes written from the beginning of a memory."""
    board = Processor(CORE)
    start, length = (FLASH, FLASH_BYTES) if memory == "flash" else (RAM, RAM_BYTES)
    board.uc.mem_map(start, length)
    try:
        board.uc.mem_write(start, bytes(size))
    except board.unicorn.UcError as error:
        return f"the emulator, {size:,} bytes from {start:#x} on: {error}"
    return FITS
