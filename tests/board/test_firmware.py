"""The array in C++ is the file, read back and compiled; the operators are registered under the names that there are."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.lite.python import util

import odd_files
from helpers.base import data
from helpers.board import firmware
from helpers.pictures import conventions
from helpers.tflite import edit, inspect, interpreter
from needs import needs_micro
from one_operator import Operand, build, values_outside

pytest_plugins = ["tiny"]

RESIDUAL = data.project() / "data" / "checkpoints" / "residual_cnn_int8.tflite"

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler")

# Writes the array to standard output, and says where it begins and how long it is.
PROGRAM = """
#include <cstdint>
#include <cstdio>
#include "NAME.h"
int main() {
  std::fprintf(stderr, "%d %d", static_cast<int>(reinterpret_cast<std::uintptr_t>(NAME) % 4), NAME_len);
  return std::fwrite(NAME, 1, NAME_len, stdout) == static_cast<std::size_t>(NAME_len) ? 0 : 1;
}
"""


# --- the array --------------------------------------------------------------------------------------------------------


def array(source: str) -> bytes:
    """Return the bytes of the array in a C++ source, as many as it says."""
    values, length = re.search(
        r"const unsigned char \w+\[\][^{]*\{([^}]*)\};\s*const int \w+_len = (\d+);", source
    ).groups()
    content = bytes(int(value, 16) for value in re.findall(r"0x[0-9a-f]{2}\b", values))
    assert len(content) == int(length)
    return content


def test_the_array_is_the_file(tiny, tmp_path):
    written = firmware.write(tiny["int8"], tmp_path)
    content = tiny["int8"].read_bytes()
    assert array(written.source.read_text()) == content
    assert written.bytes == len(content) and written.text_bytes == written.source.stat().st_size
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model_data.cc", "model_data.h"]
    assert 'include "model_data.h"' in written.source.read_text()
    assert "extern const unsigned char model_data[];" in written.header.read_text()


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=1, max_size=300))
def test_the_source_is_the_one_that_tensorflow_writes(content):
    """Byte for byte, with every number of bytes in the last line; its writer has no public name."""
    options = {"include_guard": "SOME_H_", "include_path": "some.h"}
    assert firmware._source(content, "some") == util.convert_bytes_to_c_source(content, "some", **options)
    assert array(firmware._source(content, "some")[0]) == content


@needs_compiler
def test_the_compiled_array_is_the_file(tiny, tmp_path):
    firmware.write(tiny["int8"], tmp_path, "network")
    (tmp_path / "main.cc").write_text(PROGRAM.replace("NAME", "network"))
    command = ["g++", "-Wall", "-Wextra", "-Werror", "main.cc", "network.cc", "-o", "program"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    done = subprocess.run([tmp_path / "program"], capture_output=True, check=True, timeout=10)
    assert done.stdout == tiny["int8"].read_bytes()
    assert done.stderr.decode() == f"0 {len(done.stdout)}", "the array begins at a multiple of 4"


def test_values_behind_the_flatbuffer_are_in_the_array(tiny, tmp_path):
    outside = values_outside(tiny["int8"], tmp_path)
    written = firmware.write(outside)
    assert written.source.parent == tmp_path / "firmware"
    assert array(written.source.read_text()) == edit.flash_image(outside) != outside.read_bytes()


@pytest.mark.parametrize("name", ["", "2nd", "model-data", "a b", "a;"])
def test_a_name_that_cxx_does_not_allow_is_refused(name, tiny, tmp_path):
    with pytest.raises(ValueError, match=f"letters, digits and underscores for the array; found '{name}'"):
        firmware.write(tiny["int8"], tmp_path / "new", name)
    assert not (tmp_path / "new").exists()


def test_what_is_missing_or_no_model_is_named(tmp_path):
    (tmp_path / "some.tflite").write_bytes(b"no model at all")
    for needed in (firmware.write, firmware.methods):
        with pytest.raises(FileNotFoundError, match="no model file .*none.tflite"):
            needed(tmp_path / "none.tflite")
        with pytest.raises(ValueError, match="some.tflite is no .tflite file"):
            needed(tmp_path / "some.tflite")
    assert not (tmp_path / "firmware").exists()


def test_an_excerpt_shows_both_ends(tiny, tmp_path):
    written = firmware.write(tiny["int8"], tmp_path)
    lines = firmware.excerpt(written.source, 2).split("\n")
    assert lines[0].startswith("const unsigned char model_data[]") and "0x54, 0x46, 0x4c, 0x33" in lines[1]  # TFL3
    hidden = int(re.search(r"([\d,]+) more lines", lines[3])[1].replace(",", ""))
    assert hidden == sum("0x" in line for line in written.source.read_text().splitlines()) - 4
    assert lines[-2:] == ["};", f"const int model_data_len = {written.bytes};"]
    assert "more lines" not in firmware.excerpt(written.source, 10**6)


# --- the operators ----------------------------------------------------------------------------------------------------


def test_each_operator_is_registered_once(tiny):
    assert firmware.methods(tiny["int8"]) == ["AddConv2D", "AddMean", "AddFullyConnected", "AddSoftmax"]


def test_an_operator_that_is_not_there_is_named(tmp_path):
    path = tmp_path / "power.tflite"
    path.write_bytes(build("POW", [Operand((1, 2), "float32"), Operand((1, 2), "float32")], Operand((1, 2), "float32")))
    with pytest.raises(ValueError, match=r"^power.tflite uses POW, which TensorFlow Lite Micro does not have: build"):
        firmware.methods(path)


def builtin() -> dict[str, str]:
    """The operators of the schema, {name without underscores: name}."""
    return {name.replace("_", "").lower(): name for name in inspect.OPERATORS.values()}


def test_every_method_belongs_to_one_operator():
    assert len(firmware.ADD) == len(firmware.METHODS.split()) > 90
    assert set(firmware.ADD) <= set(builtin())
    assert len(builtin()) == len(inspect.OPERATORS), "no two operators differ in underscores alone"
    assert firmware.ADD[firmware._key("MAX_POOL_2D")] == "AddMaxPool2D"
    assert firmware.ADD[firmware._key("CUMSUM")] == "AddCumSum"


def library() -> bytes:
    """The library of TensorFlow Lite Micro, with the names of its functions in it."""
    (folder,) = importlib.util.find_spec("tflite_micro").submodule_search_locations
    (path,) = Path(folder).rglob("_runtime*.so")
    return path.read_bytes()


@needs_micro
def test_tensorflow_lite_micro_has_what_is_registered():
    """Its library has a function Register_CONV_2D for CONV_2D, and so on."""
    there = set(re.findall(rb"Register_([A-Z0-9_]+)Ev", library()))
    wanted = {builtin()[key].encode() for key in firmware.ADD}
    assert there, "the names of the functions are in the library"
    assert wanted <= there


@needs_micro
def test_the_methods_are_written_as_tensorflow_lite_micro_writes_names():
    """Most operators have a function Parse... in its library, with the same letters large and small."""
    names = {name.decode() for name in re.findall(rb"\dParse([A-Z][A-Za-z0-9]+?)EPKNS", library())}
    there = {name.lower(): name for name in names}
    known = {key: method for key, method in firmware.ADD.items() if key in there}
    assert len(known) > 80
    odd = {method for key, method in known.items() if method != f"Add{there[key]}"}
    assert odd == {"AddCumSum"}, "which the library writes ParseCumsum"


# --- the program ------------------------------------------------------------------------------------------------------

# What the program calls of TensorFlow Lite Micro, as its headers declare it; the library itself is in no registry.
STUBS = {
    "micro_interpreter.h": """
