"""Humps are counted on known distributions, wherever they lie and however wide they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.numbers import histograms

RNG = np.random.default_rng(8)
NORMAL = RNG.normal(0, 0.02, 20_000)
KNOWN = {
    "normal": (NORMAL, [0]),
    "few normal": (RNG.normal(0, 1, 300), [0]),
    "Laplace": (RNG.laplace(0, 0.02, 20_000), [0]),
    "Student with far outliers": (RNG.standard_t(2, 20_000), [0]),
    "two normals": (np.concatenate([RNG.normal(-3, 1, 9000), RNG.normal(3, 1, 9000)]), [-3, 3]),
    "two normals, a third as many": (np.concatenate([RNG.normal(-3, 1, 9000), RNG.normal(3, 1, 3000)]), [-3, 3]),
    "two normals that run together": (np.concatenate([RNG.normal(-0.8, 1, 9000), RNG.normal(0.8, 1, 9000)]), [0]),
    "three normals": (np.concatenate([RNG.normal(m, 1, 6000) for m in (-5, 0, 5)]), [-5, 0, 5]),
    "pruned normal": (NORMAL[np.abs(NORMAL) > 0.02], [-0.022, 0.022]),
}


@pytest.mark.parametrize("name", KNOWN)
def test_humps_of_known_distributions(name):
    values, expected = KNOWN[name]
    found = histograms.humps(values)
    assert len(found) == len(expected)
    if name != "two normals that run together":  # its one hump is broad
        np.testing.assert_allclose(found, expected, atol=0.3 * np.std(values))


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(1e-4, 1e4), shift=st.floats(-10, 10), name=st.sampled_from(sorted(KNOWN)))
def test_humps_move_and_scale_with_the_values(scale, shift, name):
    values, expected = KNOWN[name]
    found = histograms.humps(scale * (values + shift))
    assert len(found) == len(expected)
    np.testing.assert_allclose(found / scale - shift, histograms.humps(values), atol=0.05 * np.std(values))


@pytest.mark.parametrize("values", [[], [1.0], [2.0, 2.0], [1.0, np.nan], [1.0, np.inf]])
def test_humps_of_nothing(values):
    with pytest.raises(ValueError, match="finite numbers that are not all equal"):
        histograms.humps(np.array(values))


def test_humps_when_most_values_are_equal():
    """The interquartile range is zero then, and the standard deviation stands in."""
    assert len(histograms.humps(np.concatenate([np.zeros(900), RNG.normal(0, 1, 100)]))) == 1
