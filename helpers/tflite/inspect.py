"""What is inside a .tflite file: its tensors, their quantization parameters, and where its bytes go.

A .tflite file is a FlatBuffer; its layout is schema.fbs in the TensorFlow source.  The reader for it comes with LiteRT.
"""

import dataclasses
import math
import re
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from helpers.base.tables import Table
from helpers.numbers.quantization import dequantize


def _names(enumeration: type) -> dict[int, str]:
    """Return the names of an enumeration of the schema, {number: name}."""
    return {number: name for name, number in vars(enumeration).items() if not name.startswith("_")}


DTYPES = {
    schema.TensorType.FLOAT32: "float32",
    schema.TensorType.FLOAT16: "float16",
    schema.TensorType.INT8: "int8",
    schema.TensorType.INT16: "int16",
    schema.TensorType.INT32: "int32",
    schema.TensorType.INT64: "int64",
    schema.TensorType.UINT8: "uint8",
    schema.TensorType.BOOL: "bool",
    schema.TensorType.INT4: "int4",
    schema.TensorType.INT2: "int2",
}

PACKED = {"int4": 4, "int2": 2}  # types of which several values share a byte, and their bits
OPERATORS = _names(schema.BuiltinOperator)

ENUMERATIONS = {  # settings that are numbers in a file and have names in schema.fbs
    "padding": _names(schema.Padding),
    "fusedActivationFunction": _names(schema.ActivationFunctionType),
}

WEIGHED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")  # operators whose inputs are (data, weights, bias)
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
        role: "input", "output", "weights", "bias", "scales" (of a block-wise quantized tensor), "constant" or
            "activation".
        data: the values of a constant tensor, else None; those of int4 and int2 come as int8, one value a byte.
        block_size: how many values along the last axis share a scale if it is quantized block-wise, else 0.
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

    @property
    def nbytes(self) -> int:
        """How many bytes the values of a constant tensor take in the file, 0 without values."""
        if self.data is None:
            return 0
        return -(-self.data.size * PACKED[self.dtype] // 8) if self.dtype in PACKED else self.data.nbytes

    @property
    def details(self) -> dict[str, object]:
        """Type, scale and zero point as an interpreter gives them: what `interpreter.quantize_input` takes."""
        scale, zero_point = (self.scale[0], self.zero_point[0]) if len(self.scale) else (0, 0)
        return {"dtype": np.dtype(self.dtype).type, "quantization": (float(scale), int(zero_point))}

    @property
    def granularity(self) -> str:
        """How many scales the tensor has, in words."""
        if self.block_size:
            return f"per block of {self.block_size} ({self.scale.size})"
        return {0: "–", 1: "per tensor"}.get(len(self.scale), f"per channel ({len(self.scale)})")

    @property
    def range(self) -> tuple[float, float]:
        """What the smallest and the largest code of an int8 or int16 tensor with one scale stand for."""
        limits = np.iinfo(self.dtype)
        low, high = (float(self.scale[0]) * (code - int(self.zero_point[0])) for code in (limits.min, limits.max))
        return low, high

    def dequantized(self) -> np.ndarray:
        """Return the constant values as float32: (code - zero point) * scale, for each channel or block."""
        if len(self.scale) == 0:
            return self.data.astype(np.float32)
        if self.block_size:
            scale = np.repeat(self.scale, self.block_size, axis=-1)[..., : self.shape[-1]]
            return self.data * scale
        return dequantize(self.data, self.scale, self.zero_point, self.axis)


@dataclasses.dataclass(frozen=True)
class Operator:
    """One step of the network.

    Attributes:
        name: of the kind of operator, as in schema.fbs: "CONV_2D".
        inputs, outputs: the indices of the tensors it reads and writes; -1 stands for an input left out.
        options: its settings, with the names of schema.fbs: {"padding": "SAME", "stride_w": 2, ...}.
    """

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, object] = dataclasses.field(default_factory=dict, hash=False)


