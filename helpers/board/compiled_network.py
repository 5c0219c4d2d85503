"""A network as a program for a microcontroller: compiled here, or one of those that come with the suite.

`network_in_c` writes the network, `firmware/` has everything else, and a compiler makes a program of them.  Most
readers have no compiler for microcontrollers.  So some programs of the network that comes with the suite lie in
`data/microcontroller/network/`.  Another network with the same layers has the same program with other constants, and
those are put in their place.  A network with other layers needs a compiler.
"""

import dataclasses
import hashlib
import json
import re
import shutil
from pathlib import Path

from helpers.base import artifacts
from helpers.board import building, network_in_c, processors, programs, routines
from helpers.board.bands import Bands
from helpers.board.building import Compiler
from helpers.board.network_in_c import Written
from helpers.board.programs import Program
from helpers.networks.plans import PRETRAINED_INT8

RAM = 0x20000000  # where it begins, in board.ld
START = ("start.c", "bytes.c", "board.ld")
SOURCES = ("start.c", "bytes.c", "kernels.c", "bands.c", "network.c")
PROGRAM = "program.elf"
FLAGS = ("-std=c99", "-O2", "-ffreestanding", "-fwrapv", "-Wall", "-Wextra", "-Wconversion")
LINKER = ("-ffunction-sections", "-Wl,--build-id=none,--gc-sections", "-T", "board.ld")  # functions that are called
GCC_FLAGS = ("-static", "-nostdlib", "-fno-tree-loop-distribute-patterns")
# In the kernel with SMLAD, GCC would load early what it uses late, and run out of registers: a tenth more instructions.
SMLAD_FLAGS = ("-fno-schedule-insns",)
CORES = tuple(name for name, core in processors.CORES.items() if not core.wide)  # those with Thumb instructions
FOLDER, MANIFEST = routines.FOLDER / "network", "manifest.json"


@dataclasses.dataclass(frozen=True)
class Version:
    """For what, and how, a network is compiled.

    Attributes:
        core: the processor, one of `CORES`.
        plain: use the kernels in plain C even if the processor has SMLAD.
        bands: how the first layers are cut; None if they are not.

    Raises:
        KeyError: there is no such processor.
    """

    core: str
    plain: bool = False
    bands: Bands | None = None

    def __post_init__(self):
        if self.core not in CORES:
            raise KeyError(f"Expected one of {', '.join(CORES)}; found {self.core!r}.")

    @property
    def slug(self) -> str:
        """Its label as the name of a folder: 'cortex-m4f-smlad'."""
        return re.sub(r"[^a-z0-9]+", "-", self.label.lower()).strip("-")

    @property
    def smlad(self) -> bool:
        """Whether its convolutions use SMLAD."""
        return "SMLAD" in processors.look_up_core(self.core).instructions and not self.plain

    @property
    def label(self) -> str:
        """Processor and kernels, for tables and figures: 'Cortex-M4F, SMLAD'."""
        bands = ", in bands" if self.bands else ""
        return f"{self.core}, {'SMLAD' if self.smlad else 'plain C'}{bands}"


@dataclasses.dataclass(frozen=True)
class Firmware:
    """A network, compiled for a processor.

    Attributes:
        program: the parts of the ELF file.
        written: the network as C.
        version: for what it was compiled, and how.
        made_by: the compiler.
    """

    program: Program
    written: Written
    version: Version
    made_by: str

    @property
    def flash(self) -> int:
        """Bytes of code and constants."""
        return sum(len(content) for address, content in self.program.segments if address < RAM)

    @property
    def ram(self) -> int:
        """Bytes of variables, the arena among them, without the stack."""
        return self.program.symbols["bss_end"] - RAM


def build(path: Path, version: Version, folder: Path, compiler: Compiler | None = None) -> Firmware:
    """Translate a full-int8 file to C, compile it for a processor, and return the program.

    Args:
        path: the .tflite file.
        version: for what, and how.
        folder: for the sources and the program.
        compiler: from `building.compilers`; if left out, the first one found.

    Raises:
        NotImplementedError: there is no compiler, or no kernel for an operator.
        ValueError: its first layers cannot run in bands.
        RuntimeError: the compiler refused, or the linker: the network does not fit; the message has its own words.
    """
    available = building.compilers(version.core) if compiler is None else [compiler]
    if not available:
        raise NotImplementedError(
            "A network cannot be compiled here: neither arm-none-eabi-gcc nor the package ziglang was found."
        )
    written = network_in_c.write(path, folder, bands=version.bands)
    for name in START:
        network_in_c.copy(name, folder)
    target = folder / PROGRAM
    refusal = f"{available[0].version} made no program for {version.core}"
    building.call(command(available[0], version), folder, target, refusal)
    return Firmware(programs.read_program(target), written, version, available[0].version)


