"""Pictures made larger and smaller, byte by byte as TFLite's reference kernels do it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from one_operator import build, constant, int8, refused, same_bytes
from random_layers import LENGTHS, SEEDS, SIXTY, draw_codes

PLACED = st.sampled_from([{}, {"alignCorners": True}, {"halfPixelCenters": True}])
SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@pytest.mark.parametrize("operator", ["RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"])
@given(lengths=LENGTHS, sizes=SIZES, placed=PLACED, seed=SEEDS)
@SIXTY
def test_resizing(folder, operator, lengths, sizes, placed, seed):
    codes = draw_codes(seed, (2, *lengths, 3))
    inputs = [int8(*codes.shape), constant(np.array(sizes, np.int32))]
    same_bytes(build(operator, inputs, int8(2, *sizes, 3), **placed), codes, folder)


def test_places_that_contradict_each_other_are_refused(folder):
    inputs = [int8(1, 2, 2, 1), constant(np.array([4, 4], np.int32))]
    content = build("RESIZE_BILINEAR", inputs, int8(1, 4, 4, 1), alignCorners=True, halfPixelCenters=True)
    refused(folder, content, "cannot be aligned at their corners and at their centres", ValueError)
    refused(folder, build("RESIZE_BILINEAR", inputs, int8(1, 4, 5, 1)), "make 1 x 4 x 4 x 1, and the file", ValueError)
