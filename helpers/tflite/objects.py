"""What is asked of the objects of the schema: names as text, shapes as tuples, the values of a constant."""

import math

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from helpers.tflite import dtypes, sparse
from helpers.tflite.errors import Unreadable

OPERATORS = dtypes.names(schema.BuiltinOperator)


def text(name: bytes | str | None) -> str:
    """Return a string of the schema; letters that are no UTF-8 become question marks."""
    return name.decode(errors="replace") if isinstance(name, bytes) else (name or "")


def length(values) -> int:
    """Return how many values a FlatBuffer's list has; none if the list was left out."""
    return 0 if values is None else len(values)


# --- operators --------------------------------------------------------------------------------------------------------


def operator_code(model: schema.ModelT, step: schema.OperatorT) -> int:
    """Return the number of an operator's kind; old files have it in a field of one byte."""
    code = model.operatorCodes[step.opcodeIndex]
    return max(code.builtinCode, code.deprecatedBuiltinCode)


def operator_name(model: schema.ModelT, step: schema.OperatorT) -> str:
    """Return the name of an operator's kind as in schema.fbs; of a custom one "CUSTOM" and its own name."""
    name = OPERATORS[operator_code(model, step)]
    return f"{name} {text(model.operatorCodes[step.opcodeIndex].customCode)}".strip() if name == "CUSTOM" else name


# --- tensors ----------------------------------------------------------------------------------------------------------


def tensor_name(graph: schema.SubGraphT, index: int) -> str:
    """Return a tensor's number and name for a message."""
    name = text(graph.tensors[index].name)
    return f"tensor {index}, {name!r}" if name else f"tensor {index}"


def shape_of(tensor: schema.TensorT) -> tuple[int, ...]:
    """Return the shape of a tensor; () for a single number."""
    return () if tensor.shape is None else tuple(int(length) for length in tensor.shape)


def stored(model: schema.ModelT, tensor: schema.TensorT) -> np.ndarray | None:
    """Return the bytes of a constant tensor, uint8 [n]; None for a computed one, whose buffer is 0 or empty."""
    data = model.buffers[tensor.buffer].data
    return data if tensor.buffer and length(data) else None


def values(model: schema.ModelT, graph: schema.SubGraphT, index: int) -> np.ndarray | None:
    """Return the values of a constant tensor in its shape, None for one that is computed, and for a handle.

    Those of packed types come one a byte, texts as Python's bytes, and sparse ones with their zeros.

    Raises:
        Unreadable: sparse values or texts that do not fit the shape.
    """
    tensor = graph.tensors[index]
    content, dtype, shape = stored(model, tensor), dtypes.DTYPES[tensor.type], shape_of(tensor)
    if content is None or dtype in ("resource", "variant"):
        return None
    try:
        flat = dtypes.flat_values(bytes(content), dtype)
        if tensor.sparsity is not None:
            return sparse.densify(flat, shape, tensor.sparsity)
    except Unreadable as problem:
        raise Unreadable(f"{tensor_name(graph, index)}, {problem}") from None
    return flat[: math.prod(shape)].reshape(shape)  # a last byte that is not full has more values
