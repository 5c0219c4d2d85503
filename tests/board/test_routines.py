"""The sources of the kernels, function by function."""

import pytest

from helpers.board import routines


def test_the_source_of_a_kernel_is_that_function_alone():
    for name in routines.ROUTINES:
        text = routines.source(name)
        assert text.startswith((f"void {name}(", "#define POINTWISE_I8("))
        assert name in text
        assert text.count("{") == text.count("}") > 0
        assert text.count("\nvoid ") == 0
    with pytest.raises(KeyError, match="Expected one of"):
        routines.source("convolve")
