"""Whether the contents of a .tflite file can be right: numbers of tensors that exist, values as many as a shape has.

What TFLite's own reader refuses is refused here too, with the name of the tensor or the operator
(tensorflow/lite/core/interpreter_builder.cc, `ParseQuantization` and `ParseTensors`), and so is what it takes on trust.
"""

import math
from collections.abc import Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from helpers.tflite import dtypes
from helpers.tflite.errors import Unreadable, Unsupported
from helpers.tflite.objects import OPERATORS, length, operator_code, operator_name, shape_of, stored, tensor_name

VERSION = 3  # of the schema, in every file since 2018
NEWER = "which is not known here: a newer ai-edge-litert may know it"
RANKS = {"CONV_2D": 4, "DEPTHWISE_CONV_2D": 4, "FULLY_CONNECTED": 2}  # axes of the weights


def check(model: schema.ModelT) -> None:
    """Look at all that is read as an index, a size or a number type.

    Raises:
        Unreadable: a number that cannot be right; the message has no full stop and does not name the file.
    """
    if model.version != VERSION:
        raise Unreadable(f"it is of version {model.version}; expected version {VERSION}")
    if not model.subgraphs:
        raise Unreadable("it has no graph")
    for number, graph in enumerate(model.subgraphs):
        try:
            _check_graph(model, graph)
        except Unreadable as problem:
            raise type(problem)(f"in graph {number}, {problem}" if number else str(problem)) from None


def _check_graph(model: schema.ModelT, graph: schema.SubGraphT) -> None:
    for index in range(len(graph.tensors)):
        try:
            _check_tensor(model, graph, graph.tensors[index])
        except Unreadable as problem:
            raise type(problem)(f"{tensor_name(graph, index)}, {problem}") from None
    for number, step in enumerate(graph.operators):
        _check_operator(model, graph, number, step)
    _check_indices(graph, graph.inputs, "it is given", optional=False)
    _check_indices(graph, graph.outputs, "it gives", optional=False)


# --- tensors ----------------------------------------------------------------------------------------------------------


def _check_tensor(model: schema.ModelT, graph: schema.SubGraphT, tensor: schema.TensorT) -> None:
    if tensor.type not in dtypes.DTYPES:
        raise Unsupported(f"has the number type {tensor.type}, {NEWER}")
    if any(axis < 0 for axis in shape_of(tensor)):
        raise Unreadable(f"has the shape {shape_of(tensor)}; expected no negative lengths")
    if tensor.externalBuffer:
        raise Unsupported(
            f"has its values in another file (external buffer {tensor.externalBuffer}), which is not read here: "
            "write the model as one file"
        )
    if tensor.buffer >= len(model.buffers):
        raise Unreadable(f"has its values in buffer {tensor.buffer}; there are {len(model.buffers)}")
    content = stored(model, tensor)
    if content is not None and tensor.sparsity is None:
        _check_size(tensor, content)
    if tensor.quantization is not None:
        _check_quantization(model, graph, tensor)


def _check_size(tensor: schema.TensorT, content: np.ndarray) -> None:
    """Compare the bytes of a constant with those that its shape and its type need."""
    dtype, count = dtypes.DTYPES[tensor.type], math.prod(shape_of(tensor))
    if dtype == "string":
        if (found := len(dtypes.texts(bytes(content)))) != count:
            raise Unreadable(f"has {found} texts where its shape {shape_of(tensor)} needs {count}")
    elif dtype not in dtypes.NO_NUMBERS and len(content) != (needed := dtypes.stored_bytes(dtype, count)):
        raise Unreadable(f"has {len(content):,} bytes where {dtype} {list(shape_of(tensor))} needs {needed:,}")


def _check_quantization(model: schema.ModelT, graph: schema.SubGraphT, tensor: schema.TensorT) -> None:
    """Compare the scales of a tensor with its zero points and its shape."""
    found = tensor.quantization
    if isinstance(found.details, schema.MultiAxisQuantizationT):
        raise Unsupported(
            "has scales along several axes (MultiAxisQuantization), which are not read here: quantize it with one "
            "scale, with one a channel, or in blocks"
        )
    if isinstance(found.details, schema.BlockwiseQuantizationT):
        _check_blocks(model, graph, tensor)
    elif length(found.scale):
        _check_scales(shape_of(tensor), found.quantizedDimension, length(found.scale), length(found.zeroPoint))


