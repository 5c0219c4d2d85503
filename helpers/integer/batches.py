"""Whether several inputs can go through a network in one pass, and what to do where they cannot.

In most networks the first axis of every tensor counts pictures: [1, 96, 96, 3] in the file may as well be
[20, 96, 96, 3].  That holds as long as no operator mixes what lies along this axis.  If one does (it swaps the first
axis with another, adds along it, joins it with the next), or if the input has no axis to spare, such as the [16000]
samples of a sound, the network runs its inputs one at a time, in the very shapes of the file.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from helpers.integer import reductions, shapes
from helpers.integer.step import Step
from helpers.tflite.inspect import Tensor


def _other_length(step: Step, counted: frozenset[int]) -> bool:
    return step.inputs[0].shape[:1] != step.output.shape[:1]


def _joined_along_0(step: Step, counted: frozenset[int]) -> bool:
    """Whether pictures are joined with each other, or each of them with one and the same constant."""
    return step.axis(len(step.output.shape)) == 0 or not all(tensor.index in counted for tensor in step.inputs)


def _cut_along_0(step: Step, counted: frozenset[int]) -> bool:
    return shapes.parts(step)[2] == 0


def _unpacked_along_0(step: Step, counted: frozenset[int]) -> bool:
    return step.axis(len(step.inputs[0].shape)) == 0


def _gathered_along_0(step: Step, counted: frozenset[int]) -> bool:
    """Whether the first axis of the output is not the one that counts pictures, in the values or in the list."""
    values, indices = (tensor.index in counted for tensor in step.inputs[:2])
    return values == indices or (step.axis(len(step.inputs[0].shape)) == 0) == values


def _reduced_along_0(step: Step, counted: frozenset[int]) -> bool:
    return 0 in reductions.reduced_axes(step)


def _padded_along_0(step: Step, counted: frozenset[int]) -> bool:
    return any(shapes.paddings(step)[0])


def _moved_from_0(step: Step, counted: frozenset[int]) -> bool:
    return shapes.permutation(step)[0] != 0


def _part_of_0(step: Step, counted: frozenset[int]) -> bool:
    entries = shapes.slices(step)
    return bool(entries) and entries[0] not in (slice(None), Ellipsis)


def _one_axis(step: Step, counted: frozenset[int]) -> bool:
    return len(step.inputs[0].shape) < 2


def _broadcast_along_0(step: Step, counted: frozenset[int]) -> bool:
    """Whether an operator on two tensors meets anything but one value along the first axis for each picture."""
    rank = len(step.output.shape)
    return not all(
        len(tensor.shape) == rank if tensor.index in counted else len(tensor.shape) < rank or tensor.shape[0] == 1
        for tensor in step.inputs
    )


def _multiplied_along_0(step: Step, counted: frozenset[int]) -> bool:
    """Whether a matrix product has anything in its first axis but pictures, or rows of the first matrix."""
    if len(step.output.shape) > 2:
        return _broadcast_along_0(step, counted)
    return step.inputs[1].index in counted or bool(step.option("adj_x"))


MIXES = {  # operator: whether it mixes what lies along the first axis; the others never do
    "RESHAPE": _other_length,
    "SQUEEZE": _other_length,
    "EXPAND_DIMS": _other_length,
    "FULLY_CONNECTED": _other_length,
    "CONCATENATION": _joined_along_0,
    "PACK": _joined_along_0,
    "SPLIT": _cut_along_0,
    "SPLIT_V": _cut_along_0,
    "UNPACK": _unpacked_along_0,
    "GATHER": _gathered_along_0,
    "PAD": _padded_along_0,
    "PADV2": _padded_along_0,
    "TRANSPOSE": _moved_from_0,
    "SLICE": _part_of_0,
    "STRIDED_SLICE": _part_of_0,
    "SOFTMAX": _one_axis,
    "BATCH_MATMUL": _multiplied_along_0,
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"), _reduced_along_0),
    **dict.fromkeys(("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM", "PRELU"), _broadcast_along_0),
}


def counted_tensors(inputs: Sequence[Tensor], outputs: Sequence[Tensor], steps: Iterable[Step]) -> frozenset[int]:
    """Return the tensors whose first axis may count any number of pictures; none if an operator mixes pictures.

    Args:
        inputs, outputs: of the network.
        steps: its operators, in the order in which they run.

    Returns:
        indices of tensors: the inputs, and everything that is made from them, but for the shapes themselves.
    """
    if any(len(tensor.shape) < 2 for tensor in inputs) or len({tensor.shape[0] for tensor in inputs}) > 1:
        return frozenset()
    counted = frozenset(tensor.index for tensor in inputs)
    for step in steps:
        if step.operator.name == "SHAPE" or not any(t is not None and t.index in counted for t in step.inputs):
            continue
        if step.operator.name in MIXES and MIXES[step.operator.name](step, counted):
            return frozenset()
        counted |= {tensor.index for tensor in step.outputs}
    return counted if all(tensor.index in counted for tensor in outputs) else frozenset()


# --- one at a time ----------------------------------------------------------------------------------------------------


def with_pictures(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape behind the axis that counts inputs run one at a time.

    A first axis of length 1 gives way to it: [1, 96, 96, 3] becomes [n, 96, 96, 3], but [16000] becomes [n, 16000].
    """
    return shape[1:] if shape[:1] == (1,) else shape


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return what was computed for one input after the other as one array, as `with_pictures` says."""
    return np.concatenate(parts) if parts[0].shape[:1] == (1,) else np.stack(parts)
