"""Sums of products of codes: dense layers, convolutions of all kinds, matrix products, in 32-bit integers.

They are added up by floating-point matrix products, which NumPy hands to a fast library.  That is exact, see
`exact_dtype`.
"""

import numpy as np

from helpers.integer.fixed_point import INT8


def largest_sum(weights: np.ndarray, zero_point: int) -> int:
    """Return a bound for the sum of products of one filter, in absolute value, in whatever order it is added up.

    A code less the zero point is at most max(127 - zero point, zero point + 128) away from zero, 255 at the worst, so
    no partial sum exceeds that times the sum of the filter's absolute weights.

    Args:
        weights: int8 [filters, length].
        zero_point: of the input.
    """
    reach = max(INT8[1] - zero_point, zero_point - INT8[0])
    return int(np.abs(weights.astype(np.int32)).sum(axis=1, dtype=np.int64).max()) * reach


def exact_dtype(weights: np.ndarray, zero_point: int) -> type:
    """Return the floating-point type in which these integer sums are exact: float32 if it will do, else float64.

    A float32 has 24 significant bits: every integer up to 2^24 has a code, and the sum of two such integers is exact
    if it is one of them too.  So a matrix product of integers is exact as long as no partial sum leaves that range; a
    float64 has 53 bits.  Filters of up to 514 weights are safe in float32 whatever the weights
    (514 * 255 * 128 < 2^24); the actual weights of longer ones mostly allow it too.

    Args:
        weights: int8 [filters, length].
        zero_point: of the input.
    """
    return np.float32 if largest_sum(weights, zero_point) <= 2**24 else np.float64


