"""Pictures as the networks take them."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.pictures import conventions


@settings(deadline=None)
@given(st.lists(st.integers(0, 255), min_size=1, max_size=50))
def test_normalise(pixels):
    numbers = conventions.normalise(np.array(pixels, np.uint8))
    assert numbers.dtype == np.float32
    np.testing.assert_array_equal(numbers, (np.array(pixels, np.float64) / 255).astype(np.float32))
    assert numbers.min() >= 0 and numbers.max() <= 1
