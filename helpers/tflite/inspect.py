"""What is inside a .tflite file: its tensors, their quantization parameters, and where its bytes go.

Files may have several graphs: those that IF, WHILE and CALL_ONCE run, and one for each signature.  Tensors and
operators here are those of the main graph, the first one; the bytes are those of all.  Every function takes any file:
it answers, or it raises `Unreadable` with one sentence that names the tensor or the operator.
"""

import dataclasses
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from helpers.base.tables import Table
from helpers.numbers.quantization import dequantize
from helpers.tflite import dtypes, objects
from helpers.tflite.dtypes import DTYPES, PACKED, unpack  # noqa: F401 (who reads files asks for them here)
from helpers.tflite.errors import Unreadable
from helpers.tflite.objects import OPERATORS, length  # noqa: F401
from helpers.tflite.reading import read_model
from helpers.tflite.roles import WEIGHED, blocks_of, roles  # noqa: F401

ENUMERATIONS = {  # settings that are numbers in a file and have names in schema.fbs
    "padding": dtypes.names(schema.Padding),
    "fusedActivationFunction": dtypes.names(schema.ActivationFunctionType),
}
PURPOSES = ("weights", "biases", "quantization parameters", "names", "structure")


@dataclasses.dataclass(frozen=True)
class Tensor:
    """One tensor of a file.

    Attributes:
        index, name, shape, dtype: as the file says.
        scale: float32 [k]: empty if not quantized, one value per tensor, or one a channel; block-wise float32
            [channels, blocks].
        zero_point: int64 [k]; block-wise it is empty, and stands for zeros.
        axis: the axis of the channels, if there is more than one scale.
        role: "input", "output", "weights" (every constant that enters the arithmetic), "bias", "scales" (of a
            block-wise quantized tensor), "constant" (shapes, axes, indices) or "activation".
        data: the values of a constant tensor, else None; those of int4 and int2 come as int8, one value a byte, those
            of bfloat16 in the type of ml_dtypes, texts as Python's bytes, and sparse ones with their zeros.
        block_size: how many values along the last axis share a scale if it is quantized block-wise, else 0.
        stored: the bytes of the values in the file, where shape and type do not say: of sparse values and texts.
        variable: whether the network keeps it from run to run, as the state of an LSTM.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: np.ndarray
    zero_point: np.ndarray
    axis: int
    role: str
    data: np.ndarray | None
    block_size: int = 0
    stored: int | None = None
    variable: bool = False

    @property
    def nbytes(self) -> int:
        """How many bytes the values of a constant tensor take in the file, 0 without values."""
        if self.data is None:
            return 0
        return dtypes.stored_bytes(self.dtype, self.data.size) if self.stored is None else self.stored

    @property
    def details(self) -> dict[str, object]:
        """Type, scale and zero point as an interpreter gives them: what `interpreter.quantize_input` takes.

        Raises:
            Unreadable: its values are texts or handles.
        """
        per_tensor = len(self.zero_point) > 0
        scale, zero_point = (self.scale[0], self.zero_point[0]) if per_tensor else (0, 0)
        return {"dtype": self._numpy_dtype().type, "quantization": (float(scale), int(zero_point))}

    def _numpy_dtype(self) -> np.dtype:
        if self.dtype in dtypes.NO_NUMBERS:
            raise Unreadable(f"Tensor {self.index}, {self.name!r}, is of type {self.dtype}; expected numbers.")
        return dtypes.numpy_dtype(self.dtype)

    @property
    def granularity(self) -> str:
        """How many scales the tensor has, in words."""
        if self.block_size:
            return f"per block of {self.block_size} ({self.scale.size})"
        return {0: "–", 1: "per tensor"}.get(len(self.scale), f"per channel ({len(self.scale)})")

    @property
    def range(self) -> tuple[float, float]:
        """What the smallest and the largest code of a tensor of whole numbers with one scale stand for.

        Raises:
            Unreadable: it has no scale, or its values are no codes.
        """
        if not len(self.zero_point) or self._numpy_dtype().kind not in "iu":
            raise Unreadable(
                f"Tensor {self.index}, {self.name!r}, is {self.dtype} and has no scale: no range of codes."
            )
        limits = np.iinfo(self._numpy_dtype())
        low, high = (float(self.scale[0]) * (code - int(self.zero_point[0])) for code in (limits.min, limits.max))
        return low, high

    def dequantized(self) -> np.ndarray:
        """Return the constant values as float32: (code - zero point) * scale, for each channel or block.

        Raises:
            Unreadable: it has no values that are numbers.
        """
        if self.data is None or self._numpy_dtype().kind == "c":
            raise Unreadable(f"Tensor {self.index}, {self.name!r}, has no real numbers as its values.")
        with np.errstate(over="ignore", invalid="ignore"):  # a scale in a file may be anything
            if len(self.scale) == 0 or self._numpy_dtype().kind not in "iu":
                return self.data.astype(np.float32)
            if self.block_size:
                scale = np.repeat(self.scale, self.block_size, axis=-1)[..., : self.shape[-1]]
                return self.data * scale
            return dequantize(self.data, self.scale, self.zero_point, self.axis)


@dataclasses.dataclass(frozen=True)
class Operator:
    """One step of the network.

    Attributes:
        name: of the kind of operator, as in schema.fbs: "CONV_2D"; of one that is not in it, "CUSTOM" and its own.
        inputs, outputs: the indices of the tensors it reads and writes; -1 stands for an input left out.
        options: its settings, with the names of schema.fbs: {"padding": "SAME", "stride_w": 2, ...}.
    """

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, object] = dataclasses.field(default_factory=dict, hash=False)


@dataclasses.dataclass(frozen=True)
class Graph:
    """A graph of a file, with the indices of the tensors that it is given and that it gives."""

    tensors: list[Tensor]
    operators: list[Operator]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def graphs(path: Path) -> list[Graph]:
    """Return all graphs of a file, the main one first.

    Raises:
        FileNotFoundError, Unreadable: see `read_model`; this holds for every function that takes a file.
    """
    model = read_model(path)
    return [
        Graph(
            _tensors(model, one, path),
            _operators(model, one),
            tuple(map(int, one.inputs)),
            tuple(map(int, one.outputs)),
        )
        for one in model.subgraphs
    ]


def operators(path: Path) -> list[Operator]:
    """Return the operators of a file in the order in which they run."""
    model = read_model(path)
    return _operators(model, model.subgraphs[0])


def _operators(model: schema.ModelT, graph: schema.SubGraphT) -> list[Operator]:
    return [
        Operator(
            objects.operator_name(model, step),
            tuple(map(int, step.inputs)),
            tuple(map(int, step.outputs)),
            _options(step),
        )
        for step in graph.operators
    ]


def graph(path: Path) -> list[tuple[Operator, list[Tensor | None]]]:
    """Return the operators of a file with their tensors: those they read (None for one left out), then their output.

    The output is the first one, and None for an operator without any, as ASSIGN_VARIABLE.
    """
    main = graphs(path)[0]
    return [
        (step, [main.tensors[i] if i >= 0 else None for i in (*step.inputs, next(iter(step.outputs), -1))])
        for step in main.operators
    ]


def outputs(path: Path) -> tuple[int, ...]:
    """Return the indices of the tensors that the network gives, in their order."""
    return tuple(map(int, read_model(path).subgraphs[0].outputs))


def notes(path: Path) -> tuple[str, ...]:
    """Return the names of what a file says about itself besides (its metadata), such as "min_runtime_version"."""
    return tuple(objects.text(entry.name) for entry in read_model(path).metadata)


def _options(step: schema.OperatorT) -> dict[str, object]:
    """Return the settings of an operator as plain values: enumerations by name, lists as tuples, names as text."""
    settings = {}
    options = step.builtinOptions or step.builtinOptions2
    for key, value in vars(options).items() if options is not None else ():
        if key in ENUMERATIONS:
            value = ENUMERATIONS[key].get(value, value)
        elif isinstance(value, list | tuple | np.ndarray):
            value = tuple(np.asarray(value).tolist())
        elif isinstance(value, bytes):
            value = objects.text(value)
        settings[re.sub("[A-Z]", lambda capital: "_" + capital[0].lower(), key)] = value
    return settings


def tensors(path: Path) -> list[Tensor]:
    """Return every tensor of a file, in the file's order."""
    model = read_model(path)
    return _tensors(model, model.subgraphs[0], path)