def output_length(length: int, kernel: int, stride: int, padding: str) -> tuple[int, int, int]:
    """Return how long a convolution's output is along one axis, and the padding before and after the input.

    Args:
        length: of the input.
        kernel: the width that the kernel spans, with dilation.
        stride: between two outputs.
        padding: "SAME" or "VALID".
    """
    outputs = -(-length // stride) if padding == "SAME" else (length - kernel) // stride + 1
    missing = max((outputs - 1) * stride + kernel - length, 0)
    return outputs, missing // 2, missing - missing // 2


def windows(
    x: np.ndarray,
    kernel: tuple[int, int],
    strides: tuple[int, int] = (1, 1),
    padding: str = "VALID",
    dilations: tuple[int, int] = (1, 1),
    fill: int = 0,
) -> np.ndarray:
    """Return what a kernel sees at each place, without copying it: a view [n, h', w', kernel h, kernel w, channels].

    Args:
        x: any type [n, h, w, channels].
        kernel, strides, dilations: (height, width).
        padding: "SAME" or "VALID".
        fill: what stands in the padding.
    """
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    edges = [output_length(x.shape[i + 1], span[i], strides[i], padding)[1:] for i in (0, 1)]
    if any(map(any, edges)):
        x = np.pad(x, ((0, 0), *edges, (0, 0)), constant_values=fill)
    patches = np.lib.stride_tricks.sliding_window_view(x, span, axis=(1, 2))  # [n, h', w', channels, span h, span w]
    patches = patches[:, :: strides[0], :: strides[1], :, :: dilations[0], :: dilations[1]]
    return patches.transpose(0, 1, 2, 4, 5, 3)


def fully_connected(codes: np.ndarray, weights: np.ndarray, bias: np.ndarray | None, zero_point: int) -> np.ndarray:
    """Return the sums of a dense layer: (codes - zero point) @ weights.T + bias.

    Args:
        codes: int8 [..., length].
        weights: int8 [units, length].
        bias: int32 [units] or None.
        zero_point: of the input.

    Returns:
        int32 [..., units].
    """
    dtype = exact_dtype(weights, zero_point)
    sums = (codes.astype(dtype) - dtype(zero_point)) @ weights.T.astype(dtype)
    return _with_bias(sums.astype(np.int32), bias)


def convolution(
    codes: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray | None,
    zero_point: int,
    strides: tuple[int, int] = (1, 1),
    padding: str = "SAME",
    dilations: tuple[int, int] = (1, 1),
) -> np.ndarray:
    """Return the sums of a convolution, one matrix product for all places of all pictures ("im2col").

    The padding stands for the real number 0, whose code is the zero point; after the zero point is subtracted it is 0.
    (Kernels fold the subtraction into the bias: sum (q - z) w = sum q w - z sum w, and the last sum is a constant.)

    Args:
        codes: int8 [n, h, w, channels].
        weights: int8 [filters, kernel h, kernel w, channels]; with fewer channels they are those of a grouped
            convolution, whose filters see one group of channels after the other.
        bias: int32 [filters] or None.
        zero_point: of the input.
        strides, dilations: (height, width).
        padding: "SAME" or "VALID".

    Returns:
        int32 [n, h', w', filters].
    """
    if (groups := codes.shape[3] // weights.shape[3]) > 1:
        pairs = zip(np.split(codes, groups, axis=3), np.split(weights, groups), strict=True)
        sums = [convolution(q, w, None, zero_point, strides, padding, dilations) for q, w in pairs]
        return _with_bias(np.concatenate(sums, axis=3), bias)
    filters = weights.reshape(len(weights), -1)
    dtype = exact_dtype(filters, zero_point)
    patches = windows(codes.astype(dtype) - dtype(zero_point), weights.shape[1:3], strides, padding, dilations)
    sums = patches.reshape(-1, filters.shape[1]) @ filters.T.astype(dtype)
    return _with_bias(sums.astype(np.int32), bias).reshape(*patches.shape[:3], len(weights))


def depthwise_convolution(
    codes: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray | None,
    zero_point: int,
    strides: tuple[int, int] = (1, 1),
    padding: str = "SAME",
    dilations: tuple[int, int] = (1, 1),
) -> np.ndarray:
    """Return the sums of a depthwise convolution, in which each channel has filters of its own.

    The filters are too short for a matrix product, so the places of the kernel are added up one after the other, in
    int32, for all channels at once.

    Args:
        codes: int8 [n, h, w, channels].
        weights: int8 [1, kernel h, kernel w, channels * depth multiplier].
        bias: int32 [channels * depth multiplier] or None.
        zero_point, strides, padding, dilations: see `convolution`.

    Returns:
        int32 [n, h', w', channels * depth multiplier].
    """
    channels, outputs = codes.shape[3], weights.shape[3]
    centred = codes.astype(np.int32) - np.int32(zero_point)
    patches = windows(centred, weights.shape[1:3], strides, padding, dilations)[..., None]
    filters = weights[0].reshape(*weights.shape[1:3], channels, outputs // channels).astype(np.int32)
    sums = np.zeros((*patches.shape[:3], channels, outputs // channels), np.int32)
    for y, x in np.ndindex(weights.shape[1:3]):
        sums += patches[:, :, :, y, x] * filters[y, x]
    return _with_bias(sums.reshape(*patches.shape[:3], outputs), bias)


def transposed_convolution(
    codes: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray | None,
    zero_point: int,
    strides: tuple[int, int],
    padding: str,
    shape: tuple[int, int],
) -> np.ndarray:
    """Return the sums of a transposed convolution: every pixel lays each filter, times its value, on the output.

    Neighbours lie `strides` apart on the output, and where their filters overlap, they add up.  What the padding of the
    convolution in the other direction would add is cut off.

    Args:
        codes: int8 [n, h, w, channels].
        weights: int8 [filters, kernel h, kernel w, channels].
        bias: int32 [filters] or None.
        zero_point: of the input.
        strides: (height, width).
        padding: "SAME" or "VALID".
        shape: of the output, (height, width).

    Returns:
        int32 [n, *shape, filters].
    """
    (n, *lengths, channels), (filters, *kernel, _) = codes.shape, weights.shape
    rows = weights.reshape(filters, -1)
    dtype = exact_dtype(rows, zero_point)
    table = weights.transpose(3, 1, 2, 0).reshape(channels, -1).astype(dtype)
    products = ((codes.astype(dtype) - dtype(zero_point)) @ table).astype(np.int32)
    products = products.reshape(n, *lengths, *kernel, filters)
    cut = [output_length(*one, padding)[1] for one in zip(shape, kernel, strides, strict=True)]
    spans = [max((m - 1) * s + k, c + o) for m, s, k, c, o in zip(lengths, strides, kernel, cut, shape, strict=True)]
    canvas = np.zeros((n, *spans, filters), np.int32)
    for y, x in np.ndindex(*kernel):
        down, along = (slice(at, at + (m - 1) * s + 1, s) for at, m, s in zip((y, x), lengths, strides, strict=True))
        canvas[:, down, along] += products[:, :, :, y, x]
    return _with_bias(canvas[:, cut[0] : cut[0] + shape[0], cut[1] : cut[1] + shape[1]].copy(), bias)


def largest_product(length: int, *zero_points: int) -> int:
    """Return a bound for the sum of `length` products of two codes, each less its zero point, in absolute value."""
    a, b = (max(INT8[1] - zero_point, zero_point - INT8[0]) for zero_point in zero_points)
    return length * a * b


def matrix_product(a: np.ndarray, b: np.ndarray, *zero_points: int) -> np.ndarray:
    """Return the sums of a matrix product of codes, each less its zero point.

    Args:
        a: int8 [..., rows, length].
        b: int8 [..., length, columns].
        zero_points: of a and of b.

    Returns:
        int32 [..., rows, columns].
    """
    dtype = np.float32 if largest_product(a.shape[-1], *zero_points) <= 2**24 else np.float64
    a, b = (codes.astype(dtype) - dtype(zero_point) for codes, zero_point in zip((a, b), zero_points, strict=True))
    return (a @ b).astype(np.int32)


def _with_bias(sums: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """Add a bias, one number for each channel, to sums in place."""
    return sums if bias is None else np.add(sums, bias, out=sums)
