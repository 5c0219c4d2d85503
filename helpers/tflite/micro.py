"""TensorFlow Lite Micro, on this computer and in a process of its own: it aborts the whole process on some files.

It runs a file, measures its tensor arena, and says what it refuses.
"""

import dataclasses
import math
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from helpers.base import machine
from helpers.base.tables import Table
from helpers.tflite import inspect, own_process
from helpers.tflite.micro_process import NO_PACKAGE

SECONDS = 60  # the time a measurement may take; a small network takes half a second


TAKEN = (
    "it takes float32, full int8 and int16x8 files made of the operators it knows, not dynamic-range or float16 ones"
)


class Refused(ValueError):
    """TensorFlow Lite Micro cannot run a file.

    Attributes:
        reason: what it says first, without the place in its source; or that it said nothing.
    """

    def __init__(self, file: str, reason: str, taken: str = TAKEN):
        super().__init__(f"TensorFlow Lite Micro cannot run {file} ({reason}): {taken}.")
        self.reason = reason


class TooSlow(TimeoutError):
    """TensorFlow Lite Micro did not finish a file in time."""


class NotInstalled(NotImplementedError):
    """There is no TensorFlow Lite Micro for this computer."""


# --- the tensor arena ---------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Arena:
    """The RAM that TensorFlow Lite Micro works in, in bytes.

    Attributes:
        activations: written anew for each picture: inputs, outputs and scratch of the layers (the arena's head).
        persistent: kept from picture to picture: the structures of tensors and layers, and their multipliers (the
            arena's tail).  Pointers have 8 bytes on this computer and 4 on a board, so a board needs somewhat less.
    """

    activations: int
    persistent: int

    @property
    def total(self) -> int:
        """The smallest arena in which the file runs."""
        return self.activations + self.persistent


def installed() -> bool:
    """Return whether TensorFlow Lite Micro is installed; its package exists for Linux on x86-64 processors only."""
    return machine.importable("tflite_micro")


def arena_bytes(path: Path) -> int:
    """Return the bytes of tensor arena that TensorFlow Lite Micro needs for a .tflite file; see `arena`."""
    return arena(path).total


def arena(path: Path) -> Arena:
    """Measure the tensor arena of a .tflite file: let TensorFlow Lite Micro run it once and say what it used.

    The numbers are those of its recording allocator.  An arena of their sum is enough, and one byte less is not.

    Raises:
        FileNotFoundError: there is no such file.
        Unreadable: it is no .tflite file, or its contents cannot be right; this is a ValueError.
        Refused: TensorFlow Lite Micro cannot run it; this is a ValueError too.
        NotInstalled: TensorFlow Lite Micro is not installed here; this is a NotImplementedError.
        TooSlow: it took longer than `SECONDS`; this is a TimeoutError.
    """
    return _arena(_measured(Path(path)))


def _measured(path: Path) -> str:
    """Return what TensorFlow Lite Micro prints about its arena after it has run a file; for errors see `arena`."""
    process = _in_a_process("measure", path, SECONDS, _number_of_inputs(path))
    if process.returncode != 0 or len(re.findall(r"Arena allocation (?:head|tail) \d+ bytes", process.stderr)) != 2:
        raise Refused(path.name, _reason(process))
    return process.stderr


def _number_of_inputs(path: Path) -> int:
    return len(inspect.read_model(path).subgraphs[0].inputs)


def _arena(printed: str) -> Arena:
    head, tail = (int(re.search(rf"Arena allocation {end} (\d+) bytes", printed)[1]) for end in ("head", "tail"))
    return Arena(head, tail)


@dataclasses.dataclass(frozen=True)
class Allocation:
    """A part of the tensor arena.

    Attributes:
        name: as TensorFlow Lite Micro calls it.
        what: what it keeps there.
        count: how many pieces were asked for, 0 where that is not recorded.
        bytes: with the gaps that keep the pieces aligned.
    """

    name: str
    what: str
    count: int
    bytes: int


HEAD, REST = "Head", "Not itemised"

RECORDED = {  # the categories of recording_micro_allocator.cc, in the order in which it prints them
    "TfLiteEvalTensor data": "for every tensor, weights too: its type, its shape, and where its values are",
    "Persistent TfLiteTensor data": "the input and the output, for the program to fill and to read",
    "Persistent TfLiteTensor quantization data": "their scales and zero points",
    "Persistent buffer data": "what the kernels prepared: a multiplier and a shift for each channel, sums, tables",
    "TfLiteTensor variable buffer data": "values that networks with a memory keep from run to run",
    "NodeAndRegistration struct": "for every operator: its inputs and outputs, and which kernel runs it",
    "Operator runtime data": "data of the operators",
}


