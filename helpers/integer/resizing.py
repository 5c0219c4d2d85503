"""Pictures become larger or smaller: RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR.

They follow resize_bilinear.h and resize_nearest_neighbor.h in kernels/internal/reference/ of TensorFlow Lite.  Where an
output lies in the input is told by two settings: `align_corners` lays the outermost *middles* of pixels on each other,
`half_pixel_centers` the outermost *edges*; without either, the upper left corners of pixels.
"""

import numpy as np

from helpers.integer.step import Compute, Step
from helpers.numbers.quantization import round_half_away

BITS = 10  # after the point, of a place between two pixels


def _sizes(step: Step) -> list[tuple[int, int]]:
    """Return how long the input and the output are, for height and width; check them against the file's shapes."""
    step.expect("int8", "int32", "int8")
    step.rank(4, 4)
    n, height, width, channels = step.inputs[0].shape
    step.needs(2)
    wanted = step.output.shape[1:3] if step.inputs[1].data is None else np.ravel(step.constant(1))
    if len(wanted) != 2 or min(*wanted, height, width) < 1:
        raise step.broken(f"it makes {list(map(int, wanted))} of a picture of {height} x {width}")
    step.makes((n, *wanted, channels))
    if step.option("align_corners") and step.option("half_pixel_centers"):
        raise step.broken("pixels cannot be aligned at their corners and at their centres")
    return [(height, int(wanted[0])), (width, int(wanted[1]))]


def places(length: int, outputs: int, align_corners: bool, half_pixel_centers: bool) -> np.ndarray:
    """Return where each output lies in the input, in units of 1/1024 pixel: int64 [outputs].

    The step from one output to the next is rounded to such a unit first, as ResizeBilinearInteger does.

    Args:
        length, outputs: of the input and of the output, along one axis.
        align_corners, half_pixel_centers: see the top of this module.
    """
    inner, gaps = (length - 1, outputs - 1) if align_corners and outputs > 1 else (length, outputs)
    step = ((inner << BITS) + gaps // 2) // gaps
    at = np.arange(outputs, dtype=np.int64) * step
    return at + step // 2 - (1 << (BITS - 1)) if half_pixel_centers else at


def _neighbours(at: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pixels before and after each place, and how far it lies beyond the first, in units of 1/1024."""
    before = np.clip(at >> BITS, 0, length - 1)
    after = np.clip((at + (1 << BITS) - 1) >> BITS, 0, length - 1)
    return before, after, (at - (before << BITS)).astype(np.int32)


def bilinear(step: Step) -> Compute:
    """The mean of the four pixels around a place, the nearer ones with more weight.

    Weights have 10 bits after the point for each axis, so a sum has 20; halves are rounded away from the code 0.
    """
    settings = bool(step.option("align_corners")), bool(step.option("half_pixel_centers"))
    rows, columns = (_neighbours(places(*sizes, *settings), sizes[0]) for sizes in _sizes(step))

    def between(codes: np.ndarray, axis: int, before: np.ndarray, after: np.ndarray, beyond: np.ndarray) -> np.ndarray:
        shape = [-1 if i == axis else 1 for i in range(codes.ndim)]
        weight = beyond.reshape(shape)
        return codes.take(before, axis) * ((1 << BITS) - weight) + codes.take(after, axis) * weight

    def compute(codes: np.ndarray, _) -> np.ndarray:
        sums = between(between(codes.astype(np.int32), 1, *rows), 2, *columns)
        half = 1 << (2 * BITS - 1)  # 128 * 2^20 fits into 32 bits
        return (np.sign(sums) * ((np.abs(sums) + half) >> (2 * BITS))).astype(np.int8)

    return compute


def nearest(step: Step) -> Compute:
    """The nearest pixel; which one that is, TFLite calculates in float32."""
    aligned, centred = bool(step.option("align_corners")), bool(step.option("half_pixel_centers"))
    rows, columns = (_nearest(*sizes, aligned, centred) for sizes in _sizes(step))
    return lambda codes, _: codes[:, rows[:, None], columns]


def _nearest(length: int, outputs: int, align_corners: bool, half_pixel_centers: bool) -> np.ndarray:
    """Return the pixel of the input for each output, int64 [outputs]."""
    inner, gaps = (length - 1, outputs - 1) if align_corners and outputs > 1 else (length, outputs)
    scale = np.float32(inner) / np.float32(gaps)
    at = (np.arange(outputs, dtype=np.float32) + np.float32(0.5 * half_pixel_centers)) * scale
    at = round_half_away(at) if align_corners else np.floor(at)
    return np.clip(at.astype(np.int64), 0, length - 1)
