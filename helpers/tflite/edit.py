"""The same .tflite file with something changed: other values, more outputs, all values inside."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from helpers.tflite import inspect
from helpers.tflite.dtypes import DTYPES, PACKED, numpy_dtype
from helpers.tflite.objects import operator_name, stored


def replace_weights(path: Path, change: Callable[[inspect.Tensor], np.ndarray]) -> bytes:
    """Return a .tflite file with other values in its weights; shapes, types and everything else stay as they are.

    Args:
        path: a .tflite file.
        change: gets a tensor of weights and returns its new values, in the same shape; they are stored in the type of
            the old ones.

    Raises:
        FileNotFoundError, Unreadable: see `inspect.read_model`.
        ValueError: the new values have another shape, or do not go into the type.
        Uneditable: the weights are sparse.
    """
    return with_values(path, change, "weights")


class Uneditable(ValueError):
    """A .tflite file that cannot be changed in the way that was asked for; the message says why."""


def with_values(path: Path, change: Callable[[inspect.Tensor], np.ndarray], role: str) -> bytes:
    """Return a .tflite file with other values in the constant tensors of a role; see `replace_weights`."""
    chosen = {tensor.index: tensor for tensor in inspect.tensors(path) if tensor.role == role}
    for tensor in chosen.values():
        if tensor.stored is not None:
            raise Uneditable(
                f"{tensor.name} is sparse or a list of texts: other values need another number of bytes. Convert the "
                "model without sparse weights."
            )
    content = bytearray(Path(path).read_bytes())
    model = schema.Model.GetRootAs(content)
    for index, tensor in chosen.items():
        values = np.asarray(change(tensor))
        if values.shape != tensor.shape:
            raise ValueError(f"{tensor.name} has the shape {tensor.shape}; found new values of shape {values.shape}.")
        buffer = model.Buffers(model.Subgraphs(0).Tensors(index).Buffer())
        if buffer.Size():  # behind the FlatBuffer
            place = np.frombuffer(content, np.uint8, buffer.Size(), buffer.Offset())
        else:
            place = buffer.DataAsNumpy()  # a view into `content`, as is the other
        packed = pack if tensor.dtype in PACKED else lambda v, dtype: v.astype(numpy_dtype(dtype)).tobytes()
        place[:] = np.frombuffer(packed(values, tensor.dtype), np.uint8)
    return bytes(content)


def pack(values: np.ndarray, dtype: str) -> bytes:
    """Return what `inspect.unpack` takes, for integers that the type can hold, in any shape.

    Raises:
        ValueError: a value is too large or too small for the type.
    """
    bits, values = PACKED[dtype], np.ravel(values)
    low = 0 if dtype.startswith("u") else -(2 ** (bits - 1))
    high = low + 2**bits - 1
    if values.size and not low <= values.min() <= values.max() <= high:
        raise ValueError(f"{dtype} holds {low} to {high}; found {values.min()} to {values.max()}.")
    padded = np.zeros(-(-values.size * bits // 8) * (8 // bits), np.uint8)
    padded[: values.size] = values.astype(np.int8).view(np.uint8) & (2**bits - 1)
    shifted = padded.reshape(-1, 8 // bits) << np.arange(0, 8, bits, dtype=np.uint8)
    return np.bitwise_or.reduce(shifted, axis=1).tobytes()


def excerpt(path: Path, step: int | None = None) -> bytes:
    """Return a copy of a file with more outputs: the same network, with what every operator makes as an output.

    Handles of variables, which are no values, are left out.

    Args:
        path: a .tflite file.
        step: the number of an operator: the copy then has this one only, with its activations as inputs.

    Raises:
        FileNotFoundError, Unreadable: see `inspect.read_model`; Unreadable too if there is no such operator.
        Uneditable: the operator reads a variable, which others set.
    """
    model = inspect.read_model(path)
    graph = model.subgraphs[0]
    handles = {i for i, tensor in enumerate(graph.tensors) if DTYPES[tensor.type] in ("resource", "variant")}
    if step is not None:
        graph.operators = [inspect.numbered(graph.operators, step, path)]
        read = [i for i in dict.fromkeys(map(int, graph.operators[0].inputs)) if i >= 0]
        if handles & set(read):
            name = operator_name(model, graph.operators[0])
            raise Uneditable(
                f"Operator {step} of {Path(path).name}, {name}, cannot stand alone: it reads a variable that other "
                "operators set. Take the whole file, or an operator that reads none."
            )
        constant = {i for i in read if stored(model, graph.tensors[i]) is not None or graph.tensors[i].isVariable}
        graph.inputs = [i for i in read if i not in constant]
    made = dict.fromkeys(int(i) for operator in graph.operators for i in operator.outputs)
    graph.outputs = [i for i in made if i not in handles]
    model.signatureDefs = []  # they name the old inputs and outputs
    return packed(model)


def self_contained(path: Path) -> bytes:
    """Return the same model with all values inside the FlatBuffer, where TensorFlow Lite Micro looks for them.

    AI Edge Quantizer writes those of files above 256 KB behind it.  TensorFlow Lite Micro does not find them there,
    takes the weights for activations, and answers nonsense without a word.
    """
    return packed(inspect.read_model(path))


def packed(model: schema.ModelT) -> bytes:
    """Return a model as the bytes of a .tflite file."""
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


# --- what goes into the flash -------------------------------------------------------------------------------------


def flash_image(path: Path) -> bytes:
    """Return the bytes of a .tflite file as they go into a board's flash: all values inside the FlatBuffer.

    That is the file itself, but for large files of AI Edge Quantizer: see `self_contained`.

    Raises:
        FileNotFoundError, Unreadable: see `inspect.read_model`.
    """
    whole = self_contained(path)  # says what is wrong with a file
    content = Path(path).read_bytes()
    model = schema.Model.GetRootAs(content)
    outside = any(model.Buffers(i).Size() for i in range(model.BuffersLength()))
    return whole if outside else content


@contextlib.contextmanager
def flashed(path: Path) -> Iterator[Path]:
    """Give a file of the same name for a while, with the bytes that go into the flash; see `flash_image`."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / Path(path).name
        image.write_bytes(flash_image(path))
        yield image
