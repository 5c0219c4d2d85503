"""The scratch that TensorFlow Lite Micro's portable kernels ask for while an operator runs, in bytes.

A kernel that needs notes of its own asks for them before the first picture (`RequestScratchBufferInArena`), and gets a
place among the activations.  The sizes are those of the files named below, in tensorflow/lite/micro/kernels
(https://github.com/tensorflow/tflite-micro).  The other portable kernels ask for none, except for custom operators.
Kernels tuned for a processor, such as Arm's CMSIS-NN, ask for other sizes.
"""

import math
from collections.abc import Callable, Sequence

from helpers.tflite import dtypes, inspect
from helpers.tflite.inspect import Operator, Tensor

Tensors = Sequence[Tensor | None]
INT32, INT64, POINTER = 4, 8, 8  # bytes; a pointer has 4 on a board


def sizes(operator: Operator, read: Tensors, made: Tensors) -> list[int]:
    """Return the scratch buffers of an operator, in the order in which its kernel asks for them.

    Args:
        operator: of a file.
        read, made: the tensors that it reads (None for one left out) and makes.
    """
    if operator.name in SCRATCH and read and made and read[0] is not None:
        return [size for size in SCRATCH[operator.name](read, made) if size]
    return []


def _count(tensor: Tensor) -> int:
    return math.prod(tensor.shape)


def _sums(read: Tensors, made: Tensors) -> list[int]:
    """MEAN and SUM add up integers in int32, one for each output (reduce_common.cc); then see `_counters`."""
    return [INT32 * _count(made[0]) if read[0].dtype in ("int8", "int16") else 0, *_counters(read, made)]


def _counters(read: Tensors, made: Tensors) -> list[int]:
    """Reductions count through their input with one int32 for each axis, and note which axes go (reduce_common.cc)."""
    axes = read[1] if len(read) > 1 else None
    return [INT32 * len(read[0].shape), INT32 * _count(axes) if axes else 0]


def _mirrored(read: Tensors, made: Tensors) -> list[int]:
    """MIRROR_PAD notes a step for each axis of its output and its input (mirror_pad.cc)."""
    return 2 * [INT32 * len(read[0].shape)]


def _unpacked(read: Tensors, made: Tensors) -> list[int]:
    """Layers with int4 weights unpack them into int8 first (conv_common.cc and the like)."""
    return [_count(read[1])] if len(read) > 1 and read[1] and read[1].dtype == "int4" else []


def _spread(read: Tensors, made: Tensors) -> list[int]:
    """TRANSPOSE_CONV adds up in int32, and in int64 where activations are int16 (transpose_conv.cc).

    Its inputs are the shape of the output, weights, data and bias.
    """
    data, bias = (read[i] if len(read) > i else None for i in (2, 3))
    width = {"int8": INT32, "int16": INT64}.get(data.dtype if data else "", 0)
    converted = INT64 * _count(bias) if width == INT64 and bias and bias.dtype == "int16" else 0
    return [width * _count(made[0]), converted]


def _memory(read: Tensors, made: Tensors) -> list[int]:
    """SVDF: one number for each filter, and for integers one for each output (svdf_common.cc)."""
    filters = read[1].shape[0] if len(read) > 1 and read[1] and read[1].shape else 0
    batch = read[0].shape[0] if read[0].shape else 0
    return [INT32 * batch * filters, INT32 * _count(made[0]) if read[0].dtype == "int8" else 0]


def _gates(read: Tensors, made: Tensors) -> list[int]:
    """UNIDIRECTIONAL_SEQUENCE_LSTM: four times its cell state (unidirectional_sequence_lstm.cc)."""
    cell = read[19] if len(read) > 19 else None
    return 4 * [dtypes.stored_bytes(cell.dtype, _count(cell))] if cell and cell.dtype not in dtypes.NO_NUMBERS else []


def _pointers(read: Tensors, made: Tensors) -> list[int]:
    """ADD_N keeps where its inputs are (add_n.cc)."""
    return [POINTER * len(read)]


SCRATCH: dict[str, Callable[[Tensors, Tensors], list[int]]] = {
    "MEAN": _sums,
    "SUM": _sums,
    "REDUCE_MAX": _counters,
    "REDUCE_MIN": _counters,
    "REDUCE_ALL": _counters,
    "MIRROR_PAD": _mirrored,
    "TRANSPOSE_CONV": _spread,
    "SVDF": _memory,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _gates,
    "ADD_N": _pointers,
    **dict.fromkeys(inspect.WEIGHED, _unpacked),
}
