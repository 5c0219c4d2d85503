"""What a processor has for small integers: its vector instructions, read from the system."""

import dataclasses
import platform
import subprocess
from pathlib import Path

from helpers.base import data
from helpers.base.tables import Table


@dataclasses.dataclass(frozen=True)
class Instructions:
    """What a kind of vector instruction does at once: a line of `data/vector_instructions.csv`.

    Attributes:
        name: of the instruction set.
        system: "x86" or "Arm".
        bits: of a register.
        float32_instruction, float32_macs: one instruction, and the multiply-accumulates it does.
        int8_instructions, int8_macs, int8_slots: the instructions of XNNPACK's innermost loop, the multiply-accumulates
            they do together, and how many instructions that is (cycles, where one takes several).
        linux_flags, macos_flags, numpy_flags: how each says that the processor has them; all must be there.
        source, year: where this comes from.
    """

    name: str
    system: str
    bits: int
    float32_instruction: str
    float32_macs: int
    int8_instructions: str
    int8_macs: int
    int8_slots: int
    linux_flags: tuple[str, ...]
    macos_flags: tuple[str, ...]
    numpy_flags: tuple[str, ...]
    source: str
    year: int

    @property
    def ratio(self) -> float:
        """How many int8 multiply-accumulates are done in the time of one float32 one, if each instruction takes equally
        long and nothing else has to be done."""
        return self.int8_macs / self.int8_slots / self.float32_macs


def instructions() -> dict[str, Instructions]:
    """Return the table of vector instructions, {name: line}, the more capable ones of each system later."""
    return {line.name: line for line in data.records("vector_instructions.csv", Instructions)}


@dataclasses.dataclass(frozen=True)
class Features:
    """The vector instructions of a processor.

    Attributes:
        names: those of `instructions()` that it has.
        known: False if this system does not tell; `names` is empty then.
        note: how this was found out, or why not, in a sentence.
    """

    names: tuple[str, ...]
    known: bool
    note: str

    @property
    def best(self) -> Instructions | None:
        """The instructions with the most int8 multiply-accumulates in a slot, or None."""
        table = instructions()
        return max((table[n] for n in self.names), key=lambda line: line.int8_macs / line.int8_slots, default=None)

    def __str__(self) -> str:
        return f"{', '.join(self.names) or 'none that is known'}. {self.note}"


def features() -> Features:
    """Return the vector instructions of this computer's processor; never raises."""
    read = {"Linux": _linux, "Darwin": _macos}.get(platform.system(), _numpy)
    try:
        return read()
    except (OSError, subprocess.SubprocessError, ImportError, AttributeError) as problem:
        return Features((), False, f"Unknown: {platform.system()} does not tell ({type(problem).__name__}).")


def _matching(flags: set[str], column: str) -> tuple[str, ...]:
    """Return the names of the instructions all of whose flags are there."""
    return tuple(
        name for name, line in instructions().items() if getattr(line, column) and flags >= set(getattr(line, column))
    )


def from_cpuinfo(text: str) -> Features:
    """Return what the text of Linux's /proc/cpuinfo says: a line "flags" on x86, "Features" on Arm.

    With cores of different kinds, as in phones, only what every core has counts.
    """
    lines = [line.split(":", 1) for line in text.splitlines() if ":" in line]
    cores = [set(value.split()) for key, value in lines if key.strip() in ("flags", "Features")]
    if not cores:
        return Features((), False, "Unknown: /proc/cpuinfo has no line that lists the processor's features.")
    return Features(_matching(set.intersection(*cores), "linux_flags"), True, "Read from /proc/cpuinfo.")


def from_sysctl(text: str) -> Features:
    """Return what macOS's `sysctl hw.optional` prints: lines such as "hw.optional.arm.FEAT_DotProd: 1"."""
    pairs = [line.split(":", 1) for line in text.splitlines() if ":" in line]
    flags = {key.strip() for key, value in pairs if value.strip() == "1"}
    if not pairs:
        return Features((), False, "Unknown: sysctl lists no hw.optional features.")
    return Features(_matching(flags, "macos_flags"), True, "Read with sysctl hw.optional.")


def _linux() -> Features:
    return from_cpuinfo(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace"))


def _macos() -> Features:
    listing = subprocess.run(["sysctl", "hw.optional"], capture_output=True, text=True, timeout=10, check=True)  # noqa: S607
    return from_sysctl(listing.stdout)


def _numpy() -> Features:
    """Return what NumPy found out for its own use: all there is on Windows without a further package."""
    from numpy._core._multiarray_umath import __cpu_features__ as has

    names = _matching({name for name, present in has.items() if present}, "numpy_flags")
    return Features(names, True, "As far as NumPy knows, which does not look for AVX-VNNI, AMX and i8mm.")


def instruction_table(known_features: Features | None = None) -> Table:
    """Return the instructions of this processor's family: multiply-accumulates at once in float32 and in int8."""
    known_features = known_features or features()
    lines = [line for line in instructions().values() if line.system == _system()]
    rows = [
        [
            line.name,
            "unknown" if not known_features.known else "yes" if line.name in known_features.names else "no",
            line.bits,
        ]
        + [f"{line.float32_macs} in 1", f"{line.int8_macs:,} in {line.int8_slots}", f"{line.ratio:.2g}"]
        for line in lines
    ]
    return Table(["instructions", "here", "bits", "float32", "int8", "ratio"], rows)


def _system() -> str:
    return "Arm" if platform.machine().lower().startswith(("arm", "aarch")) else "x86"