def _tensors(model: schema.ModelT, graph: schema.SubGraphT, path: Path) -> list[Tensor]:
    found = roles(model, graph)
    try:
        return [_tensor(model, graph, index, found.get(index)) for index in range(len(graph.tensors))]
    except Unreadable as problem:
        raise Unreadable(f"{Path(path).name} cannot be read: {problem}. Convert or download it again.") from None


def _tensor(model: schema.ModelT, graph: schema.SubGraphT, index: int, role: str | None) -> Tensor:
    tensor = graph.tensors[index]
    data, content = objects.values(model, graph, index), objects.stored(model, tensor)
    dtype, quantization = DTYPES[tensor.type], tensor.quantization
    scaled = quantization is not None and length(quantization.scale) > 0
    scale = np.array(quantization.scale if scaled else [], np.float32)
    zero_point = np.resize(np.array(quantization.zeroPoint if scaled else [], np.int64), len(scale))
    blocks, block_size = blocks_of(tensor), 0
    if blocks is not None:
        scale, block_size = objects.values(model, graph, blocks.scales).astype(np.float32), int(blocks.blockSize)
        zero_point = zero_point[:0]
    return Tensor(
        index,
        objects.text(tensor.name),
        objects.shape_of(tensor),
        dtype,
        scale,
        zero_point,
        quantization.quantizedDimension if scaled else 0,
        role or ("activation" if data is None else "constant"),
        data,
        block_size,
        length(content) if tensor.sparsity is not None or dtype == "string" else None,
        bool(tensor.isVariable),
    )