def command(compiler: Compiler, version: Version) -> list[str]:
    """Return the command that compiles the sources in a folder, without `-o` and the program."""
    chosen = processors.look_up_core(version.core)
    flags = [*FLAGS, *(["-DPLAIN"] if version.plain else []), *LINKER, *SOURCES]
    if compiler.name == "Zig":
        target, cpu = chosen.zig
        return [*compiler.command, "cc", "-target", target, f"-mcpu={cpu}", *building.ZIG_FLAGS, *flags]
    tuned = SMLAD_FLAGS if version.smlad else ()
    return [*compiler.command, *chosen.gcc, *GCC_FLAGS, *tuned, *flags, "-lgcc"]


# --- programs that come with the suite ------------------------------------------------------------------------------

VERSIONS = {
    "cortex-m4f": Version("Cortex-M4F"),
    "cortex-m4f-plain": Version("Cortex-M4F", plain=True),
    "cortex-m4f-bands": Version("Cortex-M4F", bands=Bands(3)),
    "cortex-m0plus": Version("Cortex-M0+"),
}


def firmware(path: Path, version: Version, folder: Path | None = None) -> Firmware:
    """Return a network as a program: one that comes with the suite if there is one for its layers, else compiled.

    Args:
        path, version: see `build`.
        folder: for what is compiled; if left out, firmware/ beside the file.

    Raises:
        the errors of `build` and `prebuilt`.
    """
    try:
        return prebuilt(path, version)
    except LookupError as reason:
        try:
            return build(path, version, folder or Path(path).parent / "firmware" / version.slug)
        except NotImplementedError as error:
            raise NotImplementedError(f"{reason.args[0]} {error}") from None


def prebuilt(path: Path, version: Version) -> Firmware:
    """Return a program that comes with the suite, with the constants of a network in it.

    Raises:
        LookupError: there is none for such a network, or of this version.
        FileNotFoundError, ValueError: a file is missing or not as it was recorded.
    """
    name = next((name for name, known in VERSIONS.items() if known == version), None)
    if name is None:
        raise LookupError(f"No program for {version.label} comes with the suite, only for {_labels()}.")
    known = read_manifest()["programs"][name]
    written = network_in_c.translate(path, bands=version.bands)
    if _outline(written) != known["outline"]:
        raise LookupError(
            f"The programs that come with the suite are for networks with the layers of {PRETRAINED_INT8.name}; "
            f"{Path(path).name} has others."
        )
    file = FOLDER / f"{name}.elf"
    if not file.is_file() or artifacts.sha256(file) != known["sha256"]:
        raise ValueError(f"{file.name} is missing, or not the program that was recorded: fetch data/ again.")
    return Firmware(_with_constants(programs.read_program(file), written), written, version, known["compiler"])


def _labels() -> str:
    return "; ".join(version.label for version in VERSIONS.values())


def _outline(written: Written) -> str:
    """Return the SHA-256 of all that two programs of equal layers have in common."""
    return hashlib.sha256(written.outline.encode()).hexdigest()


def _with_constants(program: Program, written: Written) -> Program:
    """Return a program with the constants of another network of the same layers."""
    segments = [(address, bytearray(content)) for address, content in program.segments]
    for constant in written.constants:
        place, new = program.symbols[constant.name], constant.content(program.symbols)
        start, content = next(one for one in segments if one[0] <= place < one[0] + len(one[1]))
        content[place - start : place - start + len(new)] = new
    return dataclasses.replace(program, segments=tuple((start, bytes(content)) for start, content in segments))


def read_manifest() -> dict:
    """Return what was recorded when the programs were built: sources, compiler, commands, SHA-256."""
    return json.loads((FOLDER / MANIFEST).read_text(encoding="utf-8"))


def sources() -> dict[str, str]:
    """Return the SHA-256 of all that the programs are made from, {file: hash}."""
    files = [*map(network_in_c.folder().joinpath, (*network_in_c.RUNTIME, *START)), PRETRAINED_INT8]
    return {file.name: artifacts.sha256(file) for file in files}


def build_all(folder: Path) -> None:
    """Compile the programs that come with the suite with GCC, where they belong, and write down how they were made.

    Args:
        folder: for the sources.

    Raises:
        NotImplementedError: there is no arm-none-eabi-gcc.
        RuntimeError: it refused.
    """
    gcc = next((one for one in building.compilers("Cortex-M4F") if one.name == "GCC"), None)
    if gcc is None:
        raise NotImplementedError("There is no arm-none-eabi-gcc here: all programs stay as they were.")
    known = {}
    for name, version in VERSIONS.items():
        made = build(PRETRAINED_INT8, version, folder / name, gcc)
        with artifacts.atomic(FOLDER / f"{name}.elf") as part:
            shutil.copyfile(folder / name / PROGRAM, part)
        words = command(gcc, version)[len(gcc.command) :]
        known[name] = {
            "sha256": artifacts.sha256(FOLDER / f"{name}.elf"),
            "outline": _outline(made.written),
            "compiler": gcc.version,
            "command": " ".join(["arm-none-eabi-gcc", *words, "-o", PROGRAM]),
        }
    with artifacts.atomic(FOLDER / MANIFEST) as part:
        part.write_text(json.dumps({"sources": sources(), "programs": known}, indent=2) + "\n", encoding="utf-8")
