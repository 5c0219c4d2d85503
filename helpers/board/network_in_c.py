"""A full-int8 file as C99: its weights as constants, a place for every activation, and one call for each operator.

What stands in `network.c` is all that a microcontroller needs besides `firmware/kernels.c`: no file is read there, no
memory is asked for, and no scale is left: each ratio of them is a multiplier and a shift (`integer.fixed_point`).  The
arena is that of TensorFlow Lite Micro (`arena.plan`).

    path = network_in_c.write(int8_file, folder)        # network.c, beside copies of the runtime
"""

import dataclasses
import shutil
import string
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from helpers.base import artifacts, data
from helpers.board import arena
from helpers.integer import fixed_point, operators
from helpers.integer.operators import Step, parameters
from helpers.integer.rounding import multipliers
from helpers.tflite import inspect

RUNTIME = ("kernels.h", "kernels.c", "fixed_point.h", "memory.h", "network.h")
IN_A_LINE = 16  # numbers
CONVOLVE = ("CONV_2D", "FULLY_CONNECTED")  # operators whose kernel copies two windows at a time

SOURCE = string.Template("""\
/* $name, written by helpers/board/network_in_c.py.  Do not edit: write it again from the file. */
#include "network.h"

#include "kernels.h"
#include "memory.h"

$constants
/* Activations share this memory; two of them overlap only where they are not needed at the same time. */
static int8_t arena[$arena] __attribute__((aligned($alignment)));
static int16_t columns[$columns] __attribute__((aligned($alignment))); /* two windows of a convolution */

int8_t *network_input(void) {
    return arena + $input;
}

$watcher
const int8_t *network_run(void) {
$calls
    return arena + $output;
}
""")


WATCHER = "void network_wrote(int32_t number, const int8_t *codes, int32_t count);\n"


@dataclasses.dataclass(frozen=True)
class Written:
    """A network as C.

    Attributes:
        source: the text of network.c.
        arena: bytes for activations.
        places: {tensor: where it begins in the arena}.
        input, output: tensors.
    """

    source: str
    arena: int
    places: dict[int, int]
    input: inspect.Tensor
    output: inspect.Tensor


def folder() -> Path:
    """Return the folder of the runtime in C."""
    return data.folder().parent / "firmware"


def write(path: Path, target: Path, watched: bool = False) -> Written:
    """Write network.c for a file into a folder, with the runtime beside it.

    Args:
        path, watched: see `translate`.
        target: the folder.

    Raises:
        FileNotFoundError, ValueError, NotImplementedError: see `translate`.
    """
    written = translate(path, watched)
    for name in RUNTIME:
        with artifacts.atomic(target / name) as part:
            shutil.copyfile(folder() / name, part)
    with artifacts.atomic(target / "network.c") as part:
        part.write_text(written.source, "ascii")
    return written


def translate(path: Path, watched: bool = False) -> Written:
    """Return a full-int8 file as C; the same file gives the same text.

    Args:
        path: the file.
        watched: let the network call `network_wrote` after each operator, which whoever watches has to define.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no .tflite file.
        NotImplementedError: it has an operator that the runtime does not have, or is no full-int8 file.
    """
    known, steps = inspect.tensors(path), inspect.operators(path)
    if missing := sorted({step.name for step in steps} - set(CALLS)):
        raise NotImplementedError(
            f"{Path(path).name} uses {', '.join(missing)}, for which firmware/ has no kernel; it has "
            f"{', '.join(CALLS)}."
        )
    needed = arena.plan(arena.buffers(path))
    places = {b.tensor: at for b, at in zip(needed.buffers, needed.offsets, strict=True) if b.tensor is not None}
    constants, calls = [], []
    for number, operator in enumerate(steps):
        inputs = tuple(known[i] if i >= 0 else None for i in operator.inputs)
        step = Step(operator, inputs, known[operator.outputs[0]])
        at = [f"arena + {places[i]}" for i in (*operator.inputs, operator.outputs[0]) if i in places]
        lines, call = CALLS[operator.name](step, f"op{number}", at)
        constants += lines
        calls.append(f"    {call}")
        if watched:
            calls.append(f"    network_wrote({number}, {at[-1]}, {int(np.prod(step.output.shape))});")
    (entry,), (answer,) = ([t for t in known if t.role == role] for role in ("input", "output"))
    source = SOURCE.substitute(
        name=Path(path).name,
        constants="\n".join(constants),
        arena=needed.head,
        alignment=arena.ALIGNMENT,
        columns=2 * max((_column(known[s.inputs[1]].shape) for s in steps if s.name in CONVOLVE), default=2),
        input=places[entry.index],
        watcher=WATCHER if watched else "",
        calls="\n".join(calls),
        output=places[answer.index],
    )
    return Written(source, needed.head, places, entry, answer)


