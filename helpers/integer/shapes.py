"""Operators that move values and calculate nothing: reshape, transpose, cut, join, pad.

They follow the kernels of TensorFlow Lite with these names.  Values of any type can be moved, real numbers too.
"""

import math

import numpy as np

from helpers.integer.step import CODES, NUMBERS, Compute, Step, parameters


def _moves(step: Step) -> None:
    """Check that the data, which is the first input, and what becomes of it have one type."""
    step.needs(1)
    step.expect(" or ".join(NUMBERS), "int32 or int64", step.inputs[0].dtype)


# --- another shape for the same values --------------------------------------------------------------------------------


def reshape(step: Step) -> Compute:
    """RESHAPE, SQUEEZE and EXPAND_DIMS: values keep their order and get other axes, which the file knows.

    Networks that take any number of pictures compute the shape when they run; what it says of one picture stands in
    the file all the same.
    """
    _moves(step)
    before, after = step.inputs[0].shape, step.output.shape
    if math.prod(before) != math.prod(after):
        raise step.broken(f"it makes {list(after)} of {list(before)}, which has another number of values")
    if before[:1] == after[:1]:  # also for several pictures
        return lambda values, *_: values.reshape(*values.shape[:1], *after[1:])
    return lambda values, *_: values.reshape(after)


def densify(step: Step) -> Compute:
    """Weights that are stored without their zeros get them back; who reads the file has done it already."""
    _moves(step)
    step.makes(step.inputs[0].shape)
    return lambda values: values


def transpose(step: Step) -> Compute:
    """Axes change places."""
    _moves(step)
    shape, order = step.inputs[0].shape, permutation(step)
    step.makes(tuple(shape[axis] for axis in order))
    return lambda values, _: values.transpose(order)


def permutation(step: Step) -> tuple[int, ...]:
    """Return which axis of the input each axis of the output of a TRANSPOSE is."""
    rank = len(step.inputs[0].shape)
    order = tuple(step.axis(rank, axis) for axis in np.ravel(step.constant(1)))
    if sorted(order) != list(range(rank)):
        raise step.broken(f"it puts {rank} axes in the order {list(order)}")
    return order


def shape(step: Step) -> Compute:
    """How many pictures there are and how large: networks that take any number of them ask when they run."""
    step.needs(1)
    step.expect(step.inputs[0].dtype, "int32 or int64")
    step.makes((len(step.inputs[0].shape),))
    return lambda values: np.array(values.shape, step.output.dtype)


# --- parts ------------------------------------------------------------------------------------------------------------


def split(step: Step) -> Compute:
    """SPLIT (axis, data) and SPLIT_V (data, lengths, axis): several tensors out of one, along an axis."""
    data, lengths, axis = parts(step)
    for length, output in zip(lengths, step.outputs, strict=True):
        step.makes(tuple(length if i == axis else n for i, n in enumerate(data.shape)), output)
    position, ends = step.inputs.index(data), np.cumsum(lengths)[:-1]
    return lambda *inputs: tuple(np.split(inputs[position], ends, axis))


