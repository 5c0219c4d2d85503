"""The model as a microcontroller gets it: an array in C++ source, its operators, and the program around them.

A microcontroller has no files.  So a .tflite file becomes the source of a constant array, which the compiler puts into
the flash; the program hands it to TensorFlow Lite Micro, with a resolver that knows the kernels of the network's
operators and no others, so that those that nobody needs take no flash.
"""

import dataclasses
import re
import string
from pathlib import Path

import numpy as np

from helpers.base import artifacts
from helpers.tflite import edit, inspect

KILO = 1024
NAME = "model_data"  # of the array and of its files
BYTES_IN_A_LINE = 13

# What TensorFlow 2.21 writes (`convert_bytes_to_c_source`, in its private module tensorflow.lite.python.util).
_NOTE = """
// This is a TensorFlow Lite model file that has been converted into a C data
// array using the tensorflow.lite.util.convert_bytes_to_c_source() function.
// This form is useful for compiling into a binary for devices that don't have a
// file system.
"""
SOURCE = string.Template(f"""{_NOTE}
#include "$name.h"

// We need to keep the data array aligned on some architectures.
#ifdef __has_attribute
#define HAVE_ATTRIBUTE(x) __has_attribute(x)
#else
#define HAVE_ATTRIBUTE(x) 0
#endif
#if HAVE_ATTRIBUTE(aligned) || (defined(__GNUC__) && !defined(__clang__))
#define DATA_ALIGN_ATTRIBUTE __attribute__((aligned(4)))
#else
#define DATA_ALIGN_ATTRIBUTE
#endif

const unsigned char $name[] DATA_ALIGN_ATTRIBUTE = {{
$values}};
const int ${{name}}_len = $length;
""")
HEADER = string.Template(f"""

{_NOTE}
#ifndef $guard
#define $guard

extern const unsigned char $name[];
extern const int ${{name}}_len;

#endif  // $guard
""")

# The calls are those of tensorflow/lite/micro/examples/hello_world (https://github.com/tensorflow/tflite-micro).
PROGRAM = string.Template("""\
#include "$name.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"

alignas(16) static uint8_t arena[$arena];  // activations, and what the interpreter keeps
static tflite::MicroMutableOpResolver<$operators> resolver;
static tflite::MicroInterpreter *network;

bool begin() {  // once: register the operators, give every tensor its place
$register
  static tflite::MicroInterpreter interpreter(tflite::GetModel($name), resolver, arena, sizeof(arena));
  network = &interpreter;
  return network->AllocateTensors() == kTfLiteOk;
}

const int8_t *classify(const uint8_t *picture) {  // $shape bytes of red, green and blue
  TfLiteTensor *input = network->input(0);
  for (size_t i = 0; i < input->bytes; i++) input->data.int8[i] = picture[i] - 128;
  if (network->Invoke() != kTfLiteOk) return nullptr;
  return network->output(0)->data.int8;  // the larger code is the answer
}
""")
BYTE = (1 / 255, -128)  # scale and zero point with which the byte of a pixel becomes a code by a subtraction

# The methods Add... of MicroMutableOpResolver, from micro_mutable_op_resolver.h and python_ops_resolver.cc
# (https://github.com/tensorflow/tflite-micro).  Each is named like its operator, in its own mixture of cases.
METHODS = """
    Abs Add AddN ArgMax ArgMin AssignVariable AveragePool2D BatchMatMul BatchToSpaceNd BroadcastArgs BroadcastTo
    CallOnce Cast Ceil Concatenation Conv2D Cos CumSum DepthToSpace DepthwiseConv2D Dequantize Div DynamicUpdateSlice
    Elu EmbeddingLookup Equal Exp ExpandDims Fill Floor FloorDiv FloorMod FullyConnected Gather GatherNd Greater
    GreaterEqual HardSwish If L2Normalization L2Pool2D LeakyRelu Less LessEqual Log LogicalAnd LogicalNot LogicalOr
    Logistic LogSoftmax Maximum MaxPool2D Mean Minimum MirrorPad Mul Neg NotEqual Pack Pad PadV2 Prelu Quantize
    ReadVariable ReduceAll ReduceMax ReduceMin Relu Relu6 Reshape ResizeBilinear ResizeNearestNeighbor ReverseV2 Round
    Rsqrt SelectV2 Shape Sin Slice Softmax SpaceToBatchNd SpaceToDepth Split SplitV Sqrt Square SquaredDifference
    Squeeze StridedSlice Sub Sum Svdf Tanh Transpose TransposeConv UnidirectionalSequenceLSTM Unpack VarHandle While
    ZerosLike
"""

ADD = {method.lower(): f"Add{method}" for method in METHODS.split()}


class NoProgram(ValueError):
    """A .tflite file for which there is no program with TensorFlow Lite Micro; the message says what would have one."""


# --- the array ------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class CArray:
    """A model as C++ source.

    Attributes:
        source, header: the files `.cc` and `.h`.
        bytes: of the array, which is what the model takes in the flash.
        text_bytes: of the source, which never leaves the computer.
    """

    source: Path
    header: Path
    bytes: int
    text_bytes: int


