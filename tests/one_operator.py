"""Models of one operator, written straight as FlatBuffers, so that any shape, scale and setting can be tried.

The converter only makes the combinations that its networks need; the kernels take many more.
"""

import dataclasses

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from helpers.base import console
from helpers.integer.batches import with_pictures
from helpers.integer.network import load_network
from helpers.integer.step import Refused
from helpers.tflite.edit import packed

DTYPES = {"float32": 0, "float16": 1, "int32": 2, "uint8": 3, "int64": 4, "int8": 9, "int16": 7, "int4": 17}
OPTIONS = {  # operator: name of the table with its settings, in schema.fbs
    "ADD": "AddOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "BATCH_MATMUL": "BatchMatMulOptions",
    "CONCATENATION": "ConcatenationOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "EXPAND_DIMS": "ExpandDimsOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "GATHER": "GatherOptions",
    "LEAKY_RELU": "LeakyReluOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "MEAN": "ReducerOptions",
    "MINIMUM": "MaximumMinimumOptions",
    "MUL": "MulOptions",
    "PACK": "PackOptions",
    "REDUCE_MAX": "ReducerOptions",
    "REDUCE_MIN": "ReducerOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
    "SHAPE": "ShapeOptions",
    "SOFTMAX": "SoftmaxOptions",
    "SPLIT": "SplitOptions",
    "SPLIT_V": "SplitVOptions",
    "SQUEEZE": "SqueezeOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "SUB": "SubOptions",
    "SUM": "ReducerOptions",
    "TRANSPOSE_CONV": "TransposeConvOptions",
    "UNPACK": "UnpackOptions",
}


@dataclasses.dataclass
class Operand:
    """A tensor of the model; one with data is a constant of the file."""

    shape: tuple[int, ...]
    dtype: str = "int8"
    scale: object = None  # a number, or one for each channel
    zero_point: int = 0
    axis: int = 0
    data: np.ndarray | None = None


def constant(data: np.ndarray, scale=None, axis: int = 0) -> Operand:
    return Operand(data.shape, data.dtype.name, scale, 0, axis, data)


def two_a_byte(codes: np.ndarray) -> np.ndarray:
    """Return 4-bit codes as a file stores them: the first of two in the lower half of a byte, uint8."""
    low, high = (np.append(codes.ravel(), 0).astype(int)[start : codes.size + codes.size % 2 : 2] for start in (0, 1))
    return np.array([(a % 16) + 16 * (b % 16) for a, b in zip(low, high, strict=True)], np.uint8)


