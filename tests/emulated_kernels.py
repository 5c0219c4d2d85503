"""Kernels on the processors that are emulated, for tests that take all of them or a few."""

from helpers.board import processors, routines

PAIRS = [(core, kernel) for core in processors.CORES for kernel in routines.routines_of(core)]

QUICK = [
    ("Cortex-M0+", "pointwise_i8"),
    ("Cortex-M4F", "depthwise_i8_smlad"),
    ("AArch64 with SDOT", "pointwise_i8_sdot"),
]
