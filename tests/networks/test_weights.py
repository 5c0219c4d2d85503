"""Weights in files: they come back as they were, and those of another network, or of no card, are refused."""

import json

import numpy as np
import pytest

from helpers.base import artifacts
from helpers.base.tf import keras
from helpers.networks import models, weights

layers = keras.layers


def small():
    inputs = keras.Input((4, 4, 3), name="picture")
    x = layers.BatchNormalization(name="norm")(layers.Conv2D(2, 3, name="conv")(inputs))
    return keras.Model(inputs, layers.Dense(2, name="dense")(layers.Flatten()(x)), name="small")


@pytest.mark.parametrize(("dtype", "precision"), [("float32", 0), ("float16", 2**-11)])
def test_weights_come_back_from_a_file(tmp_path, dtype, precision):
    """A number with 11 significant bits is off by at most half of the last one."""
    model, again = small(), small()
    weights.save_weights(model, tmp_path / "small.npz", dtype)
    with np.load(tmp_path / "small.npz", allow_pickle=False) as saved:
        assert {saved[name].dtype for name in saved} == {np.dtype(dtype)}
    weights.load_weights(again, tmp_path / "small.npz")
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        assert other.dtype == np.float32
        np.testing.assert_allclose(other, one, rtol=precision)


@pytest.mark.parametrize(("value", "dtype"), [(1e5, "float16"), (np.nan, "float32"), (np.inf, "float32")])
def test_weights_that_a_type_cannot_hold_are_not_written(tmp_path, value, dtype):
    model = small()
    model.get_layer("dense").bias.assign([value, 0])
    with pytest.raises(ValueError, match=f"finite weights that {dtype} can hold; dense/bias of small has others"):
        weights.save_weights(model, tmp_path / "small.npz", dtype)
    assert list(tmp_path.iterdir()) == []


def test_weights_of_another_network_are_refused(tmp_path):
    weights.save_weights(small(), tmp_path / "small.npz")
    with pytest.raises(ValueError, match=r"small.npz holds other weights than compact_cnn has"):
        weights.load_weights(models.compact_cnn(), tmp_path / "small.npz")


def test_a_checkpoint_is_checked_against_its_card(tmp_path):
    model, path = small(), tmp_path / "small.npz"
    weights.save_weights(model, path)
    with pytest.raises(FileNotFoundError, match="no card: get the whole repository"):
        weights.load_checkpoint(small(), path)
    path.with_suffix(".json").write_text(json.dumps({"sha256": artifacts.sha256(path)}))
    again = small()
    weights.load_checkpoint(again, path)
    np.testing.assert_array_equal(again.get_layer("conv").kernel, model.get_layer("conv").kernel)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"small.npz is not the file that its model card describes: its SHA-256"):
        weights.load_checkpoint(again, path)
