"""Pools: the largest code, or the mean of the codes, in each window.

They follow kernels/internal/reference/integer_ops/pooling.h of TensorFlow Lite.
"""

import numpy as np

from helpers.integer.fixed_point import INT8
from helpers.integer.step import Compute, Step
from helpers.integer.sums import output_length, windows

LONGEST = 2**16  # rows or columns of a window


def _windows(step: Step) -> tuple[tuple[int, int], tuple[int, int], str]:
    """Return the windows of a pool, checked against the shapes of the file: kernel, strides, padding."""
    step.expect("int8", "int8")
    step.rank(4, 4)
    kernel, geometry = (step.option("filter_height"), step.option("filter_width")), step.geometry
    strides, padding = geometry["strides"], geometry["padding"]
    if not 1 <= min(kernel) <= max(kernel) <= LONGEST:
        raise step.broken(f"its windows are {kernel[0]} x {kernel[1]}")
    n, *lengths, channels = step.inputs[0].shape
    places = [output_length(*one, padding) for one in zip(lengths, kernel, strides, strict=True)]
    step.makes((n, *(outputs for outputs, _, _ in places), channels))
    padded = [length + before + after for length, (_, before, after) in zip(lengths, places, strict=True)]
    step.bounded("its input with padding", *padded, channels)
    return kernel, strides, padding


def _in_windows(
    function: np.ufunc, x: np.ndarray, kernel: tuple[int, int], strides: tuple[int, int], padding: str, fill: int = 0
) -> np.ndarray:
    """Return the sum or the largest value in each window: first down the columns, then along the rows.

    Args:
        function: np.add or np.maximum.
        x: any type [n, h, w, channels].
        kernel, strides, padding, fill: see `sums.windows`.
    """
    for size, stride in (((kernel[0], 1), (strides[0], 1)), ((1, kernel[1]), (1, strides[1]))):
        patches = windows(x, size, stride, padding, fill=fill)
        x = patches[:, :, :, 0, 0].copy()
        for row, column in list(np.ndindex(size))[1:]:
            function(x, patches[:, :, :, row, column], out=x)
    return x


def max_pool(step: Step) -> Compute:
    """The largest code is the code of the largest number, so nothing is rescaled; padding never wins."""
    where, limits = _windows(step), step.limits
    return lambda codes: np.clip(_in_windows(np.maximum, codes, *where, fill=INT8[0]), *limits)


def average_pool(step: Step) -> Compute:
    """The mean of the codes inside the picture; the padding does not count.

    Halves are rounded away from the *code* 0, which is not the number 0.
    """
    where, limits = _windows(step), step.limits

    def compute(codes: np.ndarray) -> np.ndarray:
        total = _in_windows(np.add, codes.astype(np.int32), *where)
        count = _in_windows(np.add, np.ones((1, *codes.shape[1:3], 1), np.int32), *where)
        means = np.sign(total) * ((np.abs(total) + count // 2) // count)
        return np.clip(means, *limits).astype(np.int8)

    return compute
