"""A full-int8 file as C99: its weights as constants, a place for every activation, and one call for each operator.

What stands in `network.c` is all that a microcontroller needs besides `firmware/kernels.c`: no file is read there, no
memory is asked for, and no scale is left: each ratio of them is a multiplier and a shift (`integer.fixed_point`).  The
arena is that of TensorFlow Lite Micro (`arena.plan`).

    path = network_in_c.write(int8_file, folder)        # network.c, beside copies of the runtime
"""

import dataclasses
import shutil
import string
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from helpers.base import artifacts, data
from helpers.board import arena
from helpers.board.bands import Bands, buffers, stages
from helpers.board.windows import ONE, windows
from helpers.integer import fixed_point, operators
from helpers.integer.operators import Step, parameters
from helpers.integer.rounding import multipliers
from helpers.tflite import inspect

RUNTIME = ("kernels.h", "kernels.c", "bands.h", "bands.c", "fixed_point.h", "bytes.h", "network.h")
IN_A_LINE = 16  # numbers
CONVOLVE = ("CONV_2D", "FULLY_CONNECTED")  # operators whose kernel copies two windows at a time

SOURCE = string.Template("""\
/* $name, written by helpers/board/network_in_c.py.  Do not edit: write it again from the file. */
#include "network.h"

#include "bands.h"
#include "bytes.h"
#include "kernels.h"

/* Activations share this memory; two of them overlap only where they are not needed at the same time. */
static int8_t arena[$arena] __attribute__((aligned($alignment)));
static int16_t columns[$columns] __attribute__((aligned($alignment))); /* two windows of a convolution */

$constants

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
class Constant:
    """A constant of network.c.

    Attributes:
        type: as C calls it, without `static const`.
        name: of the constant.
        value: an array of int8 or int32, int32 [n, 2] for ratios; or the fields of a structure in their order: numbers,
            tuples, structures, and the names of other constants, which stand for where they are; or a tuple of these.
    """

    type: str
    name: str
    value: np.ndarray | dict | tuple[dict, ...]

    @property
    def declaration(self) -> str:
        """What stands before the value."""
        length = "" if isinstance(self.value, dict) else f"[{len(self.value)}]"
        return f"static const {self.type} {self.name}{length}"

    @property
    def definition(self) -> str:
        """The constant as C."""
        return f"{self.declaration} = {_initializer(self.value)};"

    def content(self, places: Mapping[str, int]) -> bytes:
        """Return the bytes that it has in the memory of a processor with pointers of four bytes.

        Args:
            places: {name: where that is}.
        """
        if isinstance(self.value, np.ndarray):
            return self.value.tobytes()
        return b"".join(word.to_bytes(4, "little", signed=word < 0) for word in _words(self.value, places))


def _words(value: object, places: Mapping[str, int]) -> list[int]:
    """Return a value as words of 32 bits: of a structure the fields, of a name where that is."""
    if isinstance(value, str):
        name, _, offset = value.removeprefix("&").partition(" + ")
        return [places[name] + int(offset or 0)]
    if isinstance(value, (dict, tuple)):
        fields = value.values() if isinstance(value, dict) else value
        return [word for field in fields for word in _words(field, places)]
    return [int(value)]


@dataclasses.dataclass(frozen=True)
class Written:
    """A network as C.

    Attributes:
        source: the text of network.c.
        outline: the same without the values of the constants: two files with the same outline have the same program.
        constants: in their order.
        arena: bytes for activations.
        places: {tensor: where it begins in the arena}.
        input, output: tensors.
        made: what each call makes, in their order.
    """

    source: str
    outline: str
    constants: tuple[Constant, ...]
    arena: int
    places: dict[int, int]
    input: inspect.Tensor
    output: inspect.Tensor
    made: tuple[inspect.Tensor, ...]


def folder() -> Path:
    """Return the folder of the runtime in C."""
    return data.folder().parent / "firmware"


def copy(name: str, target: Path) -> None:
    """Copy a file of the runtime, such as "kernels.c", into a folder."""
    with artifacts.atomic(target / Path(name).name) as part:
        shutil.copyfile(folder() / name, part)


def write(path: Path, target: Path, watched: bool = False, bands: Bands | None = None) -> Written:
    """Write network.c for a file into a folder, with the runtime beside it.

    Args:
        path, watched, bands: see `translate`.
        target: the folder.

    Raises:
        FileNotFoundError, ValueError, NotImplementedError: see `translate`.
    """
    written = translate(path, watched, bands)
    for name in RUNTIME:
        copy(name, target)
    with artifacts.atomic(target / "network.c") as part:
        part.write_text(written.source, "ascii")
    return written


def translate(path: Path, watched: bool = False, bands: Bands | None = None) -> Written:
    """Return a full-int8 file as C; the same file gives the same text.

    Args:
        path: the file.
        watched: let the network call `network_wrote` after each operator, which whoever watches has to define.
        bands: how its first layers are cut; if left out, they are not.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no .tflite file, or its first layers cannot run in bands.
        NotImplementedError: it has an operator that the runtime does not have, or is no full-int8 file.
    """
    known, steps = inspect.tensors(path), inspect.operators(path)
    if missing := sorted({step.name for step in steps} - set(CALLS)):
        raise NotImplementedError(
            f"{Path(path).name} uses {', '.join(missing)}, for which firmware/ has no kernel; it has "
            f"{', '.join(CALLS)}."
        )
    needed = arena.tight_plan(buffers(path, bands))
    places = {b.tensor: at for b, at in zip(needed.buffers, needed.offsets, strict=True) if b.tensor is not None}
    constants, calls, made, in_bands = [], [], [], bands.layers if bands else 0
    for number, (operator, (*inputs, output)) in enumerate(inspect.graph(path)):
        step = Step(operator, tuple(inputs), output)
        at = [f"arena + {places[i]}" for i in (*operator.inputs, output.index) if i in places]
        found, call = CALLS[operator.name](step, f"op{number}", at)
        constants += found
        if number < in_bands - 1:
            continue
        if number == in_bands - 1:
            found, call = _in_bands(path, bands, places)
            constants += found
        calls.append(f"    {call}")
        made.append(output)
        if watched:
            calls.append(f"    network_wrote({number}, {at[-1]}, {int(np.prod(output.shape))});")
    (entry,), (answer,) = ([t for t in known if t.role == role] for role in ("input", "output"))
    outline = SOURCE.safe_substitute(
        arena=needed.head,
        alignment=arena.ALIGNMENT,
        columns=2 * max((_column(known[s.inputs[1]].shape) for s in steps if s.name in CONVOLVE), default=2),
        input=places[entry.index],
        watcher=WATCHER if watched else "",
        calls="\n".join(calls),
        output=places[answer.index],
    )
    text = string.Template(outline)
    source = text.substitute(name=Path(path).name, constants="\n".join(one.definition for one in constants))
    outline = text.substitute(name="", constants="\n".join(one.declaration for one in constants))
    return Written(source, outline, tuple(constants), needed.head, places, entry, answer, tuple(made))


def _in_bands(path: Path, bands: Bands, places: Mapping[int, int]) -> tuple[list[Constant], str]:
    """Return the constants and the call of the layers that run in bands; their own constants are there already."""
    chain = stages(path, bands)
    fields = {"CONV_2D": "convolution", "DEPTHWISE_CONV_2D": "depthwise", "MAX_POOL_2D": "pool_max"}
    each = tuple(
        dict.fromkeys(fields.values(), 0)
        | {fields[step.operator.name]: f"&op{number}", "rows": f"arena + {places[step.output.index]}"}
        for number, step in enumerate(chain)
    )
    whole = {"stages": len(chain), "rows": bands.rows, "stage": "stage"}
    first = f"arena + {places[chain[0].inputs[0].index]}"
    found = [Constant("struct stage", "stage", each), Constant("struct bands", "bands", whole)]
    return found, f"run_in_bands(&bands, {first}, columns);"


def _column(shape: tuple[int, ...]) -> int:
    """Return the numbers in a window of weights [filters, ...], rounded up to a multiple of four."""
    return -(-int(np.prod(shape[1:])) // 4) * 4


# --- one operator ---------------------------------------------------------------------------------------------------


def _weighed(step: Step, name: str, at: list[str], call: str, rows: np.ndarray, at_windows: dict, channels: int):
    """Return the constants and the call of an operator with weights.

    Args:
        step: the operator.
        name: for its constants.
        at: where its input and its output lie.
        call: the kernel.
        rows: the weights, one row for each channel of the output, int8 [filters, length].
        at_windows: where its windows lie, see `windows.windows`.
        channels: of the input.
    """
    (_, zero_point), (_, output_zero_point) = parameters(step.inputs[0]), parameters(step.output)
    bias = step.constant(2) if len(step.inputs) > 2 and step.inputs[2] is not None else np.zeros(len(rows), np.int32)
    folded = bias.astype(np.int64) - zero_point * rows.astype(np.int64).sum(axis=1)
    scales = np.broadcast_to(operators.effective_scales(step), len(rows))
    low, high = step.limits
    fields = {
        "at": at_windows,
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
    ratios = np.stack(multipliers(scales), axis=1).astype(np.int32)
    return [
        Constant("int8_t", f"{name}_weights", np.ravel(step.constant(1))),
        Constant("int32_t", f"{name}_bias", folded.astype(np.int32)),
        Constant("struct ratio", f"{name}_ratios", ratios),
        Constant("struct convolution", name, fields),
    ], f"{call}(&{name}, {at[0]}, {at[1]}{', columns' * (call == 'convolve')});"


def _conv_2d(step: Step, name: str, at: list[str]):
    weights = step.constant(1)
    step.expect("int8", operators.WEIGHTS, "int32", "int8")
    if weights.shape[3] != step.inputs[0].shape[3]:
        raise step.refuse("it is a grouped convolution")
    rows = weights.reshape(len(weights), -1)
    return _weighed(step, name, at, "convolve", rows, windows(step), weights.shape[3])


def _depthwise_conv_2d(step: Step, name: str, at: list[str]):
    weights = step.constant(1)
    step.expect("int8", operators.WEIGHTS, "int32", "int8")
    if weights.shape[3] != step.inputs[0].shape[3]:
        raise step.refuse("it makes several outputs of a channel")
    rows = weights.reshape(-1, weights.shape[3]).T
    return _weighed(step, name, at, "convolve_depthwise", rows, windows(step), weights.shape[3])


def _fully_connected(step: Step, name: str, at: list[str]):
    """A dense layer is a convolution of one place with a window of one pixel, which has all inputs for channels."""
    step.expect("int8", operators.WEIGHTS, "int32", "int8")
    weights = step.constant(1)
    return _weighed(step, name, at, "convolve", weights, ONE, weights.shape[1])


def _pool(step: Step, name: str, at: list[str]):
    step.expect("int8", "int8")
    low, high = step.limits
    fields = {"at": windows(step), "channels": step.output.shape[3], "lowest": low, "highest": high}
    kernel = "pool_max" if step.operator.name == "MAX_POOL_2D" else "pool_average"
    return [Constant("struct pooling", name, fields)], f"{kernel}(&{name}, {at[0]}, {at[1]});"


def _add(step: Step, name: str, at: list[str]):
    step.expect("int8", "int8")
    if step.inputs[0].shape != step.inputs[1].shape:
        raise step.refuse("its inputs have different shapes")
    ratios, output_ratio = operators.addition_ratios(step)
    low, high = step.limits
    fields = {
        "numbers": int(np.prod(step.output.shape)),
        "zero_points": tuple(parameters(t)[1] for t in step.inputs),
        "output_zero_point": parameters(step.output)[1],
        "ratios": tuple(ratios),
        "output_ratio": tuple(output_ratio),
        "lowest": low,
        "highest": high,
    }
    return [Constant("struct addition", name, fields)], f"add(&{name}, {at[0]}, {at[1]}, {at[2]});"


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
        "ratio": tuple(operators.mean_multiplier(*ratio, count)),
    }
    return [Constant("struct mean", name, fields)], f"take_mean(&{name}, {at[0]}, {at[1]});"


def _softmax(step: Step, name: str, at: list[str]):
    step.expect("int8", "int8")
    multiplier, shift, smallest = operators.softmax_constants(step)
    *rows, classes = step.output.shape
    fields = {
        "rows": int(np.prod(rows)),
        "classes": classes,
        "ratio": (multiplier, shift),
        "smallest": smallest,
    }
    return [Constant("struct softmax", name, fields)], f"take_softmax(&{name}, {at[0]}, {at[1]});"


def _reshape(step: Step, name: str, at: list[str]):
    """The same codes in the same order."""
    step.expect("int8", "int32", "int8")
    return [], f"memcpy({at[1]}, {at[0]}, {int(np.prod(step.output.shape))});"


CALLS: dict[str, Callable[[Step, str, list[str]], tuple[list[Constant], str]]] = {
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


def _initializer(value: object) -> str:
    """Return a value as C has it, a structure with the names of its fields: '{.lowest = -128, .highest = 127}'."""
    if isinstance(value, dict):
        return "{" + ", ".join(f".{name} = {_initializer(field)}" for name, field in value.items()) + "}"
    if isinstance(value, tuple):
        return "{" + ", ".join(map(_initializer, value)) + "}"
    if isinstance(value, np.ndarray):
        numbers = [_initializer(tuple(row) if row.ndim else int(row)) for row in value]
        lines = (", ".join(numbers[i : i + IN_A_LINE]) for i in range(0, len(numbers), IN_A_LINE))
        return "{\n    " + ",\n    ".join(lines) + "}"
    return str(value)
