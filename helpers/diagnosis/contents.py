"""What a file holds, as the checks look at it: its operators with their tensors, and in which numbers they work."""

import dataclasses
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from helpers.base.console import counted
from helpers.base.tables import Table
from helpers.tflite import inspect
from helpers.tflite.inspect import Operator, Tensor

CODES = ("int8", "uint8", "int16")  # number types of quantized activations
FLOATS = ("float32", "float16")
LAYERS = (*inspect.WEIGHED, "TRANSPOSE_CONV", "CONV_3D")  # operators with a filter for each channel of their output
CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")  # from real numbers to codes and back
PARTS = {"input": "input", "output": "output", "weights": "weights", "bias": "biases", "activation": "activations"}


@dataclasses.dataclass(frozen=True)
class Step:
    """One operator of a file with its tensors.

    Attributes:
        number: in the order in which they run, from 0.
        operator: its kind and settings.
        inputs, outputs: its tensors; an input left out is not among them.
    """

    number: int
    operator: Operator
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @property
    def place(self) -> str:
        """Which one is meant, in words: "conv1 (CONV_2D, operator 3)"."""
        at_the_input = self.operator.name == "QUANTIZE" and self.inputs[0].role == "input"
        layer = "the input" if at_the_input else inspect.layer_of(self.outputs[0].name) if self.outputs else ""
        kind = f"{self.operator.name}, operator {self.number}"
        return f"{layer} ({kind})" if layer else kind

    @property
    def weights(self) -> Tensor | None:
        """Its weights, None without."""
        return next((t for t in self.inputs if t.role == "weights"), None)

    @property
    def bias(self) -> Tensor | None:
        """Its bias, None without."""
        return next((t for t in self.inputs if t.role == "bias"), None)

    @property
    def read(self) -> tuple[Tensor, ...]:
        """The activations that it reads."""
        return tuple(t for t in self.inputs if t.data is None)

    @property
    def numbers(self) -> str:
        """In which numbers it works: "codes", "floats", "conversion" between them, or "other"."""
        if self.operator.name in CONVERSIONS:
            return "conversion"
        kinds = {t.dtype for t in (*self.read, *self.outputs)}
        if kinds & set(CODES) and not kinds & set(FLOATS):
            return "codes"
        return "floats" if kinds & set(FLOATS) else "other"


@dataclasses.dataclass(frozen=True)
class Contents:
    """A file, read once.

    Attributes:
        path: of the file.
        tensors: all of them, with the values of constant ones.
        steps: its operators in the order in which they run.
    """

    path: Path
    tensors: tuple[Tensor, ...]
    steps: tuple[Step, ...]

    def of_role(self, role: str) -> tuple[Tensor, ...]:
        """Return the tensors of a role: "input", "output", "weights", "bias", "activation"."""
        return tuple(t for t in self.tensors if t.role == role)

    @property
    def weighed(self) -> tuple[Step, ...]:
        """The layers with integer weights."""
        layers = [step for step in self.steps if step.operator.name in LAYERS and step.weights is not None]
        return tuple(step for step in layers if step.weights.dtype not in FLOATS)

    @property
    def in_codes(self) -> bool:
        """Whether anything is calculated in integers from end to end: activations are quantized too."""
        return any(step.numbers == "codes" for step in self.steps)

    @property
    def entries(self) -> tuple[Tensor, ...]:
        """The tensors in which the inputs are first quantized: an input itself, or what QUANTIZE makes of it."""
        first = {t.index: step.outputs[0] for step in self.steps if step.operator.name == "QUANTIZE" for t in step.read}
        inputs = self.of_role("input")
        found = [first.get(t.index, t) if t.dtype in FLOATS else t for t in inputs]
        return tuple(t for t in found if t.dtype in CODES and len(t.scale))

    def maker(self, tensor: Tensor) -> Step | None:
        """Return the operator that makes a tensor, None for an input."""
        return next((step for step in self.steps if any(t.index == tensor.index for t in step.outputs)), None)

    def readers(self, tensor: Tensor) -> tuple[Step, ...]:
        """Return the operators that read a tensor."""
        return tuple(step for step in self.steps if any(t.index == tensor.index for t in step.inputs))


def read(path: Path) -> Contents:
    """Read a file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no .tflite file, or a broken one.
    """
    graph = inspect.graphs(path)[0]
    tensors = tuple(graph.tensors)
    steps = tuple(
        Step(number, one, tuple(tensors[i] for i in one.inputs if i >= 0), tuple(tensors[i] for i in one.outputs))
        for number, one in enumerate(graph.operators)
    )
    return Contents(Path(path), tensors, steps)


def what_is_quantized(contents: Contents) -> Table:
    """Return for each part of a file its number types, how many values they are, and how many scales they have."""
    rows = []
    for role, part in PARTS.items():
        for dtype in dict.fromkeys(t.dtype for t in contents.of_role(role)):
            alike = [t for t in contents.of_role(role) if t.dtype == dtype]
            values = sum(int(np.prod(t.shape, dtype=np.int64)) for t in alike)
            rows.append([part, dtype, f"{len(alike):,}", f"{values:,}", _scales(alike)])
    return Table(["part", "numbers", "tensors", "values", "scales"], rows)


def _scales(tensors: Iterable[Tensor]) -> str:
    """Return how many scales tensors have: "per channel", or "per tensor: 3, –: 1" where they differ."""
    kinds = Counter(t.granularity.partition(" (")[0] for t in tensors)
    return next(iter(kinds)) if len(kinds) == 1 else ", ".join(f"{kind}: {count}" for kind, count in kinds.items())


def by_numbers(contents: Contents) -> str:
    """Return how many operators work in which numbers, as a sentence."""
    counts = Counter(step.numbers for step in contents.steps)
    words = {
        "codes": "in integers",
        "floats": "in floating point",
        "conversion": "between the two",
        "other": "in other types",
    }
    parts = [f"{counts[kind]} {words[kind]}" for kind in words if counts[kind]]
    return f"{counted(len(contents.steps), 'operator')}: {', '.join(parts)}."
