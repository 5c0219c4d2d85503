"""A reader's folder of pictures, for test modules that say `pytest_plugins = ["small", "own_folders"]`.

PYTEST_DONT_REWRITE: there is no `assert` in here, and tests import it before pytest does.
"""

import numpy as np
import pytest
from PIL import Image

from helpers.pictures import own_folder


def plain(colour, size=(20, 20)):
    """Return a picture of one colour."""
    return Image.new("RGB", size, tuple(map(int, colour)))


@pytest.fixture
def own(tmp_path):
    """A reader's folder of ten red cats and ten blue dogs, no two alike."""
    folder = tmp_path / "own"
    for name, colour in (("cat", np.array([200, 0, 0])), ("dog", np.array([0, 0, 200]))):
        (folder / name).mkdir(parents=True)
        for i in range(own_folder.SMALLEST_CLASS):
            plain(colour + 5 * i * (colour > 0)).save(folder / name / f"{i}.png")
    return folder