#pragma once
#include <cstddef>
#include <cstdint>
enum TfLiteStatus { kTfLiteOk, kTfLiteError };
struct TfLiteTensor { union { int8_t *int8; float *f; } data; size_t bytes; };
namespace tflite {
struct Model;
struct MicroOpResolver {};
struct MicroInterpreter {
  MicroInterpreter(const Model *, const MicroOpResolver &, uint8_t *, size_t);
  TfLiteStatus AllocateTensors();
  TfLiteStatus Invoke();
  TfLiteTensor *input(size_t);
  TfLiteTensor *output(size_t);
};
}
""",
    "micro_mutable_op_resolver.h": """
#pragma once
#include "micro_interpreter.h"
namespace tflite {
template <unsigned N> struct MicroMutableOpResolver : MicroOpResolver { METHODS };
}
""",
    "schema_generated.h": """
#pragma once
#include "../micro/micro_interpreter.h"
namespace tflite { const Model *GetModel(const void *); }
""",
}


@needs_compiler
def test_the_program_compiles_against_the_declarations(tmp_path):
    text = firmware.program(RESIDUAL, 128_272)
    declared = " ".join(f"TfLiteStatus {method}();" for method in firmware.methods(RESIDUAL))
    for name, content in STUBS.items():
        place = tmp_path / "tensorflow" / "lite" / ("schema" if "schema" in name else "micro") / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content.replace("METHODS", declared))
    firmware.write(RESIDUAL, tmp_path)
    (tmp_path / "main.cc").write_text(text)
    command = ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I.", "main.cc"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_the_program_is_made_for_its_file():
    text = firmware.program(RESIDUAL, 128_272, "pets")
    assert "arena[129024];" in text and 129024 % 1024 == 0 and 129024 - 128_272 < 1024
    assert "// 96 x 96 x 3 bytes" in text and '#include "pets.h"' in text
    assert f"MicroMutableOpResolver<{len(firmware.methods(RESIDUAL))}>" in text


def test_the_bytes_of_a_picture_become_codes_by_a_subtraction():
    """What the program does with a picture is what the interpreter's input asks for, for each of the 256 bytes."""
    (entry,) = (tensor for tensor in inspect.tensors(RESIDUAL) if tensor.role == "input")
    every = np.arange(256, dtype=np.uint8)
    codes = interpreter.quantize_input(conventions.normalise(every), entry.details)
    np.testing.assert_array_equal(codes, every.astype(np.int32) - 128)
    assert "data.int8[i] = picture[i] - 128;" in firmware.program(RESIDUAL, 1)