def write(path: Path, folder: Path | None = None, name: str = NAME) -> CArray:
    """Write a .tflite file as the source of an array, just as TensorFlow's own writer does.

    Args:
        path: a .tflite file; what goes into the array is `edit.flash_image` of it.
        folder: for the two files; by default `firmware/` beside the model.
        name: of the array and of the files; the array's length is `<name>_len`.

    Raises:
        FileNotFoundError, Unreadable: see `inspect.read_model`.
        ValueError: the name is none that C++ allows.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError(f"Expected a name of letters, digits and underscores for the array; found {name!r}.")
    image, folder = edit.flash_image(path), Path(folder or Path(path).parent / "firmware")
    texts = dict(zip((".cc", ".h"), _source(image, name), strict=True))
    for suffix, text in texts.items():
        with artifacts.atomic(folder / f"{name}{suffix}") as part:
            part.write_text(text, "ascii")
    return CArray(folder / f"{name}.cc", folder / f"{name}.h", len(image), len(texts[".cc"]))


def _source(image: bytes, name: str) -> tuple[str, str]:
    """Return source and header of an array: bytes in hexadecimal, `BYTES_IN_A_LINE` in each line."""
    lines = (image[i : i + BYTES_IN_A_LINE] for i in range(0, len(image), BYTES_IN_A_LINE))
    values = "".join("   " + "".join(f" 0x{byte:02x}," for byte in line) + "\n" for line in lines)
    source = SOURCE.substitute(name=name, values=values, length=len(image))
    return source, HEADER.substitute(name=name, guard=f"{name.upper()}_H_")


def excerpt(source: Path, lines: int = 3) -> str:
    """Return the declaration of the array in a source, its first and its last lines of bytes, and its length."""
    text = Path(source).read_text("ascii").splitlines()
    first = next(i for i, line in enumerate(text) if line.startswith("const unsigned char"))
    last = next(i for i in range(first, len(text)) if text[i].startswith("};"))
    hidden = last - first - 1 - 2 * lines
    if hidden <= 0:
        return "\n".join(text[first:])
    return "\n".join([*text[first : first + 1 + lines], f"    // {hidden:,} more lines", *text[last - lines :]])


# --- the operators --------------------------------------------------------------------------------------------------


def methods(path: Path) -> list[str]:
    """Return the methods that register the operators of a .tflite file, in the order of their first use.

    Raises:
        FileNotFoundError, Unreadable: see `inspect.read_model`.
        NoProgram: TensorFlow Lite Micro has no such operator.
    """
    names = list(dict.fromkeys(step.name for graph in inspect.graphs(path) for step in graph.operators))
    if missing := [name for name in names if not known(name)]:
        raise NoProgram(
            f"{Path(path).name} uses {', '.join(missing)}, which TensorFlow Lite Micro does not have: "
            "build the network without it, from operators in firmware.METHODS."
        )
    return [ADD[_key(name)] for name in names]


def known(operator: str) -> bool:
    """Return whether TensorFlow Lite Micro has an operator; a custom one is not among those with a name there."""
    return _key(operator) in ADD


def _key(operator: str) -> str:
    """Return the name of an operator without what the methods write otherwise: 'CONV_2D' becomes 'conv2d'."""
    return operator.replace("_", "").lower()


# --- the program ----------------------------------------------------------------------------------------------------


def picture_size(path: Path) -> int:
    """Return how many pixels the side of the picture has that a file takes, [1, size, size, 3], to give one answer.

    Raises:
        FileNotFoundError, Unreadable: see `inspect.read_model`.
        NoProgram: it takes or gives something else.
    """
    main = inspect.graphs(path)[0]
    shapes = [list(main.tensors[i].shape) for i in main.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0] != [1, shapes[0][1], shapes[0][1], 3]:
        found = " and ".join(map(str, shapes)) or "nothing"
        raise NoProgram(
            f"Expected one square picture in colours, [1, size, size, 3], in {Path(path).name}; it takes {found}."
        )
    if len(main.outputs) != 1:
        raise NoProgram(f"Expected one output in {Path(path).name}, for the classes; found {len(main.outputs)}.")
    return shapes[0][1]


def program(path: Path, arena_bytes: int, name: str = NAME) -> str:
    """Return a whole program around a network, in C++: what it calls once, and what it calls for each picture.

    Args:
        path: a full-int8 file with one picture as its input.
        arena_bytes: of the tensor arena, as measured; the program makes it a multiple of 1,024.
        name: of the array with the model.

    Raises:
        FileNotFoundError, Unreadable: see `inspect.read_model`.
        NoProgram: its operators are unknown (see `methods`), or its input is no int8 picture with a scale of 1/255.
    """
    registered = methods(path)
    entries = [tensor for tensor in inspect.tensors(path) if tensor.role == "input"]
    if len(entries) != 1:
        raise NoProgram(f"Expected one input in {Path(path).name}, a picture; found {len(entries)}.")
    entry = entries[0]
    if entry.dtype != "int8" or not np.allclose(entry.details["quantization"], BYTE, rtol=1e-6):
        found = f" with {entry.details['quantization']}" if len(entry.scale) else ""
        raise NoProgram(
            f"Expected an int8 input with a scale of 1/255 and the zero point -128 in {Path(path).name}; found "
            f"{entry.dtype}{found}. Convert to full int8 with pictures from 0 to 1."
        )
    calls = [f"resolver.{method}();" for method in registered]
    return PROGRAM.substitute(
        name=name,
        arena=-(-arena_bytes // KILO) * KILO,
        operators=len(registered),
        register="\n".join(f"  {' '.join(calls[i : i + 3])}" for i in range(0, len(calls), 3)),
        shape=" x ".join(map(str, entry.shape[1:])),
    )
