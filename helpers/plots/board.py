"""A board: its flash, its RAM, the tensor arena, and what its processor would execute."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from helpers.board import verdicts
from helpers.board.arena import alive
from helpers.board.processors import CORES
from helpers.board.routines import POINTWISE, ROUTINES
from helpers.plots import style, wording
from helpers.plots.style import BLACK, COLOURS, GREEN, GREY, HATCHES, ORANGE, PURPLE, SKY, Picture

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from helpers.board.arena import Allowance, MemoryPlan, Ram
    from helpers.board.boards import Board
    from helpers.board.counts import Count, Counts
    from helpers.networks.costs import LayerCost


def flash_budget(sizes: dict[str, int], board: Board) -> Picture:
    """Show the size of each file against the flash of a board.

    Args:
        sizes: {kind of file: bytes}.
        board: from `boards.load`.
    """
    names, values = list(sizes), list(sizes.values())
    flash = board.flash_bytes
    figure, axis = style.axes(9.5, 1.5 + 0.5 * len(names))
    for row, (name, size) in enumerate(sizes.items()):
        axis.barh(row, size / 1e3, color=COLOURS[name], hatch=HATCHES[name], edgecolor="white")
        label = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        axis.text(size / 1e3, row, f" {size / 1e3:,.0f} kB, {size / flash:.0%}", va="center", bbox=label, zorder=3)
    axis.axvline(flash / 1e3, color=BLACK, linestyle="--", linewidth=2)
    words = f"flash: {style.binary_size(flash)}"
    axis.annotate(words, (flash / 1e3, 1), (-6, -4), ("data", "axes fraction"), "offset points", ha="right", va="top")
    axis.set(xlabel="kB (1000 bytes), and share of the flash", yticks=range(len(names)), yticklabels=names)
    axis.set(xlim=(0, 1.22 * max(flash, *values) / 1e3), ylim=(len(names) - 0.4, -1.1))
    title = _flash_title(sizes, board)
    axis.set_title(title)
    listed = style.join([f"{name} {size / 1e3:,.0f} kB or {size / flash:.0%}" for name, size in sizes.items()])
    return Picture(figure, f"Bars of the file sizes against {style.binary_size(flash)} of flash: {listed}. {title}.")


def _flash_title(sizes: dict[str, int], board: Board) -> str:
    """Return which files do not fit into the flash of a board, or that all do."""
    large = [name for name, size in sizes.items() if size > board.flash_bytes]
    if large:
        return f"Too large for the flash of the {board.name}: {style.join(large)}"
    return f"{'Every file' if len(sizes) > 1 else next(iter(sizes))} fits into the flash of the {board.name}"


def ram_budget(costs: Sequence[LayerCost], board: Board) -> Picture:
    """Show the activations in memory while each layer runs, in float32 and in int8, against the RAM of a board.

    Args:
        costs: from `costs.layer_costs`: `live` numbers of 4 bytes in float32 and of 1 byte in int8.
        board: from `boards.load`.
    """
    live, places = np.array([cost.live for cost in costs]), np.arange(len(costs))
    figure, axis = style.axes(min(11, 4 + 0.5 * len(costs)), 4.8)
    peak = int(live.argmax())
    for shift, (name, width) in zip((-0.2, 0.2), (("float32", 4), ("int8", 1)), strict=True):
        look = {"color": COLOURS[name], "hatch": HATCHES[name], "edgecolor": "white", "label": name}
        axis.bar(places + shift, width * live / 1e3, 0.4, **look)
    largest = f"{4e-3 * live[peak]:,.0f} kB in float32, {1e-3 * live[peak]:,.0f} kB in int8"
    axis.text(peak - 0.4, 4e-3 * live[peak], largest, va="bottom")
    axis.axhline(board.ram_bytes / 1e3, color=BLACK, linestyle="--", linewidth=2)
    words = f"RAM: {style.binary_size(board.ram_bytes)}"
    axis.annotate(words, (1, board.ram_bytes / 1e3), (-4, 4), ("axes fraction", "data"), "offset points", ha="right")
    axis.set(ylabel="activations (kB of 1000 bytes)", xlabel="layer, in the order in which they run", xticks=places)
    axis.set_xticklabels([cost.name for cost in costs], rotation=90 if len(costs) > 12 else 0, fontsize=11)
    axis.set(ylim=(0, 1.15 * max(4 * live.max(), board.ram_bytes) / 1e3), xlim=(-0.6, len(costs) - 0.4))
    fits = [name for name, width in (("float32", 4), ("int8", 1)) if width * live.max() <= board.ram_bytes]
    words = {2: "Both fit into the RAM", 1: "Only int8 fits into the RAM", 0: "Neither fits into the RAM"}[len(fits)]
    place = wording.few([cost.name for cost in costs if cost.live == live[peak]])
    axis.set_title(f"{words}: the peak is at {place}")
    axis.legend(loc="upper right")
    return Picture(
        figure,
        f"Bars of activation memory by layer. The peak, at {place}, is {largest}; the {board.name} has "
        f"{board.ram_bytes / 1e3:,.0f} kB of RAM. {words}.",
    )


COMPILER_LINES = {"GCC": "-", "Zig": (0, (2, 1))}  # of a range of cycles


def instructions(counts: Mapping[str, Counts], core: str = "Cortex-M4F", layer: str = POINTWISE) -> Picture:
    """Show the instructions that a multiply-accumulate takes on all processors, and the cycles of one of them.

    Left, for each processor: the best float32 kernel, the best int8 kernel without instructions of its own, and the
    one with them, by the first compiler.  Right, for every kernel on one processor: the range of cycles by its manual,
    a line for each compiler, and the instructions as a mark on it.

    Args:
        counts: by compiler, from `counts.instruction_counts`.
        core: the processor on the right, one with known cycles.
        layer: routines.POINTWISE or DEPTHWISE.

    Raises:
        KeyError: there are no counts of that layer for the processor on the right, or its cycles are not known.
    """
    compiler, first = next(iter(counts.items()))
    ranges = verdicts.cycle_ranges(counts, core, layer)
    title = _beside_float32(core, verdicts.verdicts(ranges))
    best = {name: first.best(name, layer) for name in first.cores() if first.of(name, layer)}
    figure, (left, right) = style.axes(13, 5.4, ncols=2, width_ratios=(1.35, 1))
    _core_bars(left, best)
    ours = {name: found.of(core, layer) for name, found in counts.items()}
    _cycle_ranges(right, ours)
    left.set_title(_without_fpu({name: first.ratio(name, layer) for name in best}))
    right.set_title(title)
    figure.suptitle(f"What one multiply-accumulate of a {layer} takes ({first.source})", fontsize=13)
    listed = [f"{name} " + ", ".join(f"{k} {c.per_mac:.3g}" for k, c in kinds.items()) for name, kinds in best.items()]
    kernels = [
        f"{name} {', '.join(f'{ROUTINES[c.kernel].label} {verdicts.words(c.cycles_per_mac)}' for c in found)}"
        for name, found in ours.items()
    ]
    together = ", ".join(f"{kind} {verdicts.words(ends)}" for kind, ends in ranges.items())
    return Picture(
        figure,
        f"Bars of {first.source} instructions per multiply-accumulate of a {layer} by {compiler}, on a logarithmic "
        f"axis: {'; '.join(listed)}. Beside it the cycles of every kernel on the {core}: {'; '.join(kernels)}. The "
        f"best kernels of any compiler together: {together}. {title}.".replace("\n", " "),
    )


def _beside_float32(core: str, found: Mapping[str, str]) -> str:
    """Return what is faster on a processor, by its ranges of cycles, as a title of two lines.

    Args:
        found: from `verdicts.verdicts`.
    """
    faster = [kind for kind, verdict in found.items() if verdict == verdicts.FASTER]
    slower = [kind for kind, verdict in found.items() if verdict == verdicts.SLOWER]
    overlap = [kind for kind, verdict in found.items() if verdict == verdicts.OVERLAP]
    if faster:
        words = f"{style.join(faster)} {'is' if len(faster) == 1 else 'are'} clear of float32"
    else:
        words = f"float32 is clear of {style.join(slower)}" if slower else "nothing is clear of float32"
    rest = f",\n{style.join(overlap)} {'overlaps' if len(overlap) == 1 else 'overlap'} with it" if overlap else ""
    return f"{core}: {words}{rest}"


def _without_fpu(ratios: dict[str, float]) -> str:
    """Return what int8 saves on the processors that have no floating-point unit, as a title.

    Args:
        ratios: {processor: instructions of the best float32 kernel over those of the best int8 kernel}.
    """
    soft = {name: ratio for name, ratio in ratios.items() if "-mfloat-abi=soft" in CORES[name].gcc}
    fewer = [name for name, ratio in soft.items() if ratio > 1]
    if not soft:
        return "All processors"
    if not fewer:
        return "Without an FPU, int8 takes no fewer"
    if len(fewer) < len(soft):
        return f"Without an FPU, int8 takes fewer on {wording.few(fewer)} only"
    return f"Without an FPU, int8 takes {wording.spread(soft.values(), style.two_digits)} times fewer"


def _core_bars(axis, best: dict[str, dict[str, Count]]) -> None:
    """Draw a group of bars for each processor, on a logarithmic axis."""
    names, place, middles = {}, 0.0, []
    for fewest in best.values():
        for name, count in fewest.items():
            kind = name if name in COLOURS else "int8"
            hatch = HATCHES[kind] if name == kind else "xx"
            label = {"float32": "float32", "int8": "int8"}.get(name, "int8 with SMLAD or SDOT")
            names[label] = axis.bar(place, count.per_mac, 0.9, color=COLOURS[kind], hatch=hatch, edgecolor="white")
            axis.text(place, 1.08 * count.per_mac, style.two_digits(count.per_mac), ha="center", fontsize=11)
            place += 1.2
        middles.append(place - 1.2 * (len(fewest) + 1) / 2)
        place += 0.7
    numbers = [count.per_mac for fewest in best.values() for count in fewest.values()]
    axis.set(yscale="log", ylim=(min(0.1, 0.5 * min(numbers)), 8 * max(numbers)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.set_xticks(middles, [name.replace("Cortex-", "Cortex-\n").replace(" with", "\nwith") for name in best])
    axis.tick_params(axis="x", length=0)
    axis.grid(False, axis="x")
    axis.set_ylabel("instructions per multiply-accumulate")
    axis.legend(names.values(), names, loc="upper right", fontsize=11)


def _cycle_ranges(axis, counts: Mapping[str, Sequence[Count]]) -> None:
    """Draw the range of cycles of each kernel on one processor, a line for each compiler, and its instructions."""
    names = list(dict.fromkeys(one.kernel for found in counts.values() for one in found))
    most, lines = 0.0, []
    for number, (compiler, found) in enumerate(counts.items()):
        look = {"linestyle": COMPILER_LINES[compiler], "linewidth": 6, "solid_capstyle": "butt"}
        lines.append(Line2D([], [], color=GREY, **look))
        for one in found:
            row = names.index(one.kernel) + 0.32 * (number - (len(counts) - 1) / 2)
            colour = COLOURS[ROUTINES[one.kernel].kind]
            axis.plot(one.cycles_per_mac, [row, row], color=colour, **look)
            axis.plot(one.per_mac, row, "d", color=BLACK, markersize=5)
            most = max(most, one.cycles_per_mac[1])
    lines.append(Line2D([], [], color=BLACK, linestyle="", marker="d", markersize=5))
    axis.legend(lines, [*(f"cycles, {name}" for name in counts), "instructions"], loc="lower right", fontsize=11)
    axis.set(yticks=range(len(names)), yticklabels=[ROUTINES[name].label.replace(", ", ",\n") for name in names])
    axis.set(ylim=(len(names) - 0.4, -0.6), xlim=(0, 1.08 * most), xlabel="cycles by the manual")
    axis.grid(False, axis="y")


BESIDES = {  # in RAM beside the activations
    "stack": (GREY, "\\\\"),
    "system": (SKY, "xx"),
    "camera": (GREEN, "++"),
    "runtime": (ORANGE, ".."),
    "kernels": (PURPLE, "//"),
}


def memory_plan(plans: dict[str, MemoryPlan], board: Board) -> Picture:
    """Show where each activation is in the arena while the operators run, how much is alive, and the RAM of a board.

    A block is as wide as the time in which its buffer is needed, and as high as its bytes.  The stepped line is what is
    alive; where blocks reach above it, the planner has left gaps.

    Args:
        plans: {kind of file: plan}, from `arena.plan`; "int8 in bands" is an int8 file.
        board: from `boards.load`.
    """
    figure, axes = style.axes(5.6 * len(plans), 4.8, ncols=len(plans), sharey=True, squeeze=False)
    limit = board.ram_bytes
    top = 1.12 * max(limit, *(plan.head for plan in plans.values())) / 1e3
    listed = []
    for axis, (kind, plan) in zip(axes[0], plans.items(), strict=True):
        used = alive(plan.buffers)
        _plan_blocks(axis, plan, kind, len(used), top)
        steps = np.arange(len(used) + 1) - 0.5
        axis.stairs(used / 1e3, steps, color=BLACK, linewidth=2, label="alive at the same time", baseline=None)
        axis.axhline(limit / 1e3, color=BLACK, linestyle="--", linewidth=2)
        words = f"RAM: {style.binary_size(limit)}"
        axis.annotate(words, (1, limit / 1e3), (-4, 4), ("axes fraction", "data"), "offset points", ha="right")
        fits = _against_ram(plan.head, limit)
        axis.set_title(f"{kind}: {plan.head / 1e3:,.0f} kB, {fits},\n{_gaps(plan.head, int(used.max()))}")
        axis.set(xlabel="operator, in the order in which they run", xlim=(-0.7, len(used) - 0.3), ylim=(0, top))
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        listed.append(f"{kind} takes {plan.head:,} bytes, {fits}; {used.max():,} are alive at operator {used.argmax()}")
    axes[0, 0].set_ylabel("place in the arena (kB of 1000 bytes)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center")
    return Picture(
        figure,
        f"Blocks of memory, operator by operator, and the sum alive, against {style.binary_size(limit)} of RAM of the "
        f"{board.name}. {'. '.join(listed)}.",
    )


def _against_ram(size: int, limit: int) -> str:
    """Return how many bytes compare with those of the RAM: less, all or more."""
    return f"{'less than' if size < limit else 'all of' if size == limit else 'more than'} the RAM"


def _gaps(head: int, needed: int) -> str:
    """Return how much larger an arena is than what is alive in it at the peak, both in bytes."""
    if head <= needed:
        return "as much as is alive at the peak"
    more = head / needed - 1
    return f"{f'{more:.0%}' if more >= 0.005 else 'less than 1%'} more than is ever alive"


def _plan_blocks(axis, plan: MemoryPlan, kind: str, steps: int, top: float) -> None:
    """Draw a block for each buffer of a plan, with its name where there is room: a letter is 2% of the axis wide."""
    colour, hatch = COLOURS[_type_of(kind)], HATCHES[_type_of(kind)]
    look = {"facecolor": colour, "alpha": 0.5, "hatch": hatch, "edgecolor": "white", "linewidth": 1.5}
    for buffer, offset in zip(plan.buffers, plan.offsets, strict=True):
        left, width = buffer.first - 0.5, 1 + buffer.last - buffer.first
        bottom, height = offset / 1e3, buffer.bytes / 1e3
        axis.add_patch(plt.Rectangle((left, bottom), width, height, **look))
        paper = {"facecolor": "white", "edgecolor": "none", "alpha": 0.6, "pad": 1}
        place = {"ha": "center", "va": "center", "fontsize": 11, "bbox": paper, "zorder": 4}
        if width > 0.025 * steps * len(buffer.name) and height > 0.06 * top:
            axis.text(left + width / 2, bottom + height / 2, buffer.name, **place)
        elif height > 0.03 * top * len(buffer.name) and width > 0.03 * steps:
            axis.text(left + 0.5, bottom + height / 2, buffer.name, rotation=90, **place)


def ram_bar(files: dict[str, Ram], allowances: dict[str, Allowance], board: Board) -> Picture:
    """Show what a program with each file needs of a board's RAM, stacked: the bar of the lecture's slide.

    Args:
        files: {kind of file: its tensor arena}, from `arena.ram` or `Inference.memory`; "int8 as C" is an int8 file.
        allowances: what the rest of the program needs, from `arena.allowances`.
        board: from `boards.load`.
    """
    figure, axis = style.axes(10, 2.4 + 0.7 * len(files))
    limit, totals, listed = board.ram_bytes, {}, []
    besides = {kind: _besides(ram, allowances) for kind, ram in files.items()}
    labels = _legend(list(besides.values()))
    for row, (kind, ram) in enumerate(files.items()):
        start = _stacked(axis, row, besides[kind], labels)
        totals[kind] = start + ram.activations
        look = {"color": COLOURS[_type_of(kind)], "hatch": HATCHES[_type_of(kind)], "edgecolor": "white"}
        axis.barh(row, ram.activations / 1e3, 0.6, start / 1e3, **look)
        paper = {"va": "center", "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1.5}, "zorder": 3}
        if ram.activations > 0.3 * limit:
            axis.text(start / 1e3 + 8, row, f"activations\n{ram.activations / 1e3:,.0f} kB", **paper)
        axis.text(totals[kind] / 1e3, row, f" {totals[kind] / 1e3:,.0f} kB, {totals[kind] / limit:.0%}", **paper)
        parts = ", ".join(f"{name} {size:,}" for name, size in besides[kind].items())
        listed.append(f"{kind}: {parts}, activations {ram.activations:,}, together {totals[kind]:,} ({ram.source})")
    axis.axvline(limit / 1e3, color=BLACK, linestyle="--", linewidth=2)
    words = f"RAM: {style.binary_size(limit)}"
    axis.annotate(words, (limit / 1e3, 1), (6, -4), ("data", "axes fraction"), "offset points", va="top")
    sources = style.join(sorted({ram.source for ram in files.values()}))
    axis.set_xlabel(f"RAM (kB of 1000 bytes), the model itself stays in the flash;\ntensor arena {sources}")
    axis.set(yticks=range(len(files)), yticklabels=list(files), ylim=(len(files) - 0.4, -1.0))
    axis.set_xlim(0, 1.22 * max(limit, *totals.values()) / 1e3)
    figure.legend(loc="outside lower center", ncols=len(BESIDES))
    title = _fitting(totals, limit)
    axis.set_title(f"{title} the {style.binary_size(limit)} of the {board.name}")
    return Picture(figure, f"Stacked bars of bytes of RAM against {limit:,}. {'; '.join(listed)}. {title} the RAM.")


def _besides(ram: Ram, allowances: dict[str, Allowance]) -> dict[str, int]:
    """Return what a program needs beside the activations of its file, {what for: bytes}."""
    runtime = {} if ram.persistent is None else {"runtime": ram.persistent}
    kernels = {"kernels": ram.working} if ram.working else {}
    stack = {} if ram.stack is None else {"stack": ram.stack}
    return {name: one.bytes for name, one in allowances.items()} | stack | runtime | kernels


def _type_of(kind: str) -> str:
    """Return the kind of file that a name begins with: 'int8' for 'int8 as C'."""
    return kind if kind in COLOURS else kind.split()[0]


def _legend(needs: Sequence[dict[str, int]]) -> dict[str, str]:
    """Return a label for each part that some programs need: its name, and the bytes from the smallest to the largest.

    Args:
        needs: of each program, {what for: bytes}.
    """
    sizes = {}
    for need in needs:
        for name, size in need.items():
            sizes.setdefault(name, []).append(size / 1e3)
    return {name: f"{name} {wording.spread(values, '{:,.0f}'.format)} kB" for name, values in sizes.items()}


def _stacked(axis, row: int, sizes: dict[str, int], labels: dict[str, str]) -> int:
    """Draw what needs RAM beside the activations, one after the other, and return the bytes where it ends.

    Args:
        axis: with a row for each program.
        row: of this program.
        sizes: {what for: bytes}.
        labels: for the legend; each is taken out once it is drawn.
    """
    start = 0
    for name, size in sizes.items():
        colour, hatch = BESIDES[name]
        look = {"color": colour, "hatch": hatch, "edgecolor": "white", "label": labels.pop(name, None)}
        axis.barh(row, size / 1e3, 0.6, start / 1e3, **look)
        start += size
    return start


def _fitting(totals: dict[str, int], limit: int) -> str:
    """Return which files fit, in words that what they are to fit into completes."""
    small, large = ([kind for kind in totals if (totals[kind] <= limit) == fits] for fits in (True, False))
    words = [f"{style.join(small)} fit{'s' if len(small) == 1 else ''}"] if small else []
    if len(small) > 2 and not large:
        words = ["All of them fit"]
    words += [f"{style.join(large)} {'does' if len(large) == 1 else 'do'} not fit"] if large else []
    return f"{', '.join(words)} into"
