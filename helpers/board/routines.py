"""The C functions of kernels.c that are counted: what each computes, how, and its source."""

import dataclasses
import re

from helpers.base import data
from helpers.board import processors

FOLDER = data.folder() / "microcontroller"
MANIFEST, RECORDED, SOURCES = "manifest.json", "counts.csv", ("kernels.c", "kernels.h", "link.ld")
COMPILERS = ("GCC", "Zig")  # whose programs come with the suite
POINTWISE, DEPTHWISE = "1×1 convolution", "3×3 depthwise convolution"


@dataclasses.dataclass(frozen=True)
class Routine:
    """One function of kernels.c.

    Attributes:
        name: of the function.
        layer: what it computes, POINTWISE or DEPTHWISE.
        kind: "float32" or "int8".
        how: what is special about it, in a few words.
        blocks: (pixels, filters, channels): it takes layers whose numbers of these are multiples.
        needs: one of `Core.instructions` without which it is not compiled; "" for plain C, which kernels.c has for the
            32-bit processors only.
    """

    name: str
    layer: str
    kind: str
    how: str
    blocks: tuple[int, int, int] = (1, 1, 1)
    needs: str = ""

    @property
    def label(self) -> str:
        """The name for figures and tables: 'int8, SMLAD'."""
        return f"{self.kind}, {self.how}"


_ROUTINES = (
    Routine("pointwise_f32", POINTWISE, "float32", "plain loop"),
    Routine("pointwise_f32_2x2", POINTWISE, "float32", "blocks of 2 × 2", (2, 2, 1)),
    Routine("pointwise_f32_4x4", POINTWISE, "float32", "blocks of 4 × 4", (4, 4, 1)),
    Routine("pointwise_f32_neon", POINTWISE, "float32", "vectors", (4, 4, 4), "NEON"),
    Routine("pointwise_i8", POINTWISE, "int8", "plain loop"),
    Routine("pointwise_i8_2x2", POINTWISE, "int8", "blocks of 2 × 2", (2, 2, 1)),
    Routine("pointwise_i8_4x2", POINTWISE, "int8", "blocks of 4 × 2", (4, 2, 1)),
    Routine("pointwise_i8_smlad", POINTWISE, "int8", "SMLAD", (2, 2, 4), "SMLAD"),
    Routine("pointwise_i8_neon", POINTWISE, "int8", "vectors", (2, 4, 16), "NEON"),
    Routine("pointwise_i8_sdot", POINTWISE, "int8", "SDOT", (4, 4, 16), "SDOT"),
    Routine("depthwise_f32", DEPTHWISE, "float32", "plain loop"),
    Routine("depthwise_f32_by_4", DEPTHWISE, "float32", "4 channels at a time", (1, 1, 4)),
    Routine("depthwise_i8", DEPTHWISE, "int8", "plain loop"),
    Routine("depthwise_i8_by_4", DEPTHWISE, "int8", "4 channels at a time", (1, 1, 4)),
    Routine("depthwise_i8_smlad", DEPTHWISE, "int8", "SMLAD", (1, 1, 4), "SMLAD"),
)
ROUTINES = {routine.name: routine for routine in _ROUTINES}


def routines_of(core: str) -> list[str]:
    """Return the kernels that a processor has the instructions for, in the order of `ROUTINES`.

    Raises:
        KeyError: there is no such processor.
    """
    processor = processors.look_up_core(core)
    return [
        routine.name
        for routine in ROUTINES.values()
        if (routine.needs in processor.instructions if routine.needs else not processor.wide)
    ]


def source(kernel: str) -> str:
    """Return the lines of kernels.c that define a kernel: a function, or a macro and the line that makes one of it.

    Raises:
        KeyError: there is no such kernel.
    """
    if kernel not in ROUTINES:
        raise KeyError(f"Expected one of {', '.join(ROUTINES)}; found {kernel!r}.")
    text = (FOLDER / "kernels.c").read_text(encoding="utf-8")
    if function := re.search(rf"^void {kernel}\(.*?^}}$", text, re.MULTILINE | re.DOTALL):
        return function[0]
    use, macro = re.search(rf"^(\w+)\({kernel},.*$", text, re.MULTILINE).group(0, 1)
    definition = re.search(rf"^#define {macro}\((?:.*\\\n)*.*$", text, re.MULTILINE)[0]
    return f"{definition}\n{use}"


def look_up_routine(core: str, name: str) -> Routine:
    """Return a kernel that a processor has, or raise a KeyError that names those it has."""
    if name not in routines_of(core):
        raise KeyError(f"{core} has the kernels {', '.join(routines_of(core))}; found {name!r}.")
    return ROUTINES[name]
