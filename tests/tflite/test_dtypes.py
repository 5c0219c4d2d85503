"""Number types: the bytes of a file as TFLite's interpreter reads them, and those that NumPy does not have."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given
from hypothesis import strategies as st

import odd_files
from helpers.tflite import dtypes, inspect
from helpers.tflite.errors import Unreadable


def test_texts_are_those_that_tflite_looks_up():
    ready = Interpreter(model_content=odd_files.content(odd_files.texts))
    ready.allocate_tensors()
    found = []
    for number in range(3):
        ready.set_tensor(ready.get_input_details()[0]["index"], np.int32([number]))
        ready.invoke()
        found += ready.get_tensor(ready.get_output_details()[0]["index"]).tolist()
    assert found == [b"cat", b"", b"dog"] == dtypes.texts(odd_files.spelled([b"cat", b"", b"dog"]))


@given(st.lists(st.binary(max_size=9), max_size=6))
def test_texts_come_back(written):
    assert dtypes.texts(odd_files.spelled(written)) == written


@given(st.lists(st.binary(max_size=5), min_size=1, max_size=4), st.integers(0, 9), st.integers(0, 255))
def test_texts_with_a_changed_byte_are_texts_or_refused(written, place, value):
    content = bytearray(odd_files.spelled(written))
    content[place % len(content)] = value
    try:
        assert all(isinstance(one, bytes) for one in dtypes.texts(bytes(content)))
    except Unreadable as problem:
        assert "texts" in str(problem)


def test_every_type_of_the_schema_is_known(tmp_path):
    path = tmp_path / "types.tflite"
    path.write_bytes(odd_files.content(odd_files.every_type))
    held = {t.dtype: t for t in inspect.tensors(path) if t.role == "constant"}
    assert set(held) | {"string", "resource", "variant"} == set(odd_files.TYPES) == set(dtypes.DTYPES.values())
    for dtype, t in held.items():
        assert t.data.shape == (3,) and not t.data.astype(bool).any()
        assert (
            t.nbytes
            == dtypes.stored_bytes(dtype, 3)
            == (2 if dtype in ("int4", "uint4") else 1 if dtype == "int2" else t.data.nbytes)
        )


@pytest.mark.parametrize(
    ("dtype", "codes", "expected"),
    [
        ("bfloat16", bytes([0x80, 0x3F, 0x40, 0xC0, 0, 0]), [1, -3, 0]),  # the upper halves of float32
        ("float8_e4m3fn", bytes([0x38, 0xC4, 0x7E]), [1, -3, 448]),  # 448 is its largest number
        ("float8_e5m2", bytes([0x3C, 0xC2, 0x7B]), [1, -3, 57344]),
        ("uint4", bytes([0x1F, 0x08]), [15, 1, 8, 0]),
        ("bool", bytes([1, 0, 1]), [True, False, True]),
    ],
)
def test_types_that_numpy_does_not_have(dtype, codes, expected):
    """By hand, from the sign, exponent and fraction of each format."""
    assert dtypes.flat_values(codes, dtype).astype(np.float32).tolist() == expected


def test_what_has_no_size_has_no_type():
    for dtype in dtypes.NO_NUMBERS:
        with pytest.raises(KeyError):
            dtypes.numpy_dtype(dtype)
    with pytest.raises(Unreadable, match="has 5 bytes, which are no whole number of float32 values"):
        dtypes.flat_values(bytes(5), "float32")