def _check_scales(shape: tuple[int, ...], axis: int, scales: int, zero_points: int) -> None:
    if zero_points not in (scales, 1):  # one for all saves bytes where TensorFlow Lite Micro is the only reader
        raise Unreadable(f"has {scales} scales and {zero_points} zero points; expected as many, or one")
    if axis < 0 or shape and axis >= len(shape):
        raise Unreadable(f"has its channels on axis {axis}; its shape is {shape}")
    if scales != 1 and (not shape or scales != shape[axis]):
        raise Unreadable(f"has {scales} scales; expected one, or one for each channel of axis {axis} of {shape}")


def _check_blocks(model: schema.ModelT, graph: schema.SubGraphT, tensor: schema.TensorT) -> None:
    """Compare the scales of blocks, which are a tensor of their own, with the shape."""
    blocks, shape = tensor.quantization.details, shape_of(tensor)
    if not 0 <= blocks.scales < len(graph.tensors):
        raise Unreadable(f"has its scales in tensor {blocks.scales}; there are {len(graph.tensors)}")
    scales = graph.tensors[blocks.scales]
    if (
        dtypes.DTYPES.get(scales.type) != "float16"
        or scales.buffer >= len(model.buffers)
        or stored(model, scales) is None
    ):
        raise Unreadable(f"has the scales of its blocks in tensor {blocks.scales}; expected a constant of float16")
    fitting = shape and blocks.blockSize > 0 and (*shape[:-1], -(-shape[-1] // blocks.blockSize))
    if shape_of(scales) != fitting:
        raise Unreadable(
            f"has {shape_of(scales)} scales for blocks of {blocks.blockSize} along the last axis of {shape}"
        )
    if blocks.zeroPoints > 0:  # 0 is what a field that was left out reads as
        raise Unsupported(
            f"has zero points for its blocks (tensor {blocks.zeroPoints}), which are not read here: quantize it "
            "symmetrically"
        )


# --- operators --------------------------------------------------------------------------------------------------------


def _check_operator(model: schema.ModelT, graph: schema.SubGraphT, number: int, step: schema.OperatorT) -> None:
    kinds = len(model.operatorCodes)
    if step.opcodeIndex >= kinds:
        raise Unreadable(f"operator {number} is of kind {step.opcodeIndex} in the file; there are {kinds}")
    if operator_code(model, step) not in OPERATORS:
        raise Unsupported(f"operator {number} is of kind {operator_code(model, step)} in schema.fbs, {NEWER}")
    who = f"operator {number}, {operator_name(model, step)},"
    _check_indices(graph, step.inputs, f"{who} reads", optional=True)
    _check_indices(graph, step.outputs, f"{who} makes", optional=False)
    for name, called in vars(step.builtinOptions).items() if step.builtinOptions is not None else ():
        if name.endswith("SubgraphIndex") and not 0 <= called < len(model.subgraphs):
            raise Unreadable(f"{who} calls graph {called}; there are {len(model.subgraphs)}")
    rank = RANKS.get(operator_name(model, step))
    if rank and not _has_weights(graph, step, rank):
        raise Unreadable(f"{who} needs data, weights of {rank} axes and an output, in shapes that go together")


def _has_weights(graph: schema.SubGraphT, step: schema.OperatorT, rank: int) -> bool:
    """Whether an operator that is given (data, weights, bias) has the first two, and all have their axes."""
    if len(step.inputs) < 2 or min(step.inputs[:2]) < 0 or len(step.outputs) < 1:
        return False
    data, weights, made = (len(shape_of(graph.tensors[i])) for i in (*step.inputs[:2], step.outputs[0]))
    return weights == rank and (rank == RANKS["FULLY_CONNECTED"] or data == made == rank)


def _check_indices(graph: schema.SubGraphT, indices: Sequence[int], what: str, optional: bool) -> None:
    """Look whether numbers are those of tensors; -1 stands for an input left out."""
    for index in indices:
        if not (0 <= index < len(graph.tensors) or optional and index == -1):
            raise Unreadable(f"{what} tensor {index}; there are {len(graph.tensors)}")
