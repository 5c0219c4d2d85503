"""The bytes of a .tflite file as the objects of its schema, checked once, so that nothing fails on them later.

A .tflite file is a FlatBuffer; its layout is schema.fbs in the TensorFlow source.  The reader for it comes with LiteRT.
It trusts every offset and every number, as does TFLite's interpreter; here they are looked at first (`checking`).
"""

import struct
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from helpers.tflite import checking
from helpers.tflite.errors import Unreadable, Unsupported

DAMAGE = (struct.error, IndexError, TypeError, ValueError, AttributeError, OverflowError, MemoryError)


def read_model(path: Path) -> schema.ModelT:
    """Parse a file; its lists are never None, and all its values lie inside, wherever the file has them.

    Raises:
        FileNotFoundError: there is no such file.
        Unreadable: the file is no .tflite model, or one with contents that cannot be right.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no model file {path}: run 02_convert, or converted.files(pets).")
    content = Path(path).read_bytes()
    if content[4:8] != b"TFL3":
        raise Unreadable(
            f"{Path(path).name} is no .tflite file: bytes 4 to 8 should be b'TFL3', found {content[4:8]!r}."
        )
    try:
        model = _parsed(content)
    except DAMAGE:  # an offset points outside the file
        raise Unreadable(
            f"{Path(path).name} is a broken .tflite file of {len(content):,} bytes: delete it and convert again."
        ) from None
    try:
        checking.check(model)
    except Unsupported as problem:
        raise Unsupported(f"{Path(path).name} cannot be read: {problem}.") from None
    except Unreadable as problem:
        raise Unreadable(f"{Path(path).name} cannot be read: {problem}. Convert or download it again.") from None
    return model


def _parsed(content: bytes) -> schema.ModelT:
    """Return the objects of a file; any of the errors in `DAMAGE` if its offsets lie outside."""
    if sum(_parts(content)) > len(content) // 4:  # each has an offset of four bytes
        raise ValueError
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    _fill_in(model, ("operatorCodes", "subgraphs", "buffers", "metadata"))
    for graph in model.subgraphs:
        _fill_in(graph, ("tensors", "operators", "inputs", "outputs"))
        for step in graph.operators:
            _fill_in(step, ("inputs", "outputs"))
            if step.largeCustomOptionsSize:
                step.customOptions = _outside(content, step.largeCustomOptionsOffset, step.largeCustomOptionsSize)
                step.largeCustomOptionsOffset = step.largeCustomOptionsSize = 0
    for buffer in model.buffers:
        if buffer.size:  # AI Edge Quantizer writes the values of large files behind the FlatBuffer
            buffer.data = _outside(content, buffer.offset, buffer.size)
            buffer.offset = buffer.size = 0
    return model


def _parts(content: bytes) -> list[int]:
    """Return how many entries the lists of a file say that they have."""
    model = schema.Model.GetRootAs(content)
    counts = [model.OperatorCodesLength(), model.BuffersLength(), model.MetadataLength(), model.SignatureDefsLength()]
    for i in range(model.SubgraphsLength()):
        counts += [1, model.Subgraphs(i).TensorsLength(), model.Subgraphs(i).OperatorsLength()]
    return counts


def _fill_in(part: object, lists: tuple[str, ...]) -> None:
    """Put empty lists where a file leaves them out."""
    for name in lists:
        if getattr(part, name) is None:
            setattr(part, name, [])


def _outside(content: bytes, offset: int, size: int) -> np.ndarray:
    """Return bytes that lie behind the FlatBuffer; ValueError where they end outside the file."""
    return np.frombuffer(content, np.uint8, size, offset)