def parts(step: Step) -> tuple:
    """Return what a SPLIT or SPLIT_V cuts: the tensor of the data, the lengths of the parts, the axis."""
    step.needs(2)
    variable = step.operator.name == "SPLIT_V"
    data, numbers = step.inputs[0 if variable else 1], " or ".join(NUMBERS)
    step.expect(*((numbers, "int32") if variable else ("int32", numbers)), data.dtype)
    axis = step.axis(len(data.shape), np.ravel(step.constant(2 if variable else 0))[0])
    whole, count = data.shape[axis], len(step.outputs)
    lengths = [int(n) for n in np.ravel(step.constant(1))] if variable else [whole // count] * count
    if lengths.count(-1) == 1:  # the rest
        lengths[lengths.index(-1)] = whole - sum(lengths) - 1
    if sum(lengths) != whole or len(lengths) != count or min(lengths) < 0:
        raise step.broken(f"it cuts {whole} into parts of {lengths}")
    return data, lengths, axis


def unpack(step: Step) -> Compute:
    """One tensor for each place along an axis, without that axis."""
    _moves(step)
    shape = step.inputs[0].shape
    axis = step.axis(len(shape))
    if shape[axis] != len(step.outputs):
        raise step.broken(f"it cuts {shape[axis]} into {len(step.outputs)}")
    for output in step.outputs:
        step.makes(shape[:axis] + shape[axis + 1 :], output)
    pieces = len(step.outputs)
    return lambda values: tuple(values.take(i, axis) for i in range(pieces)) if pieces > 1 else values.squeeze(axis)


def slices(step: Step) -> tuple[slice | int | None, ...]:
    """Return what a SLICE or a STRIDED_SLICE takes, one entry for each axis, as NumPy writes it.

    A first axis that is taken whole is `slice(None)`, so that it may count any number of pictures.
    """
    step.needs(3)
    entries = _slice(step) if step.operator.name == "SLICE" else _strided_slice(step)
    if entries and isinstance(entries[0], slice) and step.inputs[0].shape:
        length = step.inputs[0].shape[0]
        if entries[0].indices(length) == (0, length, 1):
            entries = [slice(None), *entries[1:]]
    return tuple(entries)


def _slice(step: Step) -> list[slice]:
    """Entries of a SLICE: where it begins and how much it takes, -1 for all that follows."""
    shape = step.inputs[0].shape
    begin, size = (np.ravel(step.constant(i)).tolist() for i in (1, 2))
    if not len(begin) == len(size) == len(shape):
        raise step.broken(f"it cuts {len(shape)} axes with {len(begin)} beginnings and {len(size)} sizes")
    ends = [n if length == -1 else first + length for first, length, n in zip(begin, size, shape, strict=True)]
    if any(not 0 <= first <= end <= n for first, end, n in zip(begin, ends, shape, strict=True)):
        raise step.broken(f"it takes {size} from {begin} on, out of {list(shape)}")
    return [slice(first, end) for first, end in zip(begin, ends, strict=True)]


def _strided_slice(step: Step) -> list[slice | int | None]:
    """Entries of a STRIDED_SLICE, whose bits say of each entry what it is.

    Bit i of a mask is about entry i: `begin_mask` and `end_mask` ignore a beginning or an end, `ellipsis_mask` stands
    for all axes that no other entry names, `new_axis_mask` for a new axis of length 1, and `shrink_axis_mask` takes
    one place and no axis.
    """
    step.needs(4)
    begin, end, strides = (np.ravel(step.constant(i)).tolist() for i in (1, 2, 3))
    if not len(begin) == len(end) == len(strides) or 0 in strides:
        raise step.broken(f"it begins at {begin}, ends at {end} and steps by {strides}")
    names = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
    masks = {name: int(step.option(name)) for name in names}

    def entry(i: int) -> slice | int | None:
        at = {name for name, mask in masks.items() if mask >> i & 1}
        if "ellipsis_mask" in at:
            return Ellipsis
        if "new_axis_mask" in at:
            return None
        if "shrink_axis_mask" in at:
            return 0 if "begin_mask" in at else begin[i]
        return slice(None if "begin_mask" in at else begin[i], None if "end_mask" in at else end[i], strides[i])

    return [entry(i) for i in range(len(begin))]


def cut(step: Step) -> Compute:
    """SLICE and STRIDED_SLICE: a part of the values, out of data or out of a shape."""
    _moves(step)
    entries, shape = slices(step), step.inputs[0].shape
    try:
        taken = np.broadcast_to(np.int8(0), shape)[entries].shape
    except IndexError:
        raise step.broken(f"there is no part {list(entries)} of {list(shape)}") from None
    step.makes(taken)
    return lambda values, *_: values[entries]


def gather(step: Step) -> Compute:
    """The places along an axis that a list names."""
    _moves(step)
    step.needs(2)
    values, indices = step.inputs[:2]
    if step.option("batch_dims"):
        raise step.refuse("it has a list of places for each picture")
    axis = step.axis(len(values.shape))
    step.makes(values.shape[:axis] + indices.shape + values.shape[axis + 1 :])
    return lambda values, indices: values.take(indices, axis)


# --- several become one -----------------------------------------------------------------------------------------------


def concatenation(step: Step) -> Compute:
    """TFLite insists on equal scales and zero points here, so that codes can be copied as they are."""
    _joins(step)
    step.same_scale()
    axis = step.axis(len(step.output.shape))
    if any(len(tensor.shape) != len(step.output.shape) for tensor in step.inputs):
        raise step.broken("it joins tensors with different numbers of axes")
    total = sum(tensor.shape[axis] for tensor in step.inputs)
    for tensor in step.inputs:
        step.makes(tuple(total if i == axis else n for i, n in enumerate(tensor.shape)))
    return lambda *values: np.concatenate(values, axis=axis)


def pack(step: Step) -> Compute:
    """Tensors side by side along a new axis: numbers that make a shape, or pictures."""
    _joins(step)
    axis = step.axis(len(step.output.shape))
    for tensor in step.inputs:
        step.makes((*tensor.shape[:axis], len(step.inputs), *tensor.shape[axis:]))
    return lambda *values: np.stack(values, axis=axis)


def _joins(step: Step) -> None:
    step.needs(len(step.inputs))
    step.expect(step.output.dtype, " or ".join(NUMBERS))


# --- more values ------------------------------------------------------------------------------------------------------


def pad(step: Step) -> Compute:
    """Padding with the real number 0, whose code is the zero point, or with a code that the file gives (PADV2)."""
    _moves_and_fills(step)
    widths = paddings(step)
    step.makes(tuple(n + sum(width) for n, width in zip(step.inputs[0].shape, widths, strict=True)))
    if len(step.inputs) > 2:
        fill = np.ravel(step.constant(2))[0]
    else:
        fill = parameters(step.output)[1] if step.output.dtype in CODES else 0
    return lambda codes, *_: np.pad(codes, widths, constant_values=fill)


def _moves_and_fills(step: Step) -> None:
    step.needs(2)
    dtype = step.inputs[0].dtype
    step.expect(" or ".join(NUMBERS), "int32 or int64", dtype, dtype)


def paddings(step: Step) -> list[tuple[int, int]]:
    """Return how much a PAD adds before and after each axis."""
    rank, numbers = len(step.inputs[0].shape), step.constant(1)
    if numbers.size != 2 * rank or (numbers.size and numbers.min() < 0):
        raise step.broken(f"it pads {rank} axes by {np.ravel(numbers).tolist()}")
    return [(int(before), int(after)) for before, after in numbers.reshape(rank, 2)]
