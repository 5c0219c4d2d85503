"""Sparse weights: only what is not zero stands in the file, with a description of where it belongs.

The format is a tree, one level for each dimension, in the order in which the values are stored.  A dense level lists
all its places; a sparse one those that are not empty (compressed sparse rows).  A tensor may also be cut into dense
blocks; then each block has levels of its own at the end.  schema.fbs describes it at `SparsityParameters`, and TFLite
reads it in `FormatConverter::Populate` (tensorflow/lite/kernels/internal/utils/sparsity_format_converter.cc).
"""

import math
from collections.abc import Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from helpers.tflite.errors import Unreadable

MOST = 1_000  # values for each one that is stored; above it, the shape is a mistake and not a sparse tensor


def densify(values: np.ndarray, shape: Sequence[int], sparsity: schema.SparsityParametersT) -> np.ndarray:
    """Return a sparse tensor with all its values, in its shape; what is not stored is zero.

    Args:
        values: those that are stored, [n].
        shape: of the whole tensor.
        sparsity: where they belong.

    Raises:
        Unreadable: the description does not fit the shape or the values.
    """
    levels, blocks, order = (
        [] if part is None else list(part)
        for part in (sparsity.dimMetadata, sparsity.blockMap, sparsity.traversalOrder)
    )
    rank = len(shape)
    fits = sorted(order[:rank]) == list(range(rank)) and sorted(order) == list(range(rank + len(blocks)))
    if not fits or len(levels) != len(order) or not all(0 <= dimension < rank for dimension in blocks):
        raise Unreadable(f"describes {len(levels)} levels of sparse values that do not fit its shape {tuple(shape)}")
    if math.prod(shape) > MOST * max(len(values), 1):
        raise Unreadable(f"has the shape {tuple(shape)} and stores {len(values)} values only")
    places = _places(levels, math.prod(shape))
    if places.shape[1] != len(values):
        raise Unreadable(f"says where {places.shape[1]} values belong and stores {len(values)}")
    index = np.zeros((rank, len(values)), np.int64)
    for level, dimension in enumerate(order):
        if dimension < rank:
            index[dimension] = places[level]
        else:  # a place inside a block
            inside = blocks[dimension - rank]
            index[inside] = index[inside] * levels[level].denseSize + places[level]
    if any(len(values) and row.max() >= length for row, length in zip(index, shape, strict=True)):
        raise Unreadable(f"has sparse values outside its shape {tuple(shape)}")
    whole = np.zeros(shape, values.dtype)
    whole[tuple(index)] = values
    return whole


def _places(levels: Sequence[schema.DimensionMetadataT], most: int) -> np.ndarray:
    """Walk down the levels; return the place of every stored value on each of them, int64 [levels, n]."""
    places = np.zeros((0, 1), np.int64)
    node = np.zeros(1, np.int64)  # the number of each value's branch on the level above
    for level in levels:
        if level.format == schema.DimensionType.DENSE:
            length = min(max(level.denseSize, 0), most + 1)
            begin, count, place = node * length, np.full(len(node), length), None
        else:
            begin, count, place = _segments(level, node)
        if count.sum() > most:
            raise Unreadable("describes more sparse values than its shape has")
        branch = np.repeat(np.arange(len(node)), count)
        within = np.arange(len(branch)) - np.repeat(np.cumsum(count) - count, count)
        node = np.repeat(begin, count) + within
        places = np.vstack([places[:, branch], (within if place is None else place[node])[None]])
    return places


def _segments(level: schema.DimensionMetadataT, node: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where the branches of a sparse level begin, how many there are for each node, and their places."""
    segments, indices = (
        np.asarray([] if part is None or part.values is None else part.values, np.int64)
        for part in (level.arraySegments, level.arrayIndices)
    )
    if len(node) and len(segments) < node.max() + 2:
        raise Unreadable(f"has {len(segments)} segments on a sparse level, too few for the level above")
    begin, end = segments[node], segments[node + 1]
    if (begin < 0).any() or (end < begin).any() or (end > len(indices)).any() or (indices < 0).any():
        raise Unreadable("has segments on a sparse level that lie outside it")
    return begin, end - begin, indices
