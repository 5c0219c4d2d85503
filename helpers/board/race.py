"""A race: a reader's own inner loop in C against those of kernels.c, checked first and counted second.

    found = race.run(source)        # a C function `race` as a text
    found["race"].per_mac

The function is compiled together with kernels.c, so that it may use what stands there (`to_code`, `load4`,
`bytes_0_and_2`, `two_products` and the like), and so that the same compiler made both sides.
"""

import re
import shutil
import tempfile
from pathlib import Path

from helpers.base.tables import Table
from helpers.board import building, counts, emulator, processors, routines
from helpers.board.counts import Count
from helpers.board.routines import POINTWISE, ROUTINES, Routine

CORE = "Cortex-M4F"
YOURS = Routine("race", POINTWISE, "int8", "yours")
OURS = ("pointwise_i8", "pointwise_i8_2x2", "pointwise_i8_smlad")  # of each level, the one to beat or to reach
ALLOWED = (0.9, 1.05, 1.05)  # times that: what each level allows
STARTER = """
void race(const struct layer *layer, const int8_t *input, const int8_t *weights,
          int8_t *restrict output)
{
    int pixels = layer->out_height * layer->out_width;
    int channels = layer->in_channels, filters = layer->out_channels;
    int32_t zero_point = layer->input_zero_point;
    for (int p = 0; p < pixels; p++) {
        for (int f = 0; f < filters; f++) {
            const int8_t *x = input + p * channels, *w = weights + f * channels;
            int32_t sum = layer->bias[f];
            for (int c = 0; c < channels; c++)
                sum += (x[c] - zero_point) * w[c];
            output[p * filters + f] = to_code(sum, layer, f);
        }
    }
}
"""  # `pointwise_i8`, as it stands in the notebook
BEGINNING = '#include "kernels.c"\n\n#line 1 "your code"\n'


def run(source: str) -> dict[str, Count]:
    """Compile a function, check its result against the integer network, and count.

    Args:
        source: C, with a function `race` that takes what `pointwise_i8` takes; see STARTER.

    Returns:
        {"race", and the names in OURS: count}.

    Raises:
        NotImplementedError: there is no compiler, or no emulator.
        ValueError: there is no function `race` in it.
        RuntimeError: the compiler refused, the program broke off, or its result is wrong.
        TimeoutError: it did not come to an end.
    """
    if not re.search(r"\bvoid\s+race\s*\(", source):
        raise ValueError("Expected C source with the function `void race(const struct layer *layer, ...)`; found none.")
    if not emulator.installed():
        raise NotImplementedError("There is no emulator here: the packages unicorn and capstone are not installed.")
    compilers = building.compilers(CORE)
    if not compilers:
        raise NotImplementedError(
            "There is no compiler for microcontrollers here: python -m pip install ziglang brings one."
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in routines.SOURCES:
            shutil.copyfile(routines.FOLDER / file, folder / file)
        (folder / "race.c").write_text(BEGINNING + source, encoding="utf-8")
        words = ["race.c" if word == "kernels.c" else word for word in building.command(compilers[0], CORE)]
        target = folder / processors.look_up_core(CORE).file
        building.call(words, folder, target, f"{compilers[0].version} did not compile it")
        yours = counts.count(CORE, YOURS, compiled=folder)
        return {YOURS.name: yours} | {kernel: counts.count(CORE, kernel, compiled=folder) for kernel in OURS}


def bars(found: dict[str, Count]) -> list[float]:
    """Return the instructions for one product that each of the three levels allows.

    1: a tenth fewer than the plain loop.  2: as few as blocks of 2 × 2.  3: as few as SMLAD.

    Args:
        found: from `run`.
    """
    return [part * found[kernel].per_mac for kernel, part in zip(OURS, ALLOWED, strict=True)]


def levels(found: dict[str, Count]) -> list[bool]:
    """Return which of the three levels a function has reached; see `bars`."""
    return [found[YOURS.name].per_mac <= bar for bar in bars(found)]


def table(source: str) -> Table:
    """Return the instructions of a function beside ours; without a compiler, ours as they were recorded, saying so.

    Raises:
        ValueError, RuntimeError, TimeoutError: see `run`.
    """
    try:
        found = run(source)
    except NotImplementedError as reason:
        print(f"{reason} These are ours, as they were recorded.")
        recorded = counts.recorded()[routines.COMPILERS[0]]
        found = {kernel: recorded[CORE, kernel] for kernel in OURS}
    labels = {YOURS.name: YOURS} | ROUTINES
    most = max(one.per_mac for one in found.values())
    rows = [[labels[name].how, f"{one.per_mac:.2f}", f"{one.per_mac / most:.0%}"] for name, one in found.items()]
    return Table(["inner loop", "instructions for one product", "of the most"], rows, f"{POINTWISE} on the {CORE}")