def _column(shape: tuple[int, ...]) -> int:
    """Return the numbers in a window of weights [filters, ...], rounded up to a multiple of four."""
    return -(-int(np.prod(shape[1:])) // 4) * 4


# --- one operator ---------------------------------------------------------------------------------------------------


def _weighed(step: Step, name: str, at: list[str], call: str, rows: np.ndarray, windows: dict, channels: int):
    """Return the constants and the call of an operator with weights.

    Args:
        step: the operator.
        name: for its constants.
        at: where its input and its output lie.
        call: the kernel.
        rows: the weights, one row for each channel of the output, int8 [filters, length].
        windows: see `_windows`.
        channels: of the input.
    """
    (_, zero_point), (_, output_zero_point) = parameters(step.inputs[0]), parameters(step.output)
    bias = step.constant(2) if len(step.inputs) > 2 and step.inputs[2] is not None else np.zeros(len(rows), np.int32)
    folded = bias.astype(np.int64) - zero_point * rows.astype(np.int64).sum(axis=1)
    scales = np.broadcast_to(operators.effective_scales(step), len(rows))
    low, high = step.limits
    fields = {
        "at": _struct(windows),
        "channels": channels,
        "filters": len(rows),
        "input_zero_point": zero_point,
        "output_zero_point": output_zero_point,
        "lowest": low,
        "highest": high,
        "weights": f"{name}_weights",
        "bias": f"{name}_bias",
        "ratios": f"{name}_ratios",
    }
    ratios = ", ".join(f"{{{m}, {s}}}" for m, s in zip(*multipliers(scales), strict=True))
    return [
        _array("int8_t", f"{name}_weights", step.constant(1)),
        _array("int32_t", f"{name}_bias", folded),
        f"static const struct ratio {name}_ratios[{len(rows)}] = {{{ratios}}};",
        f"static const struct convolution {name} = {_struct(fields)};",
    ], f"{call}(&{name}, {at[0]}, {at[1]}{', columns' * (call == 'convolve')});"


def _conv_2d(step: Step, name: str, at: list[str]):
    weights = step.constant(1)
    step.expect("int8", operators.WEIGHTS, "int32", "int8")
    if weights.shape[3] != step.inputs[0].shape[3]:
        raise step.refuse("it is a grouped convolution")
    rows = weights.reshape(len(weights), -1)
    return _weighed(step, name, at, "convolve", rows, _windows(step, weights.shape[1:3]), weights.shape[3])


def _depthwise_conv_2d(step: Step, name: str, at: list[str]):
    weights = step.constant(1)
    step.expect("int8", operators.WEIGHTS, "int32", "int8")
    if weights.shape[3] != step.inputs[0].shape[3]:
        raise step.refuse("it makes several outputs of a channel")
    rows = weights.reshape(-1, weights.shape[3]).T
    return _weighed(step, name, at, "convolve_depthwise", rows, _windows(step, weights.shape[1:3]), weights.shape[3])


def _fully_connected(step: Step, name: str, at: list[str]):
    """A dense layer is a convolution of one place with a window of one pixel, which has all inputs for channels."""
    step.expect("int8", operators.WEIGHTS, "int32", "int8")
    weights = step.constant(1)
    return _weighed(step, name, at, "convolve", weights, dict.fromkeys(WINDOWS, 1) | NO_PADDING, weights.shape[1])


def _pool(step: Step, name: str, at: list[str]):
    step.expect("int8", "int8")
    size = step.option("filter_height"), step.option("filter_width")
    low, high = step.limits
    fields = {"at": _struct(_windows(step, size)), "channels": step.output.shape[3], "lowest": low, "highest": high}
    kernel = "pool_max" if step.operator.name == "MAX_POOL_2D" else "pool_average"
    return [f"static const struct pooling {name} = {_struct(fields)};"], f"{kernel}(&{name}, {at[0]}, {at[1]});"


def _add(step: Step, name: str, at: list[str]):
    step.expect("int8", "int8")
    if step.inputs[0].shape != step.inputs[1].shape:
        raise step.refuse("its inputs have different shapes")
    ratios, output_ratio = operators.addition_ratios(step)
    low, high = step.limits
    fields = {
        "numbers": int(np.prod(step.output.shape)),
        "zero_points": _list(parameters(t)[1] for t in step.inputs),
        "output_zero_point": parameters(step.output)[1],
        "ratios": _list(_list(ratio) for ratio in ratios),
        "output_ratio": _list(output_ratio),
        "lowest": low,
        "highest": high,
    }
    constant = f"static const struct addition {name} = {_struct(fields)};"
    return [constant], f"add(&{name}, {at[0]}, {at[1]}, {at[2]});"


def _mean(step: Step, name: str, at: list[str]):
    step.expect("int8", "int32", "int8")
    shape = step.inputs[0].shape
    if sorted(int(axis) % 4 for axis in np.ravel(step.constant(1))) != [1, 2] or len(shape) != 4:
        raise step.refuse("it takes the mean over something else than height and width")
    (scale, zero_point), (output_scale, output_zero_point) = parameters(step.inputs[0]), parameters(step.output)
    count = shape[1] * shape[2]
    ratio = fixed_point.quantize_multiplier(float(scale) / float(output_scale))
    fields = {
        "places": count,
        "channels": shape[3],
        "input_zero_point": zero_point,
        "output_zero_point": output_zero_point,
        "ratio": _list(operators.mean_multiplier(*ratio, count)),
    }
    return [f"static const struct mean {name} = {_struct(fields)};"], f"take_mean(&{name}, {at[0]}, {at[1]});"


def _softmax(step: Step, name: str, at: list[str]):
    step.expect("int8", "int8")
    multiplier, shift, smallest = operators.softmax_constants(step)
    *rows, classes = step.output.shape
    fields = {
        "rows": int(np.prod(rows)),
        "classes": classes,
        "ratio": _list((multiplier, shift)),
        "smallest": smallest,
    }
    return [f"static const struct softmax {name} = {_struct(fields)};"], f"take_softmax(&{name}, {at[0]}, {at[1]});"


def _reshape(step: Step, name: str, at: list[str]):
    """The same codes in the same order."""
    step.expect("int8", "int32", "int8")
    return [], f"memcpy({at[1]}, {at[0]}, {int(np.prod(step.output.shape))});"


CALLS: dict[str, Callable[[Step, str, list[str]], tuple[list[str], str]]] = {
    "ADD": _add,
    "AVERAGE_POOL_2D": _pool,
    "CONV_2D": _conv_2d,
    "DEPTHWISE_CONV_2D": _depthwise_conv_2d,
    "FULLY_CONNECTED": _fully_connected,
    "MAX_POOL_2D": _pool,
    "MEAN": _mean,
    "RESHAPE": _reshape,
    "SOFTMAX": _softmax,
}


# --- as text --------------------------------------------------------------------------------------------------------

WINDOWS = ("in_height", "in_width", "out_height", "out_width", "height", "width", "stride_height", "stride_width")
NO_PADDING = {"pad_top": 0, "pad_left": 0}


def _windows(step: Step, size: tuple[int, int]) -> dict[str, int]:
    """Return the fields of `struct windows` for windows of a size.

    Raises:
        NotImplementedError: they are dilated.
    """
    if step.pair("dilation_{}_factor") != (1, 1):
        raise step.refuse("its windows are dilated")
    strides, (inputs, outputs) = step.pair("stride_{}"), (t.shape[1:3] for t in (step.inputs[0], step.output))
    valid = step.option("padding", "SAME") == "VALID"
    pads = [
        0 if valid else max((out - 1) * stride + length - into, 0) // 2
        for into, out, length, stride in zip(inputs, outputs, size, strides, strict=True)
    ]
    numbers = (*inputs, *outputs, *size, *strides)
    return dict(zip(WINDOWS, map(int, numbers), strict=True)) | dict(zip(NO_PADDING, pads, strict=True))


def _struct(fields: dict[str, object]) -> str:
    """Return an initializer with the names of the fields: '{.lowest = -128, .highest = 127}'."""
    return "{" + ", ".join(f".{name} = {value}" for name, value in fields.items()) + "}"


def _list(values: Iterable[object]) -> str:
    return "{" + ", ".join(map(str, values)) + "}"


def _array(kind: str, name: str, values: np.ndarray) -> str:
    numbers = [str(int(value)) for value in np.ravel(values)]
    lines = (", ".join(numbers[i : i + IN_A_LINE]) for i in range(0, len(numbers), IN_A_LINE))
    return f"static const {kind} {name}[{len(numbers)}] = {{\n    " + ",\n    ".join(lines) + "};"
