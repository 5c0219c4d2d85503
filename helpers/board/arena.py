"""Where the tensor arena comes from: which activations are in memory while each operator runs, and where they are put.

Everything here is computed from a .tflite file, as TensorFlow Lite Micro does it before the first picture: it looks up
when every tensor is written first and read last (micro_allocation_info.cc), and then gives each a place, the largest
first (greedy_memory_planner.cc, https://github.com/tensorflow/tflite-micro).  The result is the head of its arena, to
the byte; `micro.arena` measures it.  What is kept from picture to picture (states, variables) is in the tail.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from helpers.base import data
from helpers.base.tables import Table
from helpers.board import firmware, lifetimes, scratch
from helpers.tflite import dtypes, edit, inspect, micro

ALIGNMENT = 16  # bytes: every buffer begins at a multiple of it (MicroArenaBufferAlignment)
MEASURED, COMPUTED = "measured by TensorFlow Lite Micro", "computed from the file, activations only"
HANDLE = 4  # bytes of the number of a variable
MOST = 1 << 40  # bytes of an activation; above it, its shape is a mistake
METADATA = ("OfflineMemoryAllocation", "COMPRESSION_METADATA")  # notes in a file that change how its arena is planned


class Unplannable(ValueError):
    """A .tflite file with an activation that has no size in bytes; the message names it."""


# --- which buffers are alive ----------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Buffer:
    """Memory that is needed for a while.

    Attributes:
        name: of the layer whose output it keeps; "input"; or "scratch of ..." for a kernel's own notes.
        bytes: its size.
        first, last: the numbers of the first and of the last operator while which it is needed, counted from 0 (where
            operators run other graphs, of the moments of `lifetimes.Spans`); -1 for what no operator uses.
        tensor: the number of the tensor in the main graph; None for one of another graph, and for a kernel's own notes.
    """

    name: str
    bytes: int
    first: int
    last: int
    tensor: int | None = None

    def alive(self, step: int) -> bool:
        """Whether it is needed while an operator runs."""
        return self.first <= step <= self.last


def buffers(path: Path) -> list[Buffer]:
    """Return the buffers that a .tflite file needs in RAM: activations in the file's order, then scratch.

    An activation is needed from the operator that writes it to the last one that reads it, the input from the first
    operator on, and the output to the last one.  Weights are not among them: they stay in the flash.  Nor is what the
    network keeps from run to run, which has its place at the other end of the arena.

    Raises:
        FileNotFoundError, Unreadable: see `inspect.read_model`.
        Unplannable: an activation has a number type without a size in bytes.
    """
    graphs = inspect.graphs(path)
    spans = lifetimes.spans(graphs, path)
    needed = [
        Buffer(_name(tensor), size, *spans.tensors[number, tensor.index], None if number else tensor.index)
        for number, graph in enumerate(graphs)
        for tensor in graph.tensors
        if (number, tensor.index) in spans.tensors and (size := _bytes(tensor))
    ]
    for (number, step), (first, last) in sorted(spans.operators.items()):
        operator, tensors = graphs[number].operators[step], graphs[number].tensors
        read = [tensors[i] if i >= 0 else None for i in operator.inputs]
        made = [tensors[i] for i in operator.outputs]
        needed += [Buffer(f"scratch of {_name(made[0])}", n, first, last) for n in scratch.sizes(operator, read, made)]
    return needed


def _name(tensor: inspect.Tensor) -> str:
    return "input" if tensor.role == "input" else inspect.layer_of(tensor.name)


def _bytes(tensor: inspect.Tensor) -> int:
    """Return the bytes of an activation; several numbers in a byte, and number types without a size, are refused."""
    if tensor.dtype == "resource":
        return HANDLE
    if tensor.dtype in (*dtypes.PACKED, *dtypes.NO_NUMBERS):
        raise Unplannable(
            f"The bytes of {tensor.name!r} cannot be computed: its number type is {tensor.dtype}; expected one with "
            "whole bytes, as float32, int8 or int16."
        )
    if (size := dtypes.stored_bytes(tensor.dtype, math.prod(tensor.shape))) > MOST:
        raise Unplannable(
            f"The bytes of {tensor.name!r} are {size:,}: no computer has room for its shape {tensor.shape}."
        )
    return size


def unplanned(path: Path) -> list[str]:
    """Return what in a file may make the head of its arena larger than the plan; empty if nothing does.

    These are operators of which it is not known what scratch they ask for (custom ones, and those that TensorFlow Lite
    Micro does not have), and descriptions in the file that change how it plans.

    Raises:
        FileNotFoundError, Unreadable: see `inspect.read_model`.
    """
    used = dict.fromkeys(step.name for graph in inspect.graphs(path) for step in graph.operators)
    notes = inspect.notes(path)
    return [name for name in used if not firmware.known(name)] + [name for name in METADATA if name in notes]


def _without(path: Path) -> str:
    """Return a remark on what the plan leaves out, "" if it is complete."""
    names = unplanned(path)
    return f"without what {', '.join(names)} may add" if names else ""


def alive(needed: Sequence[Buffer]) -> np.ndarray:
    """Return the bytes in use while each operator runs: int64 [operators]."""
    used = np.zeros(1 + max((buffer.last for buffer in needed), default=-1), np.int64)
    for buffer in needed:
        used[max(buffer.first, 0) : buffer.last + 1] += buffer.bytes
    return used


def peak(needed: Sequence[Buffer]) -> int:
    """Return the largest number of bytes in use at once: no plan needs less."""
    return int(alive(needed).max(initial=0))


def liveness_table(path: Path, steps: Sequence[int] | None = None) -> Table:
    """Return for each operator of a file the buffers in memory while it runs, and their bytes.

    Where operators run other graphs, the operators of these have the number of their graph in front.

    Args:
        path: a .tflite file.
        steps: numbers of operators of the main graph to show; all, and those of the other graphs, without.

    Raises:
        FileNotFoundError, Unreadable, Unplannable: see `buffers`; Unreadable too if there is no such operator.
    """
    needed, graphs = buffers(path), inspect.graphs(path)
    used, moments = alive(needed), lifetimes.spans(graphs, path).moments
    of_main = [number for number, moment in enumerate(moments) if moment.graph == 0]
    shown = range(len(moments)) if steps is None else [inspect.numbered(of_main, step, path) for step in steps]
    rows = []
    for number in shown:
        alive_now = [f"{buffer.name} {buffer.bytes:,}" for buffer in needed if buffer.alive(number)]
        total = used[number] if number < len(used) else 0
        rows.append([*_place(graphs, moments[number]), " + ".join(alive_now), f"{total:,}"])
    return Table(["#", "operator", "in memory (bytes)", "together"], rows, _without(path))


def _place(graphs: Sequence[inspect.Graph], moment: lifetimes.Moment) -> tuple[str, str]:
    """Return the number and the name of what happens at a moment."""
    if moment.step is None:
        return f"{moment.graph}:", "the graph begins"
    name = graphs[moment.graph].operators[moment.step].name
    return (f"{moment.graph}:{moment.step}" if moment.graph else str(moment.step)), name


# --- where they are put ---------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class MemoryPlan:
    """A place for each buffer.

    Attributes:
        buffers: what was to be placed.
        offsets: for each of them, where it begins, in bytes from the start of the arena.
        head: the bytes that all of it takes.
    """

    buffers: tuple[Buffer, ...]
    offsets: tuple[int, ...]
    head: int


def plan(needed: Sequence[Buffer], alignment: int = ALIGNMENT) -> MemoryPlan:
    """Place buffers as TensorFlow Lite Micro's greedy planner does: the largest first, each in the lowest gap.

    Two buffers may share memory if they are never alive together.  Of equally large ones the last comes first.  The
    method is quick and close to the best plan; it need not find it.

    Args:
        needed: from `buffers`.
        alignment: in bytes; sizes are rounded up to a multiple of it.
    """
    return _placed(needed, _largest_first(needed, alignment), alignment)


def tight_plan(needed: Sequence[Buffer], alignment: int = ALIGNMENT, tries: int = 100) -> MemoryPlan:
    """Place buffers as `plan` does, then try other orders: the buffer that reaches highest comes first the next time.

    Returns:
        The lowest of the plans, and the first of those that are equally low.  It is the best there is if its head is
        `peak(needed)`; otherwise there may be a better one.
    """
    order = _largest_first(needed, alignment)
    best = found = _placed(needed, order, alignment)
    for _ in range(tries):
        if best.head <= peak(needed):
            break
        highest = max(order, key=lambda i: found.offsets[i] + needed[i].bytes)
        order.insert(0, order.pop(order.index(highest)))
        found = _placed(needed, order, alignment)
        best = min(best, found, key=lambda one: one.head)
    return best


def _largest_first(needed: Sequence[Buffer], alignment: int) -> list[int]:
    return sorted(range(len(needed)), key=lambda i: (_aligned(needed[i].bytes, alignment), i), reverse=True)


def _placed(needed: Sequence[Buffer], order: Sequence[int], alignment: int) -> MemoryPlan:
    """Place buffers in an order, each in the lowest gap."""
    offsets: dict[int, int] = {}
    for number in order:
        taken = [
            (offsets[i], offsets[i] + _aligned(needed[i].bytes, alignment))
            for i in offsets
            if needed[i].first <= needed[number].last and needed[number].first <= needed[i].last
        ]
        offsets[number] = _lowest_gap(sorted(taken), _aligned(needed[number].bytes, alignment))
    ends = [offsets[i] + _aligned(buffer.bytes, alignment) for i, buffer in enumerate(needed)]
    return MemoryPlan(tuple(needed), tuple(offsets[i] for i in range(len(needed))), max(ends, default=0))


def _aligned(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment


def _lowest_gap(taken: Sequence[tuple[int, int]], size: int) -> int:
    """Return the lowest offset with room for `size` bytes between (begin, end) pairs, sorted by their beginning."""
    offset = 0
    for begin, end in taken:
        if begin - offset >= size:
            break
        offset = max(offset, end)
    return offset


# --- measured, or computed ------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Ram:
    """The RAM that a file needs of a board for its tensor arena, in bytes.

    Attributes:
        activations: the head of the arena, written anew for each picture.
        persistent: its tail, the runtime's own structures; None if it was not measured.
        source: MEASURED or COMPUTED (and what the plan leaves out), to be shown with the numbers.
        working: what the kernels would ask for besides, see `working_memory`; not part of the total.
        stack: what the program used of it; None if it was not measured.
    """

    activations: int
    persistent: int | None
    source: str
    working: int = 0
    stack: int | None = None

    @property
    def total(self) -> int:
        """Both together; without a measurement, the part that is known."""
        return self.activations + (self.persistent or 0)


def ram(path: Path) -> Ram:
    """Return the tensor arena of a .tflite file: measured where TensorFlow Lite Micro is installed, else computed.

    Measured is what goes into the flash, `edit.flash_image`.

    Raises:
        FileNotFoundError, Unreadable: see `inspect.read_model`.
        micro.Refused: TensorFlow Lite Micro cannot run it; `micro.refusal` says more, `planned` has the activations.
        micro.TooSlow: see `micro.arena`.
    """
    with edit.flashed(path) as image:
        try:
            arena = micro.arena(image)
        except micro.NotInstalled:
            return planned(path)
    return Ram(arena.activations, arena.persistent, MEASURED, working_memory(path))


def planned(path: Path) -> Ram:
    """Return the tensor arena of a .tflite file as far as it can be computed: the activations.

    Raises:
        FileNotFoundError, Unreadable, Unplannable: see `buffers`.
    """
    source = ", ".join(filter(None, (COMPUTED, _without(path))))
    return Ram(plan(buffers(path)).head, None, source, working_memory(path))


def working_memory(path: Path) -> int:
    """Return the bytes that the kernels of CMSIS-NN need for the most demanding layer of an int8 file, 0 for others.

    On processors with DSP instructions they copy the inputs of two outputs of a convolution into int16 columns, whose
    lengths are rounded up to a multiple of four (CMSIS-NN, arm_convolve_get_buffer_sizes_s8.c:
    arm_convolve_s8_get_buffer_size_dsp; a 1×1 convolution needs none), and those of one output of a depthwise one
    (arm_depthwise_conv_s8_opt_get_buffer_size_dsp).  The reference kernels, which run here, need nothing.

    Raises:
        FileNotFoundError, Unreadable: see `inspect.read_model`.
    """
    needed = [0]
    for operator, tensors in inspect.graph(path):
        if operator.name in ("CONV_2D", "DEPTHWISE_CONV_2D") and tensors[0].dtype == tensors[1].dtype == "int8":
            _, height, width, channels = tensors[1].shape
            inputs, columns = height * width * channels, 2 if operator.name == "CONV_2D" else 1
            needed.append(0 if (height, width) == (1, 1) else 2 * columns * -(-inputs // 4) * 4)
    return max(needed)


def ram_table(files: Mapping[str, Path]) -> Table:
    """Return peak, planned head and measured arena of several files beside each other, in bytes.

    Args:
        files: {kind of file: .tflite file}; those that TensorFlow Lite Micro refuses have computed numbers only.
    """
    rows = [[kind, *_computed(path), *_measured(path)] for kind, path in files.items()]
    columns = ["file", "alive at the peak", "planned head", "measured head", "measured tail", "measured total", ""]
    return Table(columns, rows)


def _computed(path: Path) -> list[str]:
    """Return peak and planned head; dashes for a file whose activations have no size in bytes."""
    try:
        needed = buffers(path)
    except Unplannable:
        return [*"––"]
    return [f"{peak(needed):,}", f"{plan(needed).head:,}"]


def _measured(path: Path) -> list[str]:
    """Return head, tail and total as measured, and a remark."""
    try:
        measured = ram(path)
    except (micro.Refused, Unplannable):
        return [*"–––", ", ".join(filter(None, ("refused", _without(path))))]
    if measured.persistent is None:
        return [*"–––", ", ".join(filter(None, ("not measured here", _without(path))))]
    return [f"{measured.activations:,}", f"{measured.persistent:,}", f"{measured.total:,}", ""]


# --- what else needs RAM --------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Allowance:
    """RAM that a program needs besides the tensor arena, as others have found it on the kit's board.

    Attributes:
        part, bytes, what: its name, its size, and what it is.
        source, year: where the number stands, and when it was read there.
    """

    part: str
    bytes: int
    what: str
    source: str
    year: int


def allowances() -> dict[str, Allowance]:
    """Return the allowances of `data/ram_allowances.csv`, {part: allowance}.

    They hold for an Arduino program that takes a picture and does nothing else; Bluetooth needs more.

    Raises:
        ValueError: a line of the table is incomplete, or a number in it is none.
    """
    return {allowance.part: allowance for allowance in data.records("ram_allowances.csv", Allowance)}
