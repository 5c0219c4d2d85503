"""The weights that a reader looks at before anything is trained are those of the float32 file of the same network.

`test_folding.py` holds them against networks with other statistics.
"""

import numpy as np

from helpers.networks import converted, pretrained
from helpers.tflite import inspect


def test_they_are_those_of_the_float32_file():
    ours, file = pretrained.layer_weights(), inspect.layer_weights(converted.pretrained_files()["float32"])
    assert set(ours) == set(file)
    for name, weights in file.items():
        assert ours[name].shape == weights.shape and ours[name].dtype == weights.dtype == np.float32
        np.testing.assert_allclose(ours[name], weights, rtol=1e-5, atol=1e-7)