def build(operator: str, inputs: list[Operand], output: Operand | list[Operand], **settings) -> bytes:
    """Return a .tflite file with one operator.

    Args:
        operator: its name in schema.fbs.
        inputs: its inputs; those without data become the inputs of the model.
        output: its output, or all of them.
        settings: of the operator, by their names in the Python schema ("strideW"); padding and activation by name.
    """
    model = schema.ModelT()
    model.version, model.buffers, graph = 3, [schema.BufferT()], schema.SubGraphT()
    outputs = output if isinstance(output, list) else [output]
    graph.tensors = [_tensor(model, operand, f"tensor {i}") for i, operand in enumerate([*inputs, *outputs])]
    graph.inputs = [i for i, operand in enumerate(inputs) if operand.data is None]
    graph.outputs = list(range(len(inputs), len(inputs) + len(outputs)))
    graph.operators = [_operator(operator, len(inputs), graph.outputs, settings)]
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, operator)
    code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), 1
    model.operatorCodes, model.subgraphs = [code], [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _operator(name: str, inputs: int, outputs: list[int], settings: dict) -> schema.OperatorT:
    step = schema.OperatorT()
    step.opcodeIndex, step.inputs, step.outputs = 0, list(range(inputs)), outputs
    if name in OPTIONS:
        step.builtinOptionsType = getattr(schema.BuiltinOptions, OPTIONS[name])
        step.builtinOptions = getattr(schema, OPTIONS[name] + "T")()
        for key, value in settings.items():
            if key == "padding":
                value = getattr(schema.Padding, value)
            if key == "fusedActivationFunction":
                value = getattr(schema.ActivationFunctionType, value)
            assert hasattr(step.builtinOptions, key), key
            setattr(step.builtinOptions, key, value)
    return step


def _tensor(model: schema.ModelT, operand: Operand, name: str) -> schema.TensorT:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(operand.shape), DTYPES[operand.dtype], 0
    if operand.scale is not None:
        scales = np.atleast_1d(np.asarray(operand.scale, np.float32))
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale = scales.tolist()
        tensor.quantization.zeroPoint = [operand.zero_point] * len(scales)
        tensor.quantization.quantizedDimension = operand.axis
    if operand.data is not None:
        buffer = schema.BufferT()
        data = two_a_byte(operand.data) if operand.dtype == "int4" else operand.data
        buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
        tensor.buffer = len(model.buffers)
        model.buffers.append(buffer)
    return tensor


def run(content: bytes, *inputs: np.ndarray, kernels=OpResolverType.BUILTIN_REF) -> np.ndarray:
    """Run a model in TFLite, by default on the reference kernels, in the shapes that the file has."""
    return run_all(content, *inputs, kernels=kernels)[0]


def run_all(content: bytes, *inputs: np.ndarray, kernels=OpResolverType.BUILTIN_REF) -> list[np.ndarray]:
    """Run a model in TFLite, and return all its outputs."""
    with console.quiet():
        ready = Interpreter(model_content=content, experimental_op_resolver_type=kernels, num_threads=1)
        ready.allocate_tensors()
    for entry, values in zip(ready.get_input_details(), inputs, strict=True):
        ready.set_tensor(entry["index"], values)
    ready.invoke()
    return [ready.get_tensor(entry["index"]) for entry in ready.get_output_details()]


def values_outside(path, folder):
    """Return the same model with its largest values behind the FlatBuffer, as AI Edge Quantizer writes large files."""
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    buffer = max(model.buffers, key=lambda one: 0 if one.data is None else len(one.data))
    values = bytes(buffer.data)
    buffer.data, buffer.size, buffer.offset = None, len(values), 1
    buffer.offset = len(packed(model))
    (folder / "outside.tflite").write_bytes(packed(model) + values)
    return folder / "outside.tflite"


# --- whole models -----------------------------------------------------------------------------------------------------


def int8(*shape: int, scale: float = 0.1, zero_point: int = 0) -> Operand:
    """Return an int8 tensor that is no constant."""
    return Operand(shape, "int8", scale, zero_point)


def weighed(operator, codes, weights, axis, output_shape, drawn, dtype="int8", **options) -> bytes:
    """Return a model of an operator with weights; `drawn` are the numbers of it that may be anything.

    Args:
        operator: its name in schema.fbs.
        codes: its input, int8.
        weights: int8, or with `dtype` int4.
        axis: of the channels in the weights.
        output_shape: of its output.
        drawn: input scale, zero points of input and output, input scale * weight scale / output scale, activation,
            whether there is a scale for each channel, whether there is a bias, seed.
        dtype: of the weights.
        options: of the operator, see `build`.
    """
    scale, zero_point, output_zero_point, effective, activation, per_channel, has_bias, seed = drawn
    rng = np.random.default_rng(seed + 2)
    channels = weights.shape[axis]
    scales = rng.uniform(0.3, 1.0, channels if per_channel else 1).astype(np.float32) * np.float32(0.01)
    filters = Operand(weights.shape, dtype, scales, 0, axis, weights)
    inputs = [Operand(codes.shape, "int8", scale, zero_point), filters]
    if operator == "TRANSPOSE_CONV":  # shape of the output, weights, data
        inputs = [constant(np.array(output_shape, np.int32)), *inputs[::-1]]
    if has_bias or operator == "CONV_2D":  # which TFLite does not take without
        bias = rng.integers(-20_000, 20_000, channels, dtype=np.int32)
        inputs.append(constant(bias, np.float32(scale) * scales))
    output = Operand(output_shape, "int8", scale * 0.01 / effective, output_zero_point)
    return build(operator, inputs, output, fusedActivationFunction=activation, **options)


# --- in the integer network -------------------------------------------------------------------------------------------


def same_bytes(
    content: bytes, codes: np.ndarray, folder, *others: np.ndarray, kernels=OpResolverType.BUILTIN_REF
) -> np.ndarray:
    """Run a model of one operator both ways, check that no byte differs, and return its first output.

    Where the first axis counts pictures, more of them give more of the same.

    Args:
        content: of the file.
        codes: its input, in the shape that the file has.
        folder: for the file.
        others: further inputs.
        kernels: of TFLite.
    """
    path = folder / "one.tflite"
    path.write_bytes(content)
    network = load_network(path)
    inputs = [codes, *others]
    given = inputs if network.counted else [x.reshape(1, *with_pictures(x.shape)) for x in inputs]
    tensors = network.tensors(given)
    for output, expected in zip(network.outputs, run_all(content, *inputs, kernels=kernels), strict=True):
        found = tensors[output.index]
        if not network.counted:
            assert found.shape == (1, *with_pictures(expected.shape))
            found = found.reshape(expected.shape)
        assert found.dtype == expected.dtype and found.shape == expected.shape
        assert found.tobytes() == expected.tobytes(), f"{(found != expected).sum()} of {found.size} values differ"
    twice = network.tensors([np.concatenate([x, x[::-1]]) for x in given])
    for output in network.outputs:
        again = np.concatenate([tensors[output.index], tensors[output.index][::-1]])
        np.testing.assert_array_equal(twice[output.index], again)
    return tensors[network.output.index]


def refused(folder, content: bytes, why: str, kind: type[Exception] = Refused) -> None:
    """Check that the integer network refuses a model, or calls it `Unreadable`, and says why."""
    path = folder / "other.tflite"
    path.write_bytes(content)
    with pytest.raises(kind, match=why):
        load_network(path)
