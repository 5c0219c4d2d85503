"""What an operation costs in energy and in chip area, and what that adds up to for a whole network.

The costs are published ones for a chip of 45 nm (`data/energy.csv`): old by now, but their ratios are what counts.  The
energy of an inference is an estimate from them and from what a .tflite file asks for; nothing here is measured.
"""

import dataclasses
import functools
import math
from pathlib import Path

from helpers.base import data
from helpers.measure import roofline
from helpers.tflite import inspect

KINDS = ("float32", "int8")
MEMORIES = ("8 KB cache", "32 KB cache", "1 MB cache", "DRAM")
UNITS = {"energy": "pJ", "area": "µm²"}
READ = "read 64 bits"
READ_BYTES = 8  # one read, or one write, moves 64 bits
MICRO = 1e-6  # picojoules to microjoules


# --- the published costs ------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Cost:
    """One published number, or a range of them.

    Attributes:
        operation, of: such as "multiply" and "float32", or "read 64 bits" and "DRAM".
        quantity: "energy" (pJ) or "area" (µm²).
        low, high: the smallest and the largest value; equal where one is given.
        source, year: the document with these numbers.
    """

    operation: str
    of: str
    quantity: str
    low: float
    high: float
    unit: str
    source: str
    year: int

    @property
    def value(self) -> float:
        """The number, or the middle of the range."""
        return (self.low + self.high) / 2


@functools.cache
def costs(path: Path | None = None) -> dict[tuple[str, str, str], Cost]:
    """Return the costs of `data/energy.csv`, {(quantity, operation, of): cost}.

    Raises:
        ValueError: a line of the table is incomplete, or a number in it is none.
    """
    lines = data.records(
        path or "energy.csv",
        Cost,
        "energy in pJ or area in µm², 0 < low <= high",
        lambda cost: UNITS.get(cost.quantity) == cost.unit and 0 < cost.low <= cost.high < math.inf,
    )
    return {(cost.quantity, cost.operation, cost.of): cost for cost in lines}


def energy(operation: str, of: str) -> float:
    """Return what an operation takes in picojoules, 0.2 for ("multiply", "int8"); see `costs`."""
    return _look_up("energy", operation, of)


def area(operation: str, of: str) -> float:
    """Return the chip area of an adder or a multiplier in µm², 36 for ("add", "int8"); see `costs`."""
    return _look_up("area", operation, of)


def _look_up(quantity: str, operation: str, of: str) -> float:
    known = costs()
    if (quantity, operation, of) not in known:
        names = sorted(f"{o} {x}" for q, o, x in known if q == quantity)
        raise KeyError(f"energy.csv has no {quantity} of {operation} {of}; it has {', '.join(names)}.")
    return known[quantity, operation, of].value


def multiply_accumulate(kind: str) -> float:
    """Return the energy in pJ of one product added to a sum: float32 into float32, or int8 times int8 into int32.

    Raises:
        ValueError: another kind.
    """
    if kind not in KINDS:
        raise ValueError(f"The energy of a multiply-accumulate is known for {' and '.join(KINDS)}; found {kind!r}.")
    return energy("multiply", kind) + energy("add", "int32" if kind == "int8" else kind)


# --- one inference ------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Work:
    """What a .tflite file asks for, for one picture.

    Attributes:
        kind: "float32" or "int8", the numbers it calculates with.
        macs: multiply-accumulates of convolutions and dense layers.
        outputs: values that they write; an int8 file rescales each of them.
        weight_bytes: weights and biases, each read once.
        activation_bytes: what each operator reads of its inputs and writes to its outputs, each value once.
    """

    kind: str
    macs: int
    outputs: int
    weight_bytes: int
    activation_bytes: int


def work(path: Path) -> Work:
    """Count what a float32 or full int8 .tflite file asks for.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no .tflite file, or it calculates with other numbers than float32 or int8.
    """
    kind, layers = _kind(path), roofline.layers(path)
    weighed = [layer for layer in layers if layer.operator in inspect.WEIGHED]
    return Work(
        kind,
        sum(layer.macs for layer in layers),
        sum(layer.outputs for layer in weighed),
        sum(layer.constant_bytes for layer in weighed),
        sum(layer.moved_bytes for layer in layers),
    )


def _kind(path: Path) -> str:
    """Return what a file calculates with: the one type that its weights and its activations share."""
    tensors = inspect.tensors(path)
    types = {t.dtype for t in tensors if t.role == "weights" or (t.role == "activation" and len(t.shape) > 1)}
    if len(types) != 1 or not types <= set(KINDS):
        raise ValueError(
            f"The energy of {Path(path).name} cannot be estimated: its weights and activations are "
            f"{', '.join(sorted(types)) or 'missing'}; the estimate takes a float32 file or a full int8 one."
        )
    return types.pop()


@dataclasses.dataclass(frozen=True)
class Inference:
    """The estimated energy of one inference in microjoules, by what it is spent on; see `estimate`."""

    kind: str
    arithmetic: float
    instructions: float
    weights: float
    activations: float

    @property
    def total(self) -> float:
        """All parts together."""
        return sum(self.parts().values())

    def parts(self) -> dict[str, float]:
        """Return the parts by name, in microjoules."""
        names = ("arithmetic", "instructions", "weights", "activations")
        return {name: getattr(self, name) for name in names}


def estimate(
    path: Path,
    instructions_per_mac: float = 0,
    weights_from: str = "1 MB cache",
    activations_from: str = "1 MB cache",
) -> Inference:
    """Estimate the energy of one inference of a .tflite file, in microjoules.  An estimate, not a measurement.

    What it assumes:

    - every cost is that of the table, for 45 nm; only ratios carry over to a chip of today;
    - each weight is read once, and each activation written once and read once by every layer that uses it, 64 bits at
      a time; a write costs what a read costs; what is in use stays in registers that cost nothing;
    - an int8 file rescales each output of a layer with one multiplication and one addition in int32;
    - pooling, additions of two branches, softmax, padding and addresses cost nothing; nor does waiting (leakage);
    - an instruction costs its overhead of about 70 pJ (fetch, decode, registers, control) whatever it calculates, and
      a vector instruction no more than a scalar one, which flatters vectors.

    Args:
        path: a float32 or a full int8 file.
        instructions_per_mac: 0 is a circuit made for the network, which fetches no instructions; 1 a processor that
            does one multiply-accumulate with each; 1/8 one whose vectors hold 8 of them.
        weights_from, activations_from: where they lie, one of `MEMORIES`.

    Raises:
        ValueError: an unknown memory, a negative number of instructions, or a file of another kind.
    """
    for memory in (weights_from, activations_from):
        if memory not in MEMORIES:
            raise ValueError(f"Expected a memory out of {', '.join(MEMORIES)}; found {memory!r}.")
    if not 0 <= instructions_per_mac < math.inf:
        raise ValueError(f"Instructions per multiply-accumulate are 0 or more; found {instructions_per_mac}.")
    needs = work(path)
    arithmetic = needs.macs * multiply_accumulate(needs.kind)
    if needs.kind == "int8":
        arithmetic += needs.outputs * (energy("multiply", "int32") + energy("add", "int32"))
    return Inference(
        needs.kind,
        arithmetic * MICRO,
        needs.macs * instructions_per_mac * energy("instruction", "overhead") * MICRO,
        needs.weight_bytes / READ_BYTES * energy(READ, weights_from) * MICRO,
        needs.activation_bytes / READ_BYTES * energy(READ, activations_from) * MICRO,
    )