def layer_weights(path: Path) -> dict[str, np.ndarray]:
    """Return the weights of each layer as float32, {layer: output channels first}, in the order in which they run.

    Those of a depthwise convolution have their channels last.  Where a layer has more than one tensor of weights, the
    later ones have their number behind its name.
    """
    main = graphs(path)[0]
    read = dict.fromkeys(i for step in main.operators for i in step.inputs if i >= 0)
    weights: dict[str, np.ndarray] = {}
    for tensor in (main.tensors[i] for i in read if main.tensors[i].role == "weights"):
        name = layer_name(tensor.name)
        weights[f"{name} ({tensor.index})" if name in weights else name] = tensor.dequantized()
    return weights


def layer_name(name: str) -> str:
    """Return the layer's own name out of the converter's long ones: 'net_1/conv1_1/convolution;...' becomes 'conv1'."""
    return re.sub(r"_\d+$", "", short_name(name, len(name)).split("/")[0])


def layer_of(name: str) -> str:
    """Return the layer that makes a tensor, out of the converter's list of all that is fused into one operator.

    'net_1/relu1_1/Relu6;net_1/norm1_1/batchnorm/add_1;net_1/conv1_1/convolution' becomes 'conv1': the layer with the
    weights, or the addition, where there is one; else the first in the list.  The last operator has no layer in its
    name; it becomes "output".
    """
    if re.fullmatch(r"(Stateful)?PartitionedCall(_\d+)?:\d+", name):
        return "output"
    parts = name.split(";")
    return layer_name(next((part for part in parts if re.search(r"/(convolution|depthwise|MatMul|Add)$", part)), name))


def short_name(name: str, width: int = 34) -> str:
    """Return the telling end of the converter's long names: 'net_1/conv1_1/convolution;...' becomes 'conv1_1/...'."""
    last = name.split(";")[0].removeprefix("StatefulPartitionedCall/")
    parts = last.split("/")
    last = "/".join(parts[1:]) if len(parts) > 1 else last
    return last if len(last) <= width else "…" + last[-width + 1 :]


def tensor_table(path: Path, steps: Sequence[int] | None = None) -> Table:
    """Return a table with every tensor's name, shape, dtype, scale and zero point.

    Of per-channel scales the smallest and the largest are shown.

    Args:
        path: a .tflite file.
        steps: numbers of operators (negative ones count from the end); only their tensors are shown, in the order in
            which they are used.
    """
    main, *others = graphs(path)
    shown = main.tensors
    if steps is not None:
        chosen = [numbered(main.operators, step, path) for step in steps]
        used = [i for step in chosen for i in (*step.inputs, *step.outputs) if i >= 0]
        shown = [shown[i] for i in dict.fromkeys(used)]
    columns = ["#", "role", "name", "shape", "dtype", "scales", "scale", "zero point"]
    return Table(columns, map(_row, shown), f"The main graph; {len(others)} more not shown." if others else "")