def test_a_file_whose_input_is_no_picture_in_int8_gets_no_program(tiny):
    with pytest.raises(ValueError, match="Expected an int8 input with a scale of 1/255 .*; found float32"):
        firmware.program(tiny["float32"], 1000)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (odd_files.loop, r"Expected one input in odd.tflite, a picture; found 2"),
        (odd_files.small, r"Expected an int8 input .* in odd.tflite; found int8 with \(0.5, 0\)"),
        (odd_files.READ["open batch"], r"Expected an int8 input .* in odd.tflite; found float32\. Convert"),
    ],
)
def test_a_file_that_takes_no_picture_of_int8_gets_no_program(made, why, tmp_path):
    (tmp_path / "odd.tflite").write_bytes(odd_files.content(made))
    with pytest.raises(firmware.NoProgram, match=why):
        firmware.program(tmp_path / "odd.tflite", 1000)


def test_the_size_of_the_picture_is_that_of_the_input(tmp_path):
    assert firmware.picture_size(RESIDUAL) == 96
    path = tmp_path / "odd.tflite"
    for made, takes in ((odd_files.small, r"\[1, 6, 6, 2\]"), (odd_files.loop, r"\[1\] and \[1, 4\]")):
        path.write_bytes(odd_files.content(made))
        with pytest.raises(firmware.NoProgram, match=rf"\[1, size, size, 3\], in odd.tflite; it takes {takes}"):
            firmware.picture_size(path)
    path.write_bytes(edit.excerpt(RESIDUAL))
    with pytest.raises(firmware.NoProgram, match=r"Expected one output in odd.tflite, for the classes; found \d+"):
        firmware.picture_size(path)


def test_operators_of_all_graphs_are_registered(tmp_path):
    path = tmp_path / "loop.tflite"
    path.write_bytes(odd_files.content(odd_files.loop))
    assert firmware.methods(path) == ["AddWhile", "AddLess", "AddAdd"]