def read_model(path: Path) -> schema.ModelT:
    """Parse a file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no .tflite model.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no model file {path}: run 02_convert, or converted.files(pets).")
    content = Path(path).read_bytes()
    if content[4:8] != b"TFL3":
        raise ValueError(
            f"{Path(path).name} is no .tflite file: bytes 4 to 8 should be b'TFL3', found {content[4:8]!r}."
        )
    try:
        model = schema.ModelT.InitFromPackedBuf(content, 0)
        for buffer in model.buffers:
            if buffer.size:  # AI Edge Quantizer writes the values of large files behind the FlatBuffer
                buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
                buffer.offset = buffer.size = 0
        return model
    except (struct.error, IndexError, TypeError, ValueError):  # an offset points outside the file
        raise ValueError(
            f"{Path(path).name} is a broken .tflite file of {len(content):,} bytes: delete it and convert again."
        ) from None


def unpack(content: bytes, dtype: str) -> np.ndarray:
    """Return the values of a packed type, one a byte: int8 [n]; in a byte of the file, the lowest bits come first.

    Args:
        content: of the tensor; where its values do not fill the last byte, zeros follow.
        dtype: "int4" (two values a byte, -8 to 7) or "int2" (four, -2 to 1).
    """
    bits = PACKED[dtype]
    parts = np.frombuffer(content, np.uint8)[:, None] >> np.arange(0, 8, bits) & (2**bits - 1)
    half = 2 ** (bits - 1)
    return ((parts ^ half).astype(np.int8) - half).astype(np.int8).ravel()  # two's complement


def _text(name) -> str:
    return name.decode() if isinstance(name, bytes) else (name or "")


def length(values) -> int:
    """Return how many values a FlatBuffer's list has; none if the list was left out."""
    return 0 if values is None else len(values)


def operators(path: Path) -> list[Operator]:
    """Return the operators of a file in the order in which they run."""
    return _operators(read_model(path))


def _operators(model: schema.ModelT) -> list[Operator]:
    codes = [OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes]
    steps = model.subgraphs[0].operators
    return [
        Operator(codes[s.opcodeIndex], tuple(map(int, s.inputs)), tuple(map(int, s.outputs)), _options(s))
        for s in steps
    ]


def graph(path: Path) -> list[tuple[Operator, list[Tensor | None]]]:
    """Return the operators of a file with their tensors: those they read (None for one left out), then their output."""
    model, all_tensors = read_model(path), tensors(path)
    return [
        (step, [all_tensors[i] if i >= 0 else None for i in (*step.inputs, step.outputs[0])])
        for step in _operators(model)
    ]


def outputs(path: Path) -> tuple[int, ...]:
    """Return the indices of the tensors that the network gives, in their order."""
    return tuple(map(int, read_model(path).subgraphs[0].outputs))


def _options(step: schema.OperatorT) -> dict[str, object]:
    """Return the settings of an operator as plain values: enumerations by name, lists as tuples."""
    settings = {}
    for key, value in vars(step.builtinOptions).items() if step.builtinOptions is not None else ():
        if key in ENUMERATIONS:
            value = ENUMERATIONS[key].get(value, value)
        elif _is_list(value):
            value = tuple(int(v) for v in value)
        settings[re.sub("[A-Z]", lambda capital: "_" + capital[0].lower(), key)] = value
    return settings


def _is_list(value) -> bool:
    return isinstance(value, list | tuple | np.ndarray)


def tensors(path: Path) -> list[Tensor]:
    """Return every tensor of a file, in the file's order."""
    model = read_model(path)
    roles = _roles(model)
    return [_tensor(model, i, roles) for i in range(len(model.subgraphs[0].tensors))]


def layer_weights(path: Path) -> dict[str, np.ndarray]:
    """Return the weights of each layer as float32, {layer: output channels first}, in the order in which they run.

    Those of a depthwise convolution have their channels last.
    """
    weights = {t.index: t for t in tensors(path) if t.role == "weights"}
    used = [weights[i] for step in operators(path) for i in step.inputs if i in weights]
    return {layer_name(t.name): t.dequantized() for t in used}


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


def _roles(model: schema.ModelT) -> dict[int, str]:
    """Return what each tensor is for, as far as the operators tell: {index: role}."""
    graph, roles = model.subgraphs[0], {}
    float_of = {}  # float16 files read their weights through a DEQUANTIZE operator
    for step in _operators(model):
        if step.name == "DEQUANTIZE":
            float_of[step.outputs[0]] = step.inputs[0]
        if step.name in WEIGHED:
            for index, role in zip(step.inputs[1:3], ("weights", "bias"), strict=False):
                roles[float_of.get(index, index)] = role
    roles |= {int(i): "input" for i in graph.inputs} | {int(i): "output" for i in graph.outputs}
    for tensor in graph.tensors:
        if (blocks := _blocks(tensor.quantization)) is not None:
            roles[blocks.scales] = "scales"
    return roles


def _blocks(parameters: schema.QuantizationParametersT | None) -> schema.BlockwiseQuantizationT | None:
    """Return how a tensor is quantized block-wise, None if it is not."""
    details = None if parameters is None else parameters.details
    return details if isinstance(details, schema.BlockwiseQuantizationT) else None


