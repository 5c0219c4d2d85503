"""In which range of numbers a model wants its pixels: 0 to 1, -1 to 1 or 0 to 255, told from the file.

A .tflite file does not say how its pictures were normalised in training.  The scale and the zero point of a quantized
input do, for they come from the pictures that the converter saw.  A float32 input tells nothing by itself; the first
operators of the network may, if they bring the pixels from one range into another.
"""

import dataclasses
import math
from pathlib import Path

from helpers.tflite import inspect
from helpers.tflite.inspect import Graph, Operator, Tensor

CONVENTIONS = {"0..1": (0.0, 1.0), "-1..1": (-1.0, 1.0), "0..255": (0.0, 255.0)}
USUAL = "0..1"  # what is assumed of a file that does not tell: what the whole suite does
INSIDE = ("0..1", "-1..1")  # what the layers of a network work with once its first operators have rescaled the pixels
NEAR = 0.4  # of the width of a convention: how far both ends of a range together may lie from it
SAME = 0.01  # the same for a range that was computed and not measured
INTEGERS = ("int8", "uint8", "int16")


@dataclasses.dataclass(frozen=True)
class CodeRange:
    """What the codes of a quantized tensor stand for.

    Attributes:
        low, high: of the smallest and of the largest code.
        convention: the name of the nearest of `CONVENTIONS`, None if none is near.
        symmetric: whether its codes lie around 0 whatever its values, so that `low` tells nothing.
    """

    low: float
    high: float
    convention: str | None
    symmetric: bool

    def __str__(self) -> str:
        return f"{self.low:.3g} to {self.high:.3g}"


@dataclasses.dataclass(frozen=True)
class Guess:
    """The range that a model seems to want.

    Attributes:
        convention: one of `CONVENTIONS`, None if the file speaks for another range.
        reason: where that is from, to be read after the range.
        codes: what the codes of a quantized input stand for, None for any other.
    """

    convention: str | None
    reason: str
    codes: CodeRange | None = None


def code_range(tensor: Tensor) -> CodeRange:
    """Return the range that the codes of a tensor cover, and the convention that it is near.

    TFLite's int16 activations have the zero point 0, so that those of pictures in 0 to 1 cover -1 to 1: only their
    upper end tells (https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec).

    Args:
        tensor: int8, uint8 or int16, with one scale.
    """
    low, high = tensor.range
    symmetric = tensor.dtype == "int16"
    return CodeRange(low, high, nearest(0.0 if symmetric else low, high), symmetric)


def nearest(low: float, high: float, tolerance: float = NEAR) -> str | None:
    """Return the name of the convention whose two ends are nearest to those of a range, None if none is near.

    Near means that both ends together are off by no more than a share `tolerance` of the convention's width.  Pictures
    that never were quite white give a range that is a little too narrow.
    """
    off = {name: (abs(low - a) + abs(high - b)) / (b - a) for name, (a, b) in CONVENTIONS.items()}
    best = min(off, key=off.get)
    return best if off[best] <= tolerance else None


def guess(path: Path) -> Guess:
    """Return the range in which a model wants its pixels, as far as the file tells.

    A float32 input that the first operator quantizes is as good as a quantized one.

    Args:
        path: a .tflite file whose first input is a picture.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no .tflite file, or a broken one.
    """
    graph = inspect.graphs(path)[0]
    entry = _behind_quantize(graph)
    if entry.dtype in INTEGERS and len(entry.scale) == 1:
        return _of_codes(code_range(entry))
    if entry.dtype == "uint8":
        return Guess("0..255", "the bytes of the pixels: the uint8 input has no scale")
    convention = _rescaled(entry, graph)
    if convention:
        return Guess(convention, "guessed from the first operators, which rescale it (--range says otherwise)")
    return Guess(USUAL, f"assumed: a {entry.dtype} input does not tell (--range says otherwise)")


def chosen(path: Path, asked: str | None) -> tuple[str, str]:
    """Return the range in which pixels go into a model, one of `CONVENTIONS`, and a line about it.

    Args:
        path: see `guess`.
        asked: the range that a reader wants; None for the one that the file tells.

    Raises:
        ValueError: nobody asked for a range, and the file speaks for one that is none of `CONVENTIONS`.
    """
    found = guess(path)
    told = f"the codes of the input stand for {found.codes}" if found.codes else ""
    name = asked or found.convention
    if name is None:
        raise ValueError(
            f"{path.name} should take pixels in {', '.join(CONVENTIONS)}, and {told}: say with --range what is nearest."
        )
    low, high = CONVENTIONS[name]
    reason = "as --range says" + (f"; {told}" if told else "") if asked else found.reason
    return name, f"{low:g} to {high:g}, {reason}"


def _of_codes(codes: CodeRange) -> Guess:
    """Return what the scale of an input tells."""
    reason = f"guessed from the scale of the input, whose codes stand for {codes} (--range says otherwise)"
    if codes.symmetric and codes.convention == "0..1":
        reason = f"assumed: the codes of the int16 input stand for {codes}, which fits -1..1 as well (--range -1..1)"
    return Guess(codes.convention, reason, codes)


def _behind_quantize(graph: Graph) -> Tensor:
    """Return the quantized tensor that a float32 input goes into, if nothing else reads it; else the input itself."""
    entry = graph.tensors[graph.inputs[0]]
    readers = [step for step in graph.operators if entry.index in step.inputs]
    return graph.tensors[readers[0].outputs[0]] if [step.name for step in readers] == ["QUANTIZE"] else entry


def _rescaled(entry: Tensor, graph: Graph) -> str | None:
    """Return the convention that the first operators bring into -1 to 1 or 0 to 1, None if they do no such thing.

    Keras's `Rescaling(1 / 127.5, offset=-1)` is a MUL and an ADD: together a factor and an offset.
    """
    current, factor, offset = entry.index, 1.0, 0.0
    for step in graph.operators:
        constant = _operand(step, current, graph.tensors)
        if constant is None:
            return None
        factor, offset = _then(step.name, constant, factor, offset)
        for name, (low, high) in CONVENTIONS.items():
            inside = nearest(low * factor + offset, high * factor + offset, SAME)
            if name != inside and inside in INSIDE:
                return name
        current = step.outputs[0]
    return None


def _operand(step: Operator, current: int, tensors: list[Tensor]) -> float | None:
    """Return the one number that an operator combines the tensor `current` with, None if it does anything else."""
    if step.name not in ("ADD", "SUB", "MUL", "DIV") or len(step.inputs) != 2 or current not in step.inputs:
        return None
    swapped = step.inputs[1] == current
    data = tensors[step.inputs[0 if swapped else 1]].data
    if data is None or data.size != 1 or (swapped and step.name in ("SUB", "DIV")):
        return None
    return float(data.ravel()[0])


def _then(name: str, constant: float, factor: float, offset: float) -> tuple[float, float]:
    """Return factor and offset after one more operator."""
    if name in ("ADD", "SUB"):
        return factor, offset + (constant if name == "ADD" else -constant)
    if name == "DIV":
        constant = 1 / constant if constant else math.inf
    return factor * constant, offset * constant