def allocations(path: Path) -> list[Allocation]:
    """Measure the tensor arena of a .tflite file, part by part; the parts add up to `arena(path).total`.

    First the head, where the activations are; then what the recording allocator itemises of the tail, and the rest of
    it: the settings of the operators (strides, padding), and what the allocator needs for itself.

    Raises:
        FileNotFoundError, Unreadable, Refused, NotInstalled, TooSlow: see `arena`.
    """
    printed = _measured(Path(path))
    used = _arena(printed)
    lines = re.findall(r"'(.+)' used (\d+) bytes with alignment overhead \(requested \d+ bytes for (\d+) ", printed)
    tail = [Allocation(name, RECORDED.get(name, ""), int(count), int(size)) for name, size, count in lines]
    rest = used.persistent - sum(allocation.bytes for allocation in tail)
    return [
        Allocation(HEAD, "activations, written anew for every picture", 0, used.activations),
        *tail,
        Allocation(REST, "settings of the operators, and the allocator's own structures", 0, rest),
    ]


def allocation_table(files: Mapping[str, Path]) -> Table:
    """Return the parts of the tensor arenas of several files beside each other, in bytes.

    Args:
        files: {kind of file: .tflite file}, such as {"float32": ..., "int8": ...}.

    Raises:
        FileNotFoundError, Unreadable, Refused, NotInstalled, TooSlow: see `arena`.
    """
    by_file = {kind: {allocation.name: allocation for allocation in allocations(path)} for kind, path in files.items()}
    any_of = {allocation.name: allocation for parts in by_file.values() for allocation in parts.values()}
    order = [name for name in (HEAD, *RECORDED, REST) if name in any_of]
    order += [name for name in any_of if name not in order]
    rows = [
        [name, *(f"{parts[name].bytes:,}" if name in parts else "–" for parts in by_file.values()), any_of[name].what]
        for name in order
    ]
    totals = [f"{sum(allocation.bytes for allocation in parts.values()):,}" for parts in by_file.values()]
    return Table(["part of the arena", *by_file, "what it keeps there"], [*rows, ["Total", *totals, ""]])


# --- running a file -----------------------------------------------------------------------------------------------


def run(path: Path, codes: np.ndarray) -> list[np.ndarray]:
    """Run a .tflite file in TensorFlow Lite Micro on pictures, one after the other, and return all its outputs.

    The kernels are the portable ones, which every processor has; those tuned for one may round otherwise.

    Args:
        path: a .tflite file with one input, made for one picture at a time.
        codes: the inputs in the file's own type, int8 [n, h, w, channels] for a full-int8 file; [n, ...] with the
            file's whole shape for one without an axis for pictures.

    Returns:
        For each output an array in the file's own type, [n, ...] with the file's shape behind the pictures.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: there are no pictures.
        Unreadable: it is no .tflite file, or its contents cannot be right.
        Refused: TensorFlow Lite Micro cannot run it on them.
        NotInstalled: TensorFlow Lite Micro is not installed here.
        TooSlow: it took longer than `SECONDS`, and a second more for each picture.
    """
    if len(codes) == 0:
        raise ValueError("Expected at least one picture to run; found none.")
    if (inputs := _number_of_inputs(path)) != 1:
        raise Refused(Path(path).name, f"it has {inputs} inputs", "expected a file with one, for the pictures")
    count = len(inspect.outputs(path))
    with tempfile.TemporaryDirectory() as folder:
        inputs_file, outputs_file = Path(folder) / "inputs.npy", Path(folder) / "outputs.npz"
        np.save(inputs_file, codes)
        process = _in_a_process("run", Path(path), SECONDS + len(codes), inputs_file, outputs_file, count)
        if process.returncode != 0 or not outputs_file.exists():
            raise Refused(Path(path).name, _reason(process))
        with np.load(outputs_file) as outputs:
            return [outputs[name] for name in outputs.files]


def _in_a_process(task: str, path: Path, seconds: float, *arguments: object) -> subprocess.CompletedProcess:
    """Let `micro_process` do a task with a .tflite file, in a process of its own; for errors see `arena`."""
    model = inspect.read_model(path)  # says what is wrong with a file that is missing or broken
    if any(tensor.sparsity is not None for graph in model.subgraphs for tensor in graph.tensors):
        raise Refused(
            path.name, "its weights are sparse", "it would read them as if all values were there; convert again"
        )
    try:
        process = own_process.run("helpers.tflite.micro_process", (task, path.resolve(), *arguments), seconds)
    except subprocess.TimeoutExpired:
        raise TooSlow(f"TensorFlow Lite Micro did not finish {path.name} within {seconds} seconds.") from None
    if process.returncode == NO_PACKAGE:
        raise NotInstalled(
            "TensorFlow Lite Micro cannot be measured here: it is not installed; "
            "its package tflite-micro exists for Linux on x86-64 processors only."
        )
    return process