def _tensor(model: schema.ModelT, index: int, roles: dict[int, str]) -> Tensor:
    tensor = model.subgraphs[0].tensors[index]
    shape = tuple(int(n) for n in tensor.shape) if length(tensor.shape) else ()
    dtype, quantization = DTYPES.get(tensor.type, str(tensor.type)), tensor.quantization
    data = _data(model, tensor, dtype, shape)
    scaled = quantization is not None and length(quantization.scale)
    scale = np.array(quantization.scale if scaled else [], np.float32)
    zero_point = np.array(quantization.zeroPoint if scaled else [], np.int64)
    axis, block_size = quantization.quantizedDimension if scaled else 0, 0
    if (blocks := _blocks(quantization)) is not None:
        scales = model.subgraphs[0].tensors[blocks.scales]
        scale = _data(model, scales, "float16", tuple(map(int, scales.shape))).astype(np.float32)
        block_size = int(blocks.blockSize)
    role = roles.get(index, "activation" if data is None else "constant")
    return Tensor(index, _text(tensor.name), shape, dtype, scale, zero_point, axis, role, data, block_size)


def _data(model: schema.ModelT, tensor: schema.TensorT, dtype: str, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return the values of a constant tensor, None for one that is computed."""
    raw = model.buffers[tensor.buffer].data
    if not length(raw):
        return None
    values = unpack(bytes(raw), dtype) if dtype in PACKED else np.frombuffer(bytes(raw), dtype)
    return values[: math.prod(shape)].reshape(shape) if dtype in PACKED else values.reshape(shape)


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
    shown = tensors(path)
    if steps is not None:
        network = operators(path)
        used = [i for step in steps for i in (*network[step].inputs, *network[step].outputs) if i >= 0]
        shown = [shown[i] for i in dict.fromkeys(used)]
    return Table(["#", "role", "name", "shape", "dtype", "scales", "scale", "zero point"], map(_row, shown))


def _row(t: Tensor) -> list:
    spread = sorted({f"{t.scale.min():.3g}", f"{t.scale.max():.3g}"}, key=float) if len(t.scale) else ["–"]
    zero = t.zero_point[0] if len(t.zero_point) else "–"  # TFLite has no per-channel zero points but 0
    shape = "×".join(map(str, t.shape)) or "scalar"
    return [t.index, t.role, short_name(t.name), shape, t.dtype, t.granularity, " to ".join(spread), zero]


def dtype_table(files: dict[str, Path]) -> Table:
    """Return the number type of input, weights, biases, activations and output in several files.

    Where a file has more than one (small weights may stay float32), the one with the most values counts.
    """
    roles = ("input", "weights", "bias", "activation", "output")
    rows = []
    for name, path in files.items():
        sizes = {role: {} for role in roles}
        for t in tensors(path):
            if t.role in sizes:
                sizes[t.role][t.dtype] = sizes[t.role].get(t.dtype, 0) + int(np.prod(t.shape))
        rows.append([name, *(max(counts, key=counts.get) for counts in sizes.values())])
    return Table(["file", *roles], rows)


def bytes_by_purpose(path: Path) -> dict[str, int]:
    """Return where the bytes of a file go: {purpose: bytes}, adding up to the size of the file.

    Weights and biases count their values; quantization parameters their scales (4 bytes; 2 bytes block-wise), zero
    points (8 bytes) and recorded minima and maxima (4 bytes each); names the letters of every string.  The rest is
    structure: shapes, operators, offsets and padding, the same few kilobytes whatever the precision.
    """
    model = read_model(path)
    sizes = dict.fromkeys(PURPOSES, 0)
    for t in tensors(path):
        if t.role in ("weights", "bias"):
            sizes["weights" if t.role == "weights" else "biases"] += t.nbytes
        if t.role == "scales":
            sizes["quantization parameters"] += t.nbytes
        sizes["names"] += len(t.name)
    for tensor in model.subgraphs[0].tensors:
        q = tensor.quantization
        if q is not None:
            sizes["quantization parameters"] += 4 * sum(length(v) for v in (q.scale, q.min, q.max)) + 8 * length(
                q.zeroPoint
            )
    sizes["structure"] = Path(path).stat().st_size - sum(sizes.values())
    return sizes


def size_table(files: dict[str, Path]) -> Table:
    """Return the bytes of several files by purpose, with the size of the file and its ratio to the first one."""
    sizes = {name: bytes_by_purpose(path) for name, path in files.items()}
    whole = {name: sum(parts.values()) for name, parts in sizes.items()}
    first = next(iter(files))
    rows = [
        [name, *(f"{sizes[name][p]:,}" for p in PURPOSES), f"{whole[name]:,}"]
        + [f"{sizes[first]['weights'] / sizes[name]['weights']:.2f}", f"{whole[first] / whole[name]:.2f}"]
        for name in files
    ]
    return Table(["bytes", *PURPOSES, "file", "weights shrink", "file shrinks"], rows)
