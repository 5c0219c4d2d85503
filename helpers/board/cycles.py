"""How many cycles an instruction takes, by the processors' manuals."""

import re

#
# What the manuals say about instructions, for memory without wait states:
#   Cortex-M0+: Cortex-M0+ Technical Reference Manual (Arm DDI 0484C), table 3-1; the multiplier of one cycle
#   Cortex-M4:  Cortex-M4 Processor Technical Reference Manual (Arm 100166), tables 3-1 and 7-1
MANUALS = {"Cortex-M0+": "Arm DDI 0484C", "Cortex-M4": "Arm 100166", "Cortex-M4F": "Arm 100166"}
MULTIPLE = ("push", "pop", "ldm", "stm", "vpush", "vpop", "vldm", "vstm")  # 1 cycle, and 1 for each register
REFILL = (1, 3)  # cycles by which a jump of the Cortex-M4 takes longer, depending on the alignment of where it goes


def cycles_of(core: str, name: str, operands: str, jumped: bool = False) -> tuple[int, int] | None:
    """Return the fewest and the most cycles of one instruction, from the processor's manual.

    Args:
        core: a name in `processors.CORES`.
        name, operands: as the disassembler writes them: "ldrsb.w", "r5, [r1], #1".
        jumped: whether the next instruction came from another place.

    Returns:
        None for a processor whose manual has no such table.
    """
    if core not in MANUALS:
        return None
    registers = re.findall(r"\b(?:[rsd]\d+|lr|pc|ip|fp|sb|sl)\b", operands)
    words = sum(2 if register.startswith("d") else 1 for register in registers)
    if name.startswith(("ldm", "stm", "vldm", "vstm")):
        words -= 1  # the register of the address
    if core == "Cortex-M0+":
        fixed = _cycles_m0plus(name, words, jumped)
        return fixed, fixed
    low, high = _cycles_m4(name, words)
    return (low + REFILL[0], high + REFILL[1]) if jumped else (low, high)


def _cycles_m0plus(name: str, words: int, jumped: bool) -> int:
    """Return the cycles of an instruction of the Cortex-M0+, with the faster of its two multipliers."""
    if name.startswith(MULTIPLE):
        return 1 + words + 2 * jumped
    if name == "bl":
        return 3
    return 2 if jumped or name.startswith(("ldr", "str")) else 1


def _cycles_m4(name: str, words: int) -> tuple[int, int]:
    """Return the fewest and the most cycles of an instruction of the Cortex-M4 that does not jump.

    A load or a store right behind another one can take 1 cycle instead of 2.  A result of the floating-point unit that
    the next instruction needs costs one more.
    """
    if name.startswith(("ldrd", "strd")):
        return 3, 3
    if name.startswith(MULTIPLE):
        return 1 + words, 1 + words
    if name.startswith(("ldr", "str", "vldr", "vstr")):
        return 1, 2
    if name.startswith(("vfma", "vmla", "vfms", "vmls")):
        return 3, 4
    if name.startswith(("vadd", "vsub", "vmul")):
        return 1, 2
    return 1, 1
