"""The processors whose instructions are counted, and how a program for each is made and run."""

import dataclasses

OWN_INSTRUCTIONS = ("SMLAD", "SDOT")  # made for small integers; NEON has vectors for float32 too


@dataclasses.dataclass(frozen=True)
class Core:
    """A processor and how a program for it is made and run.

    Attributes:
        name: as its maker calls it, or its instruction set.
        file: the program for it.
        gcc: what tells GCC about it.
        zig: the same for `zig cc`: target and processor.
        unicorn: the emulator's model, a name in unicorn.arm_const or arm64_const without its beginning.
        wide: whether it is AArch64, with pointers of 8 bytes.
        instructions: those that some routines of kernels.c need: SMLAD, NEON, SDOT.
    """

    name: str
    file: str
    gcc: tuple[str, ...]
    zig: tuple[str, str]
    unicorn: str
    wide: bool = False
    instructions: frozenset[str] = frozenset()


_CORES = (
    Core(
        "Cortex-M0+",  # the emulator has the M0, which executes the same instructions
        "cortex-m0plus.elf",
        ("-mthumb", "-mcpu=cortex-m0plus", "-mfloat-abi=soft"),
        ("thumb-freestanding-eabi", "cortex_m0plus"),
        "CORTEX_M0",
    ),
    Core(
        "Cortex-M3",
        "cortex-m3.elf",
        ("-mthumb", "-mcpu=cortex-m3", "-mfloat-abi=soft"),
        ("thumb-freestanding-eabi", "cortex_m3"),
        "CORTEX_M3",
    ),
    Core(
        "Cortex-M4",
        "cortex-m4.elf",
        ("-mthumb", "-mcpu=cortex-m4", "-mfloat-abi=soft"),
        ("thumb-freestanding-eabi", "cortex_m4"),
        "CORTEX_M4",
        instructions=frozenset({"SMLAD"}),
    ),
    Core(
        "Cortex-M4F",
        "cortex-m4f.elf",
        ("-mthumb", "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"),
        ("thumb-freestanding-eabihf", "cortex_m4+vfp4d16sp"),
        "CORTEX_M4",
        instructions=frozenset({"SMLAD"}),
    ),
    Core(
        "AArch64",
        "aarch64.elf",
        ("-march=armv8-a",),
        ("aarch64-freestanding-none", "generic"),
        "A72",
        wide=True,
        instructions=frozenset({"NEON"}),
    ),
    Core(
        "AArch64 with SDOT",
        "aarch64-sdot.elf",
        ("-march=armv8.2-a+dotprod",),
        ("aarch64-freestanding-none", "generic+dotprod"),
        "MAX",
        wide=True,
        instructions=frozenset({"NEON", "SDOT"}),
    ),
)
CORES = {core.name: core for core in _CORES}


def look_up_core(name: str) -> Core:
    """Return a processor of `CORES`, or raise a KeyError that names them."""
    if name not in CORES:
        raise KeyError(f"Expected one of {', '.join(CORES)}; found {name!r}.")
    return CORES[name]
