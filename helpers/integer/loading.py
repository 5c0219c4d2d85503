"""From the operators of a file to steps that can run, or to a sentence that says which one cannot.

Nothing is taken on trust: an operator that reads what no other has made, a tensor of billions of values, settings that
make no sense each end in `Refused` or `inspect.Unreadable`, and so does what goes wrong inside an operator.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from helpers.integer.operators import OPERATORS
from helpers.integer.rounding import ROUNDINGS, twice
from helpers.integer.step import FULL_INT8, LARGEST, Refused, Step
from helpers.tflite.inspect import Graph, Operator, Tensor, Unreadable

Ready = Callable[..., tuple[np.ndarray, ...]]  # arrays of all inputs -> arrays of all outputs

STATE = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE")
CONTROL = ("IF", "WHILE", "CALL")


def load_steps(graph: Graph, rounding: str) -> list[tuple[Step, Ready]]:
    """Return the operators of a graph in the order in which they run, each with the function that computes it.

    What an operator makes of constants alone is known when the file is loaded, and is a constant for the next ones:
    weights may stand in a file as float16 numbers, or be cut in parts first.

    Args:
        graph: the main graph of a file.
        rounding: one of `ROUNDINGS`.

    Raises:
        Refused: an operator cannot be done.
        Unreadable: what the file says of an operator cannot be right.
    """
    known = list(graph.tensors)
    for tensor in known:
        _check_size(tensor)
    made, steps = set(graph.inputs), []
    for operator in graph.operators:
        if operator.name not in OPERATORS:
            raise _unknown(operator, graph)
        _check_order(operator, known, made)
        step = _step(operator, known, rounding)
        compute = prepared(step)
        steps.append((step, compute))
        made.update(operator.outputs)
        constants = [None if tensor is None else tensor.data for tensor in step.inputs]
        if all(tensor is None or tensor.data is not None for tensor in step.inputs):
            for tensor, values in zip(step.outputs, compute(*constants), strict=True):
                known[tensor.index] = dataclasses.replace(tensor, data=values)
    for index in graph.outputs:
        if index not in made:
            raise Unreadable(f"The network gives tensor {index} ({known[index].name}), and no operator makes it.")
    return steps


def _check_size(tensor: Tensor) -> None:
    if math.prod(tensor.shape) > LARGEST:
        raise Refused(
            f"Tensor {tensor.index} ({tensor.name}) holds {math.prod(tensor.shape):,} values, and the integer network "
            f"takes {LARGEST:,} at most."
        )


def _check_order(operator: Operator, known: Sequence[Tensor], made: set[int]) -> None:
    """Check that what an operator reads is there before it runs, and that nothing is made twice."""
    for index in operator.inputs:
        if index < 0 or index in made or known[index].data is not None:
            continue
        if known[index].variable:
            raise Refused(
                f"The integer network cannot do the {operator.name} that reads tensor {index} ({known[index].name}), "
                "which the network keeps from one run to the next: it has no such memory."
            )
        raise Unreadable(
            f"The {operator.name} reads tensor {index} ({known[index].name}), and no operator has made it by then. The "
            "file is damaged; convert it again."
        )
    for index in operator.outputs:
        if index in made or known[index].data is not None:
            raise Unreadable(
                f"The {operator.name} makes tensor {index} ({known[index].name}), which is there already. The file is "
                "damaged; convert it again."
            )
    if not operator.outputs:
        raise Unreadable(f"The {operator.name} makes nothing. The file is damaged; convert it again.")


def _step(operator: Operator, known: Sequence[Tensor], rounding: str) -> Step:
    inputs = tuple(known[i] if i >= 0 else None for i in operator.inputs)
    output, *others = (known[i] for i in operator.outputs)
    kernels = "built-in" if rounding == "XNNPACK" and _left(operator, inputs, output) else rounding
    return Step(operator, inputs, output, ROUNDINGS[kernels].get(operator.name, twice), tuple(others))


def _left(operator: Operator, inputs: Sequence[Tensor | None], output: Tensor) -> bool:
    """Whether XNNPACK leaves an operator to the built-in kernels (xnnpack_delegate.cc in TensorFlow Lite)."""
    tensors = [tensor for tensor in (*inputs, output) if tensor is not None]
    if operator.name == "CONV_2D":
        return any(tensor.dtype == "int4" for tensor in tensors)
    if operator.name == "QUANTIZE":
        return len({tensor.dtype for tensor in tensors}) > 1
    if operator.name in ("ADD", "SUB") and all(len(tensor.scale) == 1 for tensor in tensors):
        return any(not 2**-10 * output.scale <= tensor.scale < 2**8 * output.scale for tensor in tensors)
    return False


def prepared(step: Step) -> Ready:
    """Return what computes a step, once it is checked; what it makes has the shapes and types that the file says.

    Raises:
        Refused, Unreadable: now, or when it runs.
    """
    with step.answerable():
        compute = OPERATORS[step.operator.name](step)

    def run(*inputs: np.ndarray | None) -> tuple[np.ndarray, ...]:
        with step.answerable():
            made = compute(*inputs)
        arrays = tuple(map(np.asarray, made if isinstance(made, tuple) else (made,)))
        for tensor, values in zip(step.outputs, arrays, strict=True):
            fits = values.ndim == len(tensor.shape) and values.shape[1:] == tensor.shape[1:]
            if not fits or values.dtype.name != tensor.dtype:
                made = f"{values.dtype} {list(values.shape)}"
                raise step.broken(f"tensor {tensor.index} became {made} instead of {tensor.dtype} {list(tensor.shape)}")
        return arrays

    return run


def _unknown(operator: Operator, graph: Graph) -> Refused:
    """Return the error for an operator that the integer network does not have."""
    read = [graph.tensors[index] for index in operator.inputs if index >= 0]
    what = f"the {operator.name}"
    if operator.outputs:
        what += f" that makes tensor {operator.outputs[0]} ({graph.tensors[operator.outputs[0]].name})"
    elif read:
        what += f" that reads tensor {read[0].index} ({read[0].name})"
    if operator.name in STATE:
        why = (
            "the network keeps a state from one run to the next, as streaming models do, and the integer network has "
            "no such memory; export the network without streaming"
        )
    elif operator.name in CONTROL:
        why = "it runs other graphs of the file, and the integer network runs the main one only; export without loops"
    elif any(tensor.dtype in ("float32", "float16") for tensor in read):
        made_from = f"made from tensor {read[0].index} ({read[0].name})"
        why = f"it is the first operator with real numbers, {made_from}; {FULL_INT8}"
    else:
        lacking = sorted({one.name for one in graph.operators} - set(OPERATORS))
        why = f"of the operators in this file it lacks {', '.join(lacking)}; it knows {', '.join(OPERATORS)}"
    return Refused(f"The integer network cannot do {what}: {why}.")