def _reason(process: subprocess.CompletedProcess) -> str:
    """Return what TensorFlow Lite Micro said first, without the place in its source; or that it said nothing.

    Where its library is silent, the last line of an error that its Python part raised.
    """
    said, _, raised = (part.strip() for part in process.stderr.partition("Traceback"))
    if said or raised:
        line = said.splitlines()[0] if said else raised.splitlines()[-1].partition(": ")[2]
        return re.sub(r"^\S+\.(?:cc|h)(?::\d+)? *", "", line).rstrip(". ")
    return "it aborted" if process.returncode < 0 else "it stopped without a word"


# --- what it refuses ----------------------------------------------------------------------------------------------


def refusal(path: Path) -> str:
    """Return why TensorFlow Lite Micro does not run a .tflite file, in words; empty if it does.

    First what it says itself, then what in the file is meant.  Where it is not installed, only the second, and that it
    was not tried.

    Raises:
        FileNotFoundError, Unreadable, TooSlow: see `arena`.
    """
    path = Path(path)
    explanation = _without_kernel(path)
    try:
        process = _in_a_process("measure", path, SECONDS, _number_of_inputs(path))
    except Refused as problem:
        return str(problem)
    except NotInstalled:
        return f"Not tried here, TensorFlow Lite Micro is not installed. {explanation}" if explanation else ""
    if process.returncode == 0:
        return ""
    where = re.search(r"Node (\w+) \(number (\d+)\) failed", process.stderr)
    at = f" at operator {where[2]}, a {where[1]}" if where else ""
    reason = _reason(process)
    if reason.endswith("op code CUSTOM"):  # it does not say which
        explanation = f"It does not know {_custom(path)}: build the network without it."
    return f"TensorFlow Lite Micro says{at}: “{reason}”. {explanation}".strip()


def _custom(path: Path) -> str:
    """Return the operators of a file that are not in the schema, in words."""
    names = dict.fromkeys(step.name for graph in inspect.graphs(path) for step in graph.operators)
    return " or ".join(name for name in names if name.startswith("CUSTOM"))


def _without_kernel(path: Path) -> str:
    """Return what in a file TensorFlow Lite Micro has no kernel for, as far as number types tell; else nothing.

    As its kernels say in conv_common.cc, fully_connected_common.cc and dequantize_common.cc.
    """
    steps = [(step, tensors) for step, tensors in inspect.graph(path) if tensors[-1] is not None]
    weighed = [(step, tensors) for step, tensors in steps if step.name in inspect.WEIGHED]
    hybrid = [tensors for _, tensors in weighed if (tensors[0].dtype, tensors[1].dtype[:3]) == ("float32", "int")]
    halves = [tensors for step, tensors in steps if step.name == "DEQUANTIZE" and _reads(tensors, "float16")]
    dense = [tensors for step, tensors in weighed if step.name == "FULLY_CONNECTED"]
    packed = [tensors for tensors in dense if tensors[1].dtype in inspect.PACKED and len(tensors[1].scale) > 1]
    if hybrid:
        data, weights, *_, made = hybrid[0]
        return (
            f"Hybrid means integer weights and float activations: of {len(weighed)} operators with weights, "
            f"{len(hybrid)} have {weights.dtype} weights but read {data.dtype}, the first in "
            f"{inspect.layer_of(made.name)}. TensorFlow Lite turns such activations into int8 while it runs; "
            "TensorFlow Lite Micro has no kernel that does. Convert to full int8: then the file has the scales of the "
            "activations, and all of it is integers."
        )
    if halves:
        copies = 4 * sum(math.prod(tensors[0].shape) for tensors in halves)
        return (
            f"The weights are stored as float16, and {len(halves)} operators DEQUANTIZE are to make float32 out of "
            "them before the layers run; TensorFlow Lite Micro's DEQUANTIZE reads integers only. The copies would take "
            f"{copies:,} bytes of RAM as well. Convert to float32, or to full int8."
        )
    if packed:
        return (
            f"{len(packed)} of {len(dense)} dense layers have {packed[0][1].dtype} weights with a scale for each "
            "output; TensorFlow Lite Micro's FULLY_CONNECTED takes weights that small with one scale for all of them "
            "only. Convert to int8."
        )
    return ""


def _reads(tensors: Sequence[inspect.Tensor | None], dtype: str) -> bool:
    """Whether the first tensor that an operator reads is of a number type; the last of `tensors` it makes."""
    return len(tensors) > 1 and tensors[0] is not None and tensors[0].dtype == dtype
