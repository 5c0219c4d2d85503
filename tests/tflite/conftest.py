"""Calibration pictures of the small data set, for test modules that say `pytest_plugins = ["small"]`."""

import pytest


@pytest.fixture
def calibration(at_home):
    """Eight training pictures, float32."""
    from helpers.pictures import datasets

    return datasets.calibration_inputs(at_home.pets, 8)
