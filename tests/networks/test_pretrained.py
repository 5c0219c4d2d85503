"""The weights that a reader looks at before anything is trained are those of the float32 file of the same network.

`test_folding.py` holds them against networks with other statistics.
"""

import shutil

import numpy as np
import pytest

from helpers.networks import converted, plans, pretrained
from helpers.tflite import inspect


def test_they_are_those_of_the_float32_file():
    ours, file = pretrained.layer_weights(), inspect.layer_weights(converted.pretrained_files()["float32"])
    assert set(ours) == set(file)
    for name, weights in file.items():
        assert ours[name].shape == weights.shape and ours[name].dtype == weights.dtype == np.float32
        np.testing.assert_allclose(ours[name], weights, rtol=1e-5, atol=1e-7)


def test_the_card_speaks_of_two_kinds():
    with pytest.raises(KeyError, match="Expected float32 or int8, of which the card speaks; found 'int4'"):
        pretrained.opinions("int4")


def test_weights_that_are_missing_or_others_are_one_sentence(monkeypatch, tmp_path):
    mine = tmp_path / "mine.npz"
    monkeypatch.setattr(pretrained, "PRETRAINED", mine)
    with pytest.raises(FileNotFoundError, match="There are no weights in .*: get the whole repository"):
        pretrained.layer_weights()
    shutil.copy(plans.PRETRAINED.with_suffix(".json"), tmp_path / "mine.json")
    mine.write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(ValueError, match="not the file that its model card describes"):
        pretrained.layer_weights()
