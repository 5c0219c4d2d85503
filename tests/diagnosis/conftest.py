"""What tests of the doctor share: a small trained network as .tflite files, and ways to break a file on purpose.

They are made from the small data set, so a test module that wants them says `pytest_plugins = ["small"]`.
"""

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def broken(tmp_path):
    """A function that changes a file: `broken(path, change)` gives `change` the schema's model and returns a copy."""
    from helpers.tflite import edit, inspect

    def write(path: Path, change, name: str = "broken.tflite") -> Path:
        model = inspect.read_model(path)
        change(model)
        (tmp_path / name).write_bytes(edit.packed(model))
        return tmp_path / name

    return write


def part(model, path: Path, role: str, number: int = 0):
    """Return the schema's tensor of a role, by its number among those of this role, in the order of the operators."""
    from helpers.diagnosis import contents

    whole = contents.read(path)
    of_layers = {"weights": [step.weights for step in whole.weighed], "bias": [step.bias for step in whole.weighed]}
    return model.subgraphs[0].tensors[(of_layers.get(role) or whole.of_role(role))[number].index]


def values(model, tensor, dtype) -> np.ndarray:
    """Return the constant values of a tensor, to be changed in place."""
    buffer = model.buffers[tensor.buffer]
    buffer.data = np.array(buffer.data, np.uint8)
    return buffer.data.view(dtype).reshape(tensor.shape)


@pytest.fixture
def tools():
    """Return `part` and `values`."""
    return part, values
