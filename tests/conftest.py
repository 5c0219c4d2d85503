"""What the helpers' tests share: the drawn pets, and the network and files made from them, each built once.

The notebooks run in the same folder, before the tests that use these fixtures, so what they made is found here.
Imports stand inside the fixtures: the tests that need no TensorFlow start without it.
"""

import pytest


@pytest.fixture(scope="session")
def pets():
    """The drawn pets (`datasets.Pets`); what uses them gets the mark `course` from the conftest of the project."""
    from helpers.pictures import datasets

    return datasets.load("drawn", verbose=False)


@pytest.fixture(scope="session")
def saved_model(pets):
    """The folder of the trained compact network, as `01_train` exports it."""
    from helpers.networks import training

    return training.saved_model(pets)


@pytest.fixture(scope="session")
def files(pets, saved_model):
    """The converted files of `02_convert`: {kind: path}."""
    from helpers.networks import converted

    return converted.files(pets)