T = TypeVar("T")


def numbered(steps: Sequence[T], number: int, path: Path) -> T:
    """Return one of the operators of a file; negative numbers count from the end.

    Raises:
        Unreadable: there is no such operator.
    """
    if not -len(steps) <= number < len(steps):
        raise Unreadable(f"{Path(path).name} has {len(steps)} operators, counted from 0; there is no number {number}.")
    return steps[number]


def _row(t: Tensor) -> list:
    spread = sorted({f"{t.scale.min():.3g}", f"{t.scale.max():.3g}"}, key=float) if len(t.scale) else ["–"]
    zero = t.zero_point[0] if len(t.zero_point) else "–"  # TFLite has no per-channel zero points but 0
    shape = "×".join(map(str, t.shape)) or "scalar"
    return [t.index, t.role, short_name(t.name), shape, t.dtype, t.granularity, " to ".join(spread), zero]


def dtype_table(files: dict[str, Path]) -> Table:
    """Return the number type of input, weights, biases, activations and output in several files.

    Where a file has more than one (small weights may stay float32), the one with the most values counts.
    """
    shown = ("input", "weights", "bias", "activation", "output")
    rows = []
    for name, path in files.items():
        sizes = {role: {} for role in shown}
        for t in tensors(path):
            if t.role in sizes:
                sizes[t.role][t.dtype] = sizes[t.role].get(t.dtype, 0) + math.prod(t.shape)
        rows.append([name, *(max(counts, key=counts.get, default="–") for counts in sizes.values())])
    return Table(["file", *shown], rows)


PURPOSE_OF = {"weights": "weights", "bias": "biases", "scales": "quantization parameters"}  # of the values of a role


def bytes_by_purpose(path: Path) -> dict[str, int]:
    """Return where the bytes of a file go: {purpose: bytes}, adding up to the size of the file.

    Weights and biases count their values; quantization parameters their scales (4 bytes; 2 bytes block-wise), zero
    points (8 bytes) and recorded minima and maxima (4 bytes each); names the letters of every tensor's.  The rest is
    structure: shapes, operators, offsets and padding, the same few kilobytes whatever the precision.  Values that
    several tensors share count once, and those of all graphs count.
    """
    model = read_model(path)
    sizes, counted = dict.fromkeys(PURPOSES, 0), set()
    for graph in model.subgraphs:
        role_of = roles(model, graph)
        for index, tensor in enumerate(graph.tensors):
            purpose = PURPOSE_OF.get(role_of.get(index, ""))
            if purpose and tensor.buffer not in counted:
                counted.add(tensor.buffer)
                sizes[purpose] += length(objects.stored(model, tensor))
            sizes["names"] += length(tensor.name)
            sizes["quantization parameters"] += _parameter_bytes(tensor.quantization)
    sizes["structure"] = Path(path).stat().st_size - sum(sizes.values())
    if sizes["structure"] < 0:
        raise Unreadable(f"{Path(path).name} cannot be read: its parts overlap. Convert or download it again.")
    return sizes


def _parameter_bytes(parameters: schema.QuantizationParametersT | None) -> int:
    if parameters is None:
        return 0
    floats = sum(length(values) for values in (parameters.scale, parameters.min, parameters.max))
    return 4 * floats + 8 * length(parameters.zeroPoint)


def size_table(files: dict[str, Path]) -> Table:
    """Return the bytes of several files by purpose, with the size of the file and its ratio to the first one."""
    sizes = {name: bytes_by_purpose(path) for name, path in files.items()}
    whole = {name: sum(parts.values()) for name, parts in sizes.items()}
    first = next(iter(files), "")
    rows = [
        [name, *(f"{sizes[name][p]:,}" for p in PURPOSES), f"{whole[name]:,}"]
        + [_ratio(sizes[first]["weights"], sizes[name]["weights"]), _ratio(whole[first], whole[name])]
        for name in files
    ]
    return Table(["bytes", *PURPOSES, "file", "weights shrink", "file shrinks"], rows)


def _ratio(first: int, other: int) -> str:
    """Return how many times as large the first is, and a dash where there is nothing to compare."""
    return f"{first / other:.2f}" if other else "–"
