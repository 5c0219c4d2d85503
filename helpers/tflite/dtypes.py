"""The number types of .tflite files: their names, their bits, and what the bytes of a file stand for."""

import ml_dtypes
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from helpers.tflite.errors import Unreadable


def names(enumeration: type) -> dict[int, str]:
    """Return the names of an enumeration of the schema, {number: name}."""
    return {number: name for name, number in vars(enumeration).items() if not name.startswith("_")}


DTYPES = {number: name.lower() for number, name in names(schema.TensorType).items()}
PACKED = {"int4": 4, "int2": 2, "uint4": 4}  # types of which several values share a byte, and their bits
NO_NUMBERS = ("string", "resource", "variant")  # texts, and handles of what lives outside the tensors
BEYOND_NUMPY = {name: getattr(ml_dtypes, name) for name in ("bfloat16", "float8_e4m3fn", "float8_e5m2")}


def numpy_dtype(dtype: str) -> np.dtype:
    """Return NumPy's type for the values of a number type: int8 or uint8 for packed ones, ml_dtypes' for bfloat16.

    Raises:
        KeyError: texts and handles have none.
    """
    if dtype in NO_NUMBERS:
        raise KeyError(dtype)
    if dtype in PACKED:
        return np.dtype(np.uint8 if dtype.startswith("u") else np.int8)
    return np.dtype(BEYOND_NUMPY.get(dtype, dtype))


def stored_bytes(dtype: str, count: int) -> int:
    """Return how many bytes `count` values of a number type take in a file.

    Raises:
        KeyError: texts and handles have no size of their own.
    """
    bits = PACKED.get(dtype) or 8 * numpy_dtype(dtype).itemsize
    return -(-count * bits // 8)


def unpack(content: bytes, dtype: str) -> np.ndarray:
    """Return the values of a packed type, one a byte, [n]; in a byte of the file, the lowest bits come first.

    Args:
        content: of the tensor; where its values do not fill the last byte, zeros follow.
        dtype: "int4" (two values a byte, -8 to 7), "int2" (four, -2 to 1), both int8; or "uint4" (0 to 15), uint8.
    """
    bits = PACKED[dtype]
    parts = np.frombuffer(content, np.uint8)[:, None] >> np.arange(0, 8, bits) & (2**bits - 1)
    if dtype.startswith("u"):
        return parts.astype(np.uint8).ravel()
    half = 2 ** (bits - 1)
    return ((parts ^ half).astype(np.int8) - half).astype(np.int8).ravel()  # two's complement


def flat_values(content: bytes, dtype: str) -> np.ndarray:
    """Return the values that bytes of a file stand for, [n]; texts as Python's bytes.

    Raises:
        Unreadable: a list of texts has offsets that point outside it, or the last value is not whole.
    """
    if dtype == "string":
        return np.array(texts(content), object)
    if dtype in PACKED:
        return unpack(content, dtype)
    if len(content) % numpy_dtype(dtype).itemsize:
        raise Unreadable(f"has {len(content)} bytes, which are no whole number of {dtype} values")
    return np.frombuffer(content, numpy_dtype(dtype))


def texts(content: bytes) -> list[bytes]:
    """Return the strings of a tensor: their count, where each begins and the last ends, then their letters.

    As TFLite writes them (string_util.h in the source of TensorFlow Lite); all numbers are int32.

    Raises:
        Unreadable: the offsets do not lie in the bytes, or not in order.
    """
    count = int.from_bytes(content[:4], "little", signed=True)
    header = 4 * (count + 2)
    if count < 0 or header > len(content):
        raise Unreadable(f"says that it has {count} texts, which its {len(content)} bytes cannot hold")
    places = np.frombuffer(content, np.int32, count + 1, 4).tolist()
    if places != sorted(places) or places[0] < header or places[-1] > len(content):
        raise Unreadable("has texts that lie outside of it")
    return [content[begin:end] for begin, end in zip(places, places[1:], strict=False)]
